# start_alone SECONDS: a server replays its own log, read-only, following nobody and heard by nobody but over a socket in
# `sockets`, which only its owner can reach. It removes none of its log: a rewind may want all of it.
start_alone() {
    sockets=$(mktemp -d /tmp/switchback.XXXXXX) || fail "no folder for a socket can be made"
    trap 'rm -rf "$sockets"' EXIT
    echo 'local all all trust' >"$sockets/hba" || fail "$sockets cannot be written"
    log_kept=$(cat "$state/log" 2>/dev/null)
    printf '%s' "$state/quarantine.log" >"$state/log"
    start "$1" "-c listen_addresses='' -c unix_socket_directories='$sockets' -c hba_file='$sockets/hba' -c primary_conninfo='' \
-c restore_command='' -c archive_mode=off -c hot_standby=on -c logging_collector=off -c recovery_target='' \
-c recovery_target_timeline=latest -c recovery_min_apply_delay=0 -c wal_keep_size=1000000MB -c max_slot_wal_keep_size=-1"
    ended=$?
    if [ -n "$log_kept" ]; then printf '%s' "$log_kept" >"$state/log"; else rm -f "$state/log"; fi
    return "$ended"
}
stop_alone() { "$bin/pg_ctl" stop -D "$data" -w -s -t "$1" -m fast >/dev/null 2>&1; }
why_not_alone() { grep -E 'FATAL|PANIC' "$state/quarantine.log" | tail -n 1; }
