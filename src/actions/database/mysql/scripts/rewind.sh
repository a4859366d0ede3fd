# rewind DATA CONFIG FILE BIN FORK WRITER:FIRST:LAST...: takes these back, newest first, in one transaction; then forgets its own log and
# stands at FORK. Each part is done once, whoever cuts it off: a row of ours is committed with the transaction.
fork=$5
shift 5
running || fail "no server runs in $data"
socket
[ "$(sql --execute 'SELECT @@global.read_only')" = 1 ] || fail "the server in $data is not read-only"
mark="rewind to $fork"
make_state
printf '%s %s\n' "$fork" "$*" >"$state/rewinding.new" && sync "$state/rewinding.new" && mv "$state/rewinding.new" "$state/rewinding" && sync "$state" ||
    fail "$state/rewinding cannot be written"
if [ "$(sql --execute "SELECT count(*) FROM switchback.marker WHERE host = '$mark'")" != 1 ]; then
    files=$(needed "$@") || exit
    work=$state/rewind.sql
    {
        printf 'SET SESSION sql_log_bin = 0;\nSET SESSION foreign_key_checks = 0;\nSET SESSION unique_checks = 0;\nBEGIN;\n'
        for one in $(printf '%s\n' "$files" | sort -r); do
            transactions "$one" | marked "$@" | sed -n 's/^own \([0-9]*\) .*/\1/p' | head -n 1 | while read -r begin; do
                "$reader" --flashback --start-position="$begin" "$one" </dev/null || exit
            done || exit
        done | awk '
            # One transaction around all of them.
            /^(COMMIT|BEGIN|START TRANSACTION|ROLLBACK)/ { hold = 1; if ($0 ~ /\/\*!\*\/;$/) hold = 0; next }
            hold && /^\/\*!\*\/;$/ { hold = 0; next }
            { hold = 0 }
            /^SET TRANSACTION / || /^\/\*M?![0-9]* SET @@session\.(gtid_domain_id|gtid_seq_no|server_id)=/ { next }
            { print }'
        printf "INSERT INTO switchback.marker (host, term, started, run) VALUES ('%s', 0, 0, 'rewind');\nCOMMIT;\n" "$mark"
    } >"$work" || fail "the log cannot be turned round"
    sql <"$work" || fail "what the log says of before does not fit what is there"
    rm -f "$work"
fi
# A position is not taken while the log has more. What was under way is written down, so that no one follows from between.
sql --execute "RESET MASTER; SET GLOBAL gtid_slave_pos = '$fork'" || fail "its own log cannot be forgotten, or its position not be set to $fork"
sql --execute "SET SESSION sql_log_bin = 0; DELETE FROM switchback.marker WHERE host = '$mark'" || fail "a row of ours cannot be deleted"
rm -f "$state/rewinding"
sql --execute 'SELECT @@global.gtid_slave_pos'
