# shellcheck shell=bash
# Steps that do nothing on hosts: what a step costs beside the connection.

measure_steps() {
    local few=2
    need_time
    say "== steps on hosts"
    steps_on 1 50 5
    if [[ $quick == yes ]]; then steps_on 12 10 "$few"; else steps_on 50 10 "$few"; fi
}

# GNU time, which tells what memory a program had at most.
need_time() { [[ -x /usr/bin/time ]] || tests/lab/lab packages time >&2; }

# measured COMMAND…: keeps what GNU time says of it.
measured() { /usr/bin/time -v -o "$work/time" "$@"; }

# steps_on HOSTS MANY FEW: runs both numbers of steps; what the difference takes is what steps take without connecting, and what is left
# of the whole is what connecting, starting and ending take.
steps_on() {
    local hosts=$1 many=$2 few=$3 who round count began took=() memory topic
    local runners=(switchback bash)
    [[ $want_ansible == no ]] || runners+=(ansible)
    topic="steps,_$hosts×$many"
    write_estate "$hosts"
    for ((round = 0; round < (rounds + 1) / 2; round++)); do
        for who in "${runners[@]}"; do
            took=()
            for count in "$few" "$many"; do
                began=$(now_us)
                "steps_by_$who" "$hosts" "$count"
                took+=("$(($(now_us) - began))")
            done
            keep "$topic,_a_step" "$who" ms \
                "$(awk -v us=$((took[1] - took[0])) -v n=$((many - few)) 'BEGIN { printf "%.2f", us / n / 1000 }')"
            keep "$topic,_connecting" "$who" ms \
                "$(awk -v few="${took[0]}" -v many="${took[1]}" -v n="$few" -v m="$many" 'BEGIN { printf "%.0f", (few - n * (many - few) / (m - n)) / 1000 }')"
            keep "$topic,_all_of_it" "$who" ms $((took[1] / 1000))
            memory=$(sed -n 's/.*Maximum resident set size.*: //p' "$work/time")
            keep "$topic,_memory_of_its_largest_process" "$who" MiB "$(awk -v kib="$memory" 'BEGIN { printf "%.1f", kib / 1024 }')"
        done
    done
}

# Hosts of many names at the lab's four addresses.
write_estate() {
    local hosts=$1 index addresses=("$LAB_A_DB" "$LAB_A_WEB" "$LAB_B_DB" "$LAB_B_WEB")
    mkdir -p "$work/steps"
    {
        printf 'format: 1\nestate: steps\nsites: {dallas: {preferred: true}, nuremberg: {}}\ndefaults:\n'
        printf '  host: {user: %s, port: %s, key: %s, known_hosts: %s, sudo: false}\nhosts:\n' "$LAB_USER" "$LAB_SSH_PORT" "$LAB_KEY" "$LAB_KNOWN_HOSTS"
        for ((index = 0; index < hosts; index++)); do
            printf '  h%d: {site: dallas, address: %s}\n' "$index" "${addresses[index % 4]}"
        done
    } >"$work/steps/switchback.yaml"
    : >"$work/hosts"
    for ((index = 0; index < hosts; index++)); do
        # A connection each, as on hosts of their own: Ansible would share those to one address, and sshd bounds what goes through one.
        printf 'h%d ansible_host=%s ansible_port=%s ansible_user=%s ansible_ssh_private_key_file=%s ansible_control_path=%s\n' "$index" \
            "${addresses[index % 4]}" "$LAB_SSH_PORT" "$LAB_USER" "$LAB_KEY" "$work/cp/h$index" >>"$work/hosts"
    done
}

# On one host look and act: a look that says no, the act, a look that sees it. On many hosts the act alone.
steps_by_switchback() {
    local hosts=$1 count=$2 index what='run: ["true"]'
    rm -rf "$work.marks" && mkdir -m 1777 "$work.marks"
    {
        printf 'runbook: steps\nformat: 1\ntitle: Steps\nmodes: [planned]\nphases:\n'
        for ((index = 0; index < count; index++)); do
            printf '  - phase: p%d\n    title: Step %d\n    parallel: true\n    steps:\n' "$index" "$index"
            [[ $hosts != 1 ]] || what="run: [touch, $work.marks/$index], look: {run: [test, -e, $work.marks/$index]}"
            printf '      - id: act\n        for_each: host\n        do: {host.command: {%s, repeat: safe}}\n' "$what"
        done
    } >"$work/steps/steps.yaml"
    measured "$switchback" --estate "$work/steps/switchback.yaml" --state "$work/steps/state" run "$work/steps/steps.yaml" --yes --no-input >"$work/log" 2>&1 ||
        fail "steps: $(tail -n 5 "$work/log")"
}

# A script of its own, so that its memory is its own.
steps_by_bash() {
    local count=$2
    rm -rf "$work/mux" && mkdir "$work/mux"
    cat >"$work/steps.sh" <<SCRIPT
while read -r name address _; do
    address=\${address#ansible_host=}
    (
        options=(-o ControlPath=$work/mux/\$name -o UserKnownHostsFile=$LAB_KNOWN_HOSTS -o StrictHostKeyChecking=yes -i $LAB_KEY -p $LAB_SSH_PORT)
        # sshd turns some away when many come at once.
        for try in 1 2 3 4 5; do
            ssh "\${options[@]}" -o ControlMaster=yes -o ControlPersist=60 -f -N "$LAB_USER@\$address" && break
            sleep 0.\$try
        done
        for ((index = 0; index < $count; index++)); do
            ssh "\${options[@]}" "$LAB_USER@\$address" true </dev/null || exit 1
        done
        ssh "\${options[@]}" -O exit "$LAB_USER@\$address" 2>/dev/null || true
    ) &
    pids+=(\$!)
done <$work/hosts
for pid in "\${pids[@]}"; do wait "\$pid" || exit 1; done
SCRIPT
    measured bash "$work/steps.sh" >"$work/log" 2>&1 || fail "bash: $(tail -n 5 "$work/log")"
}

steps_by_ansible() {
    local count=$2 index
    {
        printf -- '- hosts: all\n  gather_facts: false\n  tasks:\n'
        for ((index = 0; index < count; index++)); do printf '    - {name: step %d, command: "true"}\n' "$index"; done
    } >"$work/steps.play.yaml"
    rm -rf "$work/cp" && mkdir -m 700 "$work/cp"
    ANSIBLE_CONFIG=$work/ansible.cfg measured "$ansible" -i "$work/hosts" "$work/steps.play.yaml" >"$work/ansible.log" 2>&1 || fail "ansible: $(tail -n 5 "$work/ansible.log")"
}
