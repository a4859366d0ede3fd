# account DATA CONFIG FILE BIN FOLDER WRITER:FIRST:LAST...: these transactions as SQL that can be run again elsewhere, beside the log
# that they come from. Prints the figures.
folder=$5
shift 5
read_options
[ -n "$reader" ] || fail "there is no mariadb-binlog or mysqlbinlog; say where the programs lie: \`bin_dir\`"
to=$state/kept/$folder
if [ ! -f "$to/SHA256SUMS" ]; then
    make_state
    rm -rf "$to.new" && mkdir -p "$to.new" || fail "$to.new cannot be made"
    files=$(needed "$@") || exit
    # They would be given the numbers that they had, which others have by now.
    without=
    case $reader in *mysqlbinlog) without=--skip-gtids ;; esac
    {
        printf '%s\n' '-- What this server wrote and the one that serves now never got: each transaction as it was committed, in order.' \
            '-- Read it before you run it: what was written at the other site since may contradict it. The lines that begin' \
            "-- with ### say what each BINLOG statement does. To run all of it there:  ${client##*/} DATABASE < lost.sql"
        for one in $files; do
            transactions "$one" | marked "$@" | awk '
                $1 == "list" { next }
                $1 == "own" && !begun { begun = 1; begin = $2 }
                $1 != "own" && begun { begun = 0; print begin, $2 }
                END { if (begun) print begin, "end" }' |
                while read -r begin end; do
                    stop=
                    [ "$end" = end ] || stop=--stop-position=$end
                    # shellcheck disable=SC2086  # an option or nothing
                    "$reader" --verbose --start-position="$begin" $stop $without "$one" </dev/null || exit
                done || exit
        done
    } >"$to.new/whole.sql" || fail "the log cannot be read"
    sed '/^\/\*M\{0,1\}![0-9]* SET @@session\.\(gtid_domain_id\|gtid_seq_no\|server_id\)=/d' "$to.new/whole.sql" >"$to.new/lost.sql" &&
        rm "$to.new/whole.sql" || fail "$to.new/lost.sql cannot be written"
    for one in $files; do transactions "$one"; done | marked "$@" | sed -n 's/^own [0-9]* //p' >"$to.new/transactions"
    time_of() { sed -n 's/^#\([0-9]\{2\}\)\([0-9]\{2\}\)\([0-9]\{2\}\) *\([0-9:]*\) server id .*[[:space:]]\(GTID\|Query\)[[:space:]].*/20\1-\2-\3 \4/p' "$to.new/lost.sql"; }
    {
        printf 'transactions=%s\n' "$(wc -l <"$to.new/transactions")"
        printf 'rows=%s\n' "$(grep -c '^### \(INSERT INTO\|UPDATE\|DELETE FROM\) ' "$to.new/lost.sql")"
        printf 'first=%s\nlast=%s\n' "$(time_of | head -n 1)" "$(time_of | tail -n 1)"
        sed -n 's/^### \(INSERT\|UPDATE\|DELETE\) \(INTO \|FROM \|\)\(.*\)$/\3 \1/p' "$to.new/lost.sql" | sort | uniq -c |
            sed 's/^ *\([0-9]*\) \(.*\)$/table=\1 \2/'
    } >"$to.new/figures"
    (cd "$to.new" && sha256sum lost.sql transactions figures >SHA256SUMS.new && sync . && mv SHA256SUMS.new SHA256SUMS) ||
        fail "$to.new cannot be written"
    rm -rf "$to" && mv "$to.new" "$to" && sync "$state/kept" || fail "$to cannot be made"
fi
printf 'folder=%s\n' "$to"
cat "$to/figures"
