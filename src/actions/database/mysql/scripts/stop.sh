# stop DATA CONFIG FILE BIN SECONDS FORCE: asks the server to end in order, and ends it when it does not and FORCE is yes.
seconds=$5 force=$6
if running; then
    [ "${rest%% *}" = T ] || kill -TERM "$pid"
    polls=$((seconds * 50))
    while running; do
        polls=$((polls - 1))
        if [ "$polls" -le 0 ]; then
            [ "$force" = yes ] || fail "the server in $data does not end within $seconds s"
            kill -KILL "$pid"
            polls=250
            force=no
        fi
        sleep 0.02
    done
fi
