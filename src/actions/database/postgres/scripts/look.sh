# look DATA CONFIG BIN UNIT LISTENS [RECORD [CONTROL]]: what a member's disk tells. Reads only. It runs several times in an outage,
# and most of what it costs is programs that it begins; so it begins few. LISTENS: its server's place in /proc/net/tcp, as an expression.
# RECORD: timeline, place and length of a shutdown checkpoint that was measured before; what is written there does not change.
# CONTROL: the control data, where whoever comes before this has read them at this moment.
data=$1 config=$2 bin=$3 unit=$4 listens=$5 measured=$6 control=$7
newline='
'
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
# What is told is of one directory, also where a copy that ends meanwhile puts another in its place.
if ! cd "$data"; then
    say data missing
    exit
fi
if ! [ -f PG_VERSION ]; then
    say data empty
    exit
fi
say data found
read -r version <PG_VERSION
say version "$version"

# The process must be a postmaster of this very directory: numbers are given to others again, and a zombie serves nobody.
running=
if [ -f postmaster.pid ]; then
    { read -r pid; read -r _; read -r started; read -r port; } <postmaster.pid
    say started "$started"
    say port "$port"
    read -r line 2>/dev/null <"/proc/$pid/stat"
    rest=${line##*) }
    if [ -n "$line" ] && [ "${rest%% *}" != Z ] && [ "${rest%% *}" != X ] &&
        [ "/proc/$pid/cwd" -ef . ]; then
        running=yes
        say running "$pid"
        say process "${rest%% *}"
    fi
fi
# None runs here. Where one listens in its place nevertheless, this may not be the directory that it works in. Its own
# is closed before its pid file goes; what is seen is looked for once more all the same.
listener() { grep -hE "^ *[0-9]+: $listens [0-9A-F]+:0000 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null; }
if [ -z "$listens" ] || [ -n "$running" ] || ! listener >/dev/null; then
    :
elif sleep 0.05 && found=$(listener); then
    # shellcheck disable=SC2086  # fields; the tenth is the socket
    set -- $found
    # What belongs to others is not to be seen, and may be anything. A program that is no PostgreSQL takes no writes.
    owner=$(find /proc/[0-9]*/fd -lname "socket:[[]${10}[]]" 2>/dev/null)
    owner=${owner#/proc/}
    name=
    [ -z "$owner" ] || read -r name 2>/dev/null <"/proc/${owner%%/*}/comm"
    case $name in
        '' | postgres | postmaster) say elsewhere "$(readlink "/proc/${owner%%/*}/cwd" 2>/dev/null || echo unknown)" ;;
    esac
fi
[ ! -f standby.signal ] || say standby_signal yes
[ ! -f recovery.signal ] || say recovery_signal yes
[ ! -f backup_label ] || say backup_label yes
for space in pg_tblspc/*; do
    if [ -e "$space" ] || [ -L "$space" ]; then
        say tablespaces yes
        break
    fi
done

# Whom it is told to follow. The value may hold a password and stays here; the last line of the last file wins.
told=
if [ -r postgresql.auto.conf ]; then
    while read -r name value || [ -n "$name" ]; do
        case $name in
            primary_conninfo) told=$value ;;
            primary_conninfo=*) told="${name#primary_conninfo} $value" ;;
        esac
    done <postgresql.auto.conf
fi
told=${told#=}
told=${told#"${told%%[! ]*}"}
[ -n "$told" ] || told=$("$bin/postgres" -C primary_conninfo -D "$config" -c data_directory="$data" 2>/dev/null)
case $told in
    '' | "''"*) ;;
    *)
        whom=
        case " $told" in *[\ \']host=*)
            whom=" $told"
            whom=${whom##*[ \']host=}
            whom=${whom#"${whom%%[!\']*}"}
            whom=${whom%%[ \']*}
            ;;
        esac
        say follows "$whom"
        ;;
esac

[ -n "$control" ] || control=$("$bin/pg_controldata" -D .) || exit
# How long the record of a shutdown checkpoint is says where it ends.
case $control in
    *'state:               shut down'*)
        # Line by line: of a long text some shells find what follows on a word in a time that grows with its square.
        IFS=$newline
        set -f
        for line in $control; do
            case $line in
                "Latest checkpoint's TimeLineID:"*) timeline=${line##* } ;;
                'Latest checkpoint location:'*) place=${line##* } ;;
            esac
        done
        set +f
        unset IFS
        record="len (rec/tot): -/${measured##* },"
        [ "${measured% *}" = "$timeline $place" ] ||
            record=$("$bin/pg_waldump" -p pg_wal -t "$timeline" -s "$place" -n 1 2>/dev/null)
        case $record in
            *'len (rec/tot): '*/*,*)
                record=${record#*len (rec/tot): }
                record=${record#*/}
                record=${record%%,*}
                say checkpoint_bytes "${record##* }"
                ;;
            *) say checkpoint_bytes '' ;;
        esac
        ;;
esac
printf '== control\n%s\n' "$control"
