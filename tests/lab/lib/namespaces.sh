# shellcheck shell=bash
# Hosts that are really apart (`up --hosts`): each has its own network, processes, mounts, name and IPC.
#
# All hosts hang on one router, a network namespace, by a cable each; so does the machine itself, as `operator`, and the
# load, as `client`. Who is gone or cut off is a black hole there: packets vanish, and a connection times out. A cable that
# is only pulled would be answered with "no route to host" at once.

lab_can-hosts() {
    (($# == 0)) || misuse "can-hosts takes no argument"
    can_hosts
}

# Tried, not guessed: what a lab needs is made once and thrown away.
can_hosts() {
    local reason
    if ((EUID != 0)); then
        printf 'hosts in namespaces need root\n'
        return 1
    fi
    if ! reason=$(timeout 20 unshare --net --pid --mount --uts --ipc --fork bash -c '
        set -e
        mount --make-rprivate /
        mount -t tmpfs tmpfs /tmp
        mkdir /tmp/upper /tmp/work /tmp/root
        mount -t overlay overlay -o lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work /tmp/root
        mount -t proc proc /tmp/root/proc
        ip link add left type veth peer name right
        ip rule add blackhole from 10.0.0.1 to 10.0.0.2' 2>&1); then
        printf 'this machine does not allow hosts in namespaces: %s\n' "${reason##*$'\n'}"
        return 1
    fi
    # A route of somebody else's, wider or narrower, that is not the default one.
    if [[ ! -f $dir/state ]] && [[ -n $(
        { ip -4 -o route show match "10.$number.0.0/16"; ip -4 -o route show root "10.$number.0.0/16"; } | grep -v '^default '
    ) ]]; then
        printf 'the network 10.%s.0.0/16 is in use here; choose another SWITCHBACK_LAB_NUMBER\n' "$number"
        return 1
    fi
    printf 'this machine allows hosts in namespaces\n'
}

router() { printf 'switchback-lab-%s' "$number"; }
client_net() { printf 'switchback-lab-%s-client' "$number"; }
operator_link() { printf 'sblab%s' "$number"; }

# The router's own address, the same on every cable.
router_address() { printf '%s.0.2' "$prefix"; }

make_network() {
    local link
    ip netns add "$(router)"
    ip -n "$(router)" link set lo up
    ip netns exec "$(router)" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    ip -n "$(router)" route add blackhole "$prefix.0.0/16"
    link=$(operator_link)
    ip -n "$(router)" link add operator type veth peer name "$link" netns $$
    ip address add "$(address_of operator)/32" dev "$link"
    ip link set "$link" up
    ip route add "$(router_address)" dev "$link" src "$(address_of operator)"
    ip route add "$prefix.0.0/16" via "$(router_address)" dev "$link" src "$(address_of operator)"
    plug_into_router operator
    ip netns add "$(client_net)"
    ip -n "$(router)" link add client type veth peer name eth0 netns "$(client_net)"
    set_up_eth0 client ip -n "$(client_net)"
    plug_into_router client
}

remove_network() {
    local net
    for net in "$(client_net)" "$(router)"; do
        ip netns pids "$net" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
        ip netns delete "$net" 2>/dev/null || true
    done
    # Goes with the router, but not at once.
    ip link delete "$(operator_link)" 2>/dev/null || true
}

plug_into_router() {
    ip -n "$(router)" address add "$(router_address)/32" dev "$1"
    ip -n "$(router)" link set "$1" up
    ip -n "$(router)" route add "$(address_of "$1")/32" dev "$1" src "$(router_address)"
}

set_up_eth0() { # set_up_eth0 HOST IP-COMMAND…
    local host=$1
    shift
    "$@" link set lo up
    "$@" address add "$(address_of "$host")/32" dev eth0
    "$@" link set eth0 up
    "$@" route add "$(router_address)" dev eth0 src "$(address_of "$host")"
    "$@" route add "$prefix.0.0/16" via "$(router_address)" dev eth0 src "$(address_of "$host")"
}

init_of() {
    local pid
    read -r pid 2>/dev/null <"$dir/inits/$1" || fail "$1 is down"
    [[ $(cat "/proc/$pid/comm" 2>/dev/null) == tini ]] || fail "$1 is down"
    printf '%s' "$pid"
}

is_raised() { (init_of "$1") >/dev/null 2>&1; }

raise_namespaces() {
    local host=$1 init
    ! is_raised "$host" || return 0
    ip netns pids "$(router)" >/dev/null 2>&1 || make_network
    mkdir -p "$dir/inits" "$dir/roots/$host"
    rm -f "$dir/inits/$host"
    setsid --fork unshare --net --pid --mount --uts --ipc --fork bash "$here/lib/host-init.sh" \
        "$host" "$dir" "$server_user" "$layout" </dev/null >"$dir/inits/$host.log" 2>&1 9>&-
    wait_until 10 is_raised "$host" || fail "$host does not come up: $(tail -n 1 "$dir/inits/$host.log")"
    init=$(init_of "$host")
    ip -n "$(router)" link delete "$host" 2>/dev/null || true
    ip -n "$(router)" link add "$host" type veth peer name eth0 netns "$init"
    set_up_eth0 "$host" nsenter "--target=$init" --net ip
    plug_into_router "$host"
}

# The network first: what dies afterwards cannot say so to anybody.
fell_namespaces() {
    local host=$1 init
    ip -n "$(router)" link set "$host" down 2>/dev/null || true
    init=$(init_of "$host" 2>/dev/null) || return 0
    local space
    space=$(readlink "/proc/$init/ns/pid")
    kill -9 "$init" 2>/dev/null || true
    wait_until 10 is_empty_space "$space" || fail "some processes of $host survive the end of their namespace"
    rm -f "$dir/inits/$host"
    ip -n "$(router)" link delete "$host" 2>/dev/null || true
}

pids_in_namespace() {
    local init
    init=$(init_of "$1" 2>/dev/null) || return 0
    pids_in_space "$(readlink "/proc/$init/ns/pid")"
}

pids_in_space() {
    find /proc/[0-9]*/ns/pid -maxdepth 0 -lname "${1//[/\\[}" -printf '%p\n' 2>/dev/null | cut -d/ -f3
}

is_empty_space() { [[ -z $(pids_in_space "$1") ]]; }

# members_of PLACE: the addresses behind a name that cut and heal know.
members_of() {
    case $1 in
        dallas) address_of a-db && echo && address_of a-web && echo ;;
        nuremberg) address_of b-db && echo && address_of b-web && echo ;;
        *) address_of "$1" && echo ;;
    esac || misuse "\`$1\` is not a place: operator client dallas nuremberg ${all_hosts[*]}"
}

between() { # between ADD-OR-DELETE A B
    local verb=$1 from to left right
    left=$(members_of "$2")
    right=$(members_of "$3")
    for from in $left; do
        for to in $right; do
            [[ $from != "$to" ]] || continue
            # Once for each direction, and never twice.
            ip -n "$(router)" rule delete blackhole from "$from" to "$to" pref 100 2>/dev/null || true
            ip -n "$(router)" rule delete blackhole from "$to" to "$from" pref 100 2>/dev/null || true
            [[ $verb == add ]] || continue
            ip -n "$(router)" rule add blackhole from "$from" to "$to" pref 100
            ip -n "$(router)" rule add blackhole from "$to" to "$from" pref 100
        done
    done
}

cut_between() { between add "$1" "$2"; }
heal_between() { between delete "$1" "$2"; }

heal_all() {
    [[ $mode == hosts ]] || return 0
    while ip -n "$(router)" rule delete pref 100 2>/dev/null; do :; done
}
