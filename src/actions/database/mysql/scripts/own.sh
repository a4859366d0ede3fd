# What every script begins with: the places, and words for what is asked of them. Reads only.
# DATA CONFIG FILE BIN: data directory, folder of our own settings, file given as --defaults-file or nothing, folder of programs or nothing.
data=$1 config=$2 file=$3 bin=$4 groups=
newline='
'
state=$data.switchback
role=$config/zz-switchback.cnf
PATH=${bin:+$bin:}$PATH:/usr/sbin:/usr/local/sbin
fail() {
    printf '%s\n' "$*" >&2
    exit 1
}
# pick NAME...: the first of these programs that is there, as `picked`; one of the folder of programs before any of the path, where the
# other flavour may be installed, too. Here and below a look leaves what it found in a variable: a
# substitution is a process, and so is a pipe, and of a look that runs while users wait they were most.
pick() {
    for picked; do [ -z "$bin" ] || ! [ -x "$bin/$picked" ] || return 0; done
    for picked; do ! command -v "$picked" >/dev/null || return 0; done
    picked=
}
pick mariadbd mysqld
server=$picked
pick mariadb-binlog mysqlbinlog
reader=$picked
pick mariadb mysql
client=$picked
pick mariadb-backup mariabackup
copier=$picked
# One process whose working directory is this very data directory, as every server of this kind makes it. No number is trusted.
running() {
    for at in /proc/[0-9]*; do
        [ "$at/cwd" -ef "$data" ] || continue
        read -r comm 2>/dev/null <"$at/comm" || continue
        case $comm in mariadbd | mysqld) ;; *) continue ;; esac
        line=
        read -r line 2>/dev/null <"$at/stat" || continue
        rest=${line##*) }
        case $rest in Z* | X*) continue ;; esac
        pid=${at#/proc/}
        return 0
    done
    return 1
}
# What the server would be told by its files, as `options`: a line for each; the last of two lines wins.
read_options() {
    options=
    [ -n "$server" ] || return
    # The server itself takes ten times as long to say it. Which groups it reads it says once (`groups`).
    # shellcheck disable=SC2086  # names of groups
    { [ -n "$groups" ] && words=$(my_print_defaults ${file:+"--defaults-file=$file"} $groups 2>/dev/null); } ||
        words=$("$server" ${file:+"--defaults-file=$file"} --print-defaults 2>/dev/null)
    set -f
    for word in $words; do
        case $word in --*) word=${word#--} ;; *) continue ;; esac
        case $word in *=*) value=${word#*=} word=${word%%=*} ;; *) value=ON ;; esac
        while :; do case $word in *-*) word=${word%%-*}_${word#*-} ;; *) break ;; esac; done
        options="$options$newline$word=$value"
    done
    set +f
}
# As an administrator, over the server's own socket: whoever owns the server's files is one on most systems, and so is root.
socket() {
    read_options
    value_of socket
    socket=${value:-/run/mysqld/mysqld.sock}
    [ -S "$socket" ] || socket=$data/mysql.sock
    [ -S "$socket" ] || fail "the server in $data has no socket; run the statements yourself as an administrator"
}
sql() { "$client" --no-defaults --socket="$socket" --connect-timeout=5 --batch --skip-column-names "$@"; }
# value_of NAME: what that option is told to be, as `value`. Line by line: of a long text some shells find what follows on a word in
# a time that grows with its square.
value_of() {
    value='' IFS=$newline
    set -f
    for line in $options; do
        case $line in "$1="*) value=${line#*=} ;; esac
    done
    set +f
    unset IFS
}
option() { value_of "$1" && printf '%s' "$value"; }
on() { value_of "$1"; case $value in 1 | [Oo][Nn] | [Tt][Rr][Uu][Ee] | [Yy][Ee][Ss]) return 0 ;; esac; return 1; }
# read_said FILE WORDS: what follows on these words in the first line of a file that begins with them, as `said`.
read_said() {
    said=
    [ -f "$1" ] || return
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in "$2"*) said=${line#"$2"} && return ;; esac
    done <"$1"
}
# The files of its own log, oldest first.
logs() {
    base=$(option log_bin)
    case $base in '' | ON | 1) base=$(option log_basename); base=${base:-$(uname -n)}-bin ;; esac
    # The file's own extension is dropped, as the server does; a dot in a folder's name is none.
    case ${base##*/} in *.*) base=${base%.*} ;; esac
    index=$(option log_bin_index)
    index=${index:-$base.index}
    case $index in /*) ;; *) index=$data/$index ;; esac
    if [ ! -f "$index" ]; then
        for index in "$data"/*.index; do case $index in *relay*) ;; *) break ;; esac; done
    fi
    [ -f "$index" ] || return 1
    while read -r log; do
        case $log in '') ;; /*) printf '%s\n' "$log" ;; *) printf '%s/%s\n' "$data" "${log#./}" ;; esac
    done <"$index"
}
# What a file of the log says of transactions: `list LIST` for all before it, `gtid AT ID FLAGS` for each in it, `at` in bytes.
# Fails where the file could not be read to its end: the last log of a server that was killed may end in half an event.
transactions() {
    { "$reader" "$@" 2>/dev/null || printf '\nswitchback: the reader failed\n'; } | awk '
        { last = $0 }
        END { if (last == "switchback: the reader failed") exit 1 }
        /^# at [0-9]+$/ { at = $3; next }
        # A list goes on over lines.
        /^#[0-9]+ .*\tGtid list \[/ { sub(/.*Gtid list \[/, ""); list = ""; listing = 1 }
        listing { sub(/^# */, ""); list = list $0; if (list ~ /\]/) { sub(/\].*/, "", list); print "list " list; listing = 0 } next }
        /^#[0-9]+ .*\tGTID [0-9]+-[0-9]+-[0-9]+/ { sub(/.*\tGTID /, ""); print "gtid " at " " $0; next }
        /^#[0-9]+ .*\tPrevious-GTIDs/ { previous = 1; next }
        previous && /^# [0-9a-f-]+:/ { sub(/^# /, ""); gsub(/,$/, ""); printf "list %s\n", $0; next }
        { previous = 0 }
        /^SET @@SESSION.GTID_NEXT= *\047[0-9a-f-]+:/ { sub(/^[^\047]*\047/, ""); sub(/\047.*/, ""); print "gtid " at " " $0 }'
}
# needed WRITER:FIRST[:LAST]...: the files of the log from the one on that holds the first of these, oldest first.
needed() {
    found=
    for one in $(logs | sort -r); do
        found="$one
$found"
        [ -r "$one" ] || fail "$one cannot be read by $(id -un)"
        before=$(transactions --stop-position=4096 "$one" | sed -n 's/^list //p' | tr ',' '\n')
        earlier=yes
        for stretch; do
            first=${stretch#*:}
            first=${first%%:*}
            has=$(printf '%s\n' "$before" | sed -n "s/^ *${stretch%%:*}[-:]\(.*[-:]\)\{0,1\}\([0-9]*\)\$/\2/p" | sort -n | tail -n 1)
            [ "${has:-0}" -lt "$first" ] || earlier=no
        done
        [ "$earlier" != yes ] || break
    done
    printf '%s' "$found"
}
# marked WRITER:FIRST:LAST...: reads transactions, says of each line `own` or `shared` before it.
marked() {
    awk -v stretches="$*" '
        BEGIN { count = split(stretches, all, " "); for (i = 1; i <= count; i++) { split(all[i], part, ":"); writer[i] = part[1]; first[i] = part[2] + 0; last[i] = part[3] + 0 } }
        $1 == "list" { print "list " substr($0, 6); next }
        $1 == "broken" { print; next }
        { id = $3
          if (id ~ /:/) { w = id; sub(/:[0-9]+$/, "", w); n = id; sub(/.*:/, "", n) } else { w = id; sub(/-[0-9]+$/, "", w); n = id; sub(/.*-/, "", n) }
          kind = "shared"; for (i = 1; i <= count; i++) if (writer[i] == w && n + 0 >= first[i] && n + 0 <= last[i]) kind = "own"
          print kind, $2, id, $4 }'
}
