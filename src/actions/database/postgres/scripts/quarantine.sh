# quarantine DATA CONFIG BIN LISTENS SECONDS: a server that crashed replays its own log and is stopped in order. What it was fenced
# with stays as it is.
listens=$4 seconds=$5
make_state
! postmaster || fail "a server runs in $data"
[ -f "$data/standby.signal" ] || fail "$data is not fenced"
start_alone "$seconds"
ended=$?
stop_alone "$seconds"
[ "$ended" = 0 ] || fail "the crashed server does not come up in quarantine: $(why_not_alone)"
set -- "$data" "$config" "$bin" "" "$listens"
