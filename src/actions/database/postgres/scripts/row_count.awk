# What was saved of one database, a line a table, and a sentence for each thing that was not:
#   table=DATABASE TAB NAME TAB INSERTED TAB UPDATED TAB DELETED TAB SAVED
function say(sentence) { print database ": " sentence >> missing }
function plural(count, one) { return count " " one (count == 1 ? "" : "s") }
BEGIN {
    while ((getline line < whose) > 0) {
        split(line, part, " ")
        rel = part[1] "/" part[2]
        class[rel] = part[3]
        name[rel] = substr(line, length(part[1] part[2] part[3]) + 4)
    }
    while ((getline line < saved) > 0) {
        split(line, part, " ")
        rows[part[2]] += part[1]
        if (part[3] ~ /[IUA]/) back[part[2]] += part[1]
    }
    while ((getline line < places) > 0) {
        split(line, part, " ")
        if (part[1] == oid && part[5] ~ /[IUA]/) named[part[3]]++
    }
}
$1 != oid { next }
{
    rel = $2 "/" $3
    what = class[rel]
}
what == "table" {
    printf "table=%s\t%s\t%d\t%d\t%d\t%d\n", database, name[rel], $4, $5, $6, rows[$3]
    if (named[$3] > back[$3]) say(plural(named[$3] - back[$3], "row") " of " name[rel] " that the log names could not be read back")
    if ($8) say(plural($8, "change") " of " name[rel] " are more than can be followed: they are in the log only")
    if ($9) say(name[rel] " was made, emptied or written anew by a lost transaction: its rows are saved, what was removed with it is not")
}
what == "unknown" && $4 + $5 + $6 > 0 { say(plural($4 + $5 + $6, "change") " to a table that was dropped, emptied or written anew later: they are in the log only") }
what == "view" { say(name[rel] " is a materialized view: refresh it instead") }
what == "other" { say(name[rel] " is no table whose rows could be saved") }
what ~ /^catalog:/ {
    sub(/^catalog:/, "", what)
    if (what ~ /^pg_largeobject/) objects = 1
    else if (what != "pg_statistic" && what != "pg_statistic_ext_data") definitions = 1
}
END {
    if (objects) say("large objects were changed: they are in the log only")
    if (definitions) {
        say("definitions were changed (tables, columns, functions or rights): schema-" oid ".sql has all of them as they were, not only the changes")
        print "" > dump
    }
}
