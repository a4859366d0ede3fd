# The frame around every remote command: as whom, for how long, and how it ended.
#   frame SECONDS USER SUDO INPUT COMMAND [ARGUMENTS...]
# USER is empty where the login user will do. INPUT is `poured` where the command reads what comes in, else it reads nothing. timeout(1) runs on this side, so that a command ends also when whoever
# asked for it is gone. The last line on standard error is the proof that the command ended, and how: without it the
# outcome is not known. `began` tells a sudo that refused from a command that failed.
seconds=$1 user=$2 sudo=$3
[ "$4" = poured ] || exec </dev/null
shift 4
cd / || exit
if [ -z "$user" ] || [ "$(id -un)" = "$user" ]; then
    LC_ALL=C
    export LC_ALL
    timeout -k 5 "$seconds" "$@"
    printf '\nswitchback-ended=%d\n' $? >&2
elif [ "$sudo" = yes ]; then
    # shellcheck disable=SC2016  # the inner shell expands these
    sudo -n -u "$user" -- sh -c 'echo switchback-began >&2; LC_ALL=C; export LC_ALL; seconds=$1; shift
        timeout -k 5 "$seconds" "$@"; printf "\nswitchback-ended=%d\n" $? >&2' frame "$seconds" "$@" ||
        printf '\nswitchback-sudo=%d\n' $? >&2
else
    printf '\nswitchback-user=%s\n' "$(id -un)" >&2
fi
