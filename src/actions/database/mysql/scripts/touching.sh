umask 077
make_state() {
    [ -d "$state" ] || mkdir "$state" || fail "$state cannot be made; its folder must be writable for $(id -un)"
}
# A copy is in its place: what was written down on the way is of the past.
in_place() {
    rm -f "$state/unusable" "$state/rewinding" "$state/rewind.sql" "$state/prepared" "$state/preparing" "$state/emptied" \
        "$state/exchanging" "$state/copied" && sync "$state" || fail "$state cannot be written"
}
# One at a time. What is under way holds it as long as it lasts, whoever began it.
alone() {
    exec 9<"$state"
    flock -w 5 9 || fail "a copy is still under way in $state"
}
