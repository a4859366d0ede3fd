//! Against a real sshd: `cargo test --lib on_sshd -- --ignored`.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::actions::context::{Accepted, Memory, RunContext};
use crate::actions::ssh::sshd_for_tests::{Bench, bench};
use crate::engine::action::{Action, Applied, Effect, Evidence, Fault, Observed, Touch};
use crate::estate::model::Login;
use crate::runbook::bound::{BoundAction, Mode};
use crate::runbook::signature::Noun;

impl Bench {
    fn make(&self, name: &str, arguments: serde_json::Value) -> Result<Box<dyn Action>, String> {
        let context = RunContext {
            run: "r1".to_owned(),
            operator: "somebody@here".to_owned(),
            mode: Mode::Planned,
            from: None,
            to: None,
            accepted: Accepted::default(),
            memory: Memory::default(),
            settled_later: false,
        };
        let serde_json::Value::Object(arguments) = arguments else { panic!("a map") };
        let bound = BoundAction { name: name.to_owned(), item: Some((Noun::Host, "a-db".to_owned())), arguments };
        super::make(&bound, &self.estate, &context, &self.hosts)
    }

    fn command(&self, arguments: serde_json::Value) -> Box<dyn Action> {
        self.make("host.command", arguments).expect("an action")
    }
}

#[tokio::test]
#[ignore = "starts sshd"]
async fn a_command_is_looked_at_run_seen_and_taken_back() {
    let bench = bench();
    let file = bench.folder().join("it's done; really").display().to_string();
    let command = bench.command(json!({
        "run": ["touch", file], "look": {"run": ["ls", file], "prints": "done; really"}, "undo": ["rm", file], "repeat": "safe",
    }));
    assert_eq!(command.effect(), Effect::Idempotent);
    assert!(matches!(command.observe().await.expect("a look"), Observed::Pending(_)));
    let Applied::Proven(proof) = command.apply(&Touch::for_test()).await.expect("run") else { panic!("unproven") };
    assert_eq!(proof.summary, "`touch` ended with 0 at `a-db`: `ls` ends with 0 and prints `done; really`");
    assert!(matches!(command.observe().await.expect("a look"), Observed::Satisfied(_)));
    assert!(Path::new(&file).exists(), "no shell saw the words");
    let undone = command.undo(&Touch::for_test(), &Evidence::default()).await.expect("taken back");
    assert!(undone.summary.starts_with("taken back at `a-db`"), "{undone:?}");
    assert!(!Path::new(&file).exists());
}

#[tokio::test]
#[ignore = "starts sshd"]
async fn what_cannot_be_seen_is_said_and_what_fails_is_told() {
    let bench = bench();
    let blind = bench.command(json!({"run": ["true"]}));
    assert_eq!(blind.effect(), Effect::Once);
    assert!(matches!(blind.observe().await.expect("a look"), Observed::Unknown(_)));
    let Applied::Proven(proof) = blind.apply(&Touch::for_test()).await.expect("run") else { panic!("unproven") };
    assert!(proof.summary.ends_with("its exit code is all there is to see"), "{proof:?}");
    let no_undo = blind.undo(&Touch::for_test(), &Evidence::default()).await.expect_err("no undo");
    assert_eq!(no_undo.fault, Fault::Refused);

    let fails = json!(["sh", "-c", "echo it broke >&2; exit 3"]);
    for (arguments, fault) in [
        (json!({"run": fails}), Fault::Refused),
        (json!({"run": fails, "repeat": "safe"}), Fault::Transient),
        (json!({"run": ["/nonexistent/x"], "repeat": "safe"}), Fault::Refused),
    ] {
        let error = bench.command(arguments).apply(&Touch::for_test()).await.expect_err("fails");
        assert_eq!(error.fault, fault, "{error}");
    }
    let never = bench.command(json!({"run": ["true"], "look": {"run": ["false"]}}));
    assert!(matches!(never.apply(&Touch::for_test()).await.expect("run"), Applied::Unproven(_)));
    let no_look = bench.command(json!({"run": ["true"], "look": {"run": ["/nonexistent/x"]}}));
    assert_eq!(no_look.observe().await.expect_err("no such program").fault, Fault::Refused);
}

#[tokio::test]
#[ignore = "starts sshd"]
async fn a_soak_keeps_its_beat_and_tells_what_it_saw() {
    let bench = bench();
    let soak = bench.make("host.soak", json!({"for": "1s", "every": "200ms"})).expect("an action");
    let began = std::time::Instant::now();
    let evidence = loop {
        match soak.observe().await.expect("a look") {
            Observed::Satisfied(evidence) => break evidence,
            Observed::Pending(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            other => panic!("{other:?}"),
        }
    };
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(evidence.number("looks").is_some_and(|looks| (2..=8).contains(&looks)), "{evidence:?}");
    assert_eq!(evidence.number("misses"), Some(0));
    for part in ["`a-db` was watched for 1.0 s", "load ", "memory ", "disk "] {
        assert!(evidence.summary.contains(part), "{evidence:?}");
    }
}

#[tokio::test]
#[ignore = "starts sshd"]
async fn a_host_that_is_not_there_is_missed() {
    let mut bench = bench();
    bench.sshd.stop();
    let strict = bench.make("host.soak", json!({"for": "1h", "every": "10s"})).expect("an action");
    let Observed::Blocked { reason, evidence, .. } = strict.observe().await.expect("a look") else {
        panic!("not blocked")
    };
    assert!(reason.starts_with("`a-db` missed 1 of 1 looks, and 0 may be missed: "), "{reason}");
    assert_eq!(evidence.number("misses"), Some(1));
    let forgiving = bench.make("host.soak", json!({"for": "1h", "every": "10s", "misses_max": 1})).expect("an action");
    assert!(matches!(forgiving.observe().await.expect("a look"), Observed::Pending(_)));
}

#[tokio::test]
#[ignore = "starts sshd"]
async fn a_host_without_a_login_is_passed_over_and_arguments_are_typed() {
    let mut bench = bench();
    for (name, arguments, says) in [
        ("host.command", json!({"run": []}), "a command has no program"),
        ("host.command", json!({"run": ["x"], "look": {"run": [""]}}), "a command has no program"),
        ("host.command", json!({"run": "reboot"}), "invalid type"),
        ("host.command", json!({"run": ["x"], "repeat": "often"}), "unknown variant `often`"),
        ("host.soak", json!({"for": "1h", "every": "0s"}), "must be longer than nothing"),
        ("host.soak", json!({"for": "1h"}), "missing field `every`"),
        ("host.fly", json!({}), "there is no action"),
    ] {
        let error = bench.make(name, arguments).expect_err(says);
        assert!(error.contains(says), "{error}");
    }
    bench.estate.hosts.values_mut().for_each(|host| host.login = Login::None);
    let soak = bench.make("host.soak", json!({"for": "1h", "every": "10s"})).expect("an action");
    let Observed::Satisfied(evidence) = soak.observe().await.expect("a look") else { panic!("not passed over") };
    assert_eq!(evidence.summary, "passed over: the estate says that one cannot log in to `a-db`");
}
