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

/// A runbook whose second step fails the first time it is tried, and every time where `always`.
fn failing(lab: &Lab, always: bool) -> (String, std::path::PathBuf) {
    let folder = lab.state.path();
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("set");
    let (note, tries) = (folder.join("note"), folder.join("tries"));
    for file in [&note, &tries] {
        drop(std::fs::remove_file(file));
    }
    let then = if always { "false" } else { "test $(wc -l < $0) -gt 1" };
    let text = format!(
        "runbook: failing\nformat: 1\ntitle: Fail\nmodes: [planned]\nphases:\n  - phase: one\n    title: One\n    steps:\n      \
         - id: note\n        for_each: host\n        where: {{site: dallas, login: ssh}}\n        do:\n          host.command:\n            \
         run: [touch, \"{note}\"]\n            look: {{run: [test, -e, \"{note}\"]}}\n            undo: [rm, \"{note}\"]\n            \
         repeat: safe\n      \
         - id: fails\n        for_each: host\n        where: {{site: dallas, login: ssh}}\n        do:\n          host.command:\n            \
         run: [sh, -c, 'echo >> $0; {then}', \"{tries}\"]\n            undo: [\"true\"]\n            repeat: once\n",
        note = note.display(),
        tries = tries.display()
    );
    let path = folder.join("failing.yaml");
    std::fs::write(&path, text).expect("written");
    (path.display().to_string(), note)
}

#[test]
fn an_answer_beforehand_says_what_becomes_of_a_failure() {
    let lab = Lab::fresh();
    let run =
        |runbook: &str, answer: &[&str], code| lab.exits(&[&["run", runbook, "--yes"][..], answer].concat(), code);
    let (runbook, note) = failing(&lab, true);
    run(&runbook, &["--on-failure", "pause"], 5);
    assert!(note.exists(), "paused: it stays as it is");
    lab.exits(&["rollback"], 6);
    assert!(!note.exists(), "taken back by hand");
    let (runbook, note) = failing(&lab, true);
    run(&runbook, &["--on-failure", "back-out"], 6);
    assert!(!note.exists(), "taken back by itself");
    let (runbook, note) = failing(&lab, true);
    run(&runbook, &[], 6);
    assert!(!note.exists(), "without an answer, too");
    let (runbook, note) = failing(&lab, false);
    run(&runbook, &["--on-failure", "retry"], 0);
    assert!(note.exists(), "tried again, and done");
    let (runbook, note) = failing(&lab, true);
    let said = run(&runbook, &["--on-failure", "retry"], 6);
    let tries = std::fs::read_to_string(note.with_file_name("tries")).expect("the tries").lines().count();
    assert_eq!((note.exists(), tries), (false, 4), "three times more, then back: {}", said.stderr);
}
