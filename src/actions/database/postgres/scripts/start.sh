# start DATA CONFIG BIN SECONDS
make_state
[ ! -f "$state/unusable" ] || fail "$data must not be started: $(cat "$state/unusable")"
postmaster >/dev/null || start "$4" '' || fail "the server does not start: $(tail -n 1 "$state/start.out"); $(tail -n 1 "$log")"
