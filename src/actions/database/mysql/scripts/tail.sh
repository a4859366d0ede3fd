# tail DATA CONFIG FILE BIN: the last transactions of each writer in the log on disk, in the server's own spelling, joined by commas.
read_options
[ -n "$reader" ] || fail "there is no mariadb-binlog or mysqlbinlog; say where the programs lie: \`bin_dir\`"
last=$(logs | tail -n 1)
[ -n "$last" ] || fail "no log is to be found for $data"
[ -r "$last" ] || fail "$last cannot be read by $(id -un)"
transactions "$last" | awk '
    $1 == "list" { sub(/^list /, ""); all = all (all == "" ? "" : ",") $0; next }
    $3 ~ /^[0-9]+-[0-9]+-[0-9]+$/ { split($3, part, "-"); last[part[1] "-" part[2]] = part[3]; next }
    { split($3, part, ":"); writer = part[1]; number = part[2]
      if (writer == run && number == end + 1) { end = number; next }
      if (run != "") runs = runs "," run ":" begin "-" end
      run = writer; begin = number; end = number }
    END {
        for (writer in last) all = all (all == "" ? "" : ",") writer "-" last[writer]
        if (run != "") runs = runs "," run ":" begin "-" end
        sub(/^,/, "", runs)
        print all (all != "" && runs != "" ? "," : "") runs
    }'
