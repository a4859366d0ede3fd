# unfence DATA CONFIG BIN LISTENS: a start takes writes again, as it did.
listens=$4
[ -f "$state/fenced" ] || [ ! -f "$data/standby.signal" ] ||
    fail "what $data was told before the fence is not known, so the fence is left as it is"
postmaster
if [ -n "$pid" ]; then
    case $(cluster_state) in
        # An archiver holds it up. Everything is on disk, so nothing is lost when it is not waited for.
        'shut down')
            "$bin/pg_ctl" stop -D "$data" -w -s -t 2 -m fast >/dev/null 2>&1 ||
                "$bin/pg_ctl" stop -D "$data" -w -s -t 10 -m immediate >/dev/null 2>&1
            ;;
        # Something started it while it was fenced: it came up read-only, and would stay so.
        'in archive recovery' | 'in crash recovery')
            [ -f "$data/standby.signal" ] || fail "$data is in recovery, and not by the fence; it is left as it is"
            "$bin/pg_ctl" stop -D "$data" -w -s -t 20 -m fast >/dev/null 2>&1 || fail "the server in $data does not stop"
            ;;
    esac
fi
if [ -f "$state/fenced" ]; then
    lines=$(cat "$state/fenced") || fail "$state/fenced cannot be read"
    if [ -n "$lines" ]; then tell "$data" "$lines"; else tell "$data"; fi
fi
rm -f "$data/standby.signal" && sync "$data" && rm -f "$state/fenced" || fail "the fence in $data cannot be taken away"
set -- "$data" "$config" "$bin" "" "$listens"
