//! SIGKILL in the middle of each step of both runbooks, then `resume`: the same end as without the kill.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::lab::Lab;

/// Runs a command with its events as JSON and kills it right after the first event that `when` picks.
/// Says whether it was killed, and the steps that were begun.
fn killed_when(lab: &Lab, arguments: &[&str], when: impl Fn(&Value) -> bool) -> bool {
    let mut all = vec!["--format", "json"];
    all.extend_from_slice(arguments);
    let mut child = lab.command(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("switchback runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in lines.map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if when(&event) {
            child.kill().expect("killed");
            child.wait().expect("gone");
            return true;
        }
    }
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    false
}

/// Steps in which a run acts, in order, from a run that was left alone.
fn acting_steps(lab: &Lab) -> Vec<String> {
    let shown = lab.ok(&["--format", "json", "show"]);
    let mut seen = BTreeSet::new();
    shown
        .stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["event"] == "intended")
        .filter_map(|event| event["step_id"].as_str().map(str::to_owned))
        .filter(|step| seen.insert(step.clone()))
        .collect()
}

fn sweep(order: &[&str], back: &[&str], primary: &str, standby: &str) {
    let mut lab = Lab::fresh();
    if primary == "a-db" {
        // The way back is what is tried.
        lab.ok(&["failover", "--to", "nuremberg", "--yes"]);
    }
    lab.ok(order);
    lab.is_at_rest(primary, standby);
    let steps = acting_steps(&lab);
    assert!(steps.len() >= 5, "{steps:?}");
    lab.ok(back);
    lab.client_starts();
    for step in &steps {
        let killed =
            killed_when(&lab, order, |event| event["event"] == "intended" && event["step_id"] == step.as_str());
        eprintln!("killed in {step}: {killed}");
        if killed {
            lab.ok(&["resume", "--yes"]);
        }
        lab.is_at_rest(primary, standby);
        lab.ok(back);
    }
    let seen = lab.client_stops();
    assert_eq!(seen.missing, Vec::<Value>::new(), "acknowledged writes are missing");
    assert_eq!(seen.both, Vec::<Value>::new(), "both sites took writes");
}

#[test]
fn a_kill_in_the_middle_of_each_step_of_a_failover() {
    sweep(&["failover", "--to", "nuremberg", "--yes"], &["failback", "--input", "soak=1s", "--yes"], "b-db", "a-db");
}

#[test]
fn a_kill_in_the_middle_of_each_step_of_a_failback() {
    sweep(&["failback", "--input", "soak=1s", "--yes"], &["failover", "--to", "nuremberg", "--yes"], "a-db", "b-db");
}
