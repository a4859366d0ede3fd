# shellcheck shell=bash
# What can be done to the MariaDB of the lab, and undone.

lab_mariadb-start() {
    need_mariadb_host mariadb-start "$@"
    start_mariadb "$1"
}

lab_mariadb-stop() {
    need_mariadb_host mariadb-stop "$@"
    stop_mariadb "$1"
}

lab_mariadb-kill9() {
    need_mariadb_host mariadb-kill9 "$@"
    local pid
    pid=$(mariadbd_of "$1")
    [[ -n $pid ]] || fail "MariaDB does not run on $1"
    signal KILL "$pid"
    wait_until 10 no_mariadbd "$1" || fail "the killed MariaDB is still there on $1"
}

no_mariadbd() { [[ -z $(mariadbd_of "$1") ]]; }

# The replica receives no more, and applies what it has: what is written now never comes to it. Where there are several, one is named.
lab_mariadb-hold() {
    (($# <= 1)) || misuse "mariadb-hold takes a host at most"
    local replica
    if (($#)); then
        need_mariadb_host mariadb-hold "$@"
        replica=$1
    else
        need_lab
        need_mariadb
        replica=$(mariadb_replica_now) || fail "there is not exactly one replica to hold back"
    fi
    ask_mariadb "$replica" "$mariadb_hold_back" || fail "$replica does not stop receiving"
}

lab_mariadb-release() {
    (($# == 0)) || misuse "mariadb-release takes no argument"
    need_lab
    need_mariadb
    local host
    for host in "${db_hosts[@]}"; do
        [[ $(mariadb_role "$host") != 'replica, broken' ]] || ask_mariadb "$host" "$mariadb_follow_on" || fail "$host does not follow again"
    done
}

mariadb_replica_now() {
    local host found=()
    for host in "${db_hosts[@]}"; do
        [[ $(mariadb_role "$host") != replica ]] || found+=("$host")
    done
    ((${#found[@]} == 1)) && printf '%s' "${found[0]}"
}

# What a person or a forgotten setting does to a server. Each as the superuser, who is above `read_only`.
lab_mariadb-fault() {
    need_mariadb_host mariadb-fault "$@"
    local host=$1 kind=${2-}
    case $kind in
        # Two sessions that stay for two minutes, or until `sessions-end`.
        open-transaction)
            mariadb_session "$host" "$kind" COMMIT BEGIN "INSERT INTO wiki.pages VALUES (-1, 'open', 'not committed yet')"
            ;;
        locked-table) mariadb_session "$host" "$kind" 'UNLOCK TABLES' 'LOCK TABLES wiki.pages WRITE' ;;
        sessions-end) mariadb_sessions_end "$host" ;;
        event)
            mariadb_fault_sql "$host" "CREATE TABLE IF NOT EXISTS wiki.ticks (id bigint PRIMARY KEY AUTO_INCREMENT, site varchar(32));
                CREATE EVENT wiki.tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO wiki.ticks (site) VALUES (@@report_host)"
            ;;
        # A transaction that no other server has: in a domain of its own, so that replication goes on beside it; or in the
        # domain of replication, whose next event is then out of order (error 1950 of gtid_strict_mode).
        errant) mariadb_fault_sql "$host" "$mariadb_errant" ;;
        errant-in-domain) mariadb_fault_sql "$host" "INSERT INTO wiki.pages VALUES (-3, 'errant', 'only here')" ;;
        purged)
            mariadb_fault_sql "$host" 'FLUSH BINARY LOGS; INSERT INTO wiki.pages VALUES (-4, "after", "the purge")'
            mariadb_fault_sql "$host" "PURGE BINARY LOGS TO '$(ask_mariadb "$host" "$mariadb_log_now" | cut -f1)'"
            ;;
        # Nobody can follow this server any more: the account has another password than the estate says.
        replication-password)
            mariadb_fault_sql "$host" "SET sql_log_bin = 0; ALTER USER replicator@'%' IDENTIFIED BY 'another one'"
            ;;
        *) misuse "mariadb-fault knows open-transaction, locked-table, sessions-end, event, errant, errant-in-domain, purged and replication-password" ;;
    esac
}

mariadb_fault_sql() { mariadb_sql "$1" --execute "$2" || fail "$1 does not take it"; }

# A superuser's session that begins something, is idle, and ends it. The server knows him by his user, wherever he is.
mariadb_session() { # mariadb_session HOST NAME LAST FIRST…
    local host=$1 out=$dir/$1/session-$2.log last=$3 first=() statement
    shift 3
    for statement; do first+=(--first "$statement"); done
    rm -f "$out"
    setsid --fork "${become[@]}" "$dir/bin/lab-client" session --socket "$(mariadb_socket "$host")" --user "$server_user" \
        "${first[@]}" --last "$last" </dev/null >"$out" 2>&1 9>&-
    wait_until 10 test -s "$out" || fail "the session does not begin on $host"
    grep -qx '[0-9]*' "$out" || fail "the session does not begin on $host: $(<"$out")"
}

mariadb_sessions_end() {
    local log id
    for log in "$dir/$1"/session-*.log; do
        [[ -f $log ]] || continue
        read -r id <"$log"
        ask_mariadb "$1" "KILL $id" || true # it may be gone already
        rm -f "$log"
    done
}

need_mariadb_host() { # need_mariadb_host VERB ARGUMENTS…
    need_db_host "$@"
    need_lab
    need_mariadb
}
