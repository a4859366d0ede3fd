# shellcheck shell=bash
# repmgr of Debian's packages on the lab's two PostgreSQL members, set up as its documentation says: a role and a database of its own,
# a repmgr.conf a node with the commands that this lab starts and stops its servers with, ssh from one node to the other. All of it
# lies in the lab's folder and in its databases, and is gone with the lab. Nothing of repmgr's daemon runs.
#
# It is given what helps it: ssh connections that stand (ControlPersist), and names that are redirected by its own event notification
# the moment that the standby is promoted, not when the command has ended.

repmgr_folder() { printf '%s/repmgr' "$LAB_DIR"; }

# prepare_repmgr PRIMARY STANDBY
prepare_repmgr() {
    local folder version=${LAB_PG_BIN%/bin} host data
    folder=$(repmgr_folder) version=${version##*/}
    tests/lab/lab packages repmgr-common "postgresql-$version-repmgr" >&2
    say "== repmgr on the lab: $("$LAB_PG_BIN/repmgr" --version)"
    rm -rf "$folder"
    (
        umask 077
        mkdir "$folder"
        cp "$LAB_KEY" "$folder/key"
        cp "$LAB_TSIG_KEY" "$folder/tsig.key"
        printf 'X-API-Key: %s\n' "$(<"$LAB_PDNS_KEY")" >"$folder/pdns.header"
        printf '*:*:*:repmgr:%s\n' "$(openssl rand -hex 16)" >"$folder/pgpass"
        repmgr_node a-db 1 "$LAB_A_DB" "$LAB_A_DB_DATA" "$LAB_A_DB_LOG" >"$folder/a-db.conf"
        repmgr_node b-db 2 "$LAB_B_DB" "$LAB_B_DB_DATA" "$LAB_B_DB_LOG" >"$folder/b-db.conf"
        repmgr_redirect >"$folder/redirect"
        chmod 700 "$folder/redirect"
    )
    ((EUID != 0)) || chown -R "$LAB_USER:" "$folder"
    tests/lab/lab psql "$1" -XAtq -v ON_ERROR_STOP=1 -d postgres >"$work/log" 2>&1 <<SQL || fail "repmgr's database could not be made: $(tail -n 3 "$work/log")"
SELECT 'CREATE ROLE repmgr' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'repmgr') \gexec
ALTER ROLE repmgr LOGIN SUPERUSER REPLICATION PASSWORD '$(cut -d: -f5 "$folder/pgpass")';
SELECT 'CREATE DATABASE repmgr OWNER repmgr' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'repmgr') \gexec
SQL
    for data in "$LAB_A_DB_DATA" "$LAB_B_DB_DATA"; do
        grep -qw repmgr "$data/pg_hba.conf" ||
            printf 'hostssl repmgr,replication repmgr 127.0.0.0/8 scram-sha-256\n' >>"$data/pg_hba.conf"
    done
    for host in "$1" "$2"; do tests/lab/lab psql "$host" -XAtqc 'SELECT pg_reload_conf()' >/dev/null; done
    repmgr_registers "$1" "$2"
}

# repmgr_node HOST NUMBER ADDRESS DATA LOG: a repmgr.conf.
repmgr_node() {
    local folder
    folder=$(repmgr_folder)
    cat <<CONFIG
node_id=$2
node_name='$1'
conninfo='host=$3 port=$LAB_PG_PORT user=repmgr dbname=repmgr connect_timeout=2 passfile=$folder/pgpass sslmode=verify-ca sslrootcert=$LAB_CA'
passfile='$folder/pgpass'
data_directory='$4'
pg_bindir='$LAB_PG_BIN'
repmgr_bindir='$LAB_PG_BIN'
service_start_command='$LAB_PG_BIN/pg_ctl -D $4 -l $5 -w -s start'
service_stop_command='$LAB_PG_BIN/pg_ctl -D $4 -m fast -W -s stop'
service_restart_command='$LAB_PG_BIN/pg_ctl -D $4 -l $5 -m fast -w -s restart'
service_reload_command='$LAB_PG_BIN/pg_ctl -D $4 -s reload'
ssh_options='-q -F none -p $LAB_SSH_PORT -i $folder/key -o IdentitiesOnly=yes -o ConnectTimeout=10 -o UserKnownHostsFile=$LAB_KNOWN_HOSTS -o StrictHostKeyChecking=yes -o ControlMaster=auto -o ControlPath=$folder/mux-%h -o ControlPersist=60s'
promote_check_interval=1
event_notification_command='$folder/redirect %n %e %s'
event_notifications='standby_promote'
CONFIG
}

# What repmgr calls when it has promoted a node: the same two changes of DNS as everybody's, at once.
repmgr_redirect() {
    local folder
    folder=$(repmgr_folder)
    cat <<SCRIPT
#!/bin/sh
[ "\$2 \$3" = 'standby_promote 1' ] || exit 0
case \$1 in
    1) database=$LAB_A_DB web=$LAB_A_WEB ;;
    2) database=$LAB_B_DB web=$LAB_B_WEB ;;
    *) exit 1 ;;
esac
curl --silent --show-error --fail --request PATCH --header @$folder/pdns.header --header 'Content-Type: application/json' \\
    --data '{"rrsets": [{"name": "$LAB_ENTRY_NAME.", "type": "A", "ttl": 2, "changetype": "REPLACE", "records": [{"content": "'\$web'", "disabled": false}]}]}' \\
    $LAB_PDNS_URL/api/v1/servers/localhost/zones/shop.test. &
nsupdate -k $folder/tsig.key <<UPDATE || exit 1
server ${LAB_BIND%:*} ${LAB_BIND##*:}
zone shop.internal
update delete $LAB_DATABASE_NAME A
update add $LAB_DATABASE_NAME 2 A \$database
send
UPDATE
wait \$!
SCRIPT
}

# repmgr_on HOST ARGUMENTS…: over ssh, as its user would.
repmgr_on() {
    local host=$1
    shift
    timeout 180 tests/lab/lab ssh "$host" "$LAB_PG_BIN/repmgr -f $(repmgr_folder)/$host.conf $*" </dev/null >"$work/repmgr.log" 2>&1
}

# Somebody else has moved the primary since: repmgr is told who is who, which is no part of what is measured. What the primary would
# follow by, were it a standby, still names a slot of Switchback's, and repmgr, which has none here, leaves it as it is.
repmgr_registers() { # repmgr_registers PRIMARY STANDBY
    tests/lab/lab psql "$1" -XAtqc 'ALTER SYSTEM RESET primary_slot_name' >"$work/log" 2>&1 || fail "repmgr: $(tail -n 3 "$work/log")"
    repmgr_on "$1" primary register --force || fail "repmgr: $(tail -n 5 "$work/repmgr.log")"
    repmgr_on "$2" standby register --force --wait-sync=10 || fail "repmgr: $(tail -n 5 "$work/repmgr.log")"
}

repmgr_moves() { # repmgr_moves TO
    repmgr_on "$1" standby switchover || fail "repmgr: $(tail -n 20 "$work/repmgr.log")"
}
