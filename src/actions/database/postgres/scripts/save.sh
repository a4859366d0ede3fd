# save DATA CONFIG BIN FOLDER TIMELINE SEGMENT SEGMENT_BYTES FORK END ROLE ROWS_MAX BYTES_MAX: the account. What the log past FORK committed, and
# the rows as SQL, in `account` beside the log that is kept in FOLDER. SEGMENT is the number of the one that FORK lies in. The server is started alone for it; nothing is
# written to its tables. FORK is padded to eight digits on both sides. The checksums come last: where they are, all of it is.
folder=$4 timeline=$5 segment=$6 segment_bytes=$7 fork=$8 end=$9
shift 9
role=$1 rows_max=$2 bytes_max=$3
seconds=300
export TZ=UTC PGCONNECT_TIMEOUT=5 PGCLIENTENCODING=UTF8
export PGOPTIONS='-c statement_timeout=15min -c default_transaction_read_only=on -c search_path=pg_catalog -c datestyle=ISO -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=1 -c standard_conforming_strings=on -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off'
kept=$state/kept/$folder
[ ! -f "$kept/account/SHA256SUMS" ] || exit 0
[ -f "$kept/SHA256SUMS" ] || fail "the log is not kept in $kept"
[ -f "$data/standby.signal" ] || fail "$data is not fenced"
free=$(df -Pk "$kept" | awk 'NR == 2 { print $4 }')
[ "${free:-0}" -ge 65536 ] || fail "less than 64 MiB are free where the rows would be saved, in $kept"
# At most half of what is free.
[ "$bytes_max" -le $((free * 512)) ] || bytes_max=$((free * 512))
work=$kept/account.new
rm -rf "$work" && mkdir "$work" "$work/tmp" || fail "$work cannot be made"
export TMPDIR="$work/tmp"
into=$work/tmp
missing() { printf '%s\n' "$*" >>"$work/not_recovered.txt"; }
: >"$work/not_recovered.txt"
figure() { sed -n "s/^$1=//p" "$into/figures"; }
ask() { PGDATABASE=$1 timeout 7200 "$bin/psql" -XAtqw -h "$sockets" -p "$port" -U "$super" -F ' '; }

# ---- the log, from some segments before the fork on, as far as there are any: what was lost may have begun there
per_file=$((4294967296 / segment_bytes))
is_there() { [ -f "$data/pg_wal/$(printf '%08X%08X%08X' "$timeline" $(($1 / per_file)) $(($1 % per_file)))" ]; }
before=64
while [ "$before" -gt 0 ] && [ "$segment" -gt 1 ] && is_there $((segment - 1)); do
    segment=$((segment - 1))
    before=$((before - 1))
done
start=$(printf '%X/%X' $((segment * segment_bytes >> 32)) $((segment * segment_bytes & 4294967295)))
{ timeout 7200 "$bin/pg_waldump" -p "$data/pg_wal" -t "$timeline" -s "$start" 2>"$into/waldump.err" || echo $? >"$into/waldump.code"; } |
    grep -E '^rmgr: (Heap2?|Transaction|Standby|XLOG|Storage) ' |
    awk -v fork="$fork" -v lines_max=$((rows_max * 20)) "$log_rows" >"$into/log" || fail "the log cannot be read: $(head -n 1 "$into/waldump.err")"
: >"$into/places"
: >"$into/gone"
: >"$into/relations"
: >"$into/transactions"
awk -v into="$into" -v rows_max="$rows_max" "$lost_rows" "$into/log" "$into/log" || fail "the log cannot be followed"
rm -f "$into/log"
sort -k1,1n -k3,3n -k4,4n "$into/places" >"$into/sorted" && mv "$into/sorted" "$into/places"
{ echo xid,committed_at,rows_inserted,rows_updated,rows_deleted; cat "$into/transactions"; } >"$work/transactions.csv"
next_xid=$(figure next_xid)
early=$(figure early)
[ "$early" = 0 ] || missing "$early transactions may have begun before the oldest log that is still there: rows that they wrote before that are not saved"
[ "$(figure prepared)" = 0 ] || missing "$(figure prepared) prepared transactions were neither committed nor rolled back: their rows are not saved"
[ "$(figure unread)" = 0 ] || missing "the log holds more than $((rows_max * 20)) changes: those after them are not listed"
# It always ends with a complaint, at the end of the log. Before that it is a gap.
[ "$(cat "$into/waldump.code" 2>/dev/null)" != 124 ] || missing "reading the log took longer than two hours: what it says after that is not listed"
lacks=$(sed -n 's/.*could not find file "\([0-9A-F]\{24\}\)".*/\1/p' "$into/waldump.err" | tail -n 1)
last=$((0x${end#*/} + 0x${end%/*} * 4294967296 - 1))
last=$(printf '%08X%08X%08X' "$timeline" $((last / segment_bytes / per_file)) $((last / segment_bytes % per_file)))
if [ -n "$lacks" ] && [ "$(printf '%s\n%s\n' "$lacks" "$last" | sort | head -n 1)" = "$lacks" ]; then
    missing "the log lacks $lacks, and goes to $last: what it says from there on is not listed"
fi
[ "$next_xid" != 0 ] || missing "where the two parted cannot be seen in the log: changes and deletions of older rows are listed, not saved"

# ---- the server, alone
postmaster && {
    note_log "$pid"
    "$bin/pg_ctl" stop -D "$data" -w -s -t "$seconds" -m fast >/dev/null 2>&1 || fail "the standby in $data does not stop"
}
start_alone "$seconds" || {
    stop_alone "$seconds"
    fail "the server does not come up in quarantine: $(why_not_alone)"
}
trap 'stop_alone "$seconds"; rm -rf "$sockets"' EXIT
port=$(sed -n 4p "$data/postmaster.pid")
for super in "$(id -un)" postgres "$role"; do
    [ "$(echo 'SELECT 1' | ask postgres 2>/dev/null)" != 1 ] || break
done
super=$(echo "SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1" | ask postgres 2>"$into/error") ||
    fail "nobody can log in to the server in quarantine: $(tail -n 1 "$into/error")"
[ -n "$super" ] || fail "the server in quarantine has no superuser who may log in"
polls=600
until [ "$(echo "SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '$end') >= -40" | ask postgres)" = t ]; do
    polls=$((polls - 1))
    [ "$polls" -gt 0 ] || fail "the log is replayed to $(echo 'SELECT pg_last_wal_replay_lsn()' | ask postgres) only, and goes to $end"
    sleep 0.1
done

# ---- the rows, database by database
: >"$into/tables"
left_bytes=$bytes_max
for oid in $(cut -d' ' -f1 "$into/relations" | sort -un); do
    if [ "$oid" = 0 ]; then
        missing "what belongs to no database was changed (roles, databases, tablespaces): it is not saved"
        continue
    fi
    name=$(echo "SELECT datname FROM pg_database WHERE oid = $oid" | ask postgres)
    if [ -z "$name" ]; then
        missing "a database was dropped later (its number is $oid): its rows are not saved"
        continue
    fi
    # What each file belongs to at the end: nothing, where its table was dropped or written anew later.
    awk -v oid="$oid" '$1 == oid { printf "%s(%s, %s)", sep, $2, $3; sep = ", " }' "$into/relations" >"$into/files"
    ask "$name" >"$into/whose" 2>"$into/error" <<SQL || fail "$name: $(tail -n 1 "$into/error")"
SELECT f.spc, f.node,
       CASE WHEN c.oid IS NULL THEN 'unknown' WHEN c.oid < 16384 THEN 'catalog:' || c.relname
            WHEN n.nspname = 'pg_toast' THEN 'toast' WHEN n.nspname = 'switchback' THEN 'ours'
            WHEN c.relkind = 'r' THEN 'table' WHEN c.relkind = 'm' THEN 'view' ELSE 'other' END,
       translate(coalesce(format('%I.%I', n.nspname, c.relname), '?'), E'\n\t\r', '   ')
FROM (VALUES $(cat "$into/files")) f(spc, node)
LEFT JOIN pg_class c ON c.oid = pg_filenode_relation(f.spc, f.node) LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
SQL
    awk -v oid="$oid" -v next_xid="$next_xid" -v whose="$into/whose" -v gone="$into/gone" "$row_sql" "$into/places" >"$into/script"
    rm -f "$into/code"
    { PGDATABASE=$name timeout 7200 "$bin/psql" -XAtqw0 -h "$sockets" -p "$port" -U "$super" -f "$into/script" 2>"$into/error" || echo $? >"$into/code"; } |
        head -c "$left_bytes" >"$into/rows"
    bytes=$(wc -c <"$into/rows")
    left_bytes=$((left_bytes - bytes))
    if [ "$left_bytes" -le 0 ]; then
        # What was cut off in the middle is no statement.
        sed -i -z '$d' "$into/rows"
        missing "$name: its rows are more than the $bytes_max bytes that there is room for, or that are allowed: the rest is not saved"
    elif [ -f "$into/code" ]; then
        missing "$name: reading its rows was cut off (exit code $(cat "$into/code"), 124 after two hours): $(tail -n 1 "$into/error")"
    elif [ -s "$into/error" ]; then
        missing "$name: $(grep -c ERROR "$into/error") questions about its rows failed, the first with: $(grep -m 1 ERROR "$into/error" | sed 's/.*ERROR: *//')"
    fi
    sort -z -s -k1,1n "$into/rows" >"$into/sorted" || fail "the rows of $name cannot be sorted"
    if [ -s "$into/sorted" ]; then
        {
            printf -- '-- Rows of database %s that are not on the side that was promoted: see account.txt, and docs/account.md before you carry them out.\n' \
                "$(printf %s "$name" | tr '\n\r' '  ')"
            echo "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';"
            sed -z 's/^[0-9]* [0-9]* [IMUAD] //' "$into/sorted" | tr '\0' '\n'
        } >"$work/rows-$oid.sql" || fail "$work/rows-$oid.sql cannot be written"
    fi
    sed -z 's/^[0-9]* \([0-9]* [IMUAD]\) .*/\1/' "$into/sorted" | tr '\0' '\n' | sort | uniq -c >"$into/saved"
    awk -v oid="$oid" -v database="$(printf %s "$name" | tr '\n\r\t' '   ')" -v whose="$into/whose" -v saved="$into/saved" \
        -v places="$into/places" -v missing="$work/not_recovered.txt" -v dump="$into/dump" "$row_count" "$into/relations" >>"$into/tables"
    if [ -f "$into/dump" ]; then
        rm -f "$into/dump"
        PGDATABASE=$name PGOPTIONS='' timeout 600 "$bin/pg_dump" --schema-only -w -h "$sockets" -p "$port" -U "$super" >"$work/schema-$oid.sql" 2>"$into/error" ||
            missing "$name: its definitions cannot be written down: $(tail -n 1 "$into/error")"
    fi
    [ "$left_bytes" -gt 0 ] || break
done
stop_alone "$seconds" || fail "the server in quarantine does not stop"
{
    printf 'account=1\ntimeline=%s\nfork=%s\nend=%s\n' "$timeline" "$fork" "$end"
    grep -E '^(transactions|with_rows|first|last)=' "$into/figures"
    cat "$into/tables"
    sed 's/^/not_recovered=/' "$work/not_recovered.txt"
} >"$work/account.txt" || fail "$work/account.txt cannot be written"
rm -rf "$into" "$work/not_recovered.txt"
(cd "$work" && find . -type f ! -name SHA256SUMS -exec sha256sum {} + >SHA256SUMS.new && sync && mv SHA256SUMS.new SHA256SUMS) ||
    fail "$work cannot be written"
rm -rf "$kept/account" && mv "$work" "$kept/account" && sync "$kept" || fail "$kept/account cannot be made"
