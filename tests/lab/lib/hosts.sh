# shellcheck shell=bash
# A host: its processes, its sshd, its coming and going.
#
# On loopback a host is a set of processes. They are told apart by the mark that the lab and sshd put into the
# environment, by the folder that they work in or log to, and by their ancestors: a server that was started over ssh
# by the program under test belongs to the host as well.
#
# Above them is an init of the host's own. It reaps: a killed postmaster whose parent does not, and the first process of
# many containers does not, stays a zombie, and PostgreSQL takes a zombie for a server that runs.

# in_host HOST COMMAND…: as the server user, on the host.
in_host() {
    local host=$1
    shift
    local enter=()
    if [[ $mode == hosts ]]; then
        local init
        init=$(init_of "$host") || return 1
        enter=(nsenter "--target=$init" --mount --uts --ipc --net --pid)
    fi
    "${enter[@]}" "${become[@]}" env -i "SWITCHBACK_LAB_HOST=$number:$host" "HOME=$dir/home" \
        PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8 "$@"
}

# start HOST LOG COMMAND…: leave it running on its own, talking to a log below the host's folder.
start() {
    local host=$1 log=$2
    shift 2
    # shellcheck disable=SC2016  # the inner shell expands these
    in_host "$host" setsid --fork sh -c 'cd "$1" && log=$2 && shift 2 && exec "$@" >>"$log" 2>&1 </dev/null' \
        sh "$dir/$host" "$dir/$host/$log" "$@" 9>&-
}

# The pids of everything that runs on a host, seen from outside.
pids_of_host() {
    if [[ $mode == hosts ]]; then
        pids_in_namespace "$1"
        return
    fi
    local host=$1 roots theirs
    # The user's own alone: other labs, and the rest of the machine, are many.
    mapfile -t theirs < <(find /proc -maxdepth 1 -name '[0-9]*' -user "$server_user" 2>/dev/null)
    ((${#theirs[@]})) || return 0
    # Two looks a process: where it is and where it talks to; then its mark.
    roots=$(
        {
            find "${theirs[@]/%//cwd}" "${theirs[@]/%//fd/1}" "${theirs[@]/%//fd/2}" -maxdepth 0 \
                \( -lname "$dir/$host" -o -lname "$dir/$host/*" \) -printf '%p\n' 2>/dev/null
            grep -lzsx "SWITCHBACK_LAB_HOST=$number:$host" "${theirs[@]/%//environ}"
        } | cut -d/ -f3 | sort -u
    ) || true
    # With their descendants; never the caller's own line of ancestors, nor another user's processes.
    ps -e -o pid=,ppid=,user:32= | awk -v roots="$roots" -v me="$$" -v user="$server_user" '
        BEGIN { n = split(roots, r, "\n"); for (i = 1; i <= n; i++) if (r[i] != "") in_host[r[i]] = 1 }
        { parent[$1] = $2; owner[$1] = $3 }
        END {
            for (p = me; p > 1; p = parent[p]) spared[p] = 1
            for (p in parent) {
                if (p in spared || owner[p] != user) continue
                for (q = p; q > 1 && (q in parent); q = parent[q]) {
                    if (q in spared) break
                    if (q in in_host) { print p; break }
                }
            }
        }'
}

# pids_named HOST NAME: only those of one program.
pids_named() {
    local pid name
    for pid in $(pids_of_host "$1"); do
        { read -r name <"/proc/$pid/comm"; } 2>/dev/null || continue
        [[ $name != "$2" ]] || printf '%s\n' "$pid"
    done
}

signal() { # signal NAME PID…
    (($# > 1)) || return 0
    kill -s "$@" 2>/dev/null || true
}

# Everything of the host dies at once, as far as one can without taking its network away; its init goes last, when it has
# reaped the rest.
kill_host() {
    local host=$1 pids rest pid end=$((${EPOCHREALTIME/./} + 10000000))
    while :; do
        mapfile -t pids < <(pids_of_host "$host")
        ((${#pids[@]})) || return 0
        ((${EPOCHREALTIME/./} < end)) || fail "some processes of $host survive SIGKILL: ${pids[*]}"
        rest=()
        for pid in "${pids[@]}"; do
            # The listener is the init's own child: when it is gone, the init goes too.
            grep -qsE '^tini|listener' "/proc/$pid/cmdline" || rest+=("$pid")
        done
        ((${#rest[@]})) || rest=("${pids[@]}")
        signal KILL "${rest[@]}"
        sleep 0.02
    done
}

make_sshd() {
    local host=$1 ssh=$dir/$1/ssh
    cat >"$ssh/sshd_config" <<CONFIG
ListenAddress $(address_of "$host")
Port $ssh_port
HostKey $ssh/host_key
PidFile none
AuthorizedKeysFile $ssh/authorized_keys
# The folders above are made by the lab; /var/tmp among them is writable by all.
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers $server_user
AcceptEnv none
SetEnv SWITCHBACK_LAB_HOST=$number:$host
X11Forwarding no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
CONFIG
    [[ -z ${SWITCHBACK_LAB_KEX-} ]] || printf 'KexAlgorithms %s\n' "$SWITCHBACK_LAB_KEX" >>"$ssh/sshd_config"
}

start_sshd() {
    local host=$1
    [[ -z $(pids_named "$host" sshd) ]] || return 0
    local init=(tini -s --)
    [[ $mode == loopback ]] || init=()
    start "$host" sshd.log "${init[@]}" /usr/sbin/sshd -D -e -f "$dir/$host/ssh/sshd_config"
}

sshd_answers() {
    wait_until 10 answers "$(address_of "$1")" "$ssh_port" || fail "sshd of $1 does not answer; see $dir/$1/sshd.log"
}

answers() { # answers ADDRESS PORT: does something accept connections there?
    # shellcheck disable=SC2016  # the inner shell expands these
    timeout 1 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null
}

# Commands over ssh as the operator gives them.
operator_ssh() {
    local host=$1
    shift
    timeout --foreground "${ssh_time:-3600}" ssh -F none -i "$dir/keys/operator" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=3 \
        -o "UserKnownHostsFile=$dir/keys/known_hosts" -o StrictHostKeyChecking=yes -p "$ssh_port" \
        "$server_user@$(address_of "$host")" "$@"
}
