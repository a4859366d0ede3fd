# look DATA CONFIG BIN UNIT: what a member's disk tells. Reads only.
data=$1 config=$2 bin=$3 unit=$4
say() { printf '%s=%s\n' "$1" "$2"; }

[ -z "$unit" ] || say unit "$(systemctl is-enabled "$unit" 2>/dev/null)"
if [ -d "$data.switchback" ]; then
    [ ! -f "$data.switchback/unusable" ] || say unusable "$(cat "$data.switchback/unusable")"
    if [ -f "$data.switchback/job/name" ]; then
        say job "$(cat "$data.switchback/job/name")"
        # Shared: two looks at once must not take one another for the job.
        if flock -s -n "$data.switchback/job" true; then
            say job_state "$(cat "$data.switchback/job/ended" 2>/dev/null || echo died)"
        else
            say job_state running
        fi
    fi
fi
if ! [ -d "$data" ]; then
    say data missing
    exit
fi
if ! [ -r "$data" ] || ! [ -x "$data" ]; then
    say data unreadable
    exit
fi
if ! [ -f "$data/PG_VERSION" ]; then
    say data empty
    exit
fi
say data found
say version "$(cat "$data/PG_VERSION")"

# The process must be a postmaster of this very directory: numbers are given to others again, and a zombie serves nobody.
if [ -f "$data/postmaster.pid" ]; then
    { read -r pid; read -r _; read -r started; read -r port; } <"$data/postmaster.pid"
    say started "$started"
    say port "$port"
    read -r line 2>/dev/null <"/proc/$pid/stat"
    rest=${line##*) }
    if [ -n "$line" ] && [ "${rest%% *}" != Z ] && [ "${rest%% *}" != X ] &&
        [ "$(readlink "/proc/$pid/cwd")" = "$(readlink -f "$data")" ]; then
        say running "$pid"
        say process "${rest%% *}"
    fi
fi
[ ! -f "$data/standby.signal" ] || say standby_signal yes
[ ! -f "$data/recovery.signal" ] || say recovery_signal yes
[ ! -f "$data/backup_label" ] || say backup_label yes
[ -z "$(ls -A "$data/pg_tblspc" 2>/dev/null)" ] || say tablespaces yes

# Whom it is told to follow. The value may hold a password and stays here; the last line of the last file wins.
told=$(sed -n 's/^[[:space:]]*primary_conninfo[[:space:]]*=\{0,1\}[[:space:]]*//p' "$data/postgresql.auto.conf" 2>/dev/null | tail -n 1)
[ -n "$told" ] || told=$("$bin/postgres" -C primary_conninfo -D "$config" -c data_directory="$data" 2>/dev/null)
case $told in
    '' | "''"*) ;;
    *) say follows "$(printf '%s' "$told" | tr -d "'" | sed -n 's/.*\<host=\([^ ]*\).*/\1/p')" ;;
esac

control=$("$bin/pg_controldata" -D "$data") || exit
# How long the record of a shutdown checkpoint is says where it ends.
case $control in
    *'state:               shut down'*)
        field() { printf '%s\n' "$control" | sed -n "s/^$1: *//p"; }
        say checkpoint_bytes "$("$bin/pg_waldump" -p "$data/pg_wal" -t "$(field "Latest checkpoint's TimeLineID")" \
            -s "$(field 'Latest checkpoint location')" -n 1 2>/dev/null | sed -n 's|.*len (rec/tot): *[0-9]*/ *\([0-9]*\),.*|\1|p')"
        ;;
esac
printf '== control\n%s\n' "$control"
