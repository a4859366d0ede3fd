# backup DATA CONFIG FILE BIN SECONDS: all that the server has, on standard output, while it goes on serving. What it locks for a moment
# it waits for no longer than SECONDS, or it would hold up whoever writes.
running || fail "no server runs in $data"
socket
[ -n "$copier" ] || fail "there is no mariadb-backup"
work=$(mktemp -d) || fail "no folder can be made for a while"
trap 'rm -rf "$work"' EXIT
set -- --backup --stream=xbstream --target-dir="$work" --datadir="$data" --socket="$socket" --startup-wait-timeout="$5"
[ -z "$file" ] || set -- --defaults-file="$file" "$@"
"$copier" "$@" 2>"$work/said" && tail -n 1 "$work/said" | grep -q 'completed OK' && exit
fail "$(grep -i -e error -e fatal -e fail -e 'unable to' "$work/said" | sed 's/^[][0-9: -]*//' | tail -n 2 | paste -s -d ' ')"
