# shellcheck shell=bash
# Who serves. PostgreSQL refuses root, so root drops to a system user made for this lab;
# an ordinary user serves as himself. The operator stays whoever called the lab.

become=()

# Each lab has a user of its own: `down` can then be sure that what it removes is nobody else's.
user_name() { if ((number == 77)); then printf sblab; else printf 'sblab%s' "$number"; fi; }

make_user() {
    if ((EUID != 0)); then
        server_user=$(id -un)
        return
    fi
    server_user=$(user_name)
    # `*` and not `!`: sshd takes an account whose password begins with `!` for a locked one.
    id -u "$server_user" >/dev/null 2>&1 ||
        useradd --system --user-group --no-create-home --home-dir "$dir/home" --shell /bin/sh --password '*' "$server_user" ||
        fail "the user $server_user cannot be made"
    [[ $(getent passwd "$server_user" | cut -d: -f6) == "$dir/home" ]] ||
        fail "there is a user $server_user already whose home is not $dir/home"
}

remove_user() {
    ((EUID == 0)) && [[ $server_user == sblab* ]] && id -u "$server_user" >/dev/null 2>&1 || return 0
    [[ $(getent passwd "$server_user" | cut -d: -f6) == "$dir/home" ]] || return 0
    # --force, because zombies that the machine's first process has not reaped yet count as being logged in.
    userdel --force "$server_user" >/dev/null 2>&1 || say "lab: the user $server_user could not be removed"
}

set_become() {
    become=()
    ((EUID != 0)) || become=(setpriv "--reuid=$server_user" "--regid=$server_user" --init-groups)
}

# own PATH…: hand files over to the server user.
own() { ((EUID != 0)) || chown -hR "$server_user:$server_user" "$@"; }
