# unfence DATA CONFIG BIN: a start takes writes again, as it did.
[ -f "$state/fenced" ] || [ ! -f "$data/standby.signal" ] ||
    fail "what $data was told before the fence is not known, so the fence is left as it is"
pid=$(postmaster)
if [ -n "$pid" ]; then
    case $(cluster_state) in
        # An archiver holds it up; it is going away.
        'shut down') "$bin/pg_ctl" stop -D "$data" -w -s -t 20 -m fast >/dev/null 2>&1 ;;
    esac
fi
if [ -f "$state/fenced" ]; then
    lines=$(cat "$state/fenced")
    if [ -n "$lines" ]; then tell "$data" "$lines"; else tell "$data"; fi
fi
rm -f "$data/standby.signal" && sync "$data" && rm -f "$state/fenced"
set -- "$data" "$config" "$bin" ""
