# What a look begins with that asks the server as its superuser, over its own socket, and only reads.
data=$1 bin=$3
export TZ=UTC PGCONNECT_TIMEOUT=5 PGCLIENTENCODING=UTF8
export PGOPTIONS='-c default_transaction_read_only=on -c statement_timeout=45s -c lock_timeout=5s -c search_path=pg_catalog -c datestyle=ISO -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=1 -c jit=off -c synchronize_seqscans=off'
fail() {
    printf '%s\n' "$*" >&2
    exit 1
}
port=$(sed -n 4p "$data/postmaster.pid") socket=$(sed -n 5p "$data/postmaster.pid")
[ -n "$socket" ] || fail "the server in $data has no socket"
for user in "$(id -un)" postgres; do
    said=$("$bin/psql" -XAtqw -h "$socket" -p "$port" -U "$user" -d postgres -c 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user' 2>&1)
    [ "$said" != t ] || break
done
[ "$said" = t ] || fail "no superuser can log in over $socket: $said"
ask() { PGDATABASE=$1 "$bin/psql" -XAtqw -F ' ' -v ON_ERROR_STOP=1 -h "$socket" -p "$port" -U "$user"; }
