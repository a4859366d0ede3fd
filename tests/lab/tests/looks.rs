//! `plan` looks at everything and touches nothing; and it finds what would go wrong.

use std::path::Path;

use crate::lab::{Lab, lab};

/// What a plan must not change: WAL, the files of both data directories and hosts, the zones.
fn fingerprint(lab_: &Lab) -> Vec<String> {
    let mut print = vec![lab_.sql("a-db", "select pg_current_wal_insert_lsn()")];
    for host in ["a-db", "b-db"] {
        let data = lab_.sql(host, "show data_directory");
        for file in ["postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "standby.signal"] {
            print.push(format!("{host} {file} {:?}", std::fs::read(Path::new(&data).join(file)).ok()));
        }
        print.push(lab_.sql(host, "select string_agg(name || '=' || setting, ',' order by name) from pg_settings"));
        print.push(lab_.sql(host, "select string_agg(slot_name, ',' order by slot_name) from pg_replication_slots"));
    }
    print.push(lab(&["status"]));
    print
}

#[test]
fn a_plan_touches_nothing() {
    let lab_ = Lab::fresh();
    for host in ["a-db", "b-db"] {
        lab_.sql(host, "alter system set log_statement = 'all'");
        lab_.sql(host, "select pg_reload_conf()");
    }
    // Nothing of the server's own must move the WAL while we compare.
    lab_.sql("a-db", "checkpoint");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let before = fingerprint(&lab_);
    let marks: Vec<usize> = ["a-db", "b-db"].iter().map(|host| lab(&["log", host]).lines().count()).collect();
    lab_.ok(&["plan", "failover", "--to", "nuremberg"]);
    lab_.ok(&["failover", "--to", "nuremberg", "--dry-run", "--mode", "planned"]);
    assert_eq!(fingerprint(&lab_), before, "the plan changed something");
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
