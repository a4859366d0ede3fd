//! Commits that wait for a replica's acknowledgement: a freeze does not wait with them, and a new primary's users do not either.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{ESTATE, FAILOVER, is_refused, saved_sql, serves_as_before};
use crate::lab::{Lab, lab};

/// Waits ten minutes for an acknowledgement, as a primary; gives one, as a replica.
const ON: &str = "set global rpl_semi_sync_master_timeout = 600000; set global rpl_semi_sync_slave_enabled = on; \
                  set global rpl_semi_sync_master_enabled = on";

/// A write at dallas that does not return before it is acknowledged.
fn write(id: i64) -> Child {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab"));
    let sql = format!("insert into wiki.pages values ({id}, 'waits', 'for an acknowledgement')");
    let child = command.args(["mariadb", "a-db", "--execute", &sql]).stderr(Stdio::null()).spawn();
    std::thread::sleep(Duration::from_millis(500));
    child.expect("the lab's command runs")
}

/// A replica that does not receive would be refused before anything is frozen.
fn receives_again(lab_: &Lab) {
    let receiving = "select count(*) from information_schema.processlist where command = 'Slave_IO' and state like 'Waiting for master%'";
    let began = std::time::Instant::now();
    while lab_.mariadb("b-db", receiving) != "1" {
        assert!(began.elapsed() < Duration::from_secs(10), "b-db does not receive from a-db again");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().expect("kill is there");
    assert!(status.success(), "{name} was not sent");
}

#[test]
fn commits_that_wait_for_an_acknowledgement_keep_nobody_waiting() {
    let lab_ = Lab::fresh_with(ESTATE);
    // The one that is to serve would wait for a replica that it does not have.
    lab_.mariadb("b-db", ON);
    lab_.mariadb("b-db", "stop slave io_thread; start slave io_thread");
    is_refused(&lab_, 4, &["first commits would take 10 min", "SET GLOBAL rpl_semi_sync_master_timeout = 3000"]);
    lab_.mariadb("b-db", "set global rpl_semi_sync_master_timeout = 500");

    // The one that serves waits for a replica that does not answer.
    lab_.mariadb("a-db", ON);
    lab(&["mariadb-hold"]);
    let mut waiting = write(-21);
    is_refused(&lab_, 4, &["1 commit waits for a replica's acknowledgement", "no replica gives one"]);
    lab(&["mariadb-release"]);
    assert!(waiting.wait().expect("ended").success());
    serves_as_before(&lab_);

    // That begins only when the freeze is about to, and the replica follows, but acknowledges nothing: the freeze waits for three
    // seconds, says why, and users write again.
    let mut all = vec!["--format", "json"];
    all.extend(FAILOVER);
    let mut child = lab_.command(&all).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("switchback runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut waiting = None;
    for line in lines.map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["event"] == "intended" && event["step_id"] == "prepare/checkpoint/wiki" {
            // The program stands still meanwhile, so that it is not past the freeze.
            signal(&child, "STOP");
            lab_.mariadb(
                "b-db",
                "set global rpl_semi_sync_slave_enabled = off; stop slave io_thread; start slave io_thread",
            );
            receives_again(&lab_);
            waiting = Some(write(-22));
            signal(&child, "CONT");
        }
    }
    assert_eq!(child.wait().expect("ended").code(), Some(6), "{}", lab_.ok(&["show"]).stdout);
    let shown = lab_.ok(&["show"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("for a replica's acknowledgement (semi-sync, `rpl_semi_sync_master_timeout`"), "{shown}");
    lab_.mariadb("b-db", "set global rpl_semi_sync_slave_enabled = on; stop slave io_thread; start slave io_thread");
    // With the next one that is acknowledged, all before it are.
    lab_.mariadb("a-db", "insert into wiki.pages values (-24, 'acknowledged', 'and with it what came before')");
    serves_as_before(&lab_);
    assert!(waiting.expect("it was prepared").wait().expect("ended").success());
    lab_.mariadb_is_at_rest("a-db", "b-db");

    // In an emergency it is stopped with what waits. That is in its log, so it counts as lost, and is in the account.
    lab(&["mariadb-hold"]);
    let mut waiting = write(-23);
    let emergency = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg"];
    let mut accepted = emergency.to_vec();
    accepted.extend(["--accept-data-loss", "wiki", "--reason", "dallas hangs"]);
    lab_.ok(&accepted);
    let _ = waiting.wait();
    lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    lab_.mariadb_is_at_rest("b-db", "a-db");
    assert_eq!(lab_.mariadb("a-db", "select count(*) from wiki.pages where id = -23"), "0");
    let files = saved_sql(&lab_.estate.with_file_name("a-db").join("mariadb/data.switchback/kept"));
    assert!(super::replay(&files[0]), "{} cannot be replayed", files[0].display());
    assert_eq!(lab_.mariadb("b-db", "select count(*) from wiki.pages where id = -23"), "1");
}
