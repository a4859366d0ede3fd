# history DATA CONFIG BIN TIMELINE: the history of a timeline, empty for the first.
file=$1/pg_wal/$(printf '%08X' "$4").history
[ ! -f "$file" ] || cat "$file"
