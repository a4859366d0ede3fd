# What every touch script begins with: the places, and words for what they do to them.
data=$1 config=$2 bin=$3
state=$data.switchback
auto=$data/postgresql.auto.conf
blanks=$(printf ' \t')
umask 077
fail() {
    printf '%s\n' "$*" >&2
    exit 1
}
newline='
'
# Here and below what is found is left in a variable: a substitution is a process, as every program is, and users wait a millisecond
# or two for each.
# read_state PID: the state letter of a process, as `letter`; empty where there is none.
read_state() {
    line=
    read -r line 2>/dev/null <"/proc/$1/stat"
    letter=${line##*) }
    letter=${letter%% *}
}
# The postmaster of this very directory, if one lives, as `pid`.
postmaster() {
    pid=
    [ -f "$data/postmaster.pid" ] && read -r pid <"$data/postmaster.pid" && read_state "$pid" &&
        case $letter in '' | Z | X) false ;; esac && [ "/proc/$pid/cwd" -ef "$data" ] || {
        pid=
        return 1
    }
}
cluster_state() { "$bin/pg_controldata" -D "$data" | sed -n 's/^Database cluster state: *//p'; }
# Whether a line of a configuration file says whom a standby follows.
says_whom() {
    trimmed=${1#"${1%%[!${blanks}]*}"}
    case $trimmed in primary_conninfo[=$blanks]* | primary_slot_name[=$blanks]*) return 0 ;; esac
    return 1
}
# The lines that say whom a standby follows, as they are, as `told`; that there are none is no failure.
read_told() {
    told=
    [ -e "$auto" ] || return 0
    while IFS= read -r line || [ -n "$line" ]; do
        ! says_whom "$line" || told="$told${told:+$newline}$line"
    done <"$auto"
}
# keep_told FILE: those lines, written down there; all of them or nothing.
keep_told() {
    read_told && { [ -z "$told" ] || printf '%s\n' "$told"; } >"$1.new" && sync "$1.new" && mv -f "$1.new" "$1"
}
# replace_told DIRECTORY [LINE...]: those lines replaced by these. The settings of others are in the same file: it is replaced only by
# one that is whole, and on disk.
replace_told() {
    settings=$1/postgresql.auto.conf
    shift
    [ ! -e "$settings.switchback" ] || rm -f "$settings.switchback"
    : >"$settings.switchback" || fail "$settings cannot be written"
    {
        [ ! -e "$settings" ] || while IFS= read -r line || [ -n "$line" ]; do
            says_whom "$line" || printf '%s\n' "$line" || fail "$settings cannot be written"
        done <"$settings" || fail "$settings cannot be read"
        for one; do printf '%s\n' "$one" || fail "$settings cannot be written"; done
    } >>"$settings.switchback" || fail "$settings cannot be written"
    sync "$settings.switchback" && mv -f "$settings.switchback" "$settings" || fail "$settings cannot be written"
}
# tell DIRECTORY [LINE...]: the same, and it is on disk before it returns that they were replaced.
tell() { replace_told "$@" && sync "$1" || fail "$1/postgresql.auto.conf cannot be written"; }
# Any start from now on comes up read-only.
be_standby() { : >"$1/standby.signal" && sync "$1/standby.signal" "$1" || fail "$1/standby.signal cannot be written"; }
make_state() {
    [ -d "$state" ] || mkdir "$state" || fail "$state cannot be made; its folder must be writable for $(id -un)"
}
# Where the server talks to, so that it goes on talking there when we start it.
note_log() {
    log=$(readlink "/proc/$1/fd/2")
    case $log in /*) [ ! -f "$log" ] || { printf '%s' "$log" >"$state/log.new" && mv -f "$state/log.new" "$state/log"; } ;; esac
}
# Configuration, and whatever else in a data directory is not PostgreSQL's own: a rewind or a copy would replace it.
keep_config() {
    rm -rf "$state/config.new" && mkdir "$state/config.new" || fail "$state/config.new cannot be made"
    (
        cd "$data" || exit
        for file in * .[!.]*; do
            case $file in
                PG_VERSION | base | global | log | postmaster.* | *.signal | backup_label* | backup_manifest* | \
                    tablespace_map* | current_logfiles | recovery.* | core*) continue ;;
                pg_*) [ ! -d "$file" ] || continue ;;
            esac
            [ ! -e "$file" ] || cp -a "$file" "$state/config.new/" || exit
        done
    ) || fail "the configuration in $data cannot be kept"
    rm -rf "$state/config" && mv "$state/config.new" "$state/config"
}
put_config_back() { cp -a "$state/config/." "$1/" || fail "the configuration cannot be put back into $1"; }
# start SECONDS [OPTIONS]: as pg_ctl does it; nothing of ours stays open in the server.
start() {
    seconds=$1 options=$2
    log=$state/server.log
    [ ! -f "$state/log" ] || log=$(cat "$state/log")
    [ "$config" = "$data" ] || options="-c config_file='$config/postgresql.conf' $options"
    "$bin/pg_ctl" start -D "$data" -w -s -t "$seconds" -l "$log" -o "$options" >"$state/start.out" 2>&1 </dev/null 9<&-
}
