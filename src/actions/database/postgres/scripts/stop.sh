# stop DATA CONFIG BIN SECONDS: a standby is stopped in order.
postmaster || exit 0
[ -f "$data/standby.signal" ] || fail "$data serves as a primary; it is not stopped by this"
make_state
note_log "$pid"
"$bin/pg_ctl" stop -D "$data" -w -s -t "$4" -m fast >/dev/null 2>&1 || fail "the server in $data does not stop"
