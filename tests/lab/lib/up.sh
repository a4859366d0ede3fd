# shellcheck shell=bash
# Up, down and reset: the life of a whole lab.

lab_up() {
    local began=${EPOCHREALTIME/./} host making
    case ${1-} in
        '') mode=loopback ;;
        --hosts) mode=hosts ;;
        --debian) mode=hosts layout=debian ;;
        --siblings) mode=loopback siblings=yes ;;
        --mysql)
            mode=loopback mysql=${2-}
            [[ $mysql == /* ]] || mysql=$called_from/$mysql
            [[ -x $mysql/bin/mysqld ]] || misuse "--mysql takes the folder of a MySQL server, with bin/mysqld in it"
            mysql=$(realpath "$mysql")
            ;;
        *) misuse "up takes --hosts, --debian, --siblings, --mysql FOLDER or nothing, not \`$1\`" ;;
    esac
    set_addresses
    set_hosts
    if [[ -f $dir/ready ]]; then
        local wanted="$mode, $layout, siblings: $siblings, MySQL: ${mysql:-no}"
        need_lab
        [[ "$mode, $layout, siblings: $siblings, MySQL: ${mysql:-no}" == "$wanted" ]] ||
            fail "another lab ($mode, $layout, siblings: $siblings, MySQL: ${mysql:-no}) is up in $dir; take it down first"
        say "the lab is up in $dir"
        return
    fi
    [[ $mode != hosts ]] || can_hosts >/dev/null || fail "$(can_hosts)"
    set_flavour
    install_packages
    pg_bin >/dev/null || fail "no PostgreSQL server below /usr/lib/postgresql"
    find_programs
    [[ ! -d $dir ]] || clear_away # one that was begun and not finished
    mkdir -m 755 "$dir" || fail "$dir cannot be made"
    : >"$dir/.switchback-lab"
    hold_lab
    trap 'lab_up_failed' EXIT
    make_user
    write_state
    set_become
    make_keys
    for host in "${all_hosts[@]}"; do mkdir -p "$dir/$host"; done
    install -D -m 755 -t "$dir/bin" "$programs/lab-shop" "$programs/lab-client"
    for host in "${ssh_hosts[@]}"; do make_sshd "$host"; done
    for host in "${web_hosts[@]}"; do make_web "$host"; done
    ! has_mariadb || for host in "${db_hosts[@]}"; do make_mariadb_folder "$host"; done
    make_dns
    write_estate
    for host in "${ssh_hosts[@]}"; do own "$dir/$host"; done
    for host in "${db_hosts[@]}"; do
        make_folders "$host"
        raise_host "$host"
        start_sshd "$host"
        sshd_answers "$host"
    done
    ! has_mariadb || { make_mariadb & making=$!; }
    make_databases
    ! has_mariadb || wait "$making" || exit 1
    for host in "${all_hosts[@]}"; do fell_host "$host"; done
    keep_template
    start_all
    : >"$dir/ready"
    trap - EXIT
    say "the lab is up in $dir after $(seconds_since "$began") s; its estate is $dir/switchback.yaml"
}

lab_up_failed() { say "lab: not brought up; what there is lies in $dir until \`up\` or \`down\` clears it away"; }

# The freshly made hosts, copied while nothing runs; `reset` copies them back.
keep_template() {
    local host
    mkdir -p "$dir/template"
    for host in "${all_hosts[@]}"; do
        rm -f "$dir/$host"/*.log "$dir/$host"/log/*
        cp -a --reflink=auto "$dir/$host" "$dir/template/$host"
    done
}

start_all() {
    local host starting
    for host in "${all_hosts[@]}"; do raise_host "$host"; done
    start_dns
    for host in "${ssh_hosts[@]}"; do start_sshd "$host"; done
    for host in "${ssh_hosts[@]}"; do sshd_answers "$host"; done
    # Beside PostgreSQL, which takes longer.
    ! has_mariadb || { start_all_mariadb & starting=$!; }
    # The primary first: a standby that finds nobody waits five seconds before it asks again.
    start_postgres a-db
    start_postgres b-db
    for host in "${web_hosts[@]}"; do start_web "$host"; done
    for host in "${web_hosts[@]}"; do
        wait_until 10 web_answers "$host" || fail "the web server of $host does not answer; see $dir/$host/*.log"
    done
    ! has_mariadb || wait "$starting" || exit 1
    wait_until 10 dns_answers || fail "the name servers do not answer; see $dir/dns/*.log"
    wait_until 15 streams a-db b-db || fail "b-db does not stream from a-db; see $(pg_log_of b-db)"
}

lab_reset() {
    (($# == 0)) || misuse "reset takes no argument"
    need_lab
    hold_lab
    local began=${EPOCHREALTIME/./} host copies=() copy
    stop_clients
    for host in "${all_hosts[@]}"; do fell_host "$host"; done
    drop_shared_memory
    heal_all
    rm -rf "$dir/clients"
    for host in "${all_hosts[@]}"; do
        { rm -rf "${dir:?}/$host" && cp -a --reflink=auto "$dir/template/$host" "$dir/$host"; } &
        copies+=($!)
    done
    for copy in "${copies[@]}"; do wait "$copy" || fail "a host could not be copied back from $dir/template"; done
    start_all
    say "the lab is as it was made, after $(seconds_since "$began") s"
}

lab_down() {
    (($# == 0)) || misuse "down takes no argument"
    if [[ ! -e $dir ]]; then
        say "no lab is up in $dir"
        return
    fi
    clear_away
    say "the lab in $dir is gone"
}

clear_away() {
    [[ -f $dir/.switchback-lab ]] || fail "$dir is not a lab's folder; it is left alone"
    [[ -O $dir ]] || fail "the lab in $dir belongs to $(stat -c %U "$dir"), and you are $(id -un)"
    hold_lab
    local wanted=$mode wanted_layout=$layout wanted_siblings=$siblings wanted_mysql=$mysql host
    if read_state; then
        stop_clients
        set_become
        for host in "${all_hosts[@]}"; do fell_host "$host"; done
        drop_shared_memory
        [[ $mode != hosts ]] || remove_network
        kill_user
        remove_user
    fi
    rm -rf "$dir"
    mode=$wanted layout=$wanted_layout siblings=$wanted_siblings mysql=$wanted_mysql
    set_flavour
    set_addresses
    set_hosts
}

# Whatever else runs as the lab's own user, such as a shell that a test left behind.
kill_user() {
    ((EUID == 0)) && [[ $server_user == sblab* ]] || return 0
    local pids end=$((${EPOCHREALTIME/./} + 5000000))
    while mapfile -t pids < <(ps -o pid=,state= -u "$server_user" 2>/dev/null | awk '$2 != "Z" { print $1 }') && ((${#pids[@]})); do
        signal KILL "${pids[@]}"
        ((${EPOCHREALTIME/./} < end)) || fail "some processes of $server_user survive SIGKILL: ${pids[*]}"
        sleep 0.02
    done
}

# A host's surroundings come and go with it: on loopback there are none.
raise_host() { [[ $mode == loopback ]] || raise_namespaces "$1"; }

fell_host() {
    if [[ $mode == loopback ]]; then kill_host "$1"; else fell_namespaces "$1"; fi
}

# Two verbs that change the whole lab wait for each other.
hold_lab() {
    exec 9<"$dir"
    flock --wait 60 9 || fail "another lab command has held $dir for a minute"
}

# The shop and the client are examples of this crate.
find_programs() {
    programs=${SWITCHBACK_LAB_PROGRAMS-}
    if [[ -z $programs ]]; then
        local root target
        root=$(realpath "$here/../..")
        target=${CARGO_TARGET_DIR:-target}
        command -v cargo >/dev/null || fail "cargo is needed to build the lab's programs, or SWITCHBACK_LAB_PROGRAMS to say where they are"
        (cd "$root" && cargo build --quiet --locked --example lab-shop --example lab-client) >&2 ||
            fail "the lab's programs do not build"
        programs=$(cd "$root" && realpath "$target/debug/examples")
    fi
    [[ -x $programs/lab-shop && -x $programs/lab-client ]] || fail "lab-shop and lab-client are not in $programs"
}
