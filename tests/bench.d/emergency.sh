# shellcheck shell=bash
# The primary's host dies under load. What counts is the time from the command to the first write that a client gets through.

measure_emergency() {
    local round who
    for ((round = 1; round <= (rounds + 1) / 2; round++)); do
        say "== emergency, round $round"
        for who in switchback floor; do emergency_once "$who"; done
    done
    tests/lab/lab reset >&2
    "$switchback" prepare --apply >"$work/log" 2>&1 || fail "prepare: $(tail -n 3 "$work/log")"
}

emergency_once() {
    local who=$1 began report from gap
    tests/lab/lab reset >&2
    "$switchback" prepare --apply >"$work/log" 2>&1 || fail "prepare: $(tail -n 3 "$work/log")"
    tests/lab/lab client start bench
    sleep 1
    tests/lab/lab crash a-db >&2
    sleep 0.5
    began=$(now_us)
    case $who in
        switchback)
            "$switchback" failover --to nuremberg --from dallas --mode emergency --confirm nuremberg --yes --no-input --accept-unfenced dallas \
                --accept-data-loss orders --reason "bench" >"$work/log" 2>&1 || true
            ;;
        floor) "$bench" floor --to b --emergency >"$work/log" 2>&1 || fail "floor: $(tail -n 5 "$work/log")" ;;
    esac
    sleep 1
    tests/lab/lab client stop bench
    report=$(tests/lab/lab client report bench --json | tr -d '\n')
    from=$(field longest_gap_from_us <<<"$report") gap=$(field longest_gap_ms <<<"$report")
    [[ $report == *'"final_primary": "b-db"'* || $report == *'"final_primary":"b-db"'* ]] ||
        fail "$who: nobody took over: $(tail -n 8 "$work/log")"
    keep emergency_command_to_first_write "$who" ms $((from / 1000 + ${gap%.*} - began / 1000))
}
