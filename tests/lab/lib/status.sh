# shellcheck shell=bash
# What runs, and where the names lead.

lab_status() {
    (($# == 0)) || misuse "status takes no argument"
    need_lab
    local host name
    printf 'lab %s in %s, %s, %s\n' "$number" "$dir" "$mode" "$layout"
    printf '%-6s %-10s %-12s %-5s %s\n' host site address ssh serves
    for host in "${ssh_hosts[@]}"; do
        printf '%-6s %-10s %-12s %-5s %s\n' "$host" "$(site_of "$host")" "$(address_of "$host")" \
            "$(up_or_down answers "$(address_of "$host")" "$ssh_port")" "$(serves "$host")"
    done
    for name in "$entry_name" "$database_name" "$wiki_name"; do
        printf '%s -> %s\n' "$name" "$(asked "$name" || echo nothing)"
    done
}

up_or_down() { if "$@"; then printf up; else printf down; fi; }

serves() {
    if is_db_host "$1"; then
        printf 'postgres: %s' "$(postgres_role "$1")"
        ! has_mariadb || printf ', mariadb: %s' "$(mariadb_role "$1")"
    else
        printf 'web: %s' "$(up_or_down web_answers "$1")"
    fi
}

lab_log() {
    need_host log "$@"
    need_lab
    local file
    for file in "$dir/$1"/*.log "$dir/$1"/log/*.log; do
        [[ -f $file ]] || continue
        printf '==> %s <==\n' "$file"
        tail -n 200 "$file"
    done
}
