//! Members that are made anew as copies, and tables that are compared.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{ESTATE, FAILOVER, backs_out, ids, saved_sql};
use crate::kills::killed_when;
use crate::lab::{Lab, lab};

/// What lies beside a member's data directory under this name, `*` at its end being anything.
fn beside(lab_: &Lab, host: &str, name: &str) -> Vec<PathBuf> {
    let folder = lab_.estate.with_file_name(host).join("mariadb/data.switchback");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_name().is_some_and(|own| own.to_string_lossy().starts_with(name))).collect()
}

/// A runbook that compares the tables of the member at a site.
fn comparison(lab_: &Lab) -> String {
    let own = lab_.state.path().join("compare.yaml");
    let text = "runbook: compare\nformat: 1\ntitle: Compare tables\nmodes: [planned]\nphases:\n  - phase: compare\n    title: Tables \
                are equal\n    steps:\n      - {id: tables, for_each: database, do: {database.tables_equal: {at: nuremberg}}}\n";
    std::fs::write(&own, text).expect("written");
    own.to_str().expect("a path").to_owned()
}

#[test]
fn a_replica_that_lacks_what_was_purged_is_refused_and_copied_anew_whenever_that_is_cut_off() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("mariadb");
    lab(&["mariadb-hold"]);
    std::thread::sleep(Duration::from_millis(300));
    lab(&["mariadb-fault", "a-db", "purged"]);
    lab(&["mariadb-release"]);
    std::thread::sleep(Duration::from_secs(1));
    backs_out(&lab_, 4, &["(1236)", "switchback run rejoin --input site=nuremberg"]);
    let rejoin = ["run", "rejoin", "--input", "site=nuremberg", "--yes"];
    let said = lab_.run(&["plan", "rejoin", "--input", "site=nuremberg"]);
    assert!(said.stdout.contains("copied anew from a-db"), "{}", said.stdout);
    // Killed while the copy comes in, when all of it is there, while it is put in its place, and before it knows its position; users
    // write on all the while.
    for (number, state) in ["new", "copied", "exchanging", "position"].into_iter().enumerate() {
        let order: &[&str] = if number == 0 { &rejoin } else { &["resume", "--yes"] };
        let killed = killed_when(&lab_, order, |event| {
            let begun = event["event"] == "intended" && event["step_id"] == "rejoin/follow/wiki";
            let late = Instant::now() + Duration::from_secs(60);
            // Whatever outlived the kill before may have gone past it.
            while begun
                && Instant::now() < late
                && beside(&lab_, "b-db", state).is_empty()
                && beside(&lab_, "b-db", "position").is_empty()
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            begun
        });
        assert!(killed, "it was not killed at `{state}`: the test lost its point");
        assert_eq!(lab_.mariadb_role("a-db"), Some("primary"));
    }
    lab_.ok(&["resume", "--yes"]);
    lab_.mariadb_is_at_rest("a-db", "b-db");
    assert_eq!(beside(&lab_, "b-db", "replaced-").len(), 1, "what was there is kept, once");
    for left in ["new", "unusable", "copied", "exchanging", "position"] {
        assert_eq!(beside(&lab_, "b-db", left), Vec::<PathBuf>::new(), "it was left behind");
    }
    lab_.ok(&["run", &comparison(&lab_), "--yes"]);
    // It is a member like any other.
    lab_.ok(&FAILOVER);
    lab_.mariadb_is_at_rest("b-db", "a-db");
    lab_.client_stops().is_whole("MariaDB");
}

#[test]
fn what_cannot_be_taken_back_is_saved_and_the_member_copied_anew() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("mariadb");
    lab(&["mariadb-hold"]);
    // A definition among what was lost: the log does not say what was before it.
    lab_.mariadb("a-db", "create table wiki.lost (id bigint primary key, note text)");
    lab_.mariadb("a-db", "insert into wiki.lost values (1, 'only at dallas')");
    std::thread::sleep(Duration::from_millis(300));
    lab(&["mariadb-kill9", "a-db"]);
    let emergency = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg"];
    let mut accepted = emergency.to_vec();
    accepted.extend(["--accept-data-loss", "wiki", "--reason", "the server is dead"]);
    lab_.ok(&accepted);
    std::thread::sleep(Duration::from_millis(300));
    // Somebody holds what a copy must lock for a moment: users are not made to wait for that, and nothing is replaced.
    lab(&["mariadb-fault", "b-db", "locked-table"]);
    let rejoin = ["run", "rejoin", "--input", "site=dallas", "--yes"];
    let mut all = vec!["--format", "json"];
    all.extend(rejoin);
    let mut child = lab_.command(&all).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("switchback runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut refused = 0;
    for line in lines.map_while(Result::ok) {
        if !line.contains("BACKUP STAGE START") {
            continue;
        }
        refused += 1;
        if refused == 1 {
            assert_eq!(beside(&lab_, "a-db", "replaced-"), Vec::<PathBuf>::new());
            let before = ids(&lab_, "b-db").len();
            std::thread::sleep(Duration::from_millis(500));
            assert!(ids(&lab_, "b-db").len() > before, "users were made to wait");
            lab(&["mariadb-fault", "b-db", "sessions-end"]);
        }
    }
    assert!(child.wait().expect("ended").success() && refused > 0, "refused {refused} times");
    let seen = lab_.client_stops();
    lab_.mariadb_is_at_rest("b-db", "a-db");
    assert_eq!(seen.both, Vec::<serde_json::Value>::new(), "both sites took writes");
    let survived = ids(&lab_, "b-db");
    assert!(ids(&lab_, "a-db") == survived, "the copy has what the survivor has, and no more");
    let there = "select count(*) from information_schema.tables where table_schema = 'wiki' and table_name = 'lost'";
    assert_eq!(lab_.mariadb("a-db", there), "0");
    assert_eq!(beside(&lab_, "a-db", "replaced-").len(), 1, "what was there is kept");

    // The account has it all, and it can be replayed.
    let files = saved_sql(&lab_.estate.with_file_name("a-db").join("mariadb/data.switchback/kept"));
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(super::replay(&files[0]), "{} cannot be replayed", files[0].display());
    assert_eq!(lab_.mariadb("b-db", "select note from wiki.lost"), "only at dallas");
    let missing: Vec<u64> = seen.missing.iter().filter_map(serde_json::Value::as_u64).collect();
    let back = ids(&lab_, "b-db");
    assert!(!missing.is_empty() && missing.iter().all(|id| back.contains(id)), "not in the account: {missing:?}");
    lab_.mariadb_is_at_rest("b-db", "a-db");
    lab_.ok(&["failback", "--input", "soak=1s", "--yes"]);
    lab_.mariadb_is_at_rest("a-db", "b-db");
}

#[test]
fn tables_of_mariadb_are_compared_and_the_part_that_differs_is_named() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.mariadb(
        "a-db",
        "create table wiki.long_one (id bigint primary key, at timestamp(6) null, f double, t text character set latin1, b varbinary(9));
         use wiki; insert into wiki.long_one select seq, now(6), seq / 7, concat('Zürich ', seq), unhex(hex(seq)) from seq_1_to_25000;
         create table wiki.unkeyed (v text); insert into wiki.unkeyed values ('one'), (null), ('one');
         create table wiki.worded (name varchar(40) primary key, v int) collate utf8mb4_general_ci;
         insert into wiki.worded select concat('wörd ', seq), seq from seq_1_to_12000",
    );
    let own = comparison(&lab_);
    // Also while a client writes.
    lab_.client_writes_to("mariadb");
    lab_.ok(&["run", &own, "--yes"]);
    let shown = lab_.ok(&["show"]).stdout.replace('\n', " ");
    assert!(shown.contains("tables of `wiki` are equal"), "{shown}");
    // What somebody changes at the replica, behind replication's back.
    lab_.mariadb("b-db", "set sql_log_bin = 0; update wiki.long_one set t = 'Bern' where id = 15000");
    let said = lab_.exits(&["run", &own, "--yes"], 4);
    let words = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("wiki.long_one after 10000 up to 20000"), "{}", said.stderr);
    for equal in ["wiki.pages", "wiki.orders", "wiki.unkeyed", "wiki.worded"] {
        assert!(!said.stderr.contains(equal), "{}", said.stderr);
    }
    lab_.mariadb("b-db", "set sql_log_bin = 0; update wiki.long_one set t = 'Zürich 15000' where id = 15000");
    lab_.mariadb("b-db", "set sql_log_bin = 0; delete from wiki.unkeyed where v is null");
    let said = lab_.exits(&["run", &own, "--yes"], 4);
    assert!(said.stderr.contains("wiki.unkeyed") && !said.stderr.contains("long_one"), "{}", said.stderr);
    lab_.client_stops().is_whole("MariaDB");
}
