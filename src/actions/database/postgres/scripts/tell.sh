# tell DATA CONFIG BIN FOLLOWING CONNINFO SLOT: whom it follows, the last two quoted as a configuration file wants them.
# FOLLOWING is `nobody`, `leader`, or `before`: as it was when it was told `nobody`. A server that runs reads it at once.
following=$4 conninfo=$5 slot=$6
postmaster
[ -z "$pid" ] || [ -f "$data/standby.signal" ] || fail "$data serves as a primary"
make_state
[ ! -f "$state/unusable" ] || fail "$data must not be started: $(cat "$state/unusable")"
# Of a server that runs as a standby the signal is there and on disk: it was started with it.
[ -n "$pid" ] || be_standby "$data"
if [ "$following" = nobody ]; then
    read_told || fail "$auto cannot be read"
    if [ "$told" != "primary_conninfo = ''" ]; then
        # Users wait. Should the host die now, the leader's address does as well as what stood here; and the server, which is told at
        # once, is of the past then.
        printf '%s\n' "$told" >"$state/detached" || fail "$state/detached cannot be written"
        replace_told "$data" "primary_conninfo = ''"
        [ -z "$pid" ] || kill -HUP "$pid"
        sync "$data" || fail "$auto cannot be written"
    fi
elif [ "$following" = before ] && [ -s "$state/detached" ]; then
    lines=$(cat "$state/detached") || fail "$state/detached cannot be read"
    tell "$data" "$lines"
    rm -f "$state/detached"
else
    tell "$data" "primary_conninfo = $conninfo" "primary_slot_name = $slot"
    # It follows: what it was before the fence or the detachment is of the past, and so is a recovery to a point in time,
    # which would be gone on with after a promotion.
    rm -f "$state/fenced" "$state/detached"
    postmaster || rm -f "$data/recovery.signal"
fi
if postmaster; then
    kill -HUP "$pid"
    [ "$following" = nobody ] && [ -f "$state/log" ] || note_log "$pid"
fi
