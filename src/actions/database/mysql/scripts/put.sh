# put DATA CONFIG FILE BIN [LABEL]: a copy takes the place of what lies in the data directory, which is kept. LABEL: it has just come in,
# all of it. Cut off at any place, it goes on from there when it is begun again. Prints where the old files are.
make_state
alone
sure() { sync "$@" || fail "$1 cannot be written"; }
if [ -n "${5-}" ]; then
    position=$(cat "$state/new/mariadb_backup_binlog_info" "$state/new/xtrabackup_binlog_info" 2>/dev/null | cut -f 3- | tr -d ' \n')
    printf '%s\n' "$position" | grep -qx '[0-9]*-[0-9]*-[0-9]*\(,[0-9]*-[0-9]*-[0-9]*\)*' || fail "the copy does not tell its position (\`$position\`)"
    printf '%s %s\n' "$5" "$position" >"$state/copied.new"
    sure "$state/copied.new"
    mv "$state/copied.new" "$state/copied" || fail "$state/copied cannot be made"
    sure "$state"
fi
[ -f "$state/copied" ] || fail "no whole copy is in $state"
read -r label position <"$state/copied"
replaced=replaced-$label
if [ ! -f "$state/prepared" ]; then
    # What was cut off in the middle of this is not tried again.
    if [ -f "$state/preparing" ] || ! : >"$state/preparing" ||
        ! "$copier" --prepare --target-dir="$state/new" >"$state/prepare.log" 2>&1 || ! tail -n 1 "$state/prepare.log" | grep -q 'completed OK'; then
        rm -f "$state/copied" "$state/preparing"
        fail "the copy could not be made ready, and is to be made anew: $(grep -i -e error -e fail "$state/prepare.log" | tail -n 1)"
    fi
    sync -f "$state/new"
    : >"$state/prepared"
    sure "$state"
fi
! running || fail "a server runs in $data"
if [ ! -f "$state/exchanging" ]; then
    printf 'a copy began to take the place of its files at %s and did not end\n' "$(date -u +%FT%TZ)" >"$state/unusable"
    : >"$state/exchanging"
    sure "$state/unusable" "$state"
fi
if [ ! -f "$state/emptied" ]; then
    mkdir -p "$state/$replaced" "$data" || fail "$state/$replaced or $data cannot be made"
    # Its log may lie elsewhere: kept there. The list of its files goes last.
    read_options
    [ -n "$options" ] || fail "the server's program does not tell where its log lies"
    for one in $(logs) "$(logs >/dev/null && printf '%s' "$index")"; do
        case $one in "$data"/* | '') continue ;; esac
        [ ! -e "$one" ] || { mkdir -p "${one%/*}/$replaced" && mv -- "$one" "${one%/*}/$replaced/"; } || fail "$one cannot be kept"
    done
    find "$data" -mindepth 1 -maxdepth 1 -exec mv -t "$state/$replaced" -- {} + || fail "what lies in $data cannot be kept"
    : >"$state/emptied"
    sure "$state" "$data"
fi
if [ -d "$state/new" ]; then
    find "$state/new" -mindepth 1 -maxdepth 1 -exec mv -t "$data" -- {} + && rmdir "$state/new" || fail "the copy cannot be moved to $data"
fi
printf '%s\n' "$position" >"$state/position.new"
sure "$state/position.new" "$data"
mv "$state/position.new" "$state/position" || fail "$state/position cannot be made"
sure "$state"
in_place
printf '%s/%s\n' "$state" "$replaced"
