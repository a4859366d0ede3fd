# starts DATA CONFIG FILE BIN UNIT [GROUPS]: of a look at a disk only what a start would be; users wait.
groups=$6
read_options
! on read_only && ! on super_read_only || printf 'starts_read_only=yes\n'
