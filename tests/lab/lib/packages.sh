# shellcheck shell=bash
# Debian's packages: what is needed, and installing it without leaving a service running.

packages=(postgresql openssh-server openssh-client pdns-server pdns-backend-sqlite3 bind9 bind9-utils
    bind9-dnsutils curl mariadb-server mariadb-backup nginx-light sqlite3 openssl iproute2 util-linux procps tini tmux)
# Packages that bring a service, with the name that init knows it by.
service_of=("postgresql:postgresql" "openssh-server:ssh" "pdns-server:pdns" "bind9:named" "mariadb-server:mariadb"
    "nginx-light:nginx" "repmgr-common:repmgrd")
policy=/usr/sbin/policy-rc.d
policy_aside=/usr/sbin/policy-rc.d.switchback-lab
cluster_conf=/etc/postgresql-common/createcluster.conf
cluster_conf_aside=$cluster_conf.switchback-lab
to_root=()

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]; }

missing_packages() { # missing_packages [MORE…]
    local package wanted=("${packages[@]}" "$@")
    [[ $layout == plain ]] || wanted+=(sudo)
    for package in "${wanted[@]}"; do
        is_installed "$package" || printf '%s\n' "$package"
    done
}

install_packages() { # install_packages [MORE…]
    local missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null ||
        fail "these Debian packages are missing and there is no apt-get to install them: ${missing[*]}"
    if ((EUID != 0)); then
        sudo -n true 2>/dev/null ||
            fail "packages are missing; install them with: sudo $(self) packages${*:+ $*}"
        to_root=(sudo -n)
    fi
    say "installing ${missing[*]}"
    local service new_services=() apt_log
    apt_log=$(mktemp)
    for service in "${service_of[@]}"; do
        [[ " ${missing[*]} " != *" ${service%%:*} "* ]] || new_services+=("${service##*:}")
    done
    (
        trap put_back EXIT
        trap 'exit 1' INT TERM HUP
        put_back # an install that was killed left these aside
        forbid_starts
        apt_get update || say "lab: apt-get update failed; going on with the package lists that are here"
        if [[ " ${missing[*]} " == *" postgresql "* ]]; then
            # Its configuration decides whether the server's package makes a cluster, so it comes first.
            apt_get install postgresql-common || exit 1
            forbid_cluster
        fi
        apt_get install "${missing[@]}" || exit 1
        # Forbidden to start now, they would start with the machine.
        for service in "${new_services[@]}"; do
            "${to_root[@]}" update-rc.d "$service" disable >/dev/null 2>&1 || true
            "${to_root[@]}" systemctl disable "$service.service" >/dev/null 2>&1 || true
        done
    ) || {
        tail -n 30 "$apt_log" >&2
        fail "the packages could not be installed; all that apt-get said is in $apt_log"
    }
    rm -f "$apt_log"
}

apt_get() {
    local verb=$1
    shift
    timeout 900 "${to_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq -o=Dpkg::Use-Pty=0 \
        -o=DPkg::Lock::Timeout=120 "$verb" --yes --no-install-recommends "$@" </dev/null >>"$apt_log" 2>&1
}

# invoke-rc.d asks policy-rc.d whether it may start something; 101 says no.
forbid_starts() {
    [[ ! -e $policy && ! -L $policy ]] || "${to_root[@]}" mv "$policy" "$policy_aside" || exit 1
    printf '#!/bin/sh\n# switchback-lab\nexit 101\n' | "${to_root[@]}" tee "$policy" >/dev/null || exit 1
    "${to_root[@]}" chmod 755 "$policy"
}

forbid_cluster() {
    "${to_root[@]}" cp -a "$cluster_conf" "$cluster_conf_aside" || exit 1
    printf 'create_main_cluster = false\n' | "${to_root[@]}" tee "$cluster_conf" >/dev/null || exit 1
}

put_back() {
    if [[ -e $policy_aside || -L $policy_aside ]]; then
        "${to_root[@]}" mv -f "$policy_aside" "$policy"
    elif grep -qs '^# switchback-lab$' "$policy"; then
        "${to_root[@]}" rm -f "$policy"
    fi
    [[ ! -e $cluster_conf_aside ]] || "${to_root[@]}" mv -f "$cluster_conf_aside" "$cluster_conf"
}
