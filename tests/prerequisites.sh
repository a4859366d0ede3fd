# What the commands beside this file need of the machine; sourced by them.

# A C compiler and make, for the parts of dependencies that are C. Installed where root or sudo is at hand.
need_compiler() {
    if command -v cc > /dev/null && command -v make > /dev/null; then
        return
    fi
    local install="apt-get install --yes --no-install-recommends build-essential"
    echo "installing a C compiler: $install" >&2
    if [ "$(id -u)" = 0 ]; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive $install
    elif command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
        sudo -n apt-get update -qq && sudo -n env DEBIAN_FRONTEND=noninteractive $install
    else
        echo "a C compiler and make are missing, and neither root nor sudo is at hand; as root: apt-get update && $install" >&2
        exit 1
    fi
}
