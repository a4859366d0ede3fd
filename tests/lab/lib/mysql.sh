# shellcheck shell=bash
# MySQL in MariaDB's place, for `lab up --mysql FOLDER`: read after mariadb.sh and mariadb-faults.sh, it says anew what differs. The
# verbs, the folders and the accounts keep their names.
#
# FOLDER holds a server's programs, as `tests/mysql` fetches them: bin/mysqld, bin/mysql, bin/mysqladmin, bin/mysqlbinlog,
# bin/my_print_defaults, and share/ and lib/ where the server looks for its messages and plugins.

shared_mariadb_settings() {
    cat <<CONFIG
[mysqld]
basedir = $(realpath "$mysql/usr")
plugin_load_add = auth_socket.so
skip_name_resolve = ON
mysqlx = OFF
secure_file_priv = NULL
# Nothing acknowledged is lost by a crash.
sync_binlog = 1
innodb_flush_log_at_trx_commit = 1
# Each is a primary one day and a replica the next.
log_bin = binlog
relay_log = relay
gtid_mode = ON
enforce_gtid_consistency = ON
relay_log_recovery = ON
replica_net_timeout = 30
event_scheduler = ON
max_connections = 60
# Small: two of these beside two PostgreSQL on one machine, copied back at each reset.
innodb_buffer_pool_size = 32M
innodb_redo_log_capacity = 16M
innodb_log_buffer_size = 2M
innodb_buffer_pool_dump_at_shutdown = OFF
innodb_buffer_pool_load_at_startup = OFF
table_open_cache = 200
CONFIG
}

own_mariadb_settings() {
    local host=$1 folder
    folder=$(mariadb_dir "$host")
    cat <<CONFIG
# What belongs to $host alone.
[mysqld]
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
    [[ $host == a-db ]] || printf 'super_read_only = ON\n'
}

mariadb_bin=$mysql/bin/mysqld
server_comm=mysqld
mariadb_client=$mysql/bin/mysql
mariadb_admin=$mysql/bin/mysqladmin

make_mariadb() {
    local host data replicas
    mapfile -t replicas < <(mariadb_replicas)
    data=$(mariadb_data a-db)
    in_host a-db "$mariadb_bin" --defaults-file="$(mariadb_dir a-db)/my.cnf" --initialize-insecure \
        >"$dir/a-db/mariadb-install.log" 2>&1 ||
        fail "MySQL's data directory could not be made; see $dir/a-db/mariadb-install.log and $(mariadb_log a-db)"
    for host in "${replicas[@]}"; do
        cp -a --reflink=auto "$data" "$(mariadb_data "$host")"
        # Who a server is lies in this file; it makes a new one.
        rm -f "$(mariadb_data "$host")/auto.cnf"
    done
    for host in "${db_hosts[@]}"; do
        start_mariadb "$host"
        # Accounts are each server's own: not in the binary log, so that the positions begin with the shop's data.
        in_host "$host" "$mariadb_client" --no-defaults --socket="$(mariadb_socket "$host")" --user=root \
            >"$dir/$host/initial.log" 2>&1 <<SQL || fail "MySQL's accounts could not be made; see $dir/$host/initial.log"
SET GLOBAL super_read_only = OFF;
SET sql_log_bin = 0;
CREATE USER '$server_user'@localhost IDENTIFIED WITH auth_socket;
GRANT ALL ON *.* TO '$server_user'@localhost WITH GRANT OPTION;
CREATE USER switchback@'%' IDENTIFIED BY '$(<"$dir/secrets/wiki")' REQUIRE SSL;
CREATE USER replicator@'%' IDENTIFIED BY '$(<"$dir/secrets/wiki-replicator")' REQUIRE SSL;
GRANT REPLICATION SLAVE ON *.* TO replicator@'%';
CREATE USER shop@'%' IDENTIFIED BY '$(<"$dir/secrets/shop")';
GRANT SELECT, INSERT, UPDATE, DELETE ON wiki.* TO shop@'%';
DROP USER root@localhost;
SQL
    done
    for host in "${replicas[@]}"; do
        mariadb_sql "$host" >"$dir/$host/initial.log" 2>&1 <<SQL || fail "MySQL's replica could not be made; see $dir/$host/initial.log"
SET GLOBAL super_read_only = ON;
CHANGE REPLICATION SOURCE TO SOURCE_HOST = '$(address_of a-db)', SOURCE_PORT = $mariadb_port, SOURCE_USER = 'replicator',
    SOURCE_PASSWORD = '$(<"$dir/secrets/wiki-replicator")', SOURCE_CONNECT_RETRY = 1, SOURCE_HEARTBEAT_PERIOD = 2,
    SOURCE_SSL = 1, SOURCE_SSL_CA = '$dir/$host/tls/ca.pem', SOURCE_SSL_VERIFY_SERVER_CERT = 1, SOURCE_AUTO_POSITION = 1;
START REPLICA;
SQL
    done
    mariadb_sql a-db >"$dir/a-db/initial.log" 2>&1 <<'SQL' || fail "MySQL could not be filled; see $dir/a-db/initial.log"
CREATE DATABASE wiki;
USE wiki;
CREATE TABLE orders (id bigint PRIMARY KEY, site varchar(32) NOT NULL, at timestamp(6) NOT NULL DEFAULT current_timestamp(6));
CREATE TABLE pages (id bigint PRIMARY KEY, title varchar(64) NOT NULL, text text NOT NULL);
SET cte_max_recursion_depth = 2000;
INSERT INTO pages WITH RECURSIVE one (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM one WHERE seq < 2000)
    SELECT seq, concat('page ', seq), repeat(sha2(seq, 256), 4) FROM one;
SQL
    all_replicate
    # The replicas go last, so that they have the primary's last word.
    for host in a-db "${replicas[@]}"; do stop_mariadb "$host"; done
}

# Follows, and has everything.
replicates() { # replicates PRIMARY REPLICA
    local position
    [[ $(mariadb_role "$2") == replica ]] || return 1
    position=$(ask_mariadb "$1" 'SELECT @@gtid_executed') && [[ -n $position ]] &&
        [[ $(ask_mariadb "$2" "SELECT WAIT_FOR_EXECUTED_GTID_SET('$position', 1)") == 0 ]]
}

mariadb_threads_sql="SELECT @@super_read_only,
    (SELECT count(*) FROM performance_schema.replication_connection_status WHERE service_state = 'ON'),
    (SELECT count(*) FROM performance_schema.replication_applier_status WHERE service_state = 'ON')"
mariadb_follow_on='START REPLICA'
mariadb_hold_back='STOP REPLICA IO_THREAD'
mariadb_log_now='SHOW BINARY LOG STATUS'
# A transaction that no other server has. MySQL has no domains: every server writes under its own UUID.
mariadb_errant="INSERT INTO wiki.pages VALUES (-2, 'errant', 'only here')"

# A replica's read-only state holds its superuser, too: a person would lift it for a moment.
mariadb_fault_sql() {
    local before
    before=$(ask_mariadb "$1" 'SELECT @@super_read_only')
    mariadb_sql "$1" --execute "SET GLOBAL super_read_only = OFF; $2; SET GLOBAL super_read_only = $before" || fail "$1 does not take it"
}
