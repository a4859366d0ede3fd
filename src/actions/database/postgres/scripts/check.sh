# check DATA CONFIG BIN SOURCE: what could go wrong on a host. SOURCE: how its server would reach the other member; empty
# where that is not to be tried.
data=$1 config=$2 bin=$3 source=$4
for program in pg_ctl pg_controldata postgres pg_waldump pg_rewind pg_basebackup psql; do
    [ -x "$bin/$program" ] || printf 'missing=%s\n' "$program"
done
for program in flock setsid timeout sync sha256sum awk; do
    command -v "$program" >/dev/null || printf 'missing=%s\n' "$program"
done
[ -w "$data" ] || echo not_ours=yes
[ -w "${data%/*}" ] || [ -w "$data.switchback" ] || echo parent_not_writable=yes
# Who might start what was stopped, or promote what was not to be. Read by the shell itself: a host has hundreds of processes, and a
# program begun for each took half a second, of an emergency as of a plan.
for at in /proc/[0-9]*; do
    read -r name 2>/dev/null <"$at/comm" || continue
    case $name in
        patroni) echo automation=patroni ;;
        # Named on its command line, as the interpreter's first argument.
        python*) case $(tr '\0' ' ' 2>/dev/null <"$at/cmdline") in *'/patroni '*) echo automation=patroni ;; esac ;;
        repmgrd) echo automation=repmgrd ;;
        pg_autoctl) echo automation=pg_auto_failover ;;
        stolon-keeper | stolon-sentinel) echo automation=stolon ;;
        pgagent_ctl | efm) echo automation=efm ;;
    esac
done | sort -u
[ -z "$source" ] || {
    tried=$(PGCONNECT_TIMEOUT=5 timeout 8 "$bin/psql" -XAtw -d "$source replication=true" -c IDENTIFY_SYSTEM 2>&1)
    case $tried in
        [0-9]*'|'*) printf 'reaches=%s\n' "${tried%%|*}" ;;
        *) printf 'refused=%s\n' "$(printf '%s\n' "$tried" | grep -E 'FATAL|error|[^ ]' | head -n 1)" ;;
    esac
}
