//! Two operators at once, one who is stopped and taken over, and one who presses Ctrl-C.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Lab, Said};

const THERE: [&str; 4] = ["failover", "--to", "nuremberg", "--yes"];

/// A fail-over that has just made the intention of this step durable. Its standard output is read on meanwhile.
fn acting_in(lab: &Lab, step: &str) -> Child {
    let order = ["--format", "json", "failover", "--to", "nuremberg", "--yes"];
    let mut child = lab.command(&order).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("switchback runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in lines.by_ref().map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["event"] == "intended" && event["step_id"] == step {
            std::thread::spawn(move || lines.map_while(Result::ok).count());
            return child;
        }
    }
    panic!("{step} was never intended");
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success(), "SIG{name} cannot be sent");
}

/// How a process ends, within two minutes.
fn ended(mut child: Child) -> Said {
    let began = Instant::now();
    while child.try_wait().expect("it can be asked").is_none() {
        if began.elapsed() > Duration::from_secs(120) {
            child.kill().expect("killed");
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output().expect("ended");
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::new(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn of_two_operators_one_wins_and_a_stopped_one_does_nothing_more_when_it_wakes() {
    let mut lab = Lab::fresh();
    lab.client_starts();
    // Before its fence: the other finds both sites as they were.
    let first = acting_in(&lab, "prepare/checkpoint/orders");
    signal(&first, "STOP");
    let stopped = Instant::now();
    let pid = first.id().to_string();

    // The same state directory.
    let said = lab.exits(&THERE, 8);
    assert!(said.stderr.contains(&pid), "the holder is not named:\n{}", said.stderr);
    // Another laptop.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let other_state = elsewhere.path().join("state");
    let other = other_state.to_str().expect("a path");
    let there = [&["--state", other][..], &THERE[..]].concat();
    let said = lab.exits(&there, 8);
    assert!(said.stderr.contains("holds the lock at the database: switchback/"), "{}", said.stderr);
    // Taking over wants a reason; with one, the stopped program's sessions are ended.
    lab.exits(&[&there[..], &["--take-over"]].concat(), 2);
    lab.ok(&[&there[..], &["--take-over", "--reason", "the first laptop froze"]].concat());
    let shown = lab.ok(&["--state", other, "--format", "json", "show"]);
    assert!(shown.stdout.contains("the first laptop froze"), "{}", shown.stdout);
    assert!(shown.stdout.contains("was ended"), "whose session was ended is not told:\n{}", shown.stdout);
    lab.is_at_rest("b-db", "a-db");
    let timeline = "select timeline_id from pg_control_checkpoint()";
    lab.sql("b-db", "checkpoint");
    let before = lab.sql("b-db", timeline);

    // Past its lease it wakes, in the middle of its run.
    std::thread::sleep(Duration::from_secs(32).saturating_sub(stopped.elapsed()));
    signal(&first, "CONT");
    let said = ended(first);
    // Whoever took over has ended, so nobody is seen: what this run changed is its own to tell.
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(said.stderr.contains("another run may have had them since"), "{}", said.stderr);
    lab.is_at_rest("b-db", "a-db");
    lab.sql("b-db", "checkpoint");
    assert_eq!(lab.sql("b-db", timeline), before, "it was promoted again");
    let seen = lab.client_stops();
    assert_eq!((seen.missing, seen.both), (Vec::new(), Vec::new()));
}

#[test]
fn a_run_that_is_stopped_in_the_middle_of_its_fence_is_taken_over_and_makes_no_further_call() {
    let lab = Lab::fresh();
    // A fence is several calls of some ten milliseconds each: before the first, and between them.
    for after_ms in [0, 15, 40] {
        let first = acting_in(&lab, "fence.1/fence-databases/orders");
        std::thread::sleep(Duration::from_millis(after_ms));
        signal(&first, "STOP");
        lab.exits(&["resume", "--yes"], 8);
        lab.exits(&["resume", "--yes", "--take-over"], 2);
        lab.ok(&["resume", "--yes", "--take-over", "--reason", "its terminal is gone"]);
        lab.is_at_rest("b-db", "a-db");
        let started = "select pg_postmaster_start_time()";
        let before = lab.sql("a-db", started);
        // Awake, it would stop the server that follows by now. Its locks are no longer its own: it does nothing.
        signal(&first, "CONT");
        let said = ended(first);
        assert_eq!(said.code, 8, "{after_ms} ms: {}", said.stderr);
        lab.is_at_rest("b-db", "a-db");
        assert_eq!(lab.sql("a-db", started), before, "{after_ms} ms: the old primary was touched again");
        lab.ok(&["runs", "--verify"]);
        lab.ok(&["failback", "--input", "soak=1s", "--yes"]);
    }
}

/// Whoever stops a run in its outage is told first that nobody can write, or that not all are led to who serves.
#[test]
fn who_stops_a_run_in_its_outage_is_told_that_first() {
    let lab = Lab::fresh();
    let mut child = lab.command(&THERE).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("switchback runs");
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok) {
        if line.starts_with("fence.1 (F1)") {
            signal(&child, "INT");
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert_eq!(child.wait().expect("ended").code(), Some(130), "{said}");
    let (_, end) = said.split_once("interrupted: stopped on request").unwrap_or_else(|| panic!("{said}"));
    let first = end.lines().nth(1).unwrap_or_default().trim();
    let urgent = ["USERS CANNOT WRITE to `orders`, for ", "NOT ALL USERS ARE LED to nuremberg"];
    assert!(urgent.iter().any(|word| first.starts_with(word)), "{first}\n{said}");
    lab.ok(&["resume", "--yes"]);
    lab.is_at_rest("b-db", "a-db");
}

#[test]
fn a_run_that_slept_and_was_not_taken_over_is_part_way_and_can_be_resumed() {
    let mut lab = Lab::fresh();
    lab.client_starts();
    let slept = acting_in(&lab, "detach.1/detach-databases/orders");
    signal(&slept, "STOP");
    std::thread::sleep(Duration::from_secs(32));
    signal(&slept, "CONT");
    let said = ended(slept);
    assert_eq!(said.code, 5, "the fence stands: {}", said.stderr);
    assert!(said.stderr.contains("switchback rollback") && !said.stderr.contains("do nothing"), "{}", said.stderr);
    // It slept for longer than the estate lets users wait: who goes on with it brings the old site back at once.
    lab.exits(&["resume", "--yes"], 6);
    std::thread::sleep(Duration::from_secs(6));
    lab.is_at_rest("a-db", "b-db");
    let seen = lab.client_stops();
    assert_eq!((seen.missing, seen.both), (Vec::new(), Vec::new()));
}

#[test]
fn one_ctrl_c_finishes_the_step_and_two_stop_at_once() {
    let mut lab = Lab::fresh();
    lab.client_starts();
    for times in [1, 2] {
        let run = acting_in(&lab, "fence.1/fence-databases/orders");
        let began = Instant::now();
        for _ in 0..times {
            signal(&run, "INT");
            std::thread::sleep(Duration::from_millis(30));
        }
        let said = ended(run);
        assert_eq!(said.code, 130, "{times}: {}", said.stderr);
        let runs = lab.ok(&["runs"]);
        assert!(runs.stdout.lines().next().is_some_and(|last| last.contains("interrupted")), "{}", runs.stdout);
        let status = lab.ok(&["status"]).stdout;
        assert!(status.contains("✗ no member of `orders` is seen to take writes"), "{times}: {status}");
        assert!(began.elapsed() < Duration::from_secs(30), "{times}: {:?}", began.elapsed());
        // Nobody was promoted, and the run is to be gone on with.
        assert_eq!(lab.is_primary("b-db"), Some(false));
        lab.ok(&["resume", "--yes"]);
        lab.is_at_rest("b-db", "a-db");
        lab.ok(&["failback", "--input", "soak=1s", "--yes"]);
    }
    let seen = lab.client_stops();
    assert_eq!((seen.missing, seen.both), (Vec::new(), Vec::new()));
}

#[test]
fn another_copy_of_the_estate_that_names_another_database_first_finds_the_same_lock() {
    let lab = Lab::fresh();
    lab.sql("a-db", "create database another");
    let first = acting_in(&lab, "prepare/checkpoint/orders");
    signal(&first, "STOP");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let estate = std::fs::read_to_string(&lab.estate).expect("readable");
    let (one, both) = ("databases: [shop]", "databases: [another, shop]");
    assert!(estate.contains(one), "{estate}");
    let copy = elsewhere.path().join("switchback.yaml");
    std::fs::write(&copy, estate.replace(one, both)).expect("written");
    let (copy, state) = (copy.display().to_string(), elsewhere.path().join("state").display().to_string());
    let there = [&["--state", &state, "--estate", &copy][..], &THERE[..]].concat();
    let said = lab.exits(&there, 8);
    assert!(said.stderr.contains("holds the lock at the database: switchback/"), "{}", said.stderr);
    // Nothing of its attempt is left: the first goes on as if nobody had come.
    signal(&first, "CONT");
    let said = ended(first);
    assert_eq!(said.code, 0, "{}", said.stderr);
    lab.is_at_rest("b-db", "a-db");
}
