# receive DATA CONFIG FILE BIN: what comes in on standard input, into a new folder beside the data directory. It counts for nothing until
# whoever sent it says that it was all.
make_state
alone
[ ! -f "$state/copied" ] && [ ! -f "$state/exchanging" ] && [ ! -f "$state/position" ] || fail "a copy that came before is not in place yet"
rm -rf "$state/new" "$state/prepared" "$state/preparing" && mkdir "$state/new" || fail "$state/new cannot be made"
mbstream -x -C "$state/new" || fail "what came in could not be unpacked into $state/new"
sync -f "$state/new" || fail "$state/new cannot be written"
