//! Against a real sshd: `cargo test --lib on_sshd -- --ignored`.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::actions::context::{Accepted, Memory, RunContext};
use crate::actions::dns::servers_for_tests::{Running, free, site};
use crate::actions::ssh::{As, Hosts, LookScript};
use crate::base::name::HostName;
use crate::engine::action::{Action, Applied, Effect, Evidence, Fault, Observed, Touch};
use crate::estate::model::{Estate, Host, Login, Objectives};
use crate::runbook::bound::{BoundAction, Mode};
use crate::runbook::signature::Noun;

struct Bench {
    sshd: Running,
    estate: Estate,
    hosts: Arc<Hosts>,
}

fn ran(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// sshd of whoever runs the tests, who may log in to himself.
fn bench() -> Bench {
    let (folder, address) = (TempDir::new().expect("a folder"), free());
    let at = |name: &str| folder.path().join(name).display().to_string();
    for name in ["host", "operator"] {
        ran("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &at(name)]);
    }
    std::fs::copy(at("operator.pub"), at("authorized")).expect("copied");
    let public = std::fs::read_to_string(at("host.pub")).expect("read");
    let known = format!("[127.0.0.1]:{} {}", address.port(), public.rsplit_once(' ').expect("a comment").0);
    std::fs::write(at("known_hosts"), known + "\n").expect("written");
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\n\
         PasswordAuthentication no\nPermitRootLogin yes\n",
        address.port(),
        at("host"),
        at("authorized")
    );
    std::fs::write(at("sshd_config"), config).expect("written");
    // sshd of root wants its folder, which the package makes only when it starts the service.
    if ran("id", &["-u"]) == "0" {
        std::fs::create_dir_all("/run/sshd").expect("/run/sshd");
    }
    let host = Host {
        name: HostName::new("a-db").expect("a name"),
        site: site("dallas"),
        address: "127.0.0.1".to_owned(),
        port: Some(address.port()),
        user: Some(ran("id", &["-un"])),
        key: Some(folder.path().join("operator")),
        known_hosts: Some(folder.path().join("known_hosts")),
        jump: None,
        sudo: false,
        login: Login::Ssh,
        cut_off: None,
    };
    let arguments = ["-D".to_owned(), "-e".to_owned(), "-f".to_owned(), at("sshd_config")];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let sshd = Running::start("/usr/sbin/sshd", &arguments, folder, address);
    let estate = Estate {
        name: "shop".to_owned(),
        digest: String::new(),
        folder: "/".into(),
        objectives: Objectives::default(),
        sites: indexmap::IndexMap::new(),
        hosts: [(host.name.clone(), host)].into_iter().collect(),
        services: indexmap::IndexMap::new(),
        entrances: indexmap::IndexMap::new(),
        providers: indexmap::IndexMap::new(),
        windows: Vec::new(),
        contacts: Vec::new(),
        notify: Vec::new(),
    };
    let hosts = Hosts::new(&estate);
    Bench { sshd, estate, hosts }
}

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
        };
        let serde_json::Value::Object(arguments) = arguments else { panic!("a map") };
        let bound = BoundAction { name: name.to_owned(), item: Some((Noun::Host, "a-db".to_owned())), arguments };
        super::make(&bound, &self.estate, &context, &self.hosts)
    }

    fn command(&self, arguments: serde_json::Value) -> Box<dyn Action> {
        self.make("host.command", arguments).expect("an action")
    }

    fn folder(&self) -> &Path {
        self.sshd.folder.path()
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
    assert!(evidence.number("looks").is_some_and(|looks| (3..=8).contains(&looks)), "{evidence:?}");
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts sshd"]
async fn a_host_key_that_changed_or_is_not_known_is_refused_and_told_as_that() {
    let bench = bench();
    let known = bench.folder().join("known_hosts");
    let text = std::fs::read_to_string(&known).expect("read");
    let place = text.split(' ').next().expect("an address").to_owned();
    let other = bench.folder().join("other");
    ran("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &other.display().to_string()]);
    let others = std::fs::read_to_string(other.with_extension("pub")).expect("read");
    let others = others.rsplit_once(' ').expect("a comment").0;
    let shown = ran("ssh-keygen", &["-lf", &bench.folder().join("host.pub").display().to_string()]);
    let shown = shown.split(' ').nth(1).expect("a fingerprint").to_owned();
    let refused = |written: String| {
        std::fs::write(&known, written).expect("written");
        let hosts = Hosts::new(&bench.estate);
        async move {
            let host = hosts.get(&HostName::new("a-db").expect("a name")).expect("the host");
            host.connect().await.expect_err("refused")
        }
    };
    let changed = refused(format!("# ours\n{place} {others}\n")).await;
    assert_eq!(changed.fault, Fault::Refused, "{changed}");
    for part in ["a-db (127.0.0.1)", &format!("line 2 of `{}`", known.display()), &shown, "may be another machine"] {
        assert!(changed.message.contains(part), "{part}: {changed}");
    }
    assert!(!changed.message.contains("cannot be reached"), "{changed}");
    let unknown = refused(format!("10.9.8.7 {others}\n")).await;
    assert_eq!(unknown.fault, Fault::Refused, "{unknown}");
    for part in ["a-db (127.0.0.1): no host key of it is known", &place, &known.display().to_string()] {
        assert!(unknown.message.contains(part), "{part}: {unknown}");
    }
    // Whoever mends the file is let in.
    std::fs::write(&known, text).expect("written");
    let hosts = Hosts::new(&bench.estate);
    hosts.get(&HostName::new("a-db").expect("a name")).expect("the host").connect().await.expect("let in");
}

/// Words that are meant to be read as something else.
fn sly() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let pieces = prop::sample::select(vec![
        "-",
        "--",
        "'",
        "\"",
        "\n",
        "\r",
        "\t",
        " ",
        "$(id)",
        "`id`",
        "$HOME",
        "${x}",
        ";",
        "&",
        "|",
        "<",
        ">",
        "(",
        ")",
        "*",
        "?",
        "[a]",
        "~",
        "!",
        "#",
        "%",
        "\\",
        "\u{1b}",
        "=",
        "{a,b}",
        "\u{7f}",
        "ü",
        "switchback-ended=0",
        "a",
    ]);
    prop_oneof![prop::collection::vec(pieces, 0..8).prop_map(|all| all.concat()), "[^\\x00]{0,12}"]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts sshd"]
async fn whatever_is_said_arrives_at_a_host_as_it_was_said() {
    use proptest::strategy::{Strategy as _, ValueTree as _};
    const ECHO: LookScript = LookScript { name: "echo", text: "printf '%s\\0' \"$@\" | od -An -v -tx1" };
    let bench = bench();
    let host = bench.hosts.get(&HostName::new("a-db").expect("a name")).expect("the host");
    let cases: u32 =
        std::env::var("SWITCHBACK_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(40).min(20_000);
    let mut runner = proptest::test_runner::TestRunner::default();
    let words = proptest::collection::vec(sly(), 1..20);
    let hex = |words: &[String]| -> String {
        words
            .iter()
            .flat_map(|word| word.bytes().chain([0]))
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    };
    for _ in 0..cases {
        let words = words.new_tree(&mut runner).expect("words").current();
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        // A script of ours with these arguments, and a user's own command with these words.
        let script = host.look(&ECHO, &arguments, As::Login, Duration::from_secs(10)).await.expect("an answer");
        let head = ["sh", "-c", ECHO.text, "echo"].map(str::to_owned);
        let argv: Vec<String> = head.into_iter().chain(words.iter().cloned()).collect();
        let command = host.look_argv(&argv, As::Login, Duration::from_secs(10)).await.expect("an answer");
        for output in [script, command] {
            assert!(output.is_ok(), "{words:?}: {}", output.complaint());
            let arrived: String = output.stdout.split_whitespace().collect();
            assert_eq!(arrived, hex(&words), "{words:?}");
        }
    }
    let nul = ["printf".to_owned(), "a\0b".to_owned()];
    assert_eq!(host.look_argv(&nul, As::Login, Duration::from_secs(5)).await.expect_err("NUL").fault, Fault::Refused);
}
