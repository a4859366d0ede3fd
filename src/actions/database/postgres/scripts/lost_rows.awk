# Reads twice what log_rows.awk says, and follows each row of the transactions that committed past the fork to where it is at
# the end. Writes into the folder `into`:
#   transactions  XID,TIME,INSERTED,UPDATED,DELETED     for each that committed, in their order
#   relations     DATABASE TABLESPACE FILE INSERTED UPDATED DELETED PASSING LEFT MADE
#                 (PASSING: inserted and deleted again; LEFT: not followed, since there were too many)
#   places        DATABASE TABLESPACE FILE SEQUENCE KIND BLOCK OFFSET XID OLD_BLOCK OLD_OFFSET
#                 (KIND: I inserted, M inserted somewhere in the block, U changed, A changed or inserted: the log does not tell;
#                 OLD: where a row that was changed lay at the fork; of M the offsets in the block that are told apart)
#   gone          DATABASE TABLESPACE FILE SEQUENCE BLOCK OFFSET      rows of before the fork that were deleted
#   figures       NAME=VALUE
function forget(key) {
    delete kind[key]
    delete order[key]
    delete who[key]
    delete old[key]
    held--
}
function remember(key, what, sequence, by, place) {
    if (held >= rows_max) {
        left[rel]++
        return
    }
    if (!(key in kind)) held++
    kind[key] = what
    order[key] = sequence
    who[key] = by
    old[key] = place
}
function count(list) {
    known[rel] = 1
    list[rel]++
}
function split_rel(   part) {
    split(rel, part, "/")
    return part[2] " " part[1] " " part[3]
}
function vanish(place,   part) {
    split(place, part, " ")
    if (vanished >= rows_max) {
        left[rel]++
        return
    }
    vanished++
    print split_rel(), FNR, part[1], part[2] > (into "/gone")
}
NR == FNR {
    if ($1 == "C") {
        committed[$2] = $2
        for (i = 4; i <= NF; i++) committed[$i] = $2
        time[++transactions] = $3
        number[transactions] = $2
        delete prepared[$2]
    } else if ($1 == "P") prepared[$2] = 1
    else if ($1 == "A") delete prepared[$2]
    else if ($1 == "N") next_xid = $2
    else if ($1 == "B") begins = $2
    else if ($1 == "S") made[$2] = 1
    else if ($1 == "X") unread = 1
    next
}
$1 !~ /^[IMUD]$/ || !($5 in committed) { next }
{
    rel = $2
    top = committed[$5]
    place = rel SUBSEP $3 SUBSEP $4
}
$1 == "I" {
    count(inserted)
    by_i[top]++
    remember(place, "I", FNR, $5, "")
}
$1 == "M" {
    known[rel] = 1
    inserted[rel] += $4
    by_i[top] += $4
    several[rel SUBSEP $3] = 1
    # Several records of one transaction for one block ask the same question.
    if (!((rel SUBSEP $3 SUBSEP "M" $5) in kind)) remember(rel SUBSEP $3 SUBSEP "M" $5, "M", FNR, $5, "")
}
$1 == "U" {
    count(updated)
    by_u[top]++
    was = rel SUBSEP $6 SUBSEP $7
    if (was in kind) {
        what = kind[was]
        sequence = what == "I" ? order[was] : FNR
        from = old[was]
        forget(was)
    } else {
        what = ((rel SUBSEP $6) in several) ? "A" : "U"
        sequence = FNR
        from = $6 " " $7
    }
    remember(place, what, sequence, $5, from)
}
$1 == "D" {
    count(deleted)
    by_d[top]++
    if (!(place in kind)) vanish($3 " " $4)
    else {
        if (kind[place] == "I") passing[rel]++
        else vanish(old[place])
        forget(place)
    }
}
END {
    for (i = 1; i <= transactions; i++) {
        x = number[i]
        if (by_i[x] + by_u[x] + by_d[x] > 0) with_rows++
        # Where nothing tells when transactions began, any may have begun before.
        if (begins == 0 || x < begins) early++
        sub(/T/, " ", time[i])
        printf "%s,%s,%d,%d,%d\n", x, time[i], by_i[x], by_u[x], by_d[x] > (into "/transactions")
    }
    for (rel in made) known[rel] = 1
    for (rel in known) {
        print split_rel(), inserted[rel] + 0, updated[rel] + 0, deleted[rel] + 0, passing[rel] + 0, left[rel] + 0, \
            (rel in made) + 0 > (into "/relations")
    }
    # What is known by its place is not asked for again with the rest of its block.
    for (key in kind) {
        split(key, part, SUBSEP)
        if (kind[key] != "M" && ((part[1] SUBSEP part[2]) in several)) except[part[1] SUBSEP part[2]] = except[part[1] SUBSEP part[2]] ":" part[3]
    }
    for (key in kind) {
        split(key, part, SUBSEP)
        rel = part[1]
        place = old[key] == "" ? "0 0" : old[key]
        offset = part[3]
        if (kind[key] == "M") {
            offset = 0
            place = "0" except[part[1] SUBSEP part[2]] " 0"
        }
        print split_rel(), order[key], kind[key], part[2], offset, who[key], place > (into "/places")
    }
    for (x in prepared) waiting++
    figures = into "/figures"
    printf "transactions=%d\nwith_rows=%d\nfirst=%s\nlast=%s\nnext_xid=%d\nearly=%d\nprepared=%d\nunread=%d\n", \
        transactions, with_rows, time[1], time[transactions], next_xid, early, waiting, unread > figures
}
