# shellcheck shell=bash
# The load: a client that asks for the database's name before each write, and what it saw.

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
    "client_$verb" "$name" "${flags[@]}"
}

client_start() {
    local name=$1 folder=$dir/clients/$1 first where=()
    shift
    [[ $mode == loopback ]] || where=(ip netns exec "$(client_net)")
    hold_lab
    [[ -z $(client_pid "$name") ]] || fail "the client $name runs"
    mkdir -p "$folder"
    rm -f "$folder"/*
    # Every client gets a range of ids that no other has.
    first=$(cat "$dir/clients/next" 2>/dev/null || echo 1)
    printf '%s\n' $((first + 1)) >"$dir/clients/next"
    setsid --fork "${where[@]}" "$dir/bin/lab-client" run --dns "$bind_address:$bind_port" --name "$database_name" --port "$pg_port" \
        --database shop --user shop --password-file "$dir/secrets/shop" --first-id "$((first * 1000000000 + 1))" \
        --pid-file "$folder/pid" --log "$folder/log" "$@" </dev/null >"$folder/out" 2>&1 9>&-
    wait_until 5 test -s "$folder/pid" || fail "the client $name does not start: $(tail -n 1 "$folder/out")"
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
    local name=$1 host members=()
    shift
    [[ -f $dir/clients/$name/log ]] || fail "there is no client $name"
    for host in "${db_hosts[@]}"; do members+=(--member "$host=$(address_of "$host"):$pg_port"); done
    timeout 60 "$dir/bin/lab-client" report --log "$dir/clients/$name/log" "${members[@]}" --database shop --user shop \
        --password-file "$dir/secrets/shop" "$@"
}

stop_clients() {
    local folder pid
    for folder in "$dir"/clients/*/; do
        [[ -d $folder ]] || continue
        pid=$(client_pid "$(basename "$folder")")
        [[ -z $pid ]] || signal KILL "$pid"
    done
}
