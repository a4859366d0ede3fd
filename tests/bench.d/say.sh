# shellcheck shell=bash
# What the bench says, what it keeps, and the lab under it. Talk goes to stderr, the table to stdout.

say() { printf '%s\n' "$*" >&2; }

fail() {
    printf 'tests/bench: %s\n' "$*" >&2
    exit 1
}

# keep TOPIC WHO UNIT VALUE
keep() {
    printf '%s %s %s %s\n' "$@" >>"$figures"
    say "   $1 $2 $4 $3"
}

# field NAME: a number out of one line of JSON.
field() { sed -n "s/.*\"$1\": \{0,1\}\([0-9.]*\).*/\1/p" | head -n 1; }

now_us() { printf '%s' "${EPOCHREALTIME/./}"; }

lab_up() {
    say "== the lab"
    lab_is_up=yes
    tests/lab/lab up >&2
    set -a
    eval "$(tests/lab/lab env)"
    set +a
    export SWITCHBACK_ESTATE=$LAB_ESTATE
    "$switchback" prepare --apply >"$work/prepare.log" 2>&1 || fail "prepare failed: $(tail -n 3 "$work/prepare.log")"
    [[ $want_ansible == no ]] || prepare_ansible
}

# Ansible from PyPI, of one version, in a folder that stays for the next time.
prepare_ansible() {
    local folder=${release%/release}/bench-ansible
    ansible=$folder/bin/ansible-playbook
    if [[ ! -x $ansible ]]; then
        say "== fetching ansible-core into $folder"
        if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
            ((EUID == 0)) || fail "python3-venv is missing; as root: apt-get install python3-venv, or give --no-ansible"
            apt-get update -qq >&2
            DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends python3-venv >&2
        fi
        python3 -m venv "$folder" && "$folder/bin/pip" --quiet install 'ansible-core==2.19.*' >&2 ||
            fail "ansible-core cannot be fetched; --no-ansible does without"
    fi
    cat >"$work/ansible.cfg" <<CONFIG
[defaults]
host_key_checking = True
interpreter_python = /usr/bin/python3
forks = 50
[ssh_connection]
pipelining = True
# sshd turns some away when fifty hosts at four addresses are connected to at once.
retries = 3
ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=$LAB_KNOWN_HOSTS -o StrictHostKeyChecking=yes
control_path_dir = $work/cp
CONFIG
    local common="ansible_port=$LAB_SSH_PORT ansible_user=$LAB_USER ansible_ssh_private_key_file=$LAB_KEY"
    printf 'a ansible_host=%s %s data=%s socket=%s\nb ansible_host=%s %s data=%s socket=%s\n' \
        "$LAB_A_DB" "$common" "$LAB_A_DB_DATA" "$LAB_A_DB_SOCKET" "$LAB_B_DB" "$common" "$LAB_B_DB_DATA" "$LAB_B_DB_SOCKET" \
        >"$work/inventory"
}

playbook() { ANSIBLE_CONFIG=$work/ansible.cfg "$ansible" -i "$work/inventory" "$@" >"$work/ansible.log" 2>&1; }
