# rewind DATA CONFIG BIN SOURCE CONNINFO SLOT: takes back what the directory has of its own. From the moment at which it
# begins to write until it has ended, the directory must never be started.
source=$4 conninfo=$5 slot=$6
PGOPTIONS='-c statement_timeout=0'
export PGOPTIONS
! postmaster || fail "a server runs in $data"
[ ! -f "$state/unusable" ] || fail "an earlier rewind did not end"
"$bin/pg_rewind" --dry-run --target-pgdata="$data" --source-server="$source" || exit
keep_config
printf 'a rewind began at %s and did not end' "$(date -u +%FT%TZ)" >"$state/unusable"
sync "$state/unusable" "$state" || fail "$state/unusable cannot be written"
"$bin/pg_rewind" --target-pgdata="$data" --source-server="$source" || exit
put_config_back "$data"
be_standby "$data"
tell "$data" "primary_conninfo = $conninfo" "primary_slot_name = $slot"
sync
rm -f "$state/unusable" "$state/fenced" "$state/detached"
