# shellcheck shell=bash
# The two database servers: where they lie, and how they are asked, started and stopped.
#
# Two layouts. `plain`: everything below the host's folder, run by the server user, pg_ctl. `debian`: a cluster as Debian's
# packages make it, run by postgres, pg_ctlcluster; its three folders are bound from the host's folder: etc, var and log.

data_of() {
    if [[ $layout == debian ]]; then printf '/var/lib/postgresql/%s/main' "$(pg_version)"; else printf '%s/%s/data' "$dir" "$1"; fi
}

config_of() {
    if [[ $layout == debian ]]; then printf '/etc/postgresql/%s/main' "$(pg_version)"; else data_of "$1"; fi
}

socket_of() { if [[ $layout == debian ]]; then printf /var/run/postgresql; else printf '%s/%s/run' "$dir" "$1"; fi; }

passfile_of() {
    if [[ $layout == debian ]]; then printf /var/lib/postgresql/.pgpass; else printf '%s/%s/home/pgpass' "$dir" "$1"; fi
}

# As seen from the machine.
pg_log_of() {
    if [[ $layout == debian ]]; then
        printf '%s/%s/log/postgresql-%s-main.log' "$dir" "$1" "$(pg_version)"
    else
        printf '%s/%s/postgres.log' "$dir" "$1"
    fi
}

hba_files_of() {
    local file folder=$dir/$1
    [[ $layout == plain ]] || folder=$dir/$1/etc/$(pg_version)
    for file in "$folder"/*/pg_hba.conf; do [[ ! -f $file ]] || printf '%s\n' "$file"; done
}

# On the host, as the user that the server runs as.
as_postgres() {
    local become=("${become[@]}")
    [[ $layout == plain ]] || become=(setpriv --reuid=postgres --regid=postgres --init-groups)
    in_host "$@"
}

as_root() { # only where each host is its own
    local become=()
    in_host "$@"
}

# SQL as the database superuser, on the host, over its own socket.
sql() { # sql HOST [ARGUMENTS…]
    local host=$1
    shift
    as_postgres "$host" env "PGHOST=$(socket_of "$host")" "PGPORT=$pg_port" PGUSER=postgres PGDATABASE=shop PGCONNECT_TIMEOUT=3 \
        timeout --foreground "${sql_time:-3600}" "$(pg_bin)/psql" "$@"
}

ask() { sql_time=5 sql "$1" -XAtq -v ON_ERROR_STOP=1 -c "$2" 2>/dev/null; } # ask HOST SQL

# On loopback over ssh, as the program under test would: so the server is a child of the host's init.
start_postgres() {
    local host=$1 start
    start="cd $dir/$host && exec $(pg_bin)/pg_ctl start -w -t 60 -s -D $(data_of "$host") -l $dir/$host/postgres.log"
    if [[ $layout == debian ]]; then
        as_root "$host" pg_ctlcluster "$(pg_version)" main start </dev/null >"$dir/pg_ctl.out" 2>&1 9>&- &&
            wait_until 60 as_postgres "$host" "$(pg_bin)/pg_isready" -q -h "$(socket_of "$host")" -p "$pg_port"
    elif [[ $mode == hosts ]]; then
        in_host "$host" sh -c "$start" </dev/null >"$dir/pg_ctl.out" 2>&1 9>&-
    else
        ssh_time=90 operator_ssh "$host" "$start" </dev/null >"$dir/pg_ctl.out" 2>&1
    fi || fail "PostgreSQL does not start on $host: $(tail -n 1 "$dir/pg_ctl.out"); see $(pg_log_of "$host")"
}

stop_postgres() { # stop_postgres HOST
    if [[ $layout == debian ]]; then
        as_root "$1" pg_ctlcluster "$(pg_version)" main stop -m fast >"$dir/pg_ctl.out" 2>&1
    else
        in_host "$1" "$(pg_bin)/pg_ctl" stop -w -t 60 -s -D "$(data_of "$1")" -m fast >"$dir/pg_ctl.out" 2>&1
    fi || fail "PostgreSQL does not stop on $1: $(tail -n 1 "$dir/pg_ctl.out"); see $(pg_log_of "$1")"
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
