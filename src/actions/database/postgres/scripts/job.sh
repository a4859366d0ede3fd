# job DATA CONFIG BIN NAME TEXT [ARGUMENTS...]: begins something long that outlives us. It holds a lock for as long as it
# lasts, so that nobody begins a second, and writes down how it ended.
name=$4 text=$5
shift 5
make_state
[ -d "$state/job" ] || mkdir "$state/job" || fail "$state/job cannot be made"
exec 9<"$state/job"
# A look holds it for a moment.
flock -w 2 9 || fail "$(cat "$state/job/name") is still under way in $state"
rm -f "$state/job/ended"
printf '%s' "$name" >"$state/job/name"
# shellcheck disable=SC2016  # the inner shell expands these
setsid sh -c 'ended=$1 text=$2; shift 2
    if sh -c "$text" "$@"; then how=done; else how=failed; fi
    echo "$how" >"$ended.new" && mv "$ended.new" "$ended"' \
    job "$state/job/ended" "$text" "$name" "$data" "$config" "$bin" "$@" >"$state/job/log" 2>&1 </dev/null &
