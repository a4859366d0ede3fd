# Reads what pg_waldump prints (13 to 18) and says what the log did to rows, a line each, in the order of the log:
#   I REL BLOCK OFFSET XID                a row was inserted there
#   M REL BLOCK COUNT XID                 so many were, at places in the block that the log does not name
#   U REL BLOCK OFFSET XID OLD_BLOCK OLD_OFFSET
#   D REL BLOCK OFFSET XID
#   C XID TIME [SUBXID...]                committed past the fork
#   P XID, A XID                          prepared past the fork or before it; a prepared one was rolled back
#   S REL                                 a file of a relation was made past the fork
#   N XID                                 from here on the side that was promoted gave out numbers of its own
#   B XID                                 transactions from this one on lie in what was read from their beginning
#   X                                     there was more, and it was left
# REL is TABLESPACE/DATABASE/FILE. `fork`, padded to 8 digits on both sides, is where the two parted; `lines_max` ends it.
function token(one, other,   i) {
    for (i = 9; i < n; i++)
        if (f[i] == one || f[i] == one ":" || f[i] == other || f[i] == other ":") return f[i + 1] + 0
    return 0
}
function padded(lsn,   half) {
    split(lsn, half, "/")
    return substr("00000000" half[1], length(half[1]) + 1) "/" substr("00000000" half[2], length(half[2]) + 1)
}
# Sets `rel` and `blk` to what a record changed; false where it names no such block.
function block(which,   at, part) {
    at = index($0, "blkref #" which ": rel ")
    if (!at) return 0
    split(substr($0, at + 15), part, /[ ,]+/)
    rel = part[1]
    blk = part[3]
    return part[2] == "blk"
}
function say(line) {
    if (++lines > lines_max) {
        if (lines == lines_max + 1) print "X"
        return
    }
    print line
}
function transaction(   i, at, rest, top) {
    top = xid
    i = 9
    if (op == "COMMIT_PREPARED" || op == "ABORT_PREPARED") {
        top = f[9] + 0
        i = 10
    }
    if (op == "PREPARE") print "P", xid
    if (op == "ABORT_PREPARED") print "A", top
    if (op !~ /^COMMIT/ || before || !top) return
    rest = ""
    at = index($0, "; subxacts: ")
    if (at) {
        rest = substr($0, at + 12)
        sub(/;.*/, "", rest)
        rest = " " rest
    }
    print "C", top, f[i] "T" f[i + 1] rest
}
function many(   count, at, list, part, i) {
    count = f[9] + 0
    if (f[9] == "ntuples:") count = f[10] + 0
    at = index($0, "offsets: [")
    if (init) {
        for (i = 1; i <= count; i++) say("I " rel " " blk " " i " " xid)
    } else if (at) {
        list = substr($0, at + 10)
        sub(/\].*/, "", list)
        count = split(list, part, /[ ,]+/)
        for (i = 1; i <= count; i++) if (part[i] != "") say("I " rel " " blk " " part[i] " " xid)
    } else say("M " rel " " blk " " count " " xid)
}
function changed(   new, i, new_rel, new_blk) {
    new = 0
    for (i = 9; i < n; i++) {
        if (f[i] == "new" && f[i + 1] == "off") new = f[i + 2] + 0
        if (f[i] == "new_off:") new = f[i + 1] + 0
    }
    new_rel = rel
    new_blk = blk
    if (!block(1)) blk = new_blk
    say("U " new_rel " " new_blk " " new " " xid " " blk " " token("off", "old_off"))
}
{
    at = index($0, ", tx:")
    if (!at) next
    n = split(substr($0, at + 5), f, /[ ,]+/)
    xid = f[2] + 0
    before = padded(f[4]) < fork
    op = f[8]
    init = sub(/\+INIT$/, "", op)
    if (before && xid >= next_xid) next_xid = xid + 1
    if ($2 == "Standby" || $2 == "XLOG") {
        seen = 0
        if (op == "RUNNING_XACTS") seen = token("nextXid", "")
        if (op ~ /^CHECKPOINT_/ && match($0, /; xid [0-9]+:[0-9]+/)) {
            seen = substr($0, RSTART, RLENGTH)
            sub(/.*:/, "", seen)
            seen += 0
        }
        if (seen && begins == "") begins = seen
        if (seen && before && seen > next_xid) next_xid = seen
    } else if ($2 == "Transaction") transaction()
    else if ($2 == "Storage") {
        if (!before && op == "CREATE" && f[9] ~ /\/[0-9]+$/) {
            # base/DATABASE/FILE, or pg_tblspc/TABLESPACE/VERSION/DATABASE/FILE
            count = split(f[9], path, "/")
            print "S", (path[1] == "base" ? 1663 : path[2]) "/" path[count - 1] "/" path[count]
        }
    } else if (xid && block(0)) {
        if (op == "INSERT") say("I " rel " " blk " " token("off", "") " " xid)
        else if (op == "MULTI_INSERT") many()
        else if (op == "UPDATE" || op == "HOT_UPDATE") changed()
        else if (op == "DELETE") say("D " rel " " blk " " token("off", "") " " xid)
    }
}
END {
    print "N", next_xid + 0
    print "B", begins + 0
}
