# quarantine DATA CONFIG BIN SECONDS: a server that crashed replays its own log, read-only, following nobody and heard by
# nobody, and is stopped in order. What it was fenced with stays as it is.
seconds=$4
make_state
! postmaster >/dev/null || fail "a server runs in $data"
[ -f "$data/standby.signal" ] || fail "$data is not fenced"
sockets=$(mktemp -d /tmp/switchback.XXXXXX) || fail "no folder for a socket can be made"
trap 'rm -rf "$sockets"' EXIT
log_kept=$(cat "$state/log" 2>/dev/null)
printf '%s' "$state/quarantine.log" >"$state/log"
start "$seconds" "-c listen_addresses='' -c unix_socket_directories='$sockets' -c primary_conninfo='' -c restore_command='' \
-c archive_mode=off -c hot_standby=on -c logging_collector=off -c recovery_target='' -c recovery_target_timeline=latest"
ended=$?
if [ -n "$log_kept" ]; then printf '%s' "$log_kept" >"$state/log"; else rm -f "$state/log"; fi
"$bin/pg_ctl" stop -D "$data" -w -s -t "$seconds" -m fast >/dev/null 2>&1
[ "$ended" = 0 ] || fail "the crashed server does not come up in quarantine: $(grep -E 'FATAL|PANIC' "$state/quarantine.log" | tail -n 1)"
set -- "$data" "$config" "$bin" ""
