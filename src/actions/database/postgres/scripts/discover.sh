# discover ROLE: which servers run on this host, for whoever writes an estate about them. Only reads: settings through
# `postgres -C`, names of databases over the server's own socket. A record begins with `server`.
role=$1
me=$(id -un)
as() {
    if [ "$me" = "$user" ]; then "$@"; else sudo -n -u "$user" -- "$@"; fi 2>/dev/null
}
setting() {
    if [ -n "$config" ]; then
        as "$bin/postgres" -D "$data" -c "config_file=$config" -C "$1"
    else
        as "$bin/postgres" -D "$data" -C "$1"
    fi
}
ps -eo user:64=,args= | while read -r user program rest; do
    case $program in */postgres | */postmaster) ;; *) continue ;; esac
    case " $rest" in *" -D "*) ;; *) continue ;; esac
    data=" $rest"
    data=${data#* -D }
    data=${data%% *}
    bin=${program%/*}
    config=
    case $rest in *config_file=*) config=${rest#*config_file=} config=${config%% *} ;; esac
    printf 'server\nuser %s\nlogin %s\ndata %s\nbin %s\nconfig %s\n' "$user" "$me" "$data" "$bin" "$config"
    for name in port listen_addresses unix_socket_directories ssl cluster_name primary_conninfo; do
        printf '%s %s\n' "$name" "$(setting "$name")"
    done
    if as test -e "$data/standby.signal"; then echo 'recovery yes'; fi
    if [ -d /run/systemd/system ]; then echo 'systemd yes'; fi
    socket=$(setting unix_socket_directories)
    socket=${socket%%,*}
    port=$(setting port)
    for super in "$user" postgres; do
        ask() { as env PGCONNECT_TIMEOUT=5 "$bin/psql" -XAtqw -h "$socket" -p "$port" -U "$super" -d postgres -v "role=$role" -f -; }
        databases=$(echo "SELECT 'database ' || datname FROM pg_database WHERE datallowconn AND NOT datistemplate
            AND datname <> 'postgres' ORDER BY pg_database_size(oid) DESC;" | ask) || continue
        printf '%s\n' "$databases"
        echo "SELECT 'role yes' FROM pg_roles WHERE rolname = :'role';" | ask
        break
    done
done
