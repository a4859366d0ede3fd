# Turns the places of one database's rows (lost_rows.awk) into questions for psql whose answers are statements, each with its
# place in the order of the log, its file and its kind before it. Names and values are quoted by the server.
function ask_whose() {
    print "SELECT format('%I.%I', n.nspname, c.relname) AS name,"
    print "  coalesce(string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum), '') AS names,"
    print "  coalesce(string_agg(format('quote_nullable(r.%I)', a.attname), $$ || ', ' || $$ ORDER BY a.attnum), $$''$$) AS values,"
    print "  coalesce(string_agg(format('%L || quote_nullable(r.%I)', format('%I = ', a.attname), a.attname), $$ || ', ' || $$ ORDER BY a.attnum)"
    print "    FILTER (WHERE a.attidentity <> 'a'), $$''$$) AS changes"
    print "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    print "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
    split(now, file, "/")
    print "WHERE c.oid = pg_filenode_relation(" file[1] ", " file[2] ") GROUP BY 1 \\gset"
    node = file[2]
}
function guard(place) {
    return "format(' WHERE ctid = %L AND age(xmin) > age(%L::xid) AND pg_relation_filenode(%L) = " node "', " place ", '" next_xid "', :'name')"
}
function insertion(values) {
    return "'INSERT INTO ' || :'name' || ' (' || :'names' || ') OVERRIDING SYSTEM VALUE " values
}
function ask(kind,   from) {
    if (!items[kind]) return
    print "SELECT u.seq || ' " node " " kind " ' ||"
    from = "FROM unnest('{" places[kind] "}'::tid[], '{" seqs[kind] "}'::int8[], '{" xids[kind] "}'::text[], '{" olds[kind] "}'::text[]) AS u(place, seq, xid, old)"
    from = from " JOIN ONLY :name AS r ON r.ctid = u.place AND r.xmin = u.xid::xid ORDER BY u.seq;"
    if (kind == "I") print insertion("VALUES (' || (:values) || ') ON CONFLICT DO NOTHING;'")
    else if (kind == "U") print "'UPDATE ONLY ' || :'name' || ' SET ' || (:changes) || " guard("u.old") " || ';'"
    else if (kind == "A") {
        print "'WITH changed AS (UPDATE ONLY ' || :'name' || ' SET ' || (:changes) || " guard("u.old") " || ' RETURNING 1) ' ||"
        print insertion("SELECT ' || (:values) || ' WHERE NOT EXISTS (SELECT FROM changed) ON CONFLICT DO NOTHING;'")
    } else if (kind == "M") {
        print insertion("VALUES (' || (:values) || ') ON CONFLICT DO NOTHING;'")
        from = "FROM unnest('{" places[kind] "}'::text[], '{" seqs[kind] "}'::int8[], '{" xids[kind] "}'::text[], '{" olds[kind] "}'::text[]) AS u(block, seq, xid, apart)"
        from = from " CROSS JOIN generate_series(1, (current_setting('block_size')::int - 24) / 28) AS o(item)"
        from = from " JOIN ONLY :name AS r ON r.ctid = format('(%s,%s)', u.block, o.item)::tid AND r.xmin = u.xid::xid"
        from = from " WHERE o.item <> ALL (string_to_array(u.apart, ':')::int[]) ORDER BY u.seq, o.item;"
    } else {
        print "'DELETE FROM ONLY ' || :'name' || " guard("u.place") " || ';'"
        from = "FROM unnest('{" places[kind] "}'::text[], '{" seqs[kind] "}'::int8[]) AS u(place, seq) ORDER BY u.seq;"
    }
    print from
    items[kind] = 0
    places[kind] = seqs[kind] = xids[kind] = olds[kind] = ""
}
function add(kind, place, sequence, xid, was,   sep, most) {
    sep = items[kind]++ ? "," : ""
    places[kind] = places[kind] sep place
    seqs[kind] = seqs[kind] sep sequence
    xids[kind] = xids[kind] sep xid
    olds[kind] = olds[kind] sep was
    most = kind == "M" ? 20 : 500
    if (items[kind] >= most) ask(kind)
}
function belongs(spc, file) {
    if (class[spc "/" file] != "table") return 0
    if (now != spc "/" file) {
        ask_all()
        now = spc "/" file
        ask_whose()
    }
    return 1
}
function ask_all() {
    ask("I")
    ask("M")
    ask("U")
    ask("A")
    ask("D")
}
function quoted(block, offset) { return "\"(" block "," offset ")\"" }
BEGIN {
    while ((getline line < whose) > 0) {
        split(line, part, " ")
        class[part[1] "/" part[2]] = part[3]
    }
}
$1 == oid && belongs($2, $3) {
    # Without the number that parts old rows from new ones an older row cannot be told for certain.
    if ((($5 == "U") || ($5 == "A")) && next_xid == 0) next
    if ($5 == "M") add("M", $6, $4, $8, $9)
    else add($5, quoted($6, $7), $4, $8, quoted($9, $10))
}
END {
    while (next_xid != 0 && (getline line < gone) > 0) {
        split(line, part, " ")
        if (part[1] == oid && belongs(part[2], part[3])) add("D", quoted(part[5], part[6]), part[4], 0, "")
    }
    ask_all()
}
