# shellcheck shell=bash
# The databases, made once; a copy of what is made here is what `reset` goes back to.
#
# In the plain layout a member's own settings (address, certificates, sockets, name) lie in its data directory, in member.conf.
# pg_rewind and pg_basebackup copy that file from the other member: who calls them has to put it back.

# The folders of a database host, made before the host is.
make_folders() {
    local host=$1
    if [[ $layout == debian ]]; then
        mkdir -p "$dir/$host/etc" "$dir/$host/var" "$dir/$host/log"
        chown -R postgres:postgres "$dir/$host/etc" "$dir/$host/var" "$dir/$host/log" "$dir/$host/tls"
    else
        mkdir -p "$dir/$host/home" "$dir/$host/run"
        own "$dir/$host/home" "$dir/$host/run"
    fi
}

make_databases() {
    make_primary a-db
    make_standby b-db a-db
    # The standby goes last, so that it has the primary's last word.
    stop_postgres a-db
    stop_postgres b-db
}

make_primary() {
    local host=$1 config
    config=$(config_of "$host")
    make_cluster "$host"
    if [[ $layout == debian ]]; then
        shared_settings | as_postgres "$host" tee "$config/conf.d/10-lab.conf" >/dev/null
    else
        { shared_settings && printf "include = 'member.conf'\n"; } |
            as_postgres "$host" tee -a "$config/postgresql.conf" >/dev/null
    fi
    access_rules | as_postgres "$host" tee "$config/pg_hba.conf" >/dev/null
    write_member_conf "$host"
    write_passfile "$host"
    start_postgres "$host"
    sql "$host" -XAtq -v ON_ERROR_STOP=1 -d postgres >"$dir/$host/initial.log" 2>&1 <<SQL ||
SET log_statement = none;
CREATE ROLE switchback LOGIN PASSWORD '$(<"$dir/secrets/orders")';
CREATE ROLE replicator LOGIN REPLICATION PASSWORD '$(<"$dir/secrets/replicator")';
CREATE ROLE shop LOGIN PASSWORD '$(<"$dir/secrets/shop")';
CREATE DATABASE shop OWNER shop;
\connect shop
SET ROLE shop;
CREATE TABLE orders (id bigint PRIMARY KEY, site text NOT NULL, at timestamptz NOT NULL DEFAULT now());
-- Enough that a copy takes a moment.
CREATE TABLE catalogue (id bigint PRIMARY KEY, text text NOT NULL);
INSERT INTO catalogue SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 64000) AS i;
RESET ROLE;
VACUUM ANALYZE;
SELECT pg_create_physical_replication_slot('$(slot_of b-db)', true);
CHECKPOINT;
SQL
        fail "the database of $host could not be filled; see $dir/$host/initial.log"
}

make_standby() { # make_standby HOST PRIMARY
    local host=$1 primary=$2 data
    data=$(data_of "$host")
    write_passfile "$host"
    if [[ $layout == debian ]]; then
        make_cluster "$host"
        shared_settings | as_postgres "$host" tee "$(config_of "$host")/conf.d/10-lab.conf" >/dev/null
        access_rules | as_postgres "$host" tee "$(config_of "$host")/pg_hba.conf" >/dev/null
        as_postgres "$host" rm -rf "$data"
    fi
    as_postgres "$host" "$(pg_bin)/pg_basebackup" --pgdata="$data" --checkpoint=fast --wal-method=stream --no-sync \
        --write-recovery-conf --slot="$(slot_of "$host")" --dbname="$(follow_conninfo "$host" "$primary")" \
        >"$dir/$host/basebackup.log" 2>&1 ||
        fail "the standby of $host could not be made; see $dir/$host/basebackup.log"
    write_member_conf "$host"
    start_postgres "$host"
    wait_until 15 streams "$primary" "$host" || fail "$host does not stream from $primary; see $(pg_log_of "$host")"
}

follow_conninfo() { # follow_conninfo HOST PRIMARY
    printf 'host=%s port=%s user=replicator application_name=%s passfile=%s sslmode=verify-ca sslrootcert=%s' \
        "$(address_of "$2")" "$pg_port" "$1" "$(passfile_of "$1")" "$dir/$1/tls/ca.pem"
}

make_cluster() {
    local host=$1 log=$dir/$1/initdb.log
    local options=(--data-checksums --auth-local=trust --auth-host=scram-sha-256)
    if [[ $layout == debian ]]; then
        as_root "$host" pg_createcluster --port "$pg_port" --locale C.UTF-8 --encoding UTF8 --start-conf auto \
            "$(pg_version)" main -- "${options[@]}" >"$log" 2>&1
    else
        as_postgres "$host" "$(pg_bin)/initdb" --pgdata="$(data_of "$host")" --username=postgres --locale=C.UTF-8 \
            --encoding=UTF8 --no-sync "${options[@]}" >"$log" 2>&1
    fi || fail "initdb failed on $host; see $log"
}

shared_settings() {
    cat <<CONFIG

# --- the lab ---
port = $pg_port
wal_level = replica
max_wal_senders = 10
max_replication_slots = 10
hot_standby = on
wal_keep_size = 64MB
max_wal_size = 512MB
min_wal_size = 32MB
archive_mode = off
full_page_writes = on
fsync = on
shared_buffers = 32MB
# Not in /dev/shm: a server that is killed would leave its files there.
dynamic_shared_memory_type = mmap
password_encryption = scram-sha-256
ssl = on
ssl_min_protocol_version = 'TLSv1.2'
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d %a '
log_timezone = 'UTC'
log_statement = none
log_checkpoints = on
log_replication_commands = on
CONFIG
}

access_rules() {
    cat <<CONFIG
# type    database     user        address          method
local     all          all                          trust
hostssl   all          switchback  $trusted  scram-sha-256
hostssl   replication  replicator  $trusted  scram-sha-256
hostssl   postgres     replicator  $trusted  scram-sha-256
host      shop         shop        $trusted  scram-sha-256
CONFIG
}

write_member_conf() {
    local host=$1 file
    file=$(config_of "$host")/member.conf
    [[ $layout == plain ]] || file=$(config_of "$host")/conf.d/20-member.conf
    as_postgres "$host" tee "$file" >/dev/null <<CONFIG
# What belongs to $host alone.
cluster_name = '$host'
listen_addresses = '$(address_of "$host")'
unix_socket_directories = '$(socket_of "$host")'
ssl_cert_file = '$dir/$host/tls/server.crt'
ssl_key_file = '$dir/$host/tls/server.key'
ssl_ca_file = '$dir/$host/tls/ca.pem'
CONFIG
}

# The replicator's way to either member, on the host that needs it.
write_passfile() {
    local host=$1 other
    for other in "${db_hosts[@]}"; do
        printf '%s:%s:*:replicator:%s\n' "$(address_of "$other")" "$pg_port" "$(<"$dir/secrets/replicator")"
    done | as_postgres "$host" sh -c 'umask 077 && cat >"$0"' "$(passfile_of "$host")"
}
