# shellcheck shell=bash
# The same of MariaDB, alone in its estate: a planned switch-over there and back again, by Switchback and by a hand-written script that
# does the same steps over sessions that stand (tests/lab/floor-mariadb.rs), in turn.

measure_mariadb() {
    local round here=dallas there=nuremberg who swap
    local -x SWITCHBACK_ESTATE=$LAB_MARIADB_ESTATE
    "$switchback" prepare --apply >"$work/log" 2>&1 || fail "prepare of MariaDB: $(tail -n 3 "$work/log")"
    for ((round = 1; round <= rounds; round++)); do
        say "== planned switch-over of MariaDB, round $round of $rounds"
        for who in $(in_turn "$round" switchback floor); do
            under_load mariadb_outage "$who" mariadb "$there" "mariadb_by_$who"
            [[ $who != switchback ]] || where_time_goes inside_the_outage_of_mariadb
            swap=$here here=$there there=$swap
        done
    done
    [[ $here == dallas ]] || "$switchback" failover --to dallas --yes --no-input >"$work/log" 2>&1 || fail "$(tail -n 5 "$work/log")"
}

mariadb_by_switchback() { planned_by_switchback "$1"; }

# The script brings the old primary back itself, after users are served.
mariadb_by_floor() {
    local host=a-db
    [[ $1 == dallas ]] || host=b-db
    "$release/examples/lab-floor-mariadb" "$host" >"$work/log" 2>&1 || fail "MariaDB's floor: $(tail -n 5 "$work/log")"
}
