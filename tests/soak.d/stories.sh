# shellcheck shell=bash
# shellcheck disable=SC2154  # tests/soak sets what is read here
# What needs no servers: seeds of the simulated pair, broken files, and once
# every byte of a journal.

# The parts that all bytes of a journal are damaged in, one after the other.
parts=256
properties='^bad_files::no_.*: test$'

# The tests as one program: what is edited later is not built into a soak that
# is under way.
build_tests() {
    it=$(cargo test --locked --profile soak --test it --no-run \
        --message-format=json |
        sed -n 's/.*"name":"it".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    [[ -x $it ]] || {
        say "tests/soak: cargo names no program for the test \`it\`"
        exit 1
    }
    cargo test --locked --profile soak --test lab --no-run
}

it_has() { "$it" --list 2>/dev/null | grep -c "$1" || true; }

stories_until_time_is_up() {
    local next_seed=$(((seed - 1) * 10000000)) seeds=2000 cases=3000
    local round=0 began share=$((seconds / 20)) part=0 part_ends
    share=$((share < 3 ? 3 : share > 60 ? 60 : share))
    stop=no
    trap 'stop=yes' TERM
    # The two sites beside it are watched against the clock.
    renice -n 15 -p "$BASHPID" >/dev/null
    [[ $(it_has "$properties") != 0 ]] || did_not_run cases "no such test"
    until time_is_up; do
        began=${EPOCHREALTIME/./}
        play_seeds "$next_seed" $((next_seed + seeds))
        next_seed=$((next_seed + seeds))
        seeds=$(next_batch "$seeds" "$began" "$share")
        ! time_is_up || break
        if [[ ! -e $work/not.cases ]]; then
            began=${EPOCHREALTIME/./}
            break_files "$cases" $((seed * 1000000 + round))
            # Twice the time: there are most of them to be tried.
            cases=$(next_batch "$cases" "$began" $((2 * share)))
        fi
        ! time_is_up || break
        part_ends=$((SECONDS + share))
        until time_is_up || ((part == parts || SECONDS >= part_ends)); do
            damage_bytes "$part"
            part=$((part + 1))
        done
        round=$((round + 1))
    done
}

# next_batch NUMBER BEGAN SHARE: as many as take that many seconds, but not more
# than a third of what is left, and at most eight times as many as before.
next_batch() {
    local took=$((${EPOCHREALTIME/./} - $2 + 1))
    local left=$(((seconds - SECONDS) / 3))
    local share=$((left < 1 ? 1 : left < $3 ? left : $3)) next
    next=$(($1 * share * 1000000 / took))
    printf '%d' $((next > 8 * $1 ? 8 * $1 : next < 10 ? 10 : next))
}

# of_it LOG TEST: 0 it passed, 1 it failed, 2 it was ended with the soak.
of_it() {
    local log=$1 status=0
    shift
    "$it" "$@" --nocapture </dev/null >"$log" 2>&1 || status=$?
    [[ $stop == no ]] || return 2
    return "$((status != 0))"
}

play_seeds() {
    local log=$work/seeds.log status=0 bad
    local test='cargo test --test it pair::seeds -- --nocapture'
    SWITCHBACK_SEEDS=$1..$2 of_it "$log" pair::seeds || status=$?
    ((status != 2)) || return 0
    tried seeds $(($2 - $1))
    ((status)) || return 0
    grep -q '^again:' "$log" ||
        failed "seeds: $1..$2" "SWITCHBACK_SEEDS=$1..$2 $test" "$log"
    while read -r bad; do
        failed "seed $bad" "SWITCHBACK_SEED=$bad $test" "$log"
    done < <(sed -n 's/^again: SWITCHBACK_SEED=\([0-9]*\) .*/\1/p' "$log")
}

break_files() {
    local log=$work/cases.log status=0 how="SWITCHBACK_CASES=$1"
    how="$how PROPTEST_RNG_SEED=$2 cargo test --test it bad_files::no_"
    export SWITCHBACK_CASES=$1 PROPTEST_RNG_SEED=$2
    of_it "$log" bad_files::no_ || status=$?
    unset SWITCHBACK_CASES PROPTEST_RNG_SEED
    ((status != 2)) || return 0
    tried cases $(($1 * $(it_has "$properties")))
    ((status == 0)) || failed "cases: $(why_of "$log")" "$how" "$log"
}

# damage_bytes PART: one of the parts of every byte of the journal's files.
damage_bytes() {
    local log=$work/bytes.log status=0 which=$1/$parts
    local how="SWITCHBACK_EVERY_BYTE=$which cargo test --test it journal::"
    # In memory: what is damaged is read back at once, and whether it would outlast a power cut is not asked here.
    local -x TMPDIR=${TMPDIR:-/tmp} SWITCHBACK_EVERY_BYTE=$which
    [[ ! -w /dev/shm ]] || TMPDIR=/dev/shm
    of_it "$log" journal:: || status=$?
    ((status != 2)) || return 0
    sed -n 's/.*soak: bytes //p' "$log" >>"$work/tried.bytes"
    echo "$(($1 + 1)) of $parts parts of all" >"$work/note.bytes"
    ((status == 0)) || failed "bytes: $(why_of "$log")" "$how" "$log"
}
