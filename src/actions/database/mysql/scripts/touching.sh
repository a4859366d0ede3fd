umask 077
make_state() {
    [ -d "$state" ] || mkdir "$state" || fail "$state cannot be made; its folder must be writable for $(id -un)"
}
# As an administrator, over the server's own socket: whoever owns the server's files is one on most systems, and so is root.
socket() {
    options=$(told)
    socket=$(option socket)
    socket=${socket:-/run/mysqld/mysqld.sock}
    [ -S "$socket" ] || socket=$data/mysql.sock
    [ -S "$socket" ] || fail "the server in $data has no socket; run the statements yourself as an administrator"
}
sql() { "$client" --no-defaults --socket="$socket" --connect-timeout=5 --batch --skip-column-names "$@"; }
