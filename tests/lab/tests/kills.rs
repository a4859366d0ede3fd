//! SIGKILL in the middle of each step of both runbooks, then `resume`: the same end as without the kill.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::lab::Lab;

/// Runs a command with its events as JSON and kills it right after the first event that `when` picks.
/// Says whether it was killed, and the steps that were begun.
pub fn killed_when(lab: &Lab, arguments: &[&str], when: impl Fn(&Value) -> bool) -> bool {
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

/// Every step that a run which was left alone went through, in order, with the event to kill at: its intention
/// where it acts, its first look where it only looks.
fn steps_of_last_run(lab: &Lab) -> Vec<(String, &'static str)> {
    let shown = lab.ok(&["--format", "json", "show"]);
    let events: Vec<Value> = shown.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |kind: &str| -> Vec<String> {
        let steps = events.iter().filter(|event| event["event"] == kind);
        steps.filter_map(|event| event["step_id"].as_str().map(str::to_owned)).collect()
    };
    let (acting, mut seen) = (BTreeSet::from_iter(of("intended")), BTreeSet::new());
    of("looked")
        .into_iter()
        .filter(|step| seen.insert(step.clone()))
        .map(|step| if acting.contains(&step) { (step, "intended") } else { (step, "looked") })
        .collect()
}

/// One way of a round trip, killed in this step, and resumed: the same end as without the kill.
fn killed_in(lab: &Lab, order: &[&str], (step, kind): &(String, &'static str)) {
    let killed = killed_when(lab, order, |event| event["event"] == *kind && event["step_id"] == step.as_str());
    eprintln!("{} killed in {step} ({kind}): {killed}", order[0]);
    if killed {
        lab.ok(&["resume", "--yes"]);
    }
}

/// Both runbooks are tried in turn, so that each way's end is the other's beginning and nothing is done for nothing.
#[test]
fn a_kill_in_the_middle_of_each_step_of_both_runbooks() {
    let mut lab = Lab::fresh();
    let there = ["failover", "--to", "nuremberg", "--yes"];
    let back = ["failback", "--input", "soak=1s", "--yes"];
    lab.ok(&there);
    let steps_there = steps_of_last_run(&lab);
    lab.ok(&back);
    let steps_back = steps_of_last_run(&lab);
    for (steps, acts, looks) in [(&steps_there, 6, 5), (&steps_back, 6, 5)] {
        assert!(steps.iter().filter(|(_, kind)| *kind == "intended").count() >= acts, "{steps:?}");
        assert!(steps.iter().filter(|(_, kind)| *kind == "looked").count() >= looks, "{steps:?}");
    }
    lab.client_starts();
    let (mut there_next, mut back_next) = (steps_there.iter(), steps_back.iter());
    loop {
        let (one, other) = (there_next.next(), back_next.next());
        if one.is_none() && other.is_none() {
            break;
        }
        for (order, step, primary, standby) in [(&there[..], one, "b-db", "a-db"), (&back[..], other, "a-db", "b-db")] {
            match step {
                Some(step) => killed_in(&lab, order, step),
                None => drop(lab.ok(order)),
            }
            lab.is_at_rest(primary, standby);
        }
    }
    let seen = lab.client_stops();
    assert_eq!(seen.missing, Vec::<Value>::new(), "acknowledged writes are missing");
    assert_eq!(seen.both, Vec::<Value>::new(), "both sites took writes");
}
