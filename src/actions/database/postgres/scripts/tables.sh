# tables DATA CONFIG BIN DATABASE: OID BYTES NAME of each table whose rows are replicated.
ask "$4" <<'SQL'
SELECT c.oid, greatest(pg_relation_size(c.oid), 1), translate(format('%I.%I', n.nspname, c.relname), E'\n\r', '  ')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' AND c.oid >= 16384 AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY c.oid
SQL
