# prepare DATA CONFIG BIN DATABASE SQL: as a superuser, over the server's own socket. Whoever owns the server's files is
# one under its own name on most systems; where not, `postgres` is.
database=$4 sql=$5
postmaster || fail "no server runs in $data"
port=$(sed -n 4p "$data/postmaster.pid") socket=$(sed -n 5p "$data/postmaster.pid")
[ -n "$socket" ] || fail "the server in $data has no socket; run the statements yourself as a superuser"
for user in "$(id -un)" postgres; do
    super=$(PGDATABASE=$database PGCONNECT_TIMEOUT=5 "$bin/psql" -XAtqw -h "$socket" -p "$port" -U "$user" \
        -c 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user' 2>&1)
    [ "$super" != t ] || break
done
[ "$super" = t ] || fail "no superuser can log in over $socket: $super"
printf '%s\n' "$sql" | PGDATABASE=$database "$bin/psql" -XAtqw -h "$socket" -p "$port" -U "$user" -v ON_ERROR_STOP=1 -1 -f - 2>&1 >/dev/null ||
    fail "the statements were refused"
