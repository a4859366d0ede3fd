//! Servers that hang, clients that hold on, people who start what was shut out: each refused or handled, with its sentence.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, Said, lab};
use crate::running::Running;

const EMERGENCY: [&str; 6] = ["failover", "--mode", "emergency", "--confirm", "nuremberg", "--to"];

fn nothing_is_wrong(lab_: &mut Lab) {
    let seen = lab_.client_stops();
    assert_eq!((seen.missing, seen.both), (Vec::<Value>::new(), Vec::<Value>::new()));
}

fn says(said: &Said, words: &[&str]) {
    let whole = format!("{}\n{}", said.stdout, said.stderr);
    // Lines are laid out for a terminal's width.
    let whole = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(whole.contains(word), "`{word}` is not in:\n{}\n{}", said.stdout, said.stderr);
    }
}

fn restart(host: &str) {
    lab(&["pg-stop", host]);
    lab(&["pg-start", host]);
}

#[test]
fn an_archiver_that_hangs_does_not_hold_up_the_fence() {
    // The control data says *shut down* while the postmaster waits for its archiver.
    let mut lab_ = Lab::fresh();
    lab_.sql("a-db", "alter system set archive_mode = on");
    lab_.sql("a-db", "alter system set archive_command = 'sleep 8'");
    restart("a-db");
    std::thread::sleep(Duration::from_secs(6));
    lab_.client_starts();
    lab_.sql("a-db", "select pg_switch_wal()");
    lab_.ok(&["failover", "--to", "nuremberg", "--yes"]);
    lab_.is_at_rest("b-db", "a-db");
    nothing_is_wrong(&mut lab_);
}

#[test]
fn a_standby_that_stops_streaming_between_the_plan_and_the_fence_is_not_waited_for() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    let mut running = Running::begin(&lab_, &["failover", "--to", "nuremberg", "--yes"]);
    assert!(running.until("checkpoint/orders", "intended"));
    running.signal("STOP");
    lab(&["hold-wal"]);
    running.signal("CONT");
    let (said, _) = running.ends();
    assert!(matches!(said.code, 4 | 6), "{}: {}", said.code, said.stderr);
    says(&said, &["does not receive from dallas at this moment"]);
    assert_eq!(lab_.is_primary("a-db"), Some(true), "the old primary serves on");
    lab(&["release-wal"]);
    nothing_is_wrong(&mut lab_);
}

#[test]
fn a_client_that_holds_a_long_transaction_does_not_hold_up_the_fence() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    let sql = "begin; create table held (n int); lock table held; select pg_sleep(600)";
    let mut holder = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab"))
        .args(["psql", "a-db", "-qc", sql])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the lab's command runs");
    std::thread::sleep(Duration::from_millis(500));
    let said = lab_.run(&["failover", "--to", "nuremberg", "--yes"]);
    let _ = (holder.kill(), holder.wait());
    assert_eq!(said.code, 0, "{}", said.stderr);
    lab_.is_at_rest("b-db", "a-db");
    assert_eq!(lab_.sql("b-db", "select to_regclass('held') is null"), "t", "what was not committed is not there");
    nothing_is_wrong(&mut lab_);
}

#[test]
fn a_plan_finds_more_connections_at_the_primary_than_the_standby_may_have() {
    let lab_ = Lab::fresh();
    lab_.sql("a-db", "alter system set max_connections = 200");
    restart("a-db");
    // The standby stops replaying at the record that says so.
    std::thread::sleep(Duration::from_secs(7));
    let said = lab_.exits(&["plan", "failover", "--to", "nuremberg"], 4);
    says(&said, &["replay is paused"]);
}

#[test]
fn a_plan_finds_more_connections_at_the_target_than_the_old_primary_may_have() {
    let lab_ = Lab::fresh();
    lab_.sql("b-db", "alter system set max_connections = 200");
    restart("b-db");
    std::thread::sleep(Duration::from_secs(2));
    let said = lab_.exits(&["plan", "failover", "--to", "nuremberg"], 4);
    says(&said, &["max_connections is", "could not follow it; make it the same"]);
}

#[test]
fn a_primary_that_is_frozen_is_shut_out_and_stays_so_when_it_thaws() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    lab(&["freeze", "a-db"]);
    let mut order = EMERGENCY.to_vec();
    order.extend(["nuremberg", "--accept-data-loss", "orders", "--reason", "the server hangs"]);
    lab_.ok(&order);
    assert_eq!(lab_.is_primary("b-db"), Some(true));
    // Whatever is left of it wakes up.
    let _ = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab")).args(["thaw", "a-db"]).output();
    std::thread::sleep(Duration::from_secs(1));
    assert_ne!(lab_.is_primary("a-db"), Some(true), "the old primary takes writes again");
    let seen = lab_.client_stops();
    assert_eq!(seen.both, Vec::<Value>::new(), "both sites took writes");
}

#[test]
fn an_old_primary_that_somebody_starts_after_an_emergency_takes_no_write_and_no_second_emergency() {
    let mut lab_ = Lab::fresh();
    // Both members know a role change already.
    lab_.ok(&["failover", "--to", "nuremberg", "--yes"]);
    lab_.ok(&["failback", "--input", "soak=1s", "--yes"]);
    lab_.client_starts();
    lab(&["kill9", "a-db"]);
    let mut order = EMERGENCY.to_vec();
    order.extend(["nuremberg", "--accept-data-loss", "orders", "--reason", "the server is dead"]);
    lab_.ok(&order);
    lab(&["pg-start", "a-db"]);
    assert_eq!(lab_.is_primary("a-db"), Some(false), "it comes up unable to take a write");
    let said = lab_.ok(&["status"]);
    says(&said, &["orders at dallas knows the last role change", "orders at nuremberg knows the last role change"]);
    // It flaps: somebody wants to go back at once, over what only nuremberg has.
    let back = ["failover", "--mode", "emergency", "--confirm", "dallas", "--to", "dallas"];
    let mut back = back.to_vec();
    back.extend(["--accept-data-loss", "orders", "--reason", "once more"]);
    let said = lab_.exits(&back, 4);
    says(&said, &["rejoin"]);
    assert_eq!((lab_.is_primary("a-db"), lab_.is_primary("b-db")), (Some(false), Some(true)));
    lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    lab_.is_at_rest("b-db", "a-db");
    let seen = lab_.client_stops();
    assert_eq!(seen.both, Vec::<Value>::new(), "both sites took writes");
}

#[test]
fn two_primaries_are_settled_by_a_person_and_then_rejoined() {
    // Nothing could fence a host that was gone, somebody vouched for it, and then it came back as it was.
    let lab_ = Lab::fresh();
    lab(&["crash", "a-db"]);
    let mut order = EMERGENCY.to_vec();
    order.extend([
        "nuremberg",
        "--accept-data-loss",
        "orders",
        "--accept-unfenced",
        "dallas",
        "--reason",
        "it is gone",
    ]);
    lab_.ok(&order);
    lab(&["boot", "a-db", "--with-postgres"]);
    assert_eq!((lab_.is_primary("a-db"), lab_.is_primary("b-db")), (Some(true), Some(true)));
    let what_settles = ["takes writes at dallas and at nuremberg", "pg_ctl stop -m fast", "switchback run rejoin"];
    says(&lab_.exits(&["status"], 4), &what_settles);
    for mode in ["planned", "emergency"] {
        let order = ["failover", "--to", "nuremberg", "--mode", mode, "--yes", "--confirm", "nuremberg"];
        let said = lab_.exits(&order, 4);
        says(&said, &["nuremberg and at dallas", "pg_ctl stop -m fast", "switchback run rejoin"]);
    }
    lab(&["pg-stop", "a-db"]);
    lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    lab_.is_at_rest("b-db", "a-db");
}

#[test]
fn a_standby_that_was_promoted_by_hand_is_refused_until_a_person_says_that_it_is_wrong() {
    let lab_ = Lab::fresh();
    let data = lab_.sql("b-db", "show data_directory");
    lab_.sql("b-db", "select pg_promote()");
    lab_.sql("b-db", "create table by_hand (x int)");
    lab(&["pg-stop", "b-db"]);
    let rejoin = ["run", "rejoin", "--input", "site=nuremberg", "--yes"];
    let said = lab_.exits(&rejoin, 4);
    says(&said, &["on timeline 2, the leader on 1", "promoted by somebody else", ".switchback/unusable"]);
    lab(&["ssh", "b-db", &format!("mkdir -p {data}.switchback && echo 'a-db is right' > {data}.switchback/unusable")]);
    lab_.ok(&rejoin);
    lab_.is_at_rest("a-db", "b-db");
    assert_eq!(lab_.sql("b-db", "select to_regclass('by_hand') is null"), "t");
    // Nothing of it is gone.
    let kept =
        lab(&["ssh", "b-db", &format!("cat {data}.switchback/replaced-*/PG_VERSION; ls {data}.switchback/kept")]);
    assert!(kept.contains("before-rejoin-2-"), "{kept}");
}

#[test]
fn a_recovery_to_a_point_in_time_at_the_old_primary_is_no_fence() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    lab_.sql("a-db", "checkpoint");
    let folder = lab_.estate.with_file_name("a-db").join("data");
    let hold = folder.with_file_name("archive-is-awaited");
    std::fs::write(&hold, "").expect("written");
    // Somebody recovers the primary from an archive: it can be read all the while, and takes writes when it has come to
    // the end.
    let restore =
        format!("case %f in *.history) ;; *) while [ -e {} ]; do sleep 0.1; done ;; esac; false", hold.display());
    lab_.sql("a-db", &format!("alter system set restore_command = '{restore}'"));
    lab(&["kill9", "a-db"]);
    std::fs::write(folder.join("recovery.signal"), "").expect("written");
    lab(&["pg-start", "a-db"]);
    assert_eq!(lab_.is_primary("a-db"), Some(false), "it is to be in recovery");
    std::thread::sleep(Duration::from_secs(6));

    let order = [&EMERGENCY[..], &["nuremberg", "--input", "from=dallas"]].concat();
    lab_.ok(&order);
    assert_eq!((lab_.is_primary("a-db"), lab_.is_primary("b-db")), (None, Some(true)));
    std::fs::remove_file(&hold).expect("removed");
    std::thread::sleep(Duration::from_secs(2));
    lab(&["pg-start", "a-db"]);
    assert_eq!(lab_.is_primary("a-db"), Some(false), "it went on with its recovery, to its end");
    lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    lab_.is_at_rest("b-db", "a-db");
    assert!(!folder.join("recovery.signal").exists(), "a promotion would go on with the recovery of before");
    assert_eq!(lab_.client_stops().both, Vec::<Value>::new(), "both sites took writes");
}
