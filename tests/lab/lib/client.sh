# shellcheck shell=bash
# The load: a client that asks for the database's name before each write, and what it saw.

# A client is of one kind of database. `start NAME --database both` starts two, NAME-postgres and NAME-mariadb, each with a ledger
# of its own; `stop NAME` and `report NAME` then mean both.
lab_client() {
    local verb=${1-} name=load flags=()
    (($#)) || misuse "client wants start, stop or report"
    shift
    case $verb in start | stop | report) ;; *) misuse "client knows start, stop and report, not \`$verb\`" ;; esac
    if [[ ${1-} && $1 != --* ]]; then
        name=$1
        shift
    fi
    flags=("$@")
    [[ $name =~ ^[a-z][a-z0-9-]{0,30}$ ]] || misuse "\`$name\` is not a name for a client: small letters, digits and dashes"
    need_lab
    if [[ $verb == start ]]; then
        client_start "$name" "${flags[@]}"
    elif [[ -d $dir/clients/$name-postgres && ! -d $dir/clients/$name ]]; then
        client_both "$verb" "$name" "${flags[@]}"
    else
        "client_$verb" "$name" "${flags[@]}"
    fi
}

client_both() {
    local verb=$1 name=$2 kind before='{' after=$'}\n'
    shift 2
    [[ $verb == report && " $* " == *" --json "* ]] || before='' after=''
    for kind in postgres mariadb; do
        if [[ -n $before ]]; then
            printf '%s"%s": ' "$before" "$kind"
            before=,
        elif [[ $verb == report ]]; then
            printf '%s\n' "--- $kind"
        fi
        "client_$verb" "$name-$kind" "$@"
    done
    printf '%s' "$after"
}

client_start() {
    local name=$1 kind=postgres flags=()
    shift
    while (($#)); do
        case $1 in
            --database)
                kind=${2-}
                shift
                ;;
            *) flags+=("$1") ;;
        esac
        shift
    done
    case $kind in
        postgres) ;;
        mariadb) need_mariadb ;;
        both)
            need_mariadb
            client_start_one postgres "$name-postgres" "${flags[@]}"
            client_start_one mariadb "$name-mariadb" "${flags[@]}"
            return
            ;;
        *) misuse "--database is postgres, mariadb or both, not \`$kind\`" ;;
    esac
    client_start_one "$kind" "$name" "${flags[@]}"
}

client_start_one() { # client_start_one KIND NAME [FLAGS…]
    local kind=$1 name=$2 folder=$dir/clients/$2 first where=() ledger ledger_name ledger_port
    shift 2
    [[ $mode == loopback ]] || where=(ip netns exec "$(client_net)")
    hold_lab
    [[ -z $(client_pid "$name") ]] || fail "the client $name runs"
    mkdir -p "$folder"
    rm -f "$folder"/*
    printf '%s\n' "$kind" >"$folder/kind"
    # Every client gets a range of ids that no other has.
    first=$(cat "$dir/clients/next" 2>/dev/null || echo 1)
    printf '%s\n' $((first + 1)) >"$dir/clients/next"
    what_it_writes_to "$kind"
    setsid --fork "${where[@]}" "$dir/bin/lab-client" run --dns "$bind_address:$bind_port" --name "$ledger_name" --port "$ledger_port" "${ledger[@]}" \
        --first-id "$((first * 1000000000 + 1))" --pid-file "$folder/pid" --log "$folder/log" "$@" \
        </dev/null >"$folder/out" 2>&1 9>&-
    wait_until 5 test -s "$folder/pid" || fail "the client $name does not start: $(tail -n 1 "$folder/out")"
}

# Sets what `run` and `report` have in common.
what_it_writes_to() {
    ledger=(--kind "$1" --user shop --password-file "$dir/secrets/shop")
    if [[ $1 == mariadb ]]; then
        ledger_name=$wiki_name ledger_port=$mariadb_port
        ledger+=(--database wiki)
    else
        ledger_name=$database_name ledger_port=$pg_port
        ledger+=(--database shop)
    fi
}

client_stop() {
    local name=$1 pid
    (($# == 1)) || misuse "client stop takes a name at most"
    pid=$(client_pid "$name")
    [[ -n $pid ]] || fail "the client $name does not run"
    signal TERM "$pid"
    wait_until 5 client_is_gone "$name" || { signal KILL "$pid"; fail "the client $name had to be killed"; }
}

client_is_gone() { [[ -z $(client_pid "$1") ]]; }

# A pid may have been given to somebody else since.
client_pid() {
    local pid file=$dir/clients/$1/pid
    [[ -s $file ]] && read -r pid <"$file" || return 0
    [[ $(readlink "/proc/$pid/exe" 2>/dev/null) != "$dir/bin/lab-client" ]] || printf '%s' "$pid"
}

client_report() {
    local name=$1 host members=() ledger ledger_name ledger_port
    shift
    [[ -f $dir/clients/$name/log ]] || fail "there is no client $name"
    what_it_writes_to "$(cat "$dir/clients/$name/kind")"
    for host in "${db_hosts[@]}"; do members+=(--member "$host=$(address_of "$host"):$ledger_port"); done
    timeout 60 "$dir/bin/lab-client" report --log "$dir/clients/$name/log" "${members[@]}" "${ledger[@]}" "$@"
}

stop_clients() {
    local folder pid
    for folder in "$dir"/clients/*/; do
        [[ -d $folder ]] || continue
        pid=$(client_pid "$(basename "$folder")")
        [[ -z $pid ]] || signal KILL "$pid"
    done
}
