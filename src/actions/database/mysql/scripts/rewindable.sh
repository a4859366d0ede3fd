# rewindable DATA CONFIG FILE BIN WRITER:FIRST:LAST...: whether these can be taken back by what the log says of before. Prints `fork=POSITION`, or `not=WHY`.
shift 4
read_options
[ -n "$reader" ] || { printf 'not=there is no mariadb-binlog\n'; exit 0; }
"$reader" --help 2>/dev/null | grep -q -e --flashback || { printf 'not=this %s knows no flashback\n' "${reader##*/}"; exit 0; }
[ "$(option binlog_format | tr '[:lower:]' '[:upper:]')" = ROW ] || { printf 'not=its log is not written row by row (binlog_format)\n'; exit 0; }
case $(option binlog_row_image | tr '[:lower:]' '[:upper:]') in '' | FULL | FULL_NODUP) ;; *) printf 'not=its log does not keep whole rows (binlog_row_image)\n'; exit 0 ;; esac
files=$(needed "$@") || exit
for one in $files; do transactions "$one" || echo broken; done | marked "$@" | awk '
    $1 == "broken" { broken = 1; next }
    $1 == "list" { if (seen) next; count = split(substr($0, 6), all, ","); for (i = 1; i <= count; i++) { split(all[i], part, "-"); if (part[3] + 0 > sequence[part[1]] + 0) { sequence[part[1]] = part[3]; server[part[1]] = part[2] } } seen = 1; next }
    $1 == "own" { own++; if ($4 != "trans") other = $3 " (" $4 ")"; next }
    own { mixed = $3; next }
    { split($3, part, "-"); sequence[part[1]] = part[3]; server[part[1]] = part[2] }
    END {
        if (broken) { print "not=its log cannot be read to its end"; exit }
        if (mixed) { print "not=transactions of the other lie between them (" mixed ")"; exit }
        if (other) { print "not=" other " is no change of rows, and the log does not say what was before it"; exit }
        if (!own) { print "not=they are no longer in its log"; exit }
        for (domain in sequence) fork = fork (fork == "" ? "" : ",") domain "-" server[domain] "-" sequence[domain]
        print "fork=" fork
    }'
