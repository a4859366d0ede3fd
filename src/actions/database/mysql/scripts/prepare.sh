# prepare DATA CONFIG FILE BIN SQL: as an administrator, over the server's own socket.
running || fail "no server runs in $data"
socket
printf '%s\n' "$5" | sql || fail "the statements were refused to $(id -un)"
