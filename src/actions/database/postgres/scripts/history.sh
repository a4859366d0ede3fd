# history DATA CONFIG BIN FILE: the history of a timeline, in the file of this name; empty for the first.
[ ! -f "$1/pg_wal/$4" ] || exec cat "$1/pg_wal/$4"
