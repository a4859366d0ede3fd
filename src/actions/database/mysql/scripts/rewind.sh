# rewind DATA CONFIG FILE BIN FORK WRITER:FIRST:LAST...: takes these back, newest first, in one transaction; then forgets its own log and
# stands at FORK. Each part is done once, whoever cuts it off: a row of ours is committed with the transaction.
fork=$5
shift 5
running || fail "no server runs in $data"
socket
[ "$(sql --execute 'SELECT @@global.read_only')" = 1 ] || fail "the server in $data is not read-only"
mark="rewind to $fork"
make_state
sorted() { printf '%s\n' "$1" | tr -d ' ' | tr ',' '\n' | sort; }
# Its own log is forgotten, and it stands where it is to stand: it was cut off after that.
is_there() {
    [ "$(sorted "$(sql --execute 'SELECT @@global.gtid_slave_pos')")" = "$(sorted "$fork")" ] || return 1
    own=$(sql --execute 'SELECT @@global.gtid_binlog_pos') || return 1
    [ -z "$own" ] || [ "$(sorted "$own")" = "$(sorted "$fork")" ]
}
is_committed() { [ "$(sql --execute "SELECT count(*) FROM switchback.marker WHERE host = '$mark'")" = 1 ]; }
# A replica would go on while this is done, and would take no position; from then on it follows nobody until it is told to.
sql --execute 'STOP ALL SLAVES' || fail "it does not cease to follow"
if ! is_committed && ! is_there; then
    files=$(needed "$@") || exit
    work=$state/rewind.sql
    trap 'rm -f "$work".*' EXIT
    rm -f "$work" "$work".*
    expected=0 found=0
    for stretch; do
        range=${stretch#*:}
        expected=$((expected + ${range#*:} - ${range%%:*} + 1))
    done
    for one in $(printf '%s\n' "$files" | sort -r); do
        transactions "$one" >"$work.all" || fail "$one cannot be read to its end; nothing was taken back"
        marked "$@" <"$work.all" | sed -n 's/^own \([0-9]*\) .*/\1/p' >"$work.own" || fail "$work.own cannot be written"
        own=$(wc -l <"$work.own")
        [ "$own" -gt 0 ] || continue
        found=$((found + own))
        "$reader" --flashback --start-position="$(head -n 1 "$work.own")" "$one" </dev/null >"$work.one" ||
            fail "$one cannot be turned round; nothing was taken back"
        # One transaction around all of them.
        awk '
            /^(COMMIT|BEGIN|START TRANSACTION|ROLLBACK)/ { hold = 1; if ($0 ~ /\/\*!\*\/;$/) hold = 0; next }
            hold && /^\/\*!\*\/;$/ { hold = 0; next }
            { hold = 0 }
            /^SET TRANSACTION / || /^\/\*M?![0-9]* SET @@session\.(gtid_domain_id|gtid_seq_no|server_id)=/ { next }
            { print }' "$work.one" >>"$work.back" || fail "$work.back cannot be written"
    done
    [ "$found" = "$expected" ] || fail "$found of $expected transactions are in the log; nothing was taken back"
    # Put together only now: a script that ends early must not end in a COMMIT.
    {
        printf 'SET SESSION sql_log_bin = 0;\nSET SESSION foreign_key_checks = 0;\nSET SESSION unique_checks = 0;\nBEGIN;\n' &&
            cat "$work.back" &&
            printf "INSERT INTO switchback.marker (host, term, started, run) VALUES ('%s', 0, 0, 'rewind');\nCOMMIT;\n" "$mark"
    } >"$work" && sync "$work" || fail "$work cannot be written; nothing was taken back"
    # From here on no one follows from between.
    printf '%s %s\n' "$fork" "$*" >"$state/rewinding.new" && sync "$state/rewinding.new" && mv "$state/rewinding.new" "$state/rewinding" && sync "$state" ||
        fail "$state/rewinding cannot be written"
    sql <"$work" || fail "what the log says of before does not fit what is there"
    rm -f "$work"
    is_committed || fail "what was to be taken back was not committed"
fi
# A position is not taken while the log has more. What was under way is written down, so that no one follows from between.
# What its log begins after is written down in it: else nobody could tell later what it cannot send.
sql --execute "RESET SLAVE ALL; RESET MASTER; SET GLOBAL gtid_binlog_state = '$fork'; SET GLOBAL gtid_slave_pos = '$fork'" || fail "its own log cannot be forgotten, or its position not be set to $fork"
sql --execute "SET SESSION sql_log_bin = 0; DELETE FROM switchback.marker WHERE host = '$mark'" || fail "a row of ours cannot be deleted"
rm -f "$state/rewinding"
sql --execute 'SELECT @@global.gtid_slave_pos'
