# look DATA CONFIG FILE BIN UNIT [GROUPS]: what a member's disk tells. Reads only. GROUPS: which of its files' groups the server reads,
# where a look before this one has asked it.
unit=$5 groups=$6
say() { printf '%s=%s\n' "$1" "$2"; }
[ -z "$unit" ] || say unit "$(systemctl is-enabled "$unit" 2>/dev/null)"
if ! [ -d "$data" ]; then
    say data missing
elif ! [ -r "$data" ] || ! [ -x "$data" ]; then
    say data unreadable
elif ! [ -d "$data/mysql" ]; then
    say data empty
else
    say data found
fi
if running; then
    say running "$pid"
    say process "${rest%% *}"
    # shellcheck disable=SC2086  # the fields of /proc/PID/stat after the name
    set -- $rest
    shift 19
    booted=$(said /proc/stat 'btime ')
    say started $((booted + $1 / $(getconf CLK_TCK)))
    say given "$(tr '\0' '\n' <"/proc/$pid/cmdline" | sed -n 's/^--defaults-file=//p')"
fi
[ ! -f "$state/unusable" ] || say unusable "$(head -n 1 "$state/unusable")"
if [ -f "$state/position" ]; then
    say copying placed
elif [ -f "$state/exchanging" ]; then
    say copying exchanging
elif [ -f "$state/copied" ]; then
    say copying received
fi
[ ! -f "$state/rewinding" ] || say rewinding "$(cat "$state/rewinding")"
if [ -z "$server" ]; then
    say programs missing
    exit
fi
[ -n "$groups" ] || say groups "$("$server" --no-defaults --verbose --help 2>/dev/null | sed -n 's/^The following groups are read: //p')"
options=$(told)
! on read_only && ! on super_read_only || say starts_read_only yes
! on skip_networking || say starts_without_network yes
say scheduler "$(option event_scheduler)"
if [ -f "$role" ]; then
    say role "$(said "$role" '# role: ')"
    say scheduler_before "$(said "$role" '# event_scheduler before: ')"
fi
# What MySQL persists in its data directory is read after every file.
if [ -f "$data/mysqld-auto.cnf" ]; then
    say persisted "$(tr -d '\n' <"$data/mysqld-auto.cnf" | grep -o '"\(super_\)\{0,1\}read_only"[^}]*"Value" *: *"[A-Z01]*"' |
        sed 's/^"\([a-z_]*\)".*"\([A-Z01]*\)"$/\1:\2/' | tr '\n' ' ')"
fi
