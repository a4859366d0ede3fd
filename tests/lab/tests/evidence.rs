//! What a run leaves: events for programs, a page for people, figures for collectors; and drills.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::lab::Lab;
use crate::readers;

fn validator(lab: &Lab) -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&lab.ok(&["schema", "events"]).stdout).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// A gauge's value, by its name and a label that it must have, as a collector reads it.
fn gauge(file: &Path, name: &str, label: (&str, &str)) -> Option<f64> {
    let families = readers::collected(file).unwrap_or_else(|error| panic!("a collector refuses it: {error}"));
    for family in &families {
        let told = |what: &str| family[what].as_str().expect("text").to_owned();
        let unit = if told("name").ends_with("_seconds") { "seconds" } else { "" };
        assert_eq!((told("type").as_str(), told("unit").as_str(), told("help").is_empty()), ("gauge", unit, false));
    }
    let family = families.iter().find(|family| family["name"] == name)?;
    let samples = family["samples"].as_array().expect("samples");
    samples.iter().find(|sample| sample["labels"][label.0] == label.1)?["value"].as_f64()
}

/// What a program needs that has no terminal and reads nothing but lines of JSON: it looks, sees that nothing is
/// blocked, carries out, follows the events, and knows the end.
#[test]
fn a_program_carries_out_a_whole_run_from_json_alone() {
    let lab = Lab::fresh();
    let validator = validator(&lab);
    let plan = lines(&lab.ok(&["plan", "failover", "--to", "nuremberg", "--format", "json"]).stdout);
    let summary = plan.iter().find(|line| line["schema"] == "switchback/plan/1").expect("the plan in short");
    assert_eq!((&summary["blocked"], &summary["from"]), (&0.into(), &"dallas".into()), "{summary}");
    let (junit, metrics) = (lab.state.path().join("junit.xml"), lab.state.path().join("run.prom"));
    let order = ["failover", "--to", "nuremberg", "--format", "json"];
    // Without an answer beforehand it is not even begun, and the last line says what answers.
    let declined = lines(&lab.exits(&order, 9).stdout);
    assert!(declined.iter().all(|line| validator.is_valid(line)), "{declined:#?}");
    let said = declined.last().expect("a failure").to_string();
    assert!(said.contains("switchback/failure/1") && said.contains("what answers it: --yes"), "{said}");
    assert_eq!(lab.ok(&["runs"]).stdout.lines().filter(|line| line.contains("Fail over")).count(), 0);
    let unread = lines(&lab.exits(&["failover", "--too", "nuremberg", "--format", "json"], 2).stdout);
    assert_eq!((&unread[0]["exit"], validator.is_valid(&unread[0])), (&2.into(), true), "{unread:#?}");
    a_stopped_run_is_taken_back_by_json(&lab, &validator);
    let mut all = order.to_vec();
    let files = ["--junit", junit.to_str().expect("a path"), "--metrics", metrics.to_str().expect("a path")];
    all.extend(["--yes"]);
    all.extend(files);
    let said = lab.ok(&all);
    let events = lines(&said.stdout);
    for (place, event) in events.iter().enumerate() {
        assert!(validator.is_valid(event), "{event:#}");
        if event["schema"] == "switchback/event/1" {
            assert_eq!(event["seq"], place, "events are all there and in order");
        }
    }
    let planned: Vec<&Value> = events[0]["plan"]["steps"].as_array().expect("steps").iter().collect();
    assert_eq!(planned.len(), plan.len() - 1, "a line of the plan for each step");
    let acted: Vec<&str> =
        events.iter().filter(|event| event["event"] == "acted").filter_map(|event| event["step_id"].as_str()).collect();
    assert!(acted.contains(&"promote.1/promote/orders"), "{acted:?}");
    let end = events.last().expect("an end");
    assert_eq!((&end["schema"], &end["exit"]), (&"switchback/end/1".into(), &0.into()), "{end}");
    lab.is_at_rest("b-db", "a-db");
    // What it left.
    let text = std::fs::read_to_string(&junit).expect("the cases");
    assert!(text.contains("failures=\"0\"") && text.contains("name=\"promote.1/promote/orders\""), "{text}");
    let outage = gauge(&metrics, "switchback_run_recovery_time_seconds", ("runbook", "failover")).expect("an outage");
    assert!((outage * 1_000.0 - end["outage_ms"].as_f64().expect("an outage")).abs() < 1.0, "{outage} {end}");
    the_report_says_it_all(&lab, planned.len());
}

/// One that is interrupted after its first act, and taken back.
fn a_stopped_run_is_taken_back_by_json(lab: &Lab, validator: &jsonschema::Validator) {
    let order = ["failover", "--to", "nuremberg", "--format", "json", "--yes"];
    let mut child = lab.command(&order).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("switchback runs");
    let events = std::io::BufReader::new(child.stdout.take().expect("piped"));
    let mut run = String::new();
    for line in std::io::BufRead::lines(events).map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).expect("JSON");
        assert!(validator.is_valid(&event), "{event:#}");
        if event["event"] == "intended" && event["step_id"] == "prepare/checkpoint/orders" {
            event["run"].as_str().expect("a run").clone_into(&mut run);
            let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
            assert!(sent.success());
        }
    }
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    let back = lines(&lab.exits(&["rollback", &run, "--format", "json"], 6).stdout);
    assert!(back.iter().all(|line| validator.is_valid(line)), "{back:#?}");
}

fn the_report_says_it_all(lab: &Lab, steps: usize) {
    let account: Value = serde_json::from_str(&lab.ok(&["report", "--json"]).stdout).expect("JSON");
    assert_eq!(account["verdict"], "done", "{account}");
    let lost = account["services"][0]["lost"].as_str().expect("what was lost");
    assert!(lost.starts_with("nothing:"), "{lost}");
    let sum: u64 =
        ["fence_ms", "promote_ms", "redirect_ms"].iter().filter_map(|name| account["figures"][name].as_u64()).sum();
    assert_eq!(Some(sum), account["figures"]["outage_ms"].as_u64(), "the parts are the whole: {}", account["figures"]);
    let page = lab.state.path().join("report.html");
    lab.ok(&["report", "--html", "--out", page.to_str().expect("a path")]);
    let html = std::fs::read_to_string(&page).expect("the page");
    assert_eq!(html.matches("<g class=\"row\">").count(), steps + 1, "a row a step, and one for people");
    for from_outside in ["http://", "https://", "src=", "<script", "@import", "url("] {
        assert!(!html.contains(from_outside), "the page asks the world: {from_outside}");
    }
    assert!(lab.ok(&["report", "--markdown"]).stdout.contains("| no writes |"));
}

#[test]
fn drills_are_held_kept_and_compared() {
    let lab = Lab::fresh();
    let (junit, metrics) = (lab.state.path().join("drill.xml"), lab.state.path().join("drill.prom"));
    let files = ["--junit", junit.to_str().expect("a path"), "--metrics", metrics.to_str().expect("a path")];
    let order = |more: &[&str]| {
        let mut order = vec!["drill", "failover", "--to", "nuremberg"];
        order.extend(files);
        order.extend(more);
        order.into_iter().map(str::to_owned).collect::<Vec<String>>()
    };
    let drill = |more: &[&str], code| {
        let order = order(more);
        lab.exits(&order.iter().map(String::as_str).collect::<Vec<_>>(), code)
    };
    assert!(drill(&[], 0).stdout.contains("passed"));
    let good = gauge(&metrics, "switchback_drill_last_success_timestamp_seconds", ("kind", "looks")).expect("a time");
    assert!(std::fs::read_to_string(&junit).expect("the cases").contains("failures=\"0\""));
    // Something is wrong now: it is said what, and what was otherwise before.
    lab.sql("b-db", "select pg_wal_replay_pause()");
    let said = drill(&[], 4);
    assert!(said.stdout.contains("failed") && said.stdout.contains("replay is paused"), "{}", said.stdout);
    assert!(said.stdout.contains("databases-ready/orders was `already so` and is `blocked`"), "{}", said.stdout);
    assert!(std::fs::read_to_string(&junit).expect("the cases").contains("<failure"));
    let still = gauge(&metrics, "switchback_drill_last_success_timestamp_seconds", ("kind", "looks")).expect("a time");
    assert!((still - good).abs() < 0.001, "a failed drill is no success");
    lab.sql("b-db", "select pg_wal_replay_resume()");
    // Live, without a window and outside of one, it is not begun.
    assert!(drill(&["--live", "--yes"], 4).stdout.contains("not started: the estate names no window"));
    let own = estate_with_window(&lab, "[mon]", "\"00:00\"", "\"00:01\"", "Pacific/Kiritimati");
    let said = drill(&["--live", "--yes", "--estate", own.to_str().expect("a path")], 4);
    assert!(said.stdout.contains("not started") && said.stdout.contains("outside of"), "{}", said.stdout);
    lab.is_at_rest("a-db", "b-db");
    // Inside of one it goes there and back.
    let always = estate_with_window(&lab, "[mon, tue, wed, thu, fri, sat, sun]", "\"00:00\"", "\"00:00\"", "UTC");
    let said = drill(&["--live", "--yes", "--back-input", "soak=1s", "--estate", always.to_str().expect("a path")], 0);
    assert!(said.stdout.contains("passed: there and back"), "{}", said.stdout);
    lab.is_at_rest("a-db", "b-db");
    assert!(gauge(&metrics, "switchback_drill_recovery_time_seconds", ("kind", "live")).is_some());
    // What nobody can look at beforehand is neither good nor bad.
    let blind = own_runbook(&lab, "blind", "          host.command: {run: [\"true\"], repeat: safe}\n");
    let said = lab.exits(&["drill", &blind], 4);
    assert!(said.stdout.contains("inconclusive: 2 of 2 steps could not be looked at"), "{}", said.stdout);
    let history = lab.ok(&["history"]).stdout;
    assert!(history.contains("drill (live)") && history.contains("drill (looks)"), "{history}");
    let plan = lab.ok(&["plan", "failover", "--to", "nuremberg"]).stdout;
    assert!(
        plan.contains("the last good one (live) was less than") && plan.contains("the estate was changed since"),
        "{plan}"
    );
}

/// A runbook of one step at each host of dallas; its path.
fn own_runbook(lab: &Lab, name: &str, action: &str) -> String {
    let path = lab.state.path().join(format!("{name}.yaml"));
    let text = format!(
        "runbook: {name}\nformat: 1\ntitle: Do something\nmodes: [planned]\nphases:\n  - phase: one\n    title: One\n    steps:\n      \
         - id: own\n        for_each: host\n        where: {{site: dallas, login: ssh}}\n        do:\n{action}"
    );
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

/// The lab's estate with a window, beside it, so that its secrets are found.
fn estate_with_window(lab: &Lab, days: &str, from: &str, to: &str, zone: &str) -> PathBuf {
    let text = std::fs::read_to_string(&lab.estate).expect("the estate");
    let path = lab.estate.with_file_name(format!("with-window-{}.yaml", zone.replace('/', "-")));
    let window = format!("windows:\n  w: {{days: {days}, from: {from}, to: {to}, zone: {zone}}}\n");
    std::fs::write(&path, format!("{text}\n{window}")).expect("written");
    path
}

/// The job that the documentation shows, as it is.
#[test]
fn the_job_of_the_documentation_runs() {
    let lab = Lab::fresh();
    let program = Path::new(env!("CARGO_BIN_EXE_switchback")).parent().expect("a folder");
    let job = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/ci-drill.sh");
    let run = |site: &str| {
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new(&job);
        command.arg(site).env("PATH", path).env("SWITCHBACK_ESTATE", &lab.estate);
        command.env("SWITCHBACK_STATE", lab.state.path().join("state")).current_dir(lab.state.path());
        let output = command.stdin(Stdio::null()).output().expect("the job runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = run("nuremberg");
    assert_eq!(code, Some(0), "{said}");
    let junit = std::fs::read_to_string(lab.state.path().join("drill.xml")).expect("the cases");
    assert!(junit.contains("failures=\"0\""), "{junit}");
    assert!(
        gauge(&lab.state.path().join("drill.prom"), "switchback_drill_duration_seconds", ("kind", "looks")).is_some()
    );
    assert_eq!(run("atlantis").0, Some(2), "no such site");
}
