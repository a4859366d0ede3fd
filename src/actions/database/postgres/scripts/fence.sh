# fence DATA CONFIG BIN LISTENS STOP FORCE: first no start can take writes any more, then the server is stopped.
# STOP: seconds, 0 to leave it running. FORCE: yes where a server that does not go may be killed.
listens=$4 stop=$5 force=$6 control=
[ -f "$data/PG_VERSION" ] || fail "$data holds no cluster"
# In an emergency there is no way back, and so no need to keep what it takes.
if [ "$force" = yes ]; then [ -d "$state" ] || mkdir "$state" 2>/dev/null; else make_state; fi
if [ -d "$state" ] && [ ! -f "$state/fenced" ] && [ ! -f "$data/standby.signal" ]; then
    # For the way back; not where it is a standby already, which has none.
    keep_told "$state/fenced" || [ "$force" = yes ] || fail "$state/fenced cannot be written"
fi
postmaster && [ -d "$state" ] && note_log "$pid"
be_standby "$data"
# Whom it would follow is not what keeps it from taking writes: an emergency does not wait for room on the disk.
{ read_told && [ "$told" = "primary_conninfo = ''" ]; } || (tell "$data" "primary_conninfo = ''") || [ "$force" = yes ] || exit
if [ "$stop" != 0 ] && [ -n "$pid" ]; then
    stopping=$pid
    [ "$letter" = T ] || kill -INT "$stopping"
    polls=$((stop * 150))
    while :; do
        # The control data says it as soon as it is true; the postmaster may live on, for an archiver that hangs.
        control=$("$bin/pg_controldata" -D "$data")
        case $control in *'cluster state: '*' shut down'*) break ;; esac
        control=
        postmaster || break
        polls=$((polls - 1))
        if [ "$polls" -le 0 ]; then
            [ "$force" = yes ] || break
            # All of it at once: children that are stopped would not notice that their parent is gone.
            children=
            for file in /proc/[0-9]*/stat; do
                line=
                read -r line 2>/dev/null <"$file" || continue
                rest=${line##*) }
                rest=${rest#* }
                [ "${rest%% *}" != "$stopping" ] || children="$children ${line%% *}"
            done
            # shellcheck disable=SC2086  # numbers
            kill -KILL "$stopping" $children
            polls=300
            force=no
        fi
        sleep 0.002
    done
fi
set -- "$data" "$config" "$bin" "" "$listens" "" "$control"
