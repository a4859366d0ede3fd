# start DATA CONFIG BIN SECONDS
make_state
[ ! -f "$state/unusable" ] || fail "$data must not be started: $(cat "$state/unusable")"
# One that has shut down lives on for a moment, or for an archiver that hangs: it is not the one that is wanted.
polls=$(($4 * 20))
while postmaster && [ "$polls" -gt 0 ]; do
    case $(cluster_state) in 'shut down'*) ;; *) break ;; esac
    polls=$((polls - 1))
    sleep 0.05
done
postmaster || start "$4" '' || fail "the server does not start: $(tail -n 1 "$state/start.out"); $(tail -n 1 "$log")"
