# shellcheck shell=bash
# A planned switch-over, there and back again, by each in turn; what counts is the gap that the client sees.

measure_planned() {
    local round here=dallas there=nuremberg who swap movers=(switchback floor)
    [[ $want_ansible == no ]] || movers+=(ansible)
    [[ $want_peers == no ]] || movers+=(repmgr)
    [[ $want_peers == no ]] || prepare_repmgr a-db b-db
    for ((round = 1; round <= rounds; round++)); do
        say "== planned switch-over, round $round of $rounds"
        for who in $(in_turn "$round" "${movers[@]}"); do
            [[ $who != repmgr ]] || repmgr_registers "$(database_at "$here")" "$(database_at "$there")"
            under_load planned_outage "$who" postgres "$there" "planned_by_$who"
            if [[ $who == switchback ]]; then
                where_time_goes inside_the_outage
            else
                # The script and the playbook do not bring the old primary back, and repmgr does it in its own way.
                "$switchback" run rejoin --yes --no-input >"$work/log" 2>&1 || fail "rejoin after $who: $(tail -n 5 "$work/log")"
            fi
            swap=$here here=$there there=$swap
        done
    done
    # Back to where the lab began, for whoever measures next.
    [[ $here == dallas ]] || "$switchback" failover --to dallas --yes --no-input >"$work/log" 2>&1 || fail "$(tail -n 5 "$work/log")"
}

# in_turn ROUND WHO…: in which order. Of an even number each would always move the same way, so their turns move on by one each round.
in_turn() {
    local round=$1 all=("${@:2}") from=0
    ((${#all[@]} % 2)) || from=$(((round - 1) % ${#all[@]}))
    printf '%s\n' "${all[@]:from}" "${all[@]:0:from}"
}

database_at() { if [[ $1 == dallas ]]; then printf a-db; else printf b-db; fi; }

planned_by_switchback() {
    "$switchback" failover --to "$1" --yes --no-input --format json >"$work/run.json" 2>"$work/log" ||
        fail "switchback: $(tail -n 5 "$work/log" "$work/run.json")"
}

planned_by_floor() {
    local letter=a
    [[ $1 == dallas ]] || letter=b
    "$bench" floor --to "$letter" >"$work/log" 2>&1 || fail "floor: $(tail -n 5 "$work/log")"
}

planned_by_ansible() { if [[ $1 == dallas ]]; then play_planned a; else play_planned b; fi; }

planned_by_repmgr() { repmgr_moves "$(database_at "$1")"; }

# under_load TOPIC WHO DATABASE SITE COMMAND: while the command moves the database to the site, one client writes whose resolver forgets at
# once, and beside it one whose resolver keeps the TTL. What counts is the longest gap that each sees; a lost write, or one on both sides,
# ends the bench.
under_load() {
    local topic=$1 who=$2 database=$3 to=$4 client report tries
    tests/lab/lab client start bench --database "$database"
    tests/lab/lab client start bench-ttl --database "$database" --keep-ttl
    sleep 1
    "$5" "$to"
    sleep 2.5
    for client in bench bench-ttl; do
        # A gap that has not ended is no gap between two writes.
        for ((tries = 0; tries < 20; tries++)); do
            ! client_reached "$client" "$(database_at "$to")" || break
            sleep 1
        done
        client_reached "$client" "$(database_at "$to")" || fail "the client $client does not write at $to after $who has moved there"
        tests/lab/lab client stop "$client"
        report=$(tests/lab/lab client report "$client" --json)
        [[ $(tr -d ' \n' <<<"$report") == *'"missing":[],"both":[]'* ]] || fail "$who lost a write: $report"
        report=$(tr -d '\n' <<<"$report" | field longest_gap_ms)
        if [[ $client == bench ]]; then keep "$topic" "$who" ms "$report"; else keep "${topic}_client_keeps_ttl_2s" "$who" ms "$report"; fi
    done
}

client_reached() { [[ $(tests/lab/lab client report "$1" --json | tr -d ' \n') =~ \"acknowledged_by\":\{[^}]*\"$2\" ]]; }

# What each step of the outage took, from the run's own events: from the fence's intention to the last redirection.
where_time_goes() { # where_time_goes TOPIC
    python3 - "$work/run.json" "$1" >>"$figures" <<'PY'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
last, inside = None, False
for event in events:
    kind, step = event.get("event"), event.get("step_id", "")
    if kind == "intended" and "fence" in step:
        inside = True
    elif inside and kind in ("looked", "acted"):
        if step.startswith("verify"):
            break
        what = "look" if kind == "looked" else "act"
        name = step.split("/")[1] + ("-" + step.split("/")[2] if step.startswith("redirect") else "")
        print(f"{sys.argv[2]},_{name}:{what} switchback ms {event['elapsed_ms'] - last}")
    last = event.get("elapsed_ms", last)
PY
}

play_planned() {
    local new=$1 old=a
    [[ $new != a ]] || old=b
    local address=$LAB_B_DB web=$LAB_B_WEB
    [[ $new == b ]] || address=$LAB_A_DB web=$LAB_A_WEB
    cat >"$work/planned.yaml" <<PLAY
- hosts: $old:$new
  gather_facts: false
  tasks:
    - {name: connected, command: "true"}
    - name: checkpoint
      shell: '$LAB_PG_BIN/psql -qAtX -U postgres -h {{socket}} -p $LAB_PG_PORT -d postgres -c CHECKPOINT -c CHECKPOINT'
      when: inventory_hostname == '$old'
- hosts: $old
  gather_facts: false
  tasks:
    - name: fence
      shell: |
        data={{data}} bin=$LAB_PG_BIN
        : >"\$data/standby.signal" && sync "\$data/standby.signal" "\$data" || exit 1
        grep -v '^ *primary_\(conninfo\|slot_name\)' "\$data/postgresql.auto.conf" >"\$data/auto.new"
        echo "primary_conninfo = ''" >>"\$data/auto.new"
        sync "\$data/auto.new" && mv "\$data/auto.new" "\$data/postgresql.auto.conf" && sync "\$data" || exit 1
        "\$bin/pg_ctl" stop -D "\$data" -m fast -w -s && "\$bin/pg_controldata" -D "\$data" | sed -n 's/^Latest checkpoint location: *//p'
      register: fenced
- hosts: $new
  gather_facts: false
  tasks:
    - name: arrived
      shell: '$LAB_PG_BIN/psql -qAtX -U postgres -h {{socket}} -p $LAB_PG_PORT -d postgres -c "SELECT pg_last_wal_receive_lsn() > ''{{hostvars["$old"].fenced.stdout}}''::pg_lsn"'
      register: arrived
      until: arrived.stdout == "t"
      retries: 100
      delay: 0
    - name: promote
      shell: '$LAB_PG_BIN/psql -qAtX -U postgres -h {{socket}} -p $LAB_PG_PORT -d postgres -c "SELECT pg_promote(true)"'
    - name: redirect the database
      delegate_to: localhost
      shell:
        cmd: nsupdate -k $LAB_TSIG_KEY
        stdin: |
          server ${LAB_BIND%:*} ${LAB_BIND##*:}
          zone shop.internal
          update delete $LAB_DATABASE_NAME A
          update add $LAB_DATABASE_NAME 2 A $address
          send
    - name: redirect the web
      delegate_to: localhost
      uri:
        url: $LAB_PDNS_URL/api/v1/servers/localhost/zones/shop.test.
        method: PATCH
        headers: {X-API-Key: "{{lookup('file', '$LAB_PDNS_KEY')}}"}
        body_format: json
        status_code: 204
        body: {rrsets: [{name: $LAB_ENTRY_NAME., type: A, ttl: 2, changetype: REPLACE, records: [{content: $web, disabled: false}]}]}
PLAY
    playbook "$work/planned.yaml" || fail "ansible: $(tail -n 20 "$work/ansible.log")"
}
