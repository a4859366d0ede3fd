//! `plan` looks at everything and touches nothing; and it finds what would go wrong.

use std::path::Path;

use crate::lab::{Lab, lab};

/// What a plan must not change: transactions, the files of both data directories, settings, slots, the zones.
fn fingerprint(lab_: &Lab) -> Vec<(String, String)> {
    let mut print =
        vec![("the next transaction".to_owned(), lab_.sql("a-db", "select pg_snapshot_xmax(pg_current_snapshot())"))];
    for host in ["a-db", "b-db"] {
        let data = lab_.sql(host, "show data_directory");
        for file in ["postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "standby.signal"] {
            let text = std::fs::read_to_string(Path::new(&data).join(file)).unwrap_or_else(|_| "absent".to_owned());
            print.push((format!("{file} of {host}"), text));
        }
        let beside = std::fs::exists(format!("{data}.switchback")).expect("the disk can be asked");
        print.push((format!("our own folder at {host}"), beside.to_string()));
        let settings = "select string_agg(name || '=' || setting, ',' order by name) from pg_settings";
        print.push((format!("settings of {host}"), lab_.sql(host, settings)));
        let slots = "select string_agg(slot_name, ',' order by slot_name) from pg_replication_slots";
        print.push((format!("slots of {host}"), lab_.sql(host, slots)));
    }
    print.push(("the servers and the names".to_owned(), lab(&["status"])));
    for (server, zone) in [("LAB_BIND", "shop.internal"), ("LAB_PDNS", "shop.test")] {
        let server = std::env::var(server).expect("run by tests/lab/run-tests");
        let (address, port) = server.rsplit_once(':').expect("address:port");
        let answer = std::process::Command::new("dig")
            .args([&format!("@{address}"), "-p", port, "+short", zone, "SOA"])
            .output()
            .expect("dig runs");
        print.push((format!("serial of {zone}"), String::from_utf8_lossy(&answer.stdout).into_owned()));
    }
    print
}

/// What a-db wrote to its log since a place, without what a server writes by itself and for a reader: the
/// running transactions now and then, and pages that a first look tidies (hint bits, dead tuples).
fn written_since(lab_: &Lab, at: &str) -> Vec<String> {
    let now = lab_.sql("a-db", "select pg_current_wal_flush_lsn()");
    if now == at {
        return Vec::new();
    }
    let bin = lab_.sql("a-db", "select setting from pg_config where name = 'BINDIR'");
    let data = lab_.sql("a-db", "show data_directory");
    let dump = std::process::Command::new(Path::new(&bin).join("pg_waldump"))
        .args(["-p", &format!("{data}/pg_wal"), "-s", at, "-e", &now])
        .output()
        .expect("pg_waldump runs");
    let text = String::from_utf8_lossy(&dump.stdout).into_owned();
    let by_itself = ["RUNNING_XACTS", "FPI_FOR_HINT", "desc: PRUNE"];
    let harmless = |line: &&str| !by_itself.iter().any(|record| line.contains(record));
    text.lines().filter(harmless).map(str::to_owned).collect()
}

#[test]
fn a_plan_touches_nothing() {
    let mut lab_ = Lab::fresh();
    // Nor does its canary, which writes only in a run.
    crate::canary::asks_for(&mut lab_, "{entrance: db.shop.internal, service: orders, every: 10ms}");
    for host in ["a-db", "b-db"] {
        lab_.sql(host, "alter system set log_statement = 'all'");
        lab_.sql(host, "select pg_reload_conf()");
    }
    let lsn = "select pg_current_wal_flush_lsn()";
    let (before, at) = (fingerprint(&lab_), lab_.sql("a-db", lsn));
    let marks: Vec<usize> = ["a-db", "b-db"].iter().map(|host| lab(&["log", host]).lines().count()).collect();
    is_a_page_one_would_sign(&lab_.ok(&["plan", "failover", "--to", "nuremberg"]).stdout);
    lab_.ok(&["failover", "--to", "nuremberg", "--dry-run", "--mode", "planned"]);
    for ((what, before), (_, after)) in before.iter().zip(fingerprint(&lab_)) {
        assert!(*before == after, "the plan changed {what}");
    }
    let written = written_since(&lab_, &at);
    assert!(written.is_empty(), "the plan made the server write: {written:#?}");
    for (host, mark) in ["a-db", "b-db"].iter().zip(marks) {
        for line in lab(&["log", host]).lines().skip(mark).filter(|line| line.contains("switchback")) {
            let statement = line.to_ascii_lowercase();
            for verb in [
                "insert ",
                "update ",
                "delete ",
                "create ",
                "drop ",
                "alter ",
                "checkpoint",
                "pg_promote",
                "pg_switch_wal",
                "pg_create_",
                "pg_drop_",
                "pg_logical_emit",
                "pg_terminate",
                "pg_reload",
            ] {
                assert!(!statement.contains(verb), "{host}: a plan ran {line}");
            }
        }
    }
}

/// Who serves, what changes from what to what, what comes before the point of no return, how to get back, how long it takes.
fn is_a_page_one_would_sign(page: &str) {
    let text = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "planned: lose nothing or refuse",
        "takes writes, on timeline 1",
        "would change – a-db takes writes on timeline 1 → shut down, and any start comes up read-only",
        "─── point of no return ─",
        "Time: not known: no earlier run of this came to its end; after 20.0 s without writes it goes back by itself",
        "Critical path of the outage: wave 1: fence.1/fence-databases/orders →",
        "Way back: until the point of no return it takes back detach.1/detach-databases/orders, fence.1/fence-databases/orders, in this order",
        "Made of: estate ",
        "0 blocked; ",
        "Nothing was touched.",
    ] {
        assert!(text.contains(part), "`{part}` is not on the page:\n{page}");
    }
    let at = |part: &str| text.find(part).unwrap_or(usize::MAX);
    let line = at("─── point of no return");
    assert!(at("detach.1 (F2)") < line && line < at("promote.1 (F3)"), "the line stands elsewhere:\n{page}");
}

/// A plan of a fail-over that must be refused with these words.
fn refused(lab_: &Lab, words: &[&str]) {
    let said = lab_.exits(&["plan", "failover", "--to", "nuremberg"], 4);
    for word in words {
        assert!(said.stderr.contains(word), "`{word}` is not in:\n{}", said.stderr);
    }
}

#[test]
fn a_plan_finds_a_standby_that_does_not_stream() {
    let lab_ = Lab::fresh();
    lab(&["hold-wal"]);
    refused(&lab_, &["database", "stream"]);
    lab(&["release-wal"]);
}

#[test]
fn a_plan_finds_a_wrong_password() {
    let lab_ = Lab::fresh();
    lab_.sql("a-db", "alter role switchback password 'another'");
    refused(&lab_, &["password"]);
}

#[test]
fn a_plan_finds_a_wrong_tsig_key() {
    let lab_ = Lab::fresh();
    let key = lab_.estate.with_file_name("secrets").join("tsig.key");
    let good = std::fs::read_to_string(&key).expect("the key");
    let bad: String = good.replace("secret \"", "secret \"AAAA");
    std::fs::write(&key, bad).expect("written");
    let said = lab_.run(&["plan", "failover", "--to", "nuremberg"]);
    std::fs::write(&key, good).expect("written");
    assert_eq!(said.code, 4, "{}", said.stderr);
    assert!(said.stderr.contains("key"), "{}", said.stderr);
}

#[test]
fn a_plan_finds_that_no_slot_is_free() {
    let lab_ = Lab::fresh();
    lab_.sql("b-db", "select pg_create_physical_replication_slot('full_' || n) from generate_series(1, 10) n");
    refused(&lab_, &["slot"]);
}

#[test]
fn a_plan_finds_standby_names_that_would_hang() {
    let lab_ = Lab::fresh();
    lab_.sql("b-db", "alter system set synchronous_standby_names = 'somebody_else'");
    lab_.sql("b-db", "select pg_reload_conf()");
    refused(&lab_, &["synchronous_standby_names"]);
}

#[test]
fn a_plan_finds_an_unreachable_host() {
    let lab_ = Lab::fresh();
    lab(&["crash", "b-web"]);
    refused(&lab_, &["b-web"]);
    lab(&["boot", "b-web"]);
}

#[test]
fn a_plan_finds_a_paused_replay() {
    let lab_ = Lab::fresh();
    lab_.sql("b-db", "select pg_wal_replay_pause()");
    refused(&lab_, &["replay is paused", "pg_wal_replay_resume()"]);
}

#[test]
fn a_leftover_slot_is_dropped_on_the_way_back() {
    let lab_ = Lab::fresh();
    lab_.ok(&["failover", "--to", "nuremberg", "--yes"]);
    let slots = "select string_agg(slot_name, ',' order by slot_name) from pg_replication_slots";
    assert_eq!(lab_.sql("a-db", slots), "", "the slot of the standby that now leads is not left over");
    // What an earlier version left, or a run that was cut off.
    lab_.sql("b-db", "select pg_create_physical_replication_slot('switchback_b_db')");
    lab_.ok(&["failback", "--input", "soak=1s", "--yes"]);
    assert_eq!(lab_.sql("a-db", slots), "switchback_b_db");
    assert_eq!(lab_.sql("b-db", slots), "", "what was left over at the member that led is gone");
}

#[test]
fn a_plan_finds_too_little_disk_for_a_rebuild() {
    let lab_ = Lab::fresh();
    let own = lab_.state.path().join("rebuild.yaml");
    std::fs::write(&own, REBUILD).expect("written");
    let own = own.to_str().expect("a path");
    lab(&["pg-stop", "b-db"]);
    let order = ["plan", own, "--input", "site=nuremberg"];
    lab_.ok(&order);
    bloat(&lab_, "a-db");
    let said = lab_.exits(&order, 4);
    assert!(said.stderr.contains("would have to be copied anew"), "{}", said.stderr);
    assert!(said.stderr.contains("MiB are free there and"), "{}", said.stderr);
    // Where a copy is not needed yet, it is to be known beforehand.
    lab(&["pg-start", "b-db"]);
    bloat(&lab_, "b-db");
    let said = lab_.run(&["plan", "failover", "--to", "nuremberg"]);
    let warned =
        said.stdout.contains("ever had to be copied anew") || said.stderr.contains("ever had to be copied anew");
    assert!(warned, "{}\n{}", said.stdout, said.stderr);
}

/// A file without content in the shop's database, larger than any disk of these machines: a server counts it.
fn bloat(lab_: &Lab, host: &str) {
    let data = lab_.sql(host, "show data_directory");
    let folder = lab_.sql(host, "select 'base/' || oid from pg_database where datname = 'shop'");
    let ballast = std::fs::File::create(Path::new(&data).join(folder).join("ballast")).expect("the lab's user");
    ballast.set_len(8 << 40).expect("a file may have holes");
}

const REBUILD: &str = "\
runbook: rebuild
format: 1
title: Make $site anew
modes: [planned]
inputs:
  site: {type: site, help: The site to be made anew.}
phases:
  - phase: rebuild
    title: Databases at $site are copied anew
    confirm: The directories at $site are replaced.
    steps:
      - {id: copy, for_each: database, do: {database.follow: {at: $site, by: copy}}, within: 10m}
";

#[test]
fn a_data_directory_that_is_not_the_servers_is_no_proof() {
    let mut lab_ = Lab::fresh();
    let data = lab_.sql("a-db", "show data_directory");
    let before = format!("{data}-of-before");
    lab(&["pg-stop", "a-db"]);
    lab(&["ssh", "a-db", &format!("cp -a {data} {before} && touch {before}/standby.signal")]);
    lab(&["pg-start", "a-db"]);
    // The estate names the one of before, which looks as if it was shut down for good; and its server does not let us in.
    lab(&["ssh", "a-db", &format!("sed -i '1i host all switchback all reject' {data}/pg_hba.conf")]);
    lab_.sql("a-db", "select pg_reload_conf()");
    let estate = std::fs::read_to_string(&lab_.estate).expect("readable");
    let wrong = estate.replace(&format!("data_dir: {data}\n"), &format!("data_dir: {before}\n"));
    assert_ne!(wrong, estate);
    lab_.estate.set_file_name("wrong.yaml");
    std::fs::write(&lab_.estate, wrong).expect("written");
    let order =
        ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg", "--input", "from=dallas"];
    let accepted = ["--accept-data-loss", "orders", "--reason", "whatever there is"];
    let said = lab_.exits(&[&order[..], &accepted].concat(), 4);
    let words = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("a server listens on port 5432 at a-db, and none runs in"), "{words}");
    assert_eq!((lab_.is_primary("a-db"), lab_.is_primary("b-db")), (Some(true), Some(false)));
    std::fs::remove_file(&lab_.estate).expect("removed");
}
