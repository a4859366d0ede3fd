# shellcheck shell=bash
# The second kind of database: MariaDB at the same two hosts, primary at dallas, a replica by GTID at nuremberg; with siblings a
# second one at dallas. Only in the plain layout: Debian's own (one instance in /var/lib/mysql) is what the packages' scripts look after, not this lab.
#
# Everything of a server lies in `<host>/mariadb/`: `my.cnf`, which names nothing but the folder; `conf.d/` with the shared
# settings and the member's own; `data/`, `run/`, `ctl`, which starts and stops it. A copy of another member's data therefore
# brings no setting along.

mariadb_bin=/usr/sbin/mariadbd
server_comm=mariadbd # as the kernel calls its process
mariadb_client=mariadb
mariadb_admin=mariadb-admin
mariadb_threads_sql="SELECT @@read_only, (SELECT count(*) FROM information_schema.processlist WHERE command = 'Slave_IO'),
    (SELECT count(*) FROM information_schema.processlist WHERE command = 'Slave_SQL')"
mariadb_follow_on='START SLAVE'
mariadb_hold_back='STOP SLAVE IO_THREAD'
mariadb_log_now='SHOW MASTER STATUS'
mariadb_errant="SET gtid_domain_id = 9; INSERT INTO wiki.pages VALUES (-2, 'errant', 'only here')"

has_mariadb() { [[ $layout == plain ]]; }

# Two forms of one refusal: a verb that is about MariaDB alone stops here where there is none.
need_mariadb() { has_mariadb || fail "this lab has no MariaDB: it comes with \`up\` and \`up --hosts\`, not with \`up --debian\`"; }

mariadb_dir() { printf '%s/%s/mariadb' "$dir" "$1"; }
mariadb_data() { printf '%s/data' "$(mariadb_dir "$1")"; }
mariadb_socket() { printf '%s/run/mariadb.sock' "$(mariadb_dir "$1")"; }
mariadb_log() { printf '%s/%s/mariadb.log' "$dir" "$1"; }
server_id_of() { case $1 in a-db) printf 1 ;; b-db) printf 2 ;; *) printf 3 ;; esac; }
mariadb_replicas() { printf '%s\n' "${db_hosts[@]}" | grep -vx a-db; } # as they are made

# What the host's folder holds before the host is raised.
make_mariadb_folder() {
    local host=$1 folder
    folder=$(mariadb_dir "$host")
    mkdir -p "$folder/conf.d" "$folder/run"
    cat >"$folder/my.cnf" <<CONFIG
# Read by the server of $host and by nobody else; each file of conf.d in the order of its name, the later wins.
!includedir $folder/conf.d
CONFIG
    shared_mariadb_settings >"$folder/conf.d/10-shared.cnf"
    own_mariadb_settings "$host" >"$folder/conf.d/20-member.cnf"
    write_mariadb_control "$host"
    own "$folder"
}

shared_mariadb_settings() {
    cat <<'CONFIG'
[mariadbd]
skip_name_resolve = ON
character_set_server = utf8mb4
# Nothing acknowledged is lost by a crash.
sync_binlog = 1
innodb_flush_log_at_trx_commit = 1
# Each is a primary one day and a replica the next.
log_bin = binlog
log_bin_index = binlog.index
relay_log = relay
log_slave_updates = ON
binlog_format = ROW
gtid_strict_mode = ON
relay_log_recovery = ON
slave_net_timeout = 30
event_scheduler = ON
max_connections = 60
# Small: two of these beside two PostgreSQL on one machine, copied back at each reset.
performance_schema = OFF
innodb_buffer_pool_size = 16M
innodb_log_file_size = 16M
innodb_log_buffer_size = 2M
innodb_data_file_path = ibdata1:12M:autoextend
innodb_autoextend_increment = 4
innodb_temp_data_file_path = ibtmp1:4M:autoextend
innodb_buffer_pool_dump_at_shutdown = OFF
innodb_buffer_pool_load_at_startup = OFF
key_buffer_size = 1M
aria_pagecache_buffer_size = 1M
table_open_cache = 200
CONFIG
}

own_mariadb_settings() {
    local host=$1 folder
    folder=$(mariadb_dir "$host")
    cat <<CONFIG
# What belongs to $host alone.
[mariadbd]
server_id = $(server_id_of "$host")
report_host = $host
datadir = $folder/data
tmpdir = $folder/run
bind_address = $(address_of "$host")
port = $mariadb_port
socket = $(mariadb_socket "$host")
pid_file = $folder/run/mariadb.pid
log_error = $(mariadb_log "$host")
ssl_cert = $dir/$host/tls/server.crt
ssl_key = $dir/$host/tls/server.key
ssl_ca = $dir/$host/tls/ca.pem
CONFIG
    # A replica says so in its configuration, or a restart would make it writable.
    [[ $host == a-db ]] || printf 'read_only = ON\n'
}

# The commands that the estate names: what a unit of systemd would do, without systemd. `enable` and `disable` are a file, and
# what starts a host (`boot`) looks at it.
write_mariadb_control() {
    local host=$1 folder
    folder=$(mariadb_dir "$host")
    cat >"$folder/ctl" <<CONTROL
#!/bin/sh
# Starts and stops the MariaDB of $host: ctl start | stop | status | enable | disable | is-enabled
folder=$folder
pid_file=\$folder/run/mariadb.pid
log=$(mariadb_log "$host")
runs() { [ -s "\$pid_file" ] && [ "\$(cat "/proc/\$(cat "\$pid_file")/comm" 2>/dev/null)" = $server_comm ]; }
answers() { $mariadb_admin --no-defaults --socket="\$folder/run/mariadb.sock" --connect-timeout=2 ping >/dev/null 2>&1; }
waits() { # waits COMMAND…: up to a minute
    left=1200
    until "\$@"; do
        left=\$((left - 1))
        [ \$left -gt 0 ] || { echo "MariaDB of $host: \$* is not so after a minute; see \$log" >&2; exit 1; }
        sleep 0.05
    done
}
gone() { ! runs; }
case \$1 in
    start)
        if ! runs; then
            rm -f "\$pid_file"
            cd $dir/$host
            setsid --fork $mariadb_bin --defaults-file="\$folder/my.cnf" </dev/null >>"\$log" 2>&1
            # It writes its pid when it is about to serve; one that cannot start never does.
            waits answers
        fi ;;
    stop)
        if runs; then
            kill -TERM "\$(cat "\$pid_file")"
            waits gone
        fi ;;
    status) if runs; then echo runs; else echo stopped; exit 3; fi ;;
    enable) rm -f "\$folder/disabled" ;;
    disable) : >"\$folder/disabled" ;;
    is-enabled) [ ! -e "\$folder/disabled" ] ;;
    *) echo 'ctl start | stop | status | enable | disable | is-enabled' >&2; exit 2 ;;
esac
CONTROL
    chmod 755 "$folder/ctl"
}

# SQL as the superuser, over the host's own socket: the server takes its own user's word for who he is.
mariadb_sql() { # mariadb_sql HOST [ARGUMENTS…]
    local host=$1
    shift
    in_host "$host" timeout --foreground "${sql_time:-3600}" "$mariadb_client" --no-defaults --socket="$(mariadb_socket "$host")" \
        --connect-timeout=3 "$@"
}

ask_mariadb() { sql_time=5 mariadb_sql "$1" --batch --skip-column-names --execute "$2" 2>/dev/null; } # ask_mariadb HOST SQL

# Over ssh, as the program under test would, so that the server is a child of the host's init.
control_mariadb() { # control_mariadb HOST VERB
    local out=$dir/mariadb-$1.out
    if [[ $mode == hosts ]]; then
        in_host "$1" "$(mariadb_dir "$1")/ctl" "$2" </dev/null >"$out" 2>&1 9>&-
    else
        ssh_time=90 operator_ssh "$1" "$(mariadb_dir "$1")/ctl" "$2" </dev/null >"$out" 2>&1
    fi || fail "MariaDB does not $2 on $1: $(tail -n 1 "$out"); see $(mariadb_log "$1")"
}

start_mariadb() { control_mariadb "$1" start; }
stop_mariadb() { control_mariadb "$1" stop; }

# One data directory is made and copied: neither has written anything by then.
make_mariadb() {
    local host data replicas
    mapfile -t replicas < <(mariadb_replicas)
    data=$(mariadb_data a-db)
    in_host a-db mariadb-install-db --defaults-file="$(mariadb_dir a-db)/my.cnf" --skip-test-db --skip-name-resolve \
        --auth-root-authentication-method=socket "--auth-root-socket-user=$server_user" >"$dir/a-db/mariadb-install.log" 2>&1 ||
        fail "MariaDB's data directory could not be made; see $dir/a-db/mariadb-install.log"
    for host in "${replicas[@]}"; do cp -a --reflink=auto "$data" "$(mariadb_data "$host")"; done
    for host in "${db_hosts[@]}"; do
        start_mariadb "$host"
        # Accounts are each server's own: not in the binary log, so that the positions begin with the shop's data.
        mariadb_sql "$host" >"$dir/$host/initial.log" 2>&1 <<SQL || fail "MariaDB's accounts could not be made; see $dir/$host/initial.log"
SET sql_log_bin = 0;
CREATE USER switchback@'%' IDENTIFIED BY '$(<"$dir/secrets/wiki")' REQUIRE SSL;
CREATE USER replicator@'%' IDENTIFIED BY '$(<"$dir/secrets/wiki-replicator")' REQUIRE SSL;
GRANT REPLICATION SLAVE ON *.* TO replicator@'%';
CREATE USER shop@'%' IDENTIFIED BY '$(<"$dir/secrets/shop")';
GRANT SELECT, INSERT, UPDATE, DELETE ON wiki.* TO shop@'%';
SQL
    done
    for host in "${replicas[@]}"; do
        mariadb_sql "$host" >"$dir/$host/initial.log" 2>&1 <<SQL || fail "MariaDB's replica could not be made; see $dir/$host/initial.log"
CHANGE MASTER TO MASTER_HOST = '$(address_of a-db)', MASTER_PORT = $mariadb_port, MASTER_USER = 'replicator',
    MASTER_PASSWORD = '$(<"$dir/secrets/wiki-replicator")', MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = 2,
    MASTER_SSL = 1, MASTER_SSL_CA = '$dir/$host/tls/ca.pem', MASTER_SSL_VERIFY_SERVER_CERT = 1, MASTER_USE_GTID = slave_pos;
START SLAVE;
SQL
    done
    mariadb_sql a-db >"$dir/a-db/initial.log" 2>&1 <<'SQL' || fail "MariaDB could not be filled; see $dir/a-db/initial.log"
CREATE DATABASE wiki;
USE wiki;
CREATE TABLE orders (id bigint PRIMARY KEY, site varchar(32) NOT NULL, at timestamp(6) NOT NULL DEFAULT current_timestamp(6));
CREATE TABLE pages (id bigint PRIMARY KEY, title varchar(64) NOT NULL, text text NOT NULL);
INSERT INTO pages SELECT seq, concat('page ', seq), repeat(md5(seq), 8) FROM seq_1_to_2000;
SQL
    all_replicate
    # The replicas go last, so that they have the primary's last word.
    for host in a-db "${replicas[@]}"; do stop_mariadb "$host"; done
}

all_replicate() {
    local host
    for host in $(mariadb_replicas); do
        wait_until 15 replicates a-db "$host" || fail "MariaDB of $host does not follow a-db; see $(mariadb_log "$host")"
    done
}

start_all_mariadb() {
    local host
    for host in a-db $(mariadb_replicas); do start_mariadb "$host"; done
    all_replicate
}

# Follows, and has everything.
replicates() { # replicates PRIMARY REPLICA
    local position
    [[ $(mariadb_role "$2") == replica ]] || return 1
    position=$(ask_mariadb "$1" 'SELECT @@gtid_binlog_pos') && [[ -n $position ]] &&
        [[ $(ask_mariadb "$2" "SELECT MASTER_GTID_WAIT('$position', 1)") == 0 ]]
}

mariadbd_of() { pids_named "$1" "$server_comm" | sed -n 1p; }

mariadb_role() { # primary, replica, stopped, or what is wrong
    local host=$1 pid said
    pid=$(mariadbd_of "$host")
    [[ -n $pid ]] || { printf stopped; return; }
    [[ $(ps -o state= -p "$pid") != T ]] || { printf frozen; return; }
    said=$(ask_mariadb "$host" "$mariadb_threads_sql") || { printf 'not answering'; return; }
    case $said in
        $'0\t0\t0') printf primary ;;
        $'1\t1\t1') printf replica ;;
        $'1\t0\t0') printf 'read-only, follows nobody' ;;
        $'1\t0\t1' | $'1\t1\t0') printf 'replica, broken' ;;
        *) printf 'replica, writable' ;;
    esac
}

lab_mariadb() {
    need_db_host mariadb "$@"
    need_lab
    need_mariadb
    local host=$1
    shift
    mariadb_sql "$host" "$@"
}
