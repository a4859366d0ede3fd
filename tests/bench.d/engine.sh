# shellcheck shell=bash
# What needs no lab: the engine with steps that do nothing, and the program's own start.

# The largest comes first, so that the ratio says how much more a step takes of 10,000 than of 100.
measure_engine() {
    local steps line round times=3 sizes=(10000 1000 100)
    [[ $quick == no ]] || times=1 sizes=(3000 1000 100)
    for ((round = 1; round <= times; round++)); do
        say "== the engine alone, round $round of $times"
        for steps in "${sizes[@]}"; do
            rm -rf "$work/engine"
            line=$("$bench" engine --steps "$steps" --state "$work/engine") || fail "the engine did not carry out $steps steps"
            keep engine_own_time_a_step "${steps}_steps" ms "$(field own_ms_per_step <<<"$line")"
            keep engine_journal_a_step "${steps}_steps" ms "$(field journal_ms_per_step <<<"$line")"
            keep engine_disk_syncs_a_step "${steps}_steps" × "$(field syncs_per_step <<<"$line")"
            keep engine_steps_a_second "${steps}_steps" /s "$(field steps_per_s <<<"$line")"
            keep engine_memory_peak "${steps}_steps" MiB "$(field memory_peak_mib <<<"$line")"
        done
        rm -rf "$work/engine"
        line=$("$bench" engine --steps 10000 --resume --state "$work/engine") || fail "the engine did not resume"
        keep resume_of_10000_events_until_next switchback ms "$(field ms <<<"$line")"
    done
    rm -rf "$work/engine"
}

measure_program() {
    local index
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
    spawned version --version
    spawned check_of_1000_steps --estate "$work/program/switchback.yaml" check "$work/program/thousand.yaml"
}

# spawned TOPIC ARGUMENTS…: the program with these, without a shell, and in turn one that does nothing: what any start takes.
spawned() {
    local topic=$1 program nothing
    shift
    "$bench" spawn --rounds 11 -- "$switchback" "$@" >"$work/spawned" || fail "$topic could not be measured"
    while read -r program nothing; do
        keep "$topic" switchback ms "$program"
        keep start_of_a_program_that_does_nothing /bin/true ms "$nothing"
    done <"$work/spawned"
}
