# account DATA CONFIG BIN TIMELINE FROM: what the log holds from FROM on: its end, and its transactions' ends.
[ -x "$3/pg_waldump" ] || { echo "there is no $3/pg_waldump" >&2; exit 1; }
"$3/pg_waldump" -p "$1/pg_wal" -t "$4" -s "$5" 2>/dev/null | awk '
    match($0, /lsn: [0-9A-F]+\/[0-9A-F]+/) {
        lsn = substr($0, RSTART + 5, RLENGTH - 5)
        match($0, /len \(rec\/tot\): *[0-9]+\/ *[0-9]+/)
        total = substr($0, RSTART, RLENGTH)
        sub(/.*\/ */, "", total)
        records++
    }
    / desc: (COMMIT|PREPARE|COMMIT_PREPARED) / { commits++; if (match($0, /[0-9]+-[0-9]+-[0-9]+ [0-9:.]+ [A-Z]+/)) last = substr($0, RSTART, RLENGTH); if (first == "") first = last }
    END { printf "records=%d\ncommits=%d\nlsn=%s\ntotal=%s\nfirst=%s\nlast=%s\n", records, commits, lsn, total, first, last }'
