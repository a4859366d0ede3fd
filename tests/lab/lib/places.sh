# shellcheck shell=bash
# shellcheck disable=SC2034  # the other files read what is set here
# Where everything is: numbers, directories, addresses, ports and names. Nothing here changes anything.

# With siblings there is a third database host, a second one at dallas, with MariaDB alone.
siblings=no
set_hosts() {
    db_hosts=(a-db b-db)
    web_hosts=(a-web b-web)
    ssh_hosts=(a-db a-web b-db b-web)
    if [[ $siblings == yes ]]; then
        db_hosts+=(a-db2)
        ssh_hosts+=(a-db2)
    fi
    all_hosts=("${ssh_hosts[@]}" dns)
}
set_hosts

ssh_port=2222
pg_port=5432
mariadb_port=13306
http_port=8080
app_port=9000
pdns_port=5300
api_port=8081
entry_name=www.shop.test
database_name=db.shop.internal
wiki_name=wiki.shop.internal

number=${SWITCHBACK_LAB_NUMBER:-77}
if [[ ! $number =~ ^[0-9]{1,3}$ ]] || ((10#$number < 2 || 10#$number > 250)); then
    misuse "SWITCHBACK_LAB_NUMBER is \`$number\`, a number from 2 to 250 is needed"
fi
number=$((10#$number))
dir=${SWITCHBACK_LAB_DIR:-/var/tmp/switchback-lab-$number}
[[ $dir =~ ^/[A-Za-z0-9/._-]+$ ]] ||
    misuse "SWITCHBACK_LAB_DIR must be an absolute path of letters, digits and / . _ -"
# `<dir>/a-db/run/.s.PGSQL.5432` and ssh's control sockets must fit in 107 bytes.
((${#dir} <= 60)) || misuse "SWITCHBACK_LAB_DIR is ${#dir} bytes long, 60 fit (Unix sockets lie below it)"

mode=loopback
layout=plain
server_user=
programs=
# The folder of a MySQL server's programs, where MySQL stands in MariaDB's place.
mysql=

# What `up` decided is kept in one small file, so that every later verb sees the same lab.
read_state() {
    [[ -f $dir/state ]] || return 1
    local key value
    while IFS='=' read -r key value; do
        case $key in
            number) number=$value ;;
            mode) mode=$value ;;
            layout) layout=$value ;;
            siblings) siblings=$value ;;
            user) server_user=$value ;;
            programs) programs=$value ;;
            mysql) mysql=$value ;;
        esac
    done <"$dir/state"
    set_flavour
    set_addresses
    set_hosts
}

write_state() {
    printf 'number=%s\nmode=%s\nlayout=%s\nsiblings=%s\nuser=%s\nprograms=%s\nmysql=%s\n' \
        "$number" "$mode" "$layout" "$siblings" "$server_user" "$programs" "$mysql" >"$dir/state.new"
    mv "$dir/state.new" "$dir/state"
}

set_flavour() {
    # shellcheck source=mariadb.sh
    . "$here/lib/mariadb.sh"
    # shellcheck source=mysql.sh
    [[ -z $mysql ]] || . "$here/lib/mysql.sh"
}

need_lab() {
    if [[ ! -f $dir/ready ]] || ! read_state; then fail "no lab is up in $dir; \`tests/lab/lab up\` makes one"; fi
    [[ -O $dir ]] || fail "the lab in $dir belongs to $(stat -c %U "$dir"), and you are $(id -un)"
    set_become
}

set_addresses() {
    if [[ $mode == loopback ]]; then
        # All of 127.0.0.0/8 is local on Linux, but named listens only on addresses that an interface has.
        prefix=127.$number
        trusted=127.0.0.0/8
        bind_address=127.0.0.1
        bind_port=$((53000 + number))
    else
        prefix=10.$number
        trusted=$prefix.0.0/16
        bind_address=$prefix.0.53
        bind_port=5301
    fi
}
set_addresses

address_of() {
    case $1 in
        a-db) printf '%s.1.10' "$prefix" ;;
        a-db2) printf '%s.1.11' "$prefix" ;;
        a-web) printf '%s.1.20' "$prefix" ;;
        b-db) printf '%s.2.10' "$prefix" ;;
        b-web) printf '%s.2.20' "$prefix" ;;
        dns) printf '%s.0.53' "$prefix" ;;
        operator) printf '%s.0.1' "$prefix" ;;
        client) printf '%s.0.3' "$prefix" ;;
        *) return 1 ;;
    esac
}

site_of() {
    case $1 in
        a-*) printf dallas ;;
        b-*) printf nuremberg ;;
    esac
}

# The name that Switchback gives to the slot of a member.
slot_of() { printf 'switchback_%s' "${1//-/_}"; }

is_host() { [[ " ${ssh_hosts[*]} " == *" $1 "* ]]; }
is_db_host() { [[ " ${db_hosts[*]} " == *" $1 "* ]]; }

# Which hosts there are, the lab that is up says.
need_host() { # need_host VERB ARGUMENTS…
    read_state || true
    [[ $# -ge 2 ]] || misuse "$1 wants a host: ${ssh_hosts[*]}"
    is_host "$2" || misuse "\`$2\` is not a host of the lab: ${ssh_hosts[*]}"
}

need_db_host() {
    read_state || true
    [[ $# -ge 2 ]] || misuse "$1 wants a database host: ${db_hosts[*]}"
    is_db_host "$2" || misuse "\`$2\` is not a database host of the lab: ${db_hosts[*]}"
}

# The newest server that is installed.
pg_bin() {
    local newest
    newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)
    [[ -x $newest ]] || return 1
    printf '%s' "${newest%/postgres}"
}

pg_version() {
    local bin
    bin=$(pg_bin)
    bin=${bin%/bin}
    printf '%s' "${bin##*/}"
}
