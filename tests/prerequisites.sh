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

# What reads our files as their users' programs do: a browser, with axe-core, which judges whether a page leaves somebody out; what
# takes a printed page apart; the language server that editors use for YAML. The versions and places are known to tests/lab/tests/{browser,editor}.rs too.
need_readers() {
    local axe=target/axe/node_modules/axe-core/axe.min.js install=() tools=()
    local editor=target/editor/node_modules/yaml-language-server/bin/yaml-language-server
    command -v chromium > /dev/null || tools+=(chromium fonts-dejavu-core)
    command -v pdftotext > /dev/null || tools+=(poppler-utils)
    { [ -f "$axe" ] && [ -f "$editor" ]; } || command -v npm > /dev/null || tools+=(npm)
    if [ "${#tools[@]}" -gt 0 ]; then
        install=(apt-get install --yes --no-install-recommends "${tools[@]}")
        echo "installing what reads our pages: ${install[*]}" >&2
        if [ "$(id -u)" = 0 ]; then
            { apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${install[@]}"; } > /dev/null
        elif command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
            { sudo -n apt-get update -qq && sudo -n env DEBIAN_FRONTEND=noninteractive "${install[@]}"; } > /dev/null
        else
            echo "what reads our pages is missing, and neither root nor sudo is at hand; as root: apt-get update && ${install[*]}" >&2
            exit 1
        fi
    fi
    local npm=(npm install --no-save --no-audit --no-fund --ignore-scripts --loglevel=error)
    [ -f "$axe" ] || "${npm[@]}" --prefix target/axe axe-core@4.14.1 >&2
    [ -f "$editor" ] || "${npm[@]}" --prefix target/editor yaml-language-server@1.18.0 >&2
    export SWITCHBACK_READERS=required
}
