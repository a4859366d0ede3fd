# shellcheck shell=bash
# The two database servers: made once, kept as a template, started and stopped as a person would.
#
# A member's own settings (address, certificates, sockets, name) lie in its data directory, in member.conf. pg_rewind and
# pg_basebackup copy that file from the other member: who calls them has to put it back.

data_of() { printf '%s/%s/data' "$dir" "$1"; }

# SQL as the database superuser, on the host, over its own socket.
sql() { # sql HOST [ARGUMENTS…]
    local host=$1
    shift
    in_host "$host" env "PGHOST=$dir/$host/run" "PGPORT=$pg_port" PGUSER=postgres PGDATABASE=shop PGCONNECT_TIMEOUT=3 \
        timeout --foreground "${sql_time:-3600}" "$(pg_bin)/psql" "$@"
}

ask() { sql_time=5 sql "$1" -XAtq -v ON_ERROR_STOP=1 -c "$2" 2>/dev/null; } # ask HOST SQL

make_databases() {
    make_primary a-db
    make_standby b-db a-db
    # The standby goes last, so that it has the primary's last word.
    stop_postgres a-db fast
    stop_postgres b-db fast
}

make_primary() {
    local host=$1 data bin
    data=$(data_of "$host")
    bin=$(pg_bin)
    in_host "$host" "$bin/initdb" --pgdata="$data" --username=postgres --data-checksums --locale=C.UTF-8 --encoding=UTF8 \
        --auth-local=trust --auth-host=scram-sha-256 --no-sync >"$dir/$host/initdb.log" 2>&1 ||
        fail "initdb failed on $host; see $dir/$host/initdb.log"
    in_host "$host" tee -a "$data/postgresql.conf" >/dev/null <<CONFIG

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
include = 'member.conf'
CONFIG
    in_host "$host" tee "$data/pg_hba.conf" >/dev/null <<CONFIG
# type    database     user        address          method
local     all          all                          trust
hostssl   all          switchback  $trusted  scram-sha-256
hostssl   replication  replicator  $trusted  scram-sha-256
hostssl   postgres     replicator  $trusted  scram-sha-256
host      shop         shop        $trusted  scram-sha-256
CONFIG
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
    in_host "$host" "$(pg_bin)/pg_basebackup" --pgdata="$data" --checkpoint=fast --wal-method=stream --no-sync \
        --write-recovery-conf --slot="$(slot_of "$host")" --dbname="$(follow_conninfo "$host" "$primary")" \
        >"$dir/$host/basebackup.log" 2>&1 ||
        fail "the standby of $host could not be made; see $dir/$host/basebackup.log"
    write_member_conf "$host"
    start_postgres "$host"
    wait_until 15 streams "$primary" "$host" || fail "$host does not stream from $primary; see $dir/$host/postgres.log"
}

follow_conninfo() { # follow_conninfo HOST PRIMARY
    printf 'host=%s port=%s user=replicator application_name=%s passfile=%s sslmode=verify-ca sslrootcert=%s' \
        "$(address_of "$2")" "$pg_port" "$1" "$dir/$1/home/pgpass" "$dir/$1/tls/ca.pem"
}

write_member_conf() {
    local host=$1
    in_host "$host" tee "$(data_of "$host")/member.conf" >/dev/null <<CONFIG
# What belongs to $host alone.
cluster_name = '$host'
listen_addresses = '$(address_of "$host")'
unix_socket_directories = '$dir/$host/run'
ssl_cert_file = '$dir/$host/tls/server.crt'
ssl_key_file = '$dir/$host/tls/server.key'
ssl_ca_file = '$dir/$host/tls/ca.pem'
CONFIG
}

# The replicator's way to either member, on the host that needs it.
write_passfile() {
    local host=$1 other file=$dir/$1/home/pgpass
    mkdir -p "$dir/$host/home" "$dir/$host/run"
    install -m 600 /dev/null "$file"
    for other in "${db_hosts[@]}"; do
        printf '%s:%s:*:replicator:%s\n' "$(address_of "$other")" "$pg_port" "$(<"$dir/secrets/replicator")"
    done >"$file"
    own "$dir/$host/home" "$dir/$host/run"
}

# Over ssh, as the program under test would: so the server is a child of the host's init. -w waits until it answers.
start_postgres() {
    local host=$1 start
    start="cd $dir/$host && exec $(pg_bin)/pg_ctl start -w -t 60 -s -D $(data_of "$host") -l $dir/$host/postgres.log"
    if [[ $mode == hosts ]]; then
        in_host "$host" sh -c "$start" </dev/null >"$dir/pg_ctl.out" 2>&1 9>&-
    else
        ssh_time=90 operator_ssh "$host" "$start" </dev/null >"$dir/pg_ctl.out" 2>&1
    fi || fail "PostgreSQL does not start on $host: $(tail -n 1 "$dir/pg_ctl.out"); see $dir/$host/postgres.log"
}

stop_postgres() { # stop_postgres HOST MODE
    in_host "$1" "$(pg_bin)/pg_ctl" stop --wait --timeout=60 --silent --pgdata="$(data_of "$1")" --mode="$2" >/dev/null ||
        fail "PostgreSQL does not stop on $1; see $dir/$1/postgres.log"
}

streams() { # streams PRIMARY STANDBY
    [[ $(ask "$1" "SELECT state FROM pg_stat_replication WHERE application_name = '$2'") == streaming ]]
}

# The process that must die for the server to be dead: the one whose parent is no server.
postmaster_of() {
    local pids
    mapfile -t pids < <(pids_named "$1" postgres)
    ((${#pids[@]})) || return 0
    ps -o pid=,ppid= -p "$(IFS=,; printf '%s' "${pids[*]}")" |
        awk '{ parent[$1] = $2 } END { for (p in parent) if (!(parent[p] in parent)) print p }' | sort -n | sed -n 1p
}

postgres_role() { # primary, standby, stopped, or what is wrong
    local host=$1 pid
    pid=$(postmaster_of "$host")
    [[ -n $pid ]] || { printf stopped; return; }
    [[ $(ps -o state= -p "$pid") != T ]] || { printf frozen; return; }
    case $(ask "$host" 'SELECT pg_is_in_recovery()') in
        f) printf primary ;;
        t) printf standby ;;
        *) printf 'not answering' ;;
    esac
}

# A server that is killed leaves a System V segment; its number is in postmaster.pid.
drop_shared_memory() {
    local host file id
    [[ $mode == loopback ]] || return 0 # there it goes with the host
    for host in "${db_hosts[@]}"; do
        for file in "$dir/$host"/*/postmaster.pid; do
            [[ -f $file ]] || continue
            id=$(sed -n 7p "$file" | awk '{print $2}')
            [[ -z $id ]] || "${become[@]}" ipcrm --shmem-id "$id" 2>/dev/null || true
        done
    done
}
