# copy DATA CONFIG BIN SOURCE CONNINFO SLOT SLOT_NAME LABEL: a new directory beside the old one; the old one is kept.
# Cut off at any place, it goes on from there when it is begun again.
source=$4 conninfo=$5 slot=$6 slot_name=$7 label=$8
! postmaster || fail "a server runs in $data"
if [ ! -f "$state/copied" ]; then
    [ -f "$state/unusable" ] && [ -d "$state/config" ] || [ ! -f "$data/PG_VERSION" ] || keep_config
    rm -rf "$state/new" || fail "$state/new cannot be removed"
    PGOPTIONS='-c statement_timeout=0' "$bin/pg_basebackup" --pgdata="$state/new" --wal-method=stream --checkpoint=fast \
        --slot="$slot_name" --dbname="$source" || exit
    [ ! -d "$state/config" ] || put_config_back "$state/new"
    be_standby "$state/new"
    tell "$state/new" "primary_conninfo = $conninfo" "primary_slot_name = $slot"
    sync
    : >"$state/copied" && sync "$state"
fi
if [ -d "$state/new" ]; then
    # An empty directory was made for this; anything else is kept.
    if [ -d "$data" ] && ! rmdir "$data" 2>/dev/null; then
        mv "$data" "$state/replaced-$label" || fail "$data cannot be moved away"
    fi
    mv "$state/new" "$data" && sync "$state" "${data%/*}" || fail "the copy cannot be moved to $data"
fi
rm -f "$state/copied" "$state/unusable" "$state/fenced" "$state/detached"
