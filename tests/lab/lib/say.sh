# shellcheck shell=bash
# What the lab says, and how it stops. Talk goes to stderr, results to stdout.

say() { printf '%s\n' "$*" >&2; }

# A refusal is one sentence on stderr and exit code 1.
fail() {
    printf 'lab: %s\n' "$*" >&2
    exit 1
}

# Wrong use is exit code 2.
misuse() {
    printf 'lab: %s\n' "$*" >&2
    printf 'try: tests/lab/lab help\n' >&2
    exit 2
}

# wait_until SECONDS COMMAND…: ask every 20 ms until it says yes; 1 when the time is up.
wait_until() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@"; do
        ((${EPOCHREALTIME/./} < end)) || return 1
        sleep 0.02
    done
}

seconds_since() { # seconds_since MICROSECONDS: with one decimal
    local tenths=$(((${EPOCHREALTIME/./} - $1 + 50000) / 100000))
    printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}
