# keep DATA CONFIG BIN FOLDER FROM: the log from segment FROM (sixteen digits, without its timeline) on, every history, the
# configuration and the control data, with checksums. The checksums come last: where they are, all of it is.
folder=$4 from=$5
to=$state/kept/$folder
if [ ! -f "$to/SHA256SUMS" ]; then
    make_state
    rm -rf "$to.new" && mkdir -p "$to.new/pg_wal" "$to.new/config" || fail "$to.new cannot be made"
    for file in "$data"/pg_wal/*; do
        name=${file##*/}
        case $name in
            *.history) cp -p "$file" "$to.new/pg_wal/" || fail "$file cannot be kept" ;;
            ????????????????????????)
                segment=${name#????????}
                lower=$(printf '%s\n%s\n' "$segment" "$from" | sort | head -n 1)
                [ "$lower" != "$from" ] || cp -p "$file" "$to.new/pg_wal/" || fail "$file cannot be kept"
                ;;
        esac
    done
    for file in "$data"/*.conf "$config"/*.conf; do
        [ ! -f "$file" ] || cp -p "$file" "$to.new/config/" || fail "$file cannot be kept"
    done
    "$bin/pg_controldata" -D "$data" >"$to.new/pg_controldata.txt" || exit
    (cd "$to.new" && find . -type f ! -name SHA256SUMS -exec sha256sum {} + >SHA256SUMS.new &&
        sync && mv SHA256SUMS.new SHA256SUMS) || fail "$to.new cannot be written"
    rm -rf "$to" && mv "$to.new" "$to" && sync "$state/kept" || fail "$to cannot be made"
fi
printf '%s %s\n' "$(wc -l <"$to/SHA256SUMS")" "$to"
