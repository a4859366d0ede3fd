# shellcheck shell=bash
# The lab's estate file, and the same facts for a shell.

# Three estates over the same two sites: one for each kind of database, and one with both. The first is what `lab env` names.
# With siblings a fourth, MariaDB with all its members.
write_estate() {
    write_one_estate switchback.yaml siblings mariadb mariadb-only both-only
    ! has_mariadb || write_one_estate mariadb.yaml siblings postgres postgres-only both-only
    ! has_mariadb || write_one_estate both.yaml siblings postgres-only mariadb-only
    [[ $siblings == no ]] || write_one_estate siblings.yaml postgres postgres-only both-only
}

# Lines of estate.yaml.in that begin with a word in brackets are for that layout, or for the estates with that kind of database.
write_one_estate() { # write_one_estate FILE WORD-TO-LEAVE-OUT…
    local file=$dir/$1 word leave_out=()
    shift
    if [[ $layout == plain ]]; then set -- "$@" debian; else set -- "$@" plain; fi
    if [[ -n $mysql ]]; then set -- "$@" of-mariadb; else set -- "$@" of-mysql; fi
    for word; do leave_out+=(-e "/^\(\[[a-z-]*\]\)*\[$word\]/d"); done
    sed "${leave_out[@]}" -e 's/^\(\[[a-z-]*\]\)*//' -e "s|@PG_VERSION@|$(pg_version)|g" \
        -e "s|@DIR@|$dir|g" -e "s|@MYSQL@|$mysql|g" -e "s|@USER@|$server_user|g" -e "s|@PG_BIN@|$(pg_bin)|g" \
        -e "s|@A_DB2@|$(address_of a-db2)|g" -e "s|@A_DB@|$(address_of a-db)|g" -e "s|@B_DB@|$(address_of b-db)|g" \
        -e "s|@A_WEB@|$(address_of a-web)|g" -e "s|@B_WEB@|$(address_of b-web)|g" \
        -e "s|@DNS@|$(address_of dns)|g" -e "s|@BIND@|$bind_address:$bind_port|g" \
        -e "s|@SSH_PORT@|$ssh_port|g" -e "s|@PG_PORT@|$pg_port|g" -e "s|@HTTP_PORT@|$http_port|g" \
        -e "s|@API_PORT@|$api_port|g" -e "s|@PDNS_PORT@|$pdns_port|g" -e "s|@MARIADB_PORT@|$mariadb_port|g" \
        "$here/estate.yaml.in" >"$file"
    ! grep -n '@[A-Z_]*@' "$file" >&2 || fail "estate.yaml.in has a placeholder that nobody fills in"
}

print_env() {
    local host name
    print_one NUMBER "$number"
    print_one MODE "$mode"
    print_one LAYOUT "$layout"
    print_one DIR "$dir"
    print_one ESTATE "$dir/switchback.yaml"
    print_one USER "$server_user"
    print_one KEY "$dir/keys/operator"
    print_one KNOWN_HOSTS "$dir/keys/known_hosts"
    print_one CA "$dir/keys/ca.pem"
    print_one SSH_PORT "$ssh_port"
    print_one PG_PORT "$pg_port"
    print_one PG_BIN "$(pg_bin)"
    print_one HTTP_PORT "$http_port"
    for host in "${ssh_hosts[@]}"; do
        name=${host^^}
        print_one "${name//-/_}" "$(address_of "$host")"
    done
    for host in "${db_hosts[@]}"; do
        name=${host^^}
        name=${name//-/_}
        print_one "${name}_DATA" "$(data_of "$host")"
        print_one "${name}_SOCKET" "$(socket_of "$host")"
        print_one "${name}_LOG" "$(pg_log_of "$host")"
        print_one "${name}_PGPASS" "$(passfile_of "$host")"
        print_one "${name}_SLOT" "$(slot_of "$host")"
    done
    if has_mariadb; then
        print_one MARIADB_ESTATE "$dir/mariadb.yaml"
        print_one BOTH_ESTATE "$dir/both.yaml"
        print_one MARIADB_PORT "$mariadb_port"
        print_one MARIADB_PASSWORD "$dir/secrets/wiki"
        print_one MARIADB_REPLICATOR_PASSWORD "$dir/secrets/wiki-replicator"
        print_one WIKI_NAME "$wiki_name"
        for host in "${db_hosts[@]}"; do
            name=${host^^}
            name=${name//-/_}
            print_one "${name}_MARIADB" "$(mariadb_dir "$host")"
            print_one "${name}_MARIADB_SOCKET" "$(mariadb_socket "$host")"
            print_one "${name}_MARIADB_LOG" "$(mariadb_log "$host")"
        done
    fi
    print_one ENTRY_NAME "$entry_name"
    print_one DATABASE_NAME "$database_name"
    print_one PDNS "$(address_of dns):$pdns_port"
    print_one PDNS_URL "http://$(address_of dns):$api_port"
    print_one PDNS_KEY "$dir/secrets/pdns"
    print_one BIND "$bind_address:$bind_port"
    print_one TSIG_KEY "$dir/secrets/tsig.key"
    print_one PASSWORD "$dir/secrets/orders"
    print_one SHOP_PASSWORD "$dir/secrets/shop"
}

print_one() { printf 'LAB_%s=%q\n' "$1" "$2"; }
