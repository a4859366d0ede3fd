# shellcheck shell=bash
# shellcheck disable=SC2154  # tests/soak sets what is read here
# What the soak says, what it counts, and how it ends.

say() { printf '%s\n' "$*" >&2; }

misuse() {
    printf 'tests/soak: %s; try --help\n' "$*" >&2
    exit 2
}

# tried KIND NUMBER: so many more of a kind were tried.
tried() { printf '%s\n' "$2" >>"$work/tried.$1"; }

count_of() {
    local file=$work/tried.$1
    [[ ! -e $file ]] || awk '{ n += $1 } END { print n }' "$file"
}

# did_not_run KIND WHY: loudly, now and at the end.
did_not_run() {
    say "!! $1 DID NOT RUN: $2"
    printf '%s\n' "$2" >"$work/not.$1"
}

# failed WHAT REPLAY LOG: told at once and at the end; the log is kept.
failed() {
    local kept
    kept=$(mktemp "$target/soak-failures/XXXXXX.log")
    cp "$3" "$kept"
    printf '%s\t%s\t%s\n' "${1//$'\t'/ }" "$2" "$kept" >>"$work/failures"
    say "!! FAILED: $1"
}

lines_with() { grep -c "$1" "$2" || true; }

time_is_up() { [[ $stop == yes ]] || ((SECONDS >= seconds)); }

tell() {
    local kind count failures what replay log
    say "== after $SECONDS s, seed $seed"
    for kind in kills partitions seeds cases bytes; do
        count=$(count_of "$kind")
        printf '%-11s %9d' "$kind" "${count:-0}"
        [[ ! -e $work/not.$kind ]] ||
            printf '  DID NOT RUN: %s' "$(<"$work/not.$kind")"
        [[ ! -e $work/note.$kind ]] || printf '  %s' "$(<"$work/note.$kind")"
        printf '\n'
    done
    while IFS=$'\t' read -r what replay log; do
        printf 'FAILED  %s\n' "$what"
        printf '  again: %s\n  log:   %s\n' "$replay" "$log"
    done <"$work/failures"
    failures=$(wc -l <"$work/failures")
    printf 'failures: %d\n' "$failures"
    rm -rf "$work"
    [[ $interrupted == no ]] || exit 130
    ((failures == 0)) || exit 1
}
