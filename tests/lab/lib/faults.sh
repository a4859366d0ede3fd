# shellcheck shell=bash
# What can be done to the lab, and undone.

lab_kill9() {
    need_db_host kill9 "$@"
    need_lab
    local pid
    pid=$(postmaster_of "$1")
    [[ -n $pid ]] || fail "PostgreSQL does not run on $1"
    signal KILL "$pid"
    # Its children notice that it is gone; a stopped one would hold the shared memory for ever.
    wait_until 10 no_postgres "$1" || fail "children of the killed server are still there on $1"
}

no_postgres() {
    local pids
    mapfile -t pids < <(pids_named "$1" postgres)
    ((${#pids[@]})) || return 0
    signal CONT "${pids[@]}"
    return 1
}

lab_crash() {
    need_host crash "$@"
    need_lab
    fell_host "$1"
}

lab_boot() {
    need_host boot "$@"
    local host=$1 postgres=no
    case ${2-} in
        '') ;;
        --with-postgres) postgres=yes ;;
        *) misuse "boot takes a host and --with-postgres, not \`$2\`" ;;
    esac
    need_lab
    raise_host "$host"
    start_sshd "$host"
    sshd_answers "$host"
    if is_db_host "$host"; then
        [[ $postgres == no ]] || lab_pg-start "$host"
    else
        start_web "$host"
        wait_until 10 web_answers "$host" || fail "the web server of $host does not answer; see $dir/$host/*.log"
    fi
}

lab_pg-start() {
    need_db_host pg-start "$@"
    need_lab
    [[ -z $(postmaster_of "$1") ]] || { say "PostgreSQL runs on $1"; return; }
    start_postgres "$1"
}

lab_pg-stop() {
    need_db_host pg-stop "$@"
    need_lab
    [[ -n $(postmaster_of "$1") ]] || { say "PostgreSQL does not run on $1"; return; }
    stop_postgres "$1"
}

lab_freeze() {
    need_db_host freeze "$@"
    need_lab
    local pids pid
    pid=$(postmaster_of "$1")
    [[ -n $pid ]] || fail "PostgreSQL does not run on $1"
    # The postmaster first, or it starts new children meanwhile.
    signal STOP "$pid"
    mapfile -t pids < <(pids_named "$1" postgres)
    signal STOP "${pids[@]}"
}

lab_thaw() {
    need_db_host thaw "$@"
    need_lab
    local pids
    mapfile -t pids < <(pids_named "$1" postgres)
    ((${#pids[@]})) || fail "PostgreSQL does not run on $1"
    signal CONT "${pids[@]}"
}

# The standby gets no more WAL while the primary goes on writing. By default the primary turns replication away: what was
# not sent stays unsent, and the standby can still be promoted. With --frozen the receiver is stopped instead: it counts
# as streaming for another minute while the lag grows, and what already lies in its socket arrives on release.
lab_hold-wal() {
    local how=${1-} primary standby pid file
    [[ -z $how || $how == --frozen ]] || misuse "hold-wal takes --frozen or nothing, not \`$how\`"
    need_lab
    primary=$(primary_now) || fail "there is not exactly one primary to hold WAL back from"
    standby=$(other_db "$primary")
    if [[ $how == --frozen ]]; then
        pid=$(walreceiver_of "$standby")
        [[ -n $pid ]] || fail "$standby receives no WAL"
        signal STOP "$pid"
        return
    fi
    while read -r file; do
        grep -qsxF "$hold_line" "$file" || sed -i "1i $hold_line" "$file" || fail "$file cannot be changed"
    done < <(hba_files_of "$primary")
    ask "$primary" 'SELECT pg_reload_conf()' >/dev/null
    wait_until 10 turned_away "$primary" || fail "$primary still sends WAL"
}

hold_line='host replication all all reject # held by the lab'

# A receiver that came back in the moment before the reload counts: look twice.
turned_away() {
    ask "$1" "SELECT pg_terminate_backend(pid) FROM pg_stat_replication" >/dev/null
    sleep 0.2
    sends_nothing "$1" && sleep 0.2 && sends_nothing "$1"
}

sends_nothing() { [[ $(ask "$1" "SELECT count(*) FROM pg_stat_replication") == 0 ]]; }

lab_release-wal() {
    (($# == 0)) || misuse "release-wal takes no argument"
    need_lab
    local host file pid
    for host in "${db_hosts[@]}"; do
        while read -r file; do
            ! grep -qsxF "$hold_line" "$file" || sed -i "/^$hold_line\$/d" "$file" || fail "$file cannot be changed"
        done < <(hba_files_of "$host")
        pid=$(postmaster_of "$host")
        [[ -z $pid ]] || signal HUP "$pid"
        pid=$(walreceiver_of "$host")
        [[ -z $pid ]] || signal CONT "$pid"
    done
}

primary_now() {
    local host found=()
    for host in "${db_hosts[@]}"; do
        [[ $(ask "$host" 'SELECT pg_is_in_recovery()') != f ]] || found+=("$host")
    done
    ((${#found[@]} == 1)) && printf '%s' "${found[0]}"
}

other_db() { if [[ $1 == a-db ]]; then printf b-db; else printf a-db; fi; }

walreceiver_of() {
    local pid
    for pid in $(pids_named "$1" postgres); do
        ! grep -qsz 'walreceiver' "/proc/$pid/cmdline" || printf '%s' "$pid"
    done
}

lab_cut() {
    (($# == 2)) || misuse "cut wants two of: operator client dallas nuremberg ${all_hosts[*]}"
    need_lab
    [[ $mode == hosts ]] || fail "links can only be cut in a lab made with \`up --hosts\`"
    cut_between "$1" "$2"
}

lab_heal() {
    (($# == 2 || $# == 0)) || misuse "heal wants nothing, or two of: operator client dallas nuremberg ${all_hosts[*]}"
    need_lab
    [[ $mode == hosts ]] || fail "links can only be cut in a lab made with \`up --hosts\`"
    if (($#)); then heal_between "$1" "$2"; else heal_all; fi
}

# What no replication would do: a text in the file of a standby's table is replaced by one of the same length. The server is
# stopped for it, and its checksums are off afterwards, or it would notice by itself.
lab_falsify() {
    (($# == 4)) || misuse "falsify wants a database host, a table, a text and another of the same length"
    need_db_host falsify "$@"
    need_lab
    local host=$1 table=$2 old=$3 new=$4 file
    [[ ${#old} == "${#new}" && $old$new =~ ^[0-9A-Za-z]+$ ]] || misuse "falsify takes two texts of letters and digits of the same length"
    file=$(ask "$host" "SELECT pg_relation_filepath('$table')") && [[ -n $file ]] || fail "$host has no table $table"
    stop_postgres "$host"
    in_host "$host" "$(pg_bin)/pg_checksums" --disable -D "$(data_of "$host")" >/dev/null || fail "the checksums of $host stay on"
    in_host "$host" sed -i "s/$old/$new/" "$(data_of "$host")/$file" || fail "$file of $host cannot be changed"
    start_postgres "$host"
}
