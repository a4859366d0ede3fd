//! A run that dies, or stands still, while MariaDB is frozen: its read lock goes with it, and there is a way out.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::lab::{Lab, lab};
use crate::running::Running;

const FAILOVER: [&str; 4] = ["failover", "--to", "nuremberg", "--yes"];

/// Keeps a replica from applying what it receives, for as long as this lives.
struct Held;

impl Held {
    fn at_nuremberg() -> Self {
        let mut client = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab"));
        client.args(["mariadb", "b-db", "--execute", "flush tables with read lock; select sleep(120)"]);
        client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the lab's command runs");
        std::thread::sleep(Duration::from_millis(700));
        Self
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mine = "select id from information_schema.processlist where info = 'select sleep(120)'";
        let id = lab(&["mariadb", "b-db", "--batch", "--skip-column-names", "--execute", mine]);
        lab(&["mariadb", "b-db", "--execute", &format!("kill {}", id.trim())]);
    }
}

#[test]
fn the_read_lock_of_a_program_that_stands_still_does_not_outlast_its_rollback() {
    let lab_ = Lab::fresh_with("mariadb.yaml");
    let mut run = Running::begin(&lab_, &FAILOVER);
    assert!(run.until("prepare/checkpoint", "acted"));
    run.signal("STOP");
    // What is written now arrives and is not applied, so that the run waits for it with everything frozen.
    let held = Held::at_nuremberg();
    lab_.mariadb("a-db", "replace into wiki.pages values (-8, 'written', 'while the run stood still')");
    run.signal("CONT");
    assert!(run.until("fence-databases", "acted"));
    // It waits for the replica by now. Stopped while it writes to its journal it would keep everybody out of that.
    let reason = ["--take-over", "--reason", "the laptop sleeps"];
    let mut said = None;
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(150));
        run.signal("STOP");
        assert_eq!(lab_.mariadb("a-db", "select @@global.read_only"), "1");
        let rollback = lab_.run(&[&["rollback", "--yes"][..], &reason].concat());
        let locked_out = rollback.stderr.contains("database is locked");
        said = Some(rollback);
        if !locked_out {
            break;
        }
        run.signal("CONT");
    }
    let said = said.expect("it was tried");
    assert_eq!(said.code, 6, "{}", said.stderr);
    let began = Instant::now();
    let write =
        "set session lock_wait_timeout = 10; replace into wiki.pages values (-9, 'written', 'after the rollback')";
    lab_.mariadb("a-db", write);
    assert!(began.elapsed() < Duration::from_secs(5), "users waited for {:?}", began.elapsed());
    assert_eq!(lab_.mariadb("a-db", "select @@event_scheduler"), "ON");
    drop(held);
    // Awake, it does nothing more.
    run.signal("CONT");
    let (said, _) = run.ends();
    assert_eq!(said.code, 8, "{}", said.stderr);
    lab_.mariadb_is_at_rest("a-db", "b-db");
    lab_.ok(&FAILOVER);
    lab_.mariadb_is_at_rest("b-db", "a-db");
}

#[test]
fn a_death_while_the_replica_is_detached_is_gone_on_with() {
    let mut lab_ = Lab::fresh_with("mariadb.yaml");
    lab_.client_writes_to("mariadb");
    let mut detached = 0;
    for _ in 0..3 {
        let mut run = Running::begin(&lab_, &FAILOVER);
        assert!(run.until("detach-databases", "acted"));
        run.kill();
        // It follows nobody, and may have been promoted already.
        let role = lab_.mariadb_role("b-db");
        assert_ne!(role, Some("replica"));
        detached += usize::from(role != Some("primary"));
        lab_.ok(&["resume", "--yes"]);
        lab_.mariadb_is_at_rest("b-db", "a-db");
        lab_.ok(&["failback", "--input", "soak=1s", "--yes"]);
    }
    assert!(detached > 0, "it was never killed early enough: the test lost its point");
    lab_.client_stops().is_whole("MariaDB");
}

/// Until a promotion is settled a start is read-only again; the run that promoted mends it, before users are led there and after.
#[test]
fn a_new_primary_that_falls_back_before_it_is_settled_takes_writes_again() {
    let mut lab_ = Lab::fresh_with("mariadb.yaml");
    lab_.client_writes_to("mariadb");
    for (round, step) in ["/promote/", "/write-test/", "/point/"].into_iter().enumerate() {
        let mut run = Running::begin(&lab_, &FAILOVER);
        assert!(run.until(step, "acted"));
        let events = run.kill();
        let settled = |event: &serde_json::Value| event["step_id"].as_str().is_some_and(|id| id.contains("/settle/"));
        assert!(!events.iter().any(|event| event["event"] == "acted" && settled(event)), "it was killed too late");
        assert_eq!(lab_.mariadb_role("b-db"), Some("primary"));
        lab(&["mariadb-kill9", "b-db"]);
        lab(&["mariadb-start", "b-db"]);
        assert_eq!(lab_.mariadb("b-db", "select @@global.read_only"), "1", "round {round}: it did not fall back");
        // What it was is not taken back: it may hold what nobody else has.
        let said = lab_.run(&["rollback", "--yes"]);
        assert_ne!(said.code, 0, "{}", said.stdout);
        assert_eq!(lab_.mariadb("a-db", "select @@global.read_only"), "1", "round {round}: {}", said.stderr);
        lab_.ok(&["resume", "--yes"]);
        lab(&["mariadb-stop", "b-db"]);
        lab(&["mariadb-start", "b-db"]);
        assert_eq!(lab_.mariadb("b-db", "select @@global.read_only"), "0", "round {round}: it is settled");
        lab_.mariadb_is_at_rest("b-db", "a-db");
        lab_.ok(&["failback", "--input", "soak=1s", "--yes"]);
    }
    lab_.client_stops().is_whole("MariaDB");
}
