# role DATA CONFIG FILE BIN UNIT ROLE OPTION SCHEDULER [GROUPS]: what a start is to be, on disk before it returns. ROLE: primary; follower; fenced (read-only,
# events off); sealed (that, and without a listener). OPTION: what the server calls read-only. SCHEDULER: what to come back to.
what=$6 option=$7 scheduler=$8
[ -d "$config" ] || fail "there is no $config; say where the server reads its settings from: \`config_dir\`"
read_said "$role" '# event_scheduler before: '
before=$said
# The server reads it, whoever that runs as.
[ ! -e "$role.new" ] || rm -f "$role.new"
umask 022
{
    printf '# Kept by Switchback, which changes it with each change of role. Read last, so that it holds.\n# role: %s\n' "$what"
    case $what in
        fenced | sealed)
            printf '# event_scheduler before: %s\n[mysqld]\n%s = ON\nevent_scheduler = OFF\n' "${before:-$scheduler}" "$option"
            [ "$what" != sealed ] || printf 'skip_networking = ON\n'
            ;;
        follower) printf '[mysqld]\n%s = ON\n' "$option" ;;
        *) printf '[mysqld]\n%s = OFF\n' "$option" ;;
    esac
} >"$role.new" && sync "$role.new" && mv -f "$role.new" "$role" && sync "$config" ||
    fail "$role cannot be written by $(id -un)"
umask 077
set -- "$data" "$config" "$file" "$bin" "$5" "$9"
