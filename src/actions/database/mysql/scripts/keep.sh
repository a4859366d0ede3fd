# keep DATA CONFIG FILE BIN FOLDER WRITER:FIRST:LAST...: the log from the first of these on, our settings and the server's, with
# checksums. The checksums come last: where they are, all of it is.
folder=$5
shift 5
read_options
to=$state/kept/$folder
if [ ! -f "$to/SHA256SUMS" ]; then
    make_state
    rm -rf "$to.new" && mkdir -p "$to.new/log" "$to.new/config" || fail "$to.new cannot be made"
    files=$(needed "$@") || exit
    for one in $files; do
        # A server that does not run only ever deletes them: a second name keeps them for nothing.
        { ! running && ln "$one" "$to.new/log/" 2>/dev/null; } || cp -p "$one" "$to.new/log/" || fail "$one cannot be kept"
    done
    for one in "$config"/*.cnf $file; do
        [ ! -r "$one" ] || cp -p "$one" "$to.new/config/" || fail "$one cannot be kept"
    done
    (cd "$to.new" && find . -type f ! -name SHA256SUMS -exec sha256sum {} + >SHA256SUMS.new &&
        sync . && mv SHA256SUMS.new SHA256SUMS) || fail "$to.new cannot be written"
    rm -rf "$to" && mv "$to.new" "$to" && sync "$state/kept" || fail "$to cannot be made"
fi
printf '%s %s\n' "$(wc -l <"$to/SHA256SUMS")" "$to"
