//! Turning back, saved plans, own runbooks, and questions without anybody to answer them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::lab::Lab;

/// Runs a fail-over and kills it right after this step's intention is on disk.
fn killed_in(lab: &Lab, step: &str) {
    let order = ["--format", "json", "failover", "--to", "nuremberg", "--yes"];
    let mut child = lab.command(&order).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("switchback runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in lines.map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["event"] == "intended" && event["step_id"] == step {
            child.kill().expect("killed");
            child.wait().expect("gone");
            return;
        }
    }
    panic!("{step} was never intended");
}

#[test]
fn a_rollback_before_the_point_of_no_return_leads_home() {
    for step in ["fence.1/fence-databases/orders", "detach.1/detach-databases/orders"] {
        let mut lab = Lab::fresh();
        lab.client_starts();
        killed_in(&lab, step);
        let said = lab.exits(&["rollback"], 6);
        assert!(said.stderr.contains("backed out"), "{}", said.stderr);
        std::thread::sleep(std::time::Duration::from_secs(6));
        lab.is_at_rest("a-db", "b-db");
        let seen = lab.client_stops();
        assert_eq!((seen.missing, seen.both), (Vec::new(), Vec::new()), "{step}");
        // And the way is free again.
        lab.ok(&["failover", "--to", "nuremberg", "--yes"]);
    }
}

#[test]
fn a_rollback_after_the_point_of_no_return_takes_nothing_back() {
    let lab = Lab::fresh();
    killed_in(&lab, "redirect.1/point/db.shop.internal");
    let said = lab.exits(&["rollback"], 5);
    assert!(said.stdout.contains("stays: promote.1/promote/orders"), "{}", said.stdout);
    assert_eq!(lab.is_primary("b-db"), Some(true));
    assert_ne!(lab.is_primary("a-db"), Some(true), "the old primary was started");
}

#[test]
fn an_outage_that_lasts_too_long_turns_the_run_back() {
    let mut lab = Lab::fresh();
    let text = std::fs::read_to_string(&lab.estate).expect("the estate");
    let short = lab.estate.with_file_name("short.yaml");
    std::fs::write(&short, text.replace("outage_max: 20s", "outage_max: 40ms")).expect("written");
    lab.estate = short;
    lab.client_starts();
    let said = lab.exits(&["failover", "--to", "nuremberg", "--yes"], 6);
    assert!(said.stderr.contains("the write outage has lasted"), "{}", said.stderr);
    std::thread::sleep(std::time::Duration::from_secs(6));
    lab.is_at_rest("a-db", "b-db");
    let seen = lab.client_stops();
    assert_eq!((seen.missing, seen.both), (Vec::new(), Vec::new()));
}

#[test]
fn a_saved_plan_is_carried_out_or_refused() {
    let lab = Lab::fresh();
    let plan = lab.state.path().join("friday.plan");
    let plan = plan.to_str().expect("a path");
    lab.ok(&["plan", "failover", "--to", "nuremberg", "--out", plan]);
    lab.ok(&["run", "--plan", plan, "--yes"]);
    lab.is_at_rest("b-db", "a-db");
    // The same plan again: the estate is no longer as it was seen.
    let said = lab.exits(&["run", "--plan", plan, "--yes"], 11);
    assert!(said.stderr.contains("no longer matches"), "{}", said.stderr);
}

#[test]
fn a_runbook_of_ones_own_asks_and_commands() {
    let lab = Lab::fresh();
    let note = lab.state.path().join("note");
    let note = note.to_str().expect("a path");
    std::fs::set_permissions(lab.state.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("set");
    let own = lab.state.path().join("touch.yaml");
    let text = format!(
        "runbook: touch\nformat: 1\ntitle: Touch a file\nmodes: [planned]\nphases:\n  - phase: touch\n    title: A file is there\n    steps:\n      \
         - id: note\n        for_each: host\n        where: {{site: dallas, login: ssh}}\n        do:\n          host.command:\n            \
         run: [touch, \"{note}\"]\n            look: {{run: [test, -e, \"{note}\"]}}\n            repeat: safe\n      \
         - id: fine\n        do: {{human.ask: {{question: Is it fine?}}}}\n"
    );
    std::fs::write(&own, text).expect("written");
    let own = own.to_str().expect("a path");
    lab.ok(&["check", own]);
    // A question to a person is answered by no flag; what was done before it stays, and the run can be resumed.
    let said = lab.exits(&["run", own, "--yes"], 5);
    assert!(said.stderr.contains("no flag answers"), "{}", said.stderr);
    assert!(std::path::Path::new(note).exists(), "the command was carried out");
}
