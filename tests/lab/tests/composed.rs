//! Runbooks made of others, and windows that are waited for without the lock.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use crate::lab::Lab;

/// There, something done, and back: two legs in one run.
const MAINTENANCE: &str = "\
runbook: maintenance
format: 1
title: Patch $site while $stand_in serves
modes: [planned]
inputs:
  site: {type: site}
  stand_in: {type: site, default: other}
phases:
  - phase: there
    include: failover
    with: {to: $stand_in, from: $site}
    when: {serving: $site}
  - phase: patch
    for_each: host
    where: {site: $site, login: ssh}
    steps:
      - {id: patch, do: {host.command: {run: [\"true\"], repeat: safe}}}
  - phase: back
    include: failback
    with: {to: $site, from: $stand_in, soak: 1s}
    when: {serving: $stand_in}
";

fn own(lab: &Lab, name: &str, text: &str) -> String {
    let path = lab.state.path().join(format!("{name}.yaml"));
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("a path").to_owned()
}

/// Begins a run and gives it at this event.
fn at_event(
    lab: &Lab,
    order: &[&str],
    wanted: impl Fn(&Value) -> bool,
) -> (Child, Lines<BufReader<ChildStdout>>, Value) {
    let order: Vec<&str> = ["--format", "json"].iter().chain(order).copied().collect();
    let mut child = lab.command(&order).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("switchback runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in lines.by_ref().map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if wanted(&event) {
            return (child, lines, event);
        }
    }
    panic!("{order:?} ended before the event that was waited for");
}

#[test]
fn a_maintenance_goes_there_and_back_in_one_run() {
    let mut lab = Lab::fresh();
    let runbook = own(&lab, "maintenance", MAINTENANCE);
    let order = ["run", &runbook, "--input", "site=dallas", "--yes"];
    lab.client_starts();
    lab.ok(&order);
    lab.is_at_rest("a-db", "b-db");

    // Killed in the fence of the way back: what goes back is the way back, and no more.
    let fence =
        |event: &Value| event["event"] == "intended" && event["step_id"] == "back/offline.1/fence-databases/orders";
    let (mut child, _lines, _) = at_event(&lab, &order, fence);
    child.kill().expect("killed");
    child.wait().expect("gone");
    let said = lab.exits(&["rollback"], 5);
    assert!(said.stderr.contains("taken back"), "{}", said.stderr);
    assert_eq!(lab.is_primary("b-db"), Some(true), "nuremberg takes writes again");
    assert_ne!(lab.is_primary("a-db"), Some(true), "what the first leg moved stays moved");
    // And forward again, to the end: as soon as dallas receives again, which asks every five seconds.
    lab.receives_again_from("b-db");
    lab.ok(&["resume", "--yes"]);
    lab.is_at_rest("a-db", "b-db");
    let seen = lab.client_stops();
    assert_eq!((seen.missing, seen.both), (Vec::new(), Vec::new()));
}

#[test]
fn a_run_that_waits_for_its_window_lets_others_pass() {
    let mut lab = Lab::fresh();
    let text = std::fs::read_to_string(&lab.estate).expect("the estate");
    // Two days ahead, in the middle of the day: closed now, wherever this runs.
    let zone = jiff::tz::TimeZone::UTC;
    let day = jiff::Zoned::now().with_time_zone(zone).checked_add(jiff::ToSpan::days(2_i64)).expect("a day");
    let day = day.strftime("%a").to_string().to_lowercase();
    let windows = format!("windows:\n  quiet: {{days: [{day}], from: \"12:00\", to: \"12:30\", zone: UTC}}\n");
    let waiting = lab.estate.with_file_name("windows.yaml");
    std::fs::write(&waiting, format!("{text}\n{windows}")).expect("written");
    lab.estate = waiting;
    let runbook = own(
        &lab,
        "friday",
        "runbook: friday\nformat: 1\nmodes: [planned]\ninputs: {to: {type: site}}\nphases:\n  - {phase: go, include: failover, with: {to: $to}, window: quiet}\n",
    );
    lab.ok(&["check", &runbook]);
    let plan = lab.ok(&["plan", &runbook, "--to", "nuremberg"]);
    assert!(plan.stdout.contains("begins: only in window `quiet`"), "{}", plan.stdout);

    let order = ["run", &runbook, "--to", "nuremberg", "--yes"];
    let (mut parked, _lines, event) = at_event(&lab, &order, |event| event["event"] == "parked");
    let run = event["run"].as_str().expect("a run").to_owned();
    let runs = lab.ok(&["runs"]);
    assert!(runs.stdout.contains("waits, without the lock, for window `quiet`"), "{}", runs.stdout);
    // The lock is free, here and at the databases: others move the shop there and back.
    lab.ok(&["failover", "--to", "nuremberg", "--yes"]);
    lab.is_at_rest("b-db", "a-db");
    lab.ok(&["failback", "--input", "soak=1s", "--yes"]);
    lab.is_at_rest("a-db", "b-db");

    // Stopped while it waits, nothing is under way; it can be gone on with, and given up.
    let pid = pid_of(&parked);
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill runs").success());
    assert_eq!(parked.wait().expect("it ends").code(), Some(130));
    let (mut again, _lines, _) = at_event(&lab, &["resume", "--yes"], |event| event["event"] == "parked");
    let pid = pid_of(&again);
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill runs").success());
    assert_eq!(again.wait().expect("it ends").code(), Some(130));
    lab.exits(&["rollback", &run], 6);
    lab.is_at_rest("a-db", "b-db");
}

fn pid_of(child: &Child) -> String {
    child.id().to_string()
}
