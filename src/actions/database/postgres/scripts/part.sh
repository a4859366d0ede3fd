# part DATA CONFIG BIN DATABASE OID FROM BLOCKS HORIZON WAIT: the checksum of a table's blocks, rows of transactions from HORIZON on
# left out (empty: those that are not over yet). WAIT: a place that must be replayed first, or nothing. Prints
# ROWS SUM HORIZON PLACE BLOCKS, the last two the server's present place and the table's blocks; nothing where there is no such table.
database=$4 oid=$5 from=$6 blocks=$7 horizon=$8 wait=$9
if [ -n "$wait" ]; then
    polls=300
    until [ "$(echo "SELECT pg_last_wal_replay_lsn() >= '$wait'" | ask "$database")" = t ]; do
        polls=$((polls - 1))
        [ "$polls" -gt 0 ] || fail "$wait is not replayed within 30 s"
        sleep 0.1
    done
fi
horizon=${horizon:-$(echo 'SELECT pg_snapshot_xmin(pg_current_snapshot())::xid' | ask "$database")}
ask "$database" <<SQL
SELECT format('%I.%I', n.nspname, c.relname) AS name, pg_relation_size(c.oid) / current_setting('block_size')::int8 AS size
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $oid \gset
\if :{?name}
SELECT count(*), coalesce(sum(hashtextextended(r.ctid::text || (r.*)::text, 0)::numeric), 0), '$horizon',
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END, :size
FROM ONLY :name AS r
WHERE r.ctid >= '($from,0)'::tid AND r.ctid < '($((from + blocks)),0)'::tid AND NOT (age(r.xmin) BETWEEN 0 AND age('$horizon'::xid));
\endif
SQL
