# shellcheck shell=bash
# What needs no lab: the engine with steps that do nothing, and the program's own start.

measure_engine() {
    local steps line sizes=(100 1000 10000)
    [[ $quick == no ]] || sizes=(100 1000 3000)
    say "== the engine alone"
    for steps in "${sizes[@]}"; do
        rm -rf "$work/engine"
        line=$("$bench" engine --steps "$steps" --state "$work/engine")
        keep "engine_own_a_step,_$steps" switchback ms "$(field own_ms_per_step <<<"$line")"
        keep "engine_journal_a_step,_$steps" switchback ms "$(field journal_ms_per_step <<<"$line")"
        keep "engine_steps_a_second,_$steps" switchback /s "$(field steps_per_s <<<"$line")"
        keep "engine_memory,_$steps" switchback MiB "$(field memory_peak_mib <<<"$line")"
    done
    for _ in 1 2 3; do
        rm -rf "$work/engine"
        line=$("$bench" engine --steps 10000 --resume --state "$work/engine")
        keep "resume_10000_events_until_next" switchback ms "$(field ms <<<"$line")"
    done
    rm -rf "$work/engine"
}

measure_program() {
    local round began index
    say "== the program's start"
    mkdir -p "$work/program"
    cat >"$work/program/switchback.yaml" <<'ESTATE'
format: 1
estate: bench
sites: {dallas: {preferred: true}, nuremberg: {}}
hosts: {a: {site: dallas, address: 127.0.0.1, user: nobody}}
ESTATE
    {
        printf 'runbook: thousand\nformat: 1\ntitle: A thousand steps\nmodes: [planned]\nphases:\n  - phase: all\n    title: All\n    steps:\n'
        for ((index = 0; index < 1000; index++)); do
            printf '      - {id: step-%d, for_each: host, do: {host.command: {run: ["true"], look: {run: ["false"]}, repeat: safe}}}\n' "$index"
        done
    } >"$work/program/thousand.yaml"
    "$switchback" --estate "$work/program/switchback.yaml" check "$work/program/thousand.yaml" >"$work/log" 2>&1 || fail "check: $(tail -n 5 "$work/log")"
    for ((round = 0; round < 11; round++)); do
        keep version switchback ms "$(timed "$switchback" --version)"
        keep check_of_1000_steps switchback ms "$(timed "$switchback" --estate "$work/program/switchback.yaml" check "$work/program/thousand.yaml")"
    done
}

# timed COMMAND…: milliseconds with one decimal, the shell's own fork in it.
timed() {
    local began
    began=$(now_us)
    "$@" >"$work/timed" 2>&1
    local took=$(($(now_us) - began))
    printf '%d.%d' $((took / 1000)) $((took % 1000 / 100))
}
