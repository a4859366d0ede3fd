# shellcheck shell=bash
# shellcheck disable=SC2154  # tests/soak sets what is read here
# What needs the two sites: kills and partitions, each on a lab of its own.

kills_until_time_is_up() {
    on_the_lab kill random_kills:: "$number" SWITCHBACK_SEED
}

partitions_until_time_is_up() {
    local why
    if ! why=$(SWITCHBACK_LAB_NUMBER=$beside tests/lab/lab can-hosts); then
        did_not_run partitions "$why"
        return
    fi
    on_the_lab partition hosts::partitions "$beside" SWITCHBACK_PARTITIONS
}

# on_the_lab KIND TEST LAB VARIABLE: the test runs until time is up, from the
# number in this variable on. A failure ends it; then it begins again behind.
on_the_lab() {
    local kind=$1 test=$2 lab=$3 variable=$4 from=$seed round=0 status log count
    stop=no
    trap 'stop=yes' TERM
    until time_is_up || ((round == 20)); do
        log=$work/$kind.$round.log
        status=0
        env "$variable=$from" "SWITCHBACK_LAB_NUMBER=$lab" \
            "SWITCHBACK_SOAK_SECONDS=$((seconds - SECONDS))" \
            tests/lab/run-tests "$test" </dev/null >"$log" 2>&1 || status=$?
        count=$(lines_with "^soak: $kind " "$log")
        tried "${kind}s" "$count"
        [[ $stop == no ]] || return 0
        if ((status)); then
            from=$(at_number "$from" "$log")
            failed "$kind: $(why_of "$log")" \
                "$variable=$from tests/lab/run-tests $test" "$log"
            sleep 2
        fi
        round=$((round + 1))
        from=$((from + 1))
    done
}

# The last story that was begun; a test without such numbers is played again
# from where it began.
at_number() {
    local last
    last=$(sed -n 's/^soak: number \([0-9]*\)$/\1/p' "$2" | tail -n 1)
    printf '%s' "${last:-$1}"
}

# What a test died of, in one line.
why_of() {
    local line
    line=$(grep -A 1 'panicked at' "$1" | tail -n 1 | cut -c 1-300) || true
    printf '%s' "${line:-$(tail -n 1 "$1")}"
}
