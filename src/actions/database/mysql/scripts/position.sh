# position DATA CONFIG FILE BIN: a copy that was put in its place stands where its source stood when it was taken. Until then nobody can
# come in from outside, and it follows nobody. Prints where it stands.
alone
running || fail "no server runs in $data"
socket
if [ -f "$state/position" ]; then
    position=$(cat "$state/position")
    [ "$(sql --execute 'SELECT @@global.read_only')" = 1 ] || fail "the server in $data is not read-only"
    [ -z "$(sql --execute 'SHOW ALL SLAVES STATUS')" ] || fail "the server in $data is told to follow already"
    sql --execute "RESET MASTER; SET GLOBAL gtid_binlog_state = '$position'; SET GLOBAL gtid_slave_pos = '$position'" ||
        fail "its position cannot be set to $position"
    in_place
    rm -f "$state/position" && sync "$state" || fail "$state cannot be written"
fi
sql --execute 'SELECT @@global.gtid_slave_pos'
