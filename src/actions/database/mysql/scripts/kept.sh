# kept DATA CONFIG FILE BIN FOLDER: whether all of it is there, and what is written down about it.
to=$data.switchback/kept/$5
[ -f "$to/SHA256SUMS" ] || exit 0
printf 'folder=%s\n' "$to"
[ ! -f "$to/figures" ] || cat "$to/figures"
