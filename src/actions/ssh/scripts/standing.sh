# A standing shell: as whom, and then whatever it is told on standard input.
#   standing USER SUDO WORD
# USER is empty where the login user will do. WORD says that it stands; before it nothing was begun. Seconds since the host came up follow on it.
user=$1 sudo=$2 word=$3
read -r up _ 2>/dev/null </proc/uptime || up=
word="$word ${up%%.*}"
cd / || exit
if [ -z "$user" ] || [ "$(id -un)" = "$user" ]; then
    LC_ALL=C
    export LC_ALL
    printf '%s\n' "$word" >&2
    exec sh -s
elif [ "$sudo" = yes ]; then
    # shellcheck disable=SC2016  # the inner shell expands these
    sudo -n -u "$user" -- sh -c 'cd / || exit; LC_ALL=C; export LC_ALL; printf "%s\n" "$1" >&2; exec sh -s' standing "$word" ||
        printf '\nswitchback-sudo=%d\n' $? >&2
else
    printf '\nswitchback-user=%s\n' "$(id -un)" >&2
fi
