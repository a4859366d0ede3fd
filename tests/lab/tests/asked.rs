//! What somebody at a terminal is asked, and what the answers do.

use crate::lab::{Lab, lab};
use crate::person::Person;

fn sits_down(lab: &Lab, arguments: &[&str]) -> Person {
    let (estate, state) = (lab.estate.display().to_string(), lab.state.path().join("state").display().to_string());
    let place = ["--estate", &estate, "--state", &state];
    Person::sits_down(lab.state.path(), &[arguments, &place].concat())
}

#[test]
fn a_failure_with_nothing_to_take_back_is_asked_about_and_tried_again() {
    let lab_ = Lab::fresh();
    let person = sits_down(&lab_, &["failover", "--to", "nuremberg"]);
    person.sees("Go on? [y/N]");
    // The standby loses its stream while somebody thinks.
    lab(&["hold-wal"]);
    person.types("y");
    let seen = person.sees("What now? [retry/end/details]");
    assert!(seen.contains("does not receive from dallas at this moment"), "{seen}");
    person.types("what\n");
    person.sees("`what` is none of them");
    person.types("d\n");
    let seen = person.sees("What now? [retry/end/details]");
    assert!(seen.contains("fence `orders` at dallas") && seen.contains("written at"), "{seen}");
    lab(&["release-wal"]);
    std::thread::sleep(std::time::Duration::from_secs(6));
    person.types("retry\n");
    let (code, seen) = person.ends();
    assert_eq!(code, Some(0), "{seen}");
    let seen = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(seen.contains("lost of `orders`: nothing: everything had arrived before the promotion"), "{seen}");
    assert!(seen.contains("past the point of no return: the way is forward"), "{seen}");
    lab_.is_at_rest("b-db", "a-db");
}

#[test]
fn what_is_lost_stands_beside_the_question_and_in_the_report() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    lab(&["hold-wal"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    lab(&["kill9", "a-db"]);
    lab(&["release-wal"]);
    // A planned run does not move away from it, and says what does.
    let said = lab_.exits(&["failover", "--to", "nuremberg", "--yes"], 4);
    assert!(said.stderr.contains("when dallas is lost: the same command with `--mode emergency`"), "{}", said.stderr);
    let emergency = ["failover", "--to", "nuremberg", "--mode", "emergency"];
    let accepted = [&emergency[..], &["--accept-data-loss", "orders", "--reason", "the server is dead"]].concat();
    // `--yes` answers yes or no; a name is typed.
    let person = sits_down(&lab_, &[&accepted[..], &["--yes"]].concat());
    let seen = person.sees("Type `nuremberg`, the site that takes over");
    let asked = seen.rsplit("? dallas is shut out.").next().unwrap_or_default();
    assert!(
        asked.contains("accepted: writes of `orders` may be lost:") && asked.contains("of a-db never reached b-db"),
        "{seen}"
    );
    person.types("dallas\n");
    let (code, seen) = person.ends();
    assert_eq!(code, Some(9), "{seen}");
    assert!(seen.contains("nothing was changed"), "{seen}");
    // Without anybody it is not begun, and the flag is named.
    let said = lab_.exits(&accepted, 9);
    assert!(said.stderr.contains("--confirm nuremberg"), "{}", said.stderr);
    let said = lab_.ok(&[&accepted[..], &["--confirm", "nuremberg"]].concat());
    let missing = lab_.client_stops().missing.len();
    let words = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&format!("lost of `orders`: {missing} transactions")), "{missing}: {}", said.stderr);
    assert!(words.contains("switchback run rejoin --input site=dallas"), "{}", said.stderr);
    let report: serde_json::Value = serde_json::from_str(&lab_.ok(&["report", "--json"]).stdout).expect("JSON");
    let lost = report["services"][0]["lost"].as_str().expect("what was lost");
    assert!(lost.starts_with(&format!("{missing} transactions, ")), "{lost}");
    assert_eq!(report["figures"]["lost_transactions"], missing, "{}", report["figures"]);
}

/// Somebody who has taken back by hand what could not be taken back can say so, and the run ends.
#[test]
fn what_was_taken_back_by_hand_can_be_said() {
    let lab_ = Lab::fresh();
    std::fs::set_permissions(lab_.state.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("set");
    let note = lab_.state.path().join("note").display().to_string();
    let own = lab_.state.path().join("touch.yaml");
    std::fs::write(&own, TOUCH.replace("NOTE", &note)).expect("written");
    let own = own.display().to_string();
    let person = sits_down(&lab_, &["run", &own]);
    let seen = person.sees("What now? [retry/back out/pause/details]");
    assert!(seen.contains("going back takes back gate/never/a-db, touch/note/a-db"), "{seen}");
    person.types("p\n");
    let (code, seen) = person.ends();
    assert_eq!(code, Some(5), "{seen}");
    let said = lab_.exits(&["rollback"], 5);
    let words = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("gate/never/a-db --as not-done"), "{}", said.stderr);
    let run = lab_.ok(&["runs"]).stdout.split_whitespace().next().expect("a run").to_owned();
    lab_.exits(&["resolve", &run, "gate/never/a-db", "--as", "done", "--reason", "x"], 2);
    let said = lab_.ok(&["resolve", &run, "gate/never/a-db", "--as", "not-done", "--reason", "it did nothing"]);
    assert!(said.stdout.contains(&format!("switchback rollback {run}")), "{}", said.stdout);
    let said = lab_.exits(&["rollback", &run], 6);
    assert!(said.stderr.contains("every service is where it was"), "{}", said.stderr);
    assert!(!std::path::Path::new(&note).exists(), "what can be taken back is");
}

const TOUCH: &str = "\
runbook: touch
format: 1
title: Touch a file
modes: [planned]
phases:
  - phase: touch
    title: A file is there
    steps:
      - id: note
        for_each: host
        where: {site: dallas, login: ssh}
        do: {host.command: {run: [touch, NOTE], look: {run: [test, -e, NOTE]}, undo: [rm, -f, NOTE], repeat: safe}}
  - phase: gate
    title: Something else is there
    steps:
      - id: never
        for_each: host
        where: {site: dallas, login: ssh}
        do: {host.command: {run: [test, -e, NOTE-2], look: {run: [test, -e, NOTE-2]}, repeat: safe}}
        within: 2s
";
