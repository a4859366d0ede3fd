# starts DATA CONFIG FILE BIN UNIT [GROUPS]: of a look at a disk only what a start would be, beside the sync of what is to be one.
groups=$6
read_options
! on read_only && ! on super_read_only || printf 'starts_read_only=yes\n'
wait "$syncing" || fail "$role cannot be synced by $(id -un)"
