# place DATA CONFIG FILE BIN: what a copy from here, or to here, rests on. Reads only.
say() { printf '%s=%s\n' "$1" "$2"; }
version() { [ -z "$1" ] || "$1" --version 2>&1 | grep -o '[0-9][0-9]*\.[0-9][0-9]*\.[0-9][0-9]*' | head -n 1; }
read_options
say server "$(version "$server")"
say copier "$(version "$copier")"
[ -z "$(command -v mbstream)" ] || say unpacks yes
# What both must have the same, or the one's files are none to the other.
for one in innodb_data_file_path innodb_page_size innodb_undo_tablespaces lower_case_table_names; do say "$one" "$(option "$one")"; done
for one in innodb_data_home_dir innodb_log_group_home_dir innodb_undo_directory; do
    place=$(option "$one")
    case ${place%/} in '' | . | "$data") ;; *) say elsewhere "$one = $place" ;; esac
done
if [ -d "$data" ]; then
    linked=$(find "$data" \( -type l -o -name '*.isl' \) -print 2>/dev/null | head -n 1)
    [ -z "$linked" ] || say elsewhere "$linked"
    # Its own log and what it received do not come along.
    log=$(logs | head -n 1)
    say bytes "$(find "$data" -type f ! -path "${log%.*}.*" ! -name '*relay*' -printf '%k\n' 2>/dev/null | awk '{ kib += $1 } END { printf "%.0f", kib * 1024 }')"
fi
if running && (socket && sql --execute 'SELECT 1') >/dev/null 2>&1; then say administrator yes; fi
beside=${data%/*}
[ ! -d "$state" ] || beside=$state
say free_kib "$(df -Pk "$beside" | awk 'NR == 2 { print $4 }')"
[ -w "$beside" ] || say exchange "$beside cannot be written by $(id -un)"
[ ! -d "$data" ] || [ -w "$data" ] || say exchange "$data cannot be written by $(id -un)"
[ ! -d "$data" ] || [ "$(stat -c %d "$data")" = "$(stat -c %d "$beside")" ] || say exchange "$data is a file system of its own"
