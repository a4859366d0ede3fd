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
    read_said /proc/stat 'btime '
    # Linux tells programs of time in hundredths of a second, whatever it counts in itself.
    say started $((said + $1 / 100))
    # The words lie in one line here; only where it is another file than it should be are they taken apart.
    IFS= read -r words 2>/dev/null <"/proc/$pid/cmdline"
    case $words in
        *"--defaults-file=$file--"* | *"--defaults-file=$file") say given "$file" ;;
        *--defaults-file=*) say given "$(tr '\0' '\n' <"/proc/$pid/cmdline" | sed -n 's/^--defaults-file=//p')" ;;
        *) say given '' ;;
    esac
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
read_options
! on read_only && ! on super_read_only || say starts_read_only yes
! on skip_networking || say starts_without_network yes
value_of event_scheduler
say scheduler "$value"
if [ -f "$role" ]; then
    read_said "$role" '# role: '
    say role "$said"
    read_said "$role" '# event_scheduler before: '
    say scheduler_before "$said"
fi
# What MySQL persists in its data directory is read after every file.
if [ -f "$data/mysqld-auto.cnf" ]; then
    say persisted "$(tr -d '\n' <"$data/mysqld-auto.cnf" | grep -o '"\(super_\)\{0,1\}read_only"[^}]*"Value" *: *"[A-Z01]*"' |
        sed 's/^"\([a-z_]*\)".*"\([A-Z01]*\)"$/\1:\2/' | tr '\n' ' ')"
fi
