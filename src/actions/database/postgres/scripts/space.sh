# space DATA: free KiB where a copy would lie, whether the directory can be exchanged, and what lies elsewhere.
data=$1
folder=$data
[ -d "$folder" ] || folder=${data%/*}
df -Pk "${data%/*}" | awk 'NR == 2 { print "free_kib=" $4 }'
[ -w "${data%/*}" ] || echo not_writable=yes
[ "$(stat -c %d "$folder")" = "$(stat -c %d "${data%/*}")" ] || echo mounted=yes
[ ! -L "$data/pg_wal" ] || echo wal_elsewhere=yes
