//! The real program with wrong and right words, without any server.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Desk {
    folder: tempfile::TempDir,
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, bytes).expect("written");
        path
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_switchback"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("SWITCHBACK_ESTATE")
            .env("SWITCHBACK_STATE", self.folder.path().join("state"))
            .stdin(std::process::Stdio::null())
            .output()
            .expect("switchback runs");
        Said {
            code: output.status.code().expect("an exit code"),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn exits(&self, arguments: &[&str], code: i32) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.code, code, "{arguments:?}\n{}\n{}", said.out, said.err);
        assert!(!said.err.contains("panicked"), "{arguments:?}: {}", said.err);
        said
    }
}

/// A small estate that is sound, with the secret of its database in a private file.
const ESTATE: &str = "\
format: 1
estate: shop
sites:
  dallas:    {preferred: true, entry: {A: [192.0.2.1]}}
  nuremberg: {entry: {A: [192.0.2.2]}}
hosts:
  a-db: {site: dallas, address: 192.0.2.1}
  b-db: {site: nuremberg, address: 192.0.2.2}
services:
  orders:
    priority: 1
    postgres:
      layout: {debian: 15/main}
      port: 5432
      databases: [shop]
      user: switchback
      password: {file: secret}
      replication: {user: replicator, passfile: /var/lib/postgresql/.pgpass}
      members: {a-db: {}, b-db: {}}
";

fn sound() -> Desk {
    let desk = Desk::new();
    desk.put("switchback.yaml", ESTATE.as_bytes());
    let secret = desk.put("secret", b"correct horse\n");
    std::fs::set_permissions(secret, std::fs::Permissions::from_mode(0o600)).expect("set");
    desk
}

#[test]
fn a_sound_estate_passes() {
    sound().exits(&["check"], 0);
}

#[test]
fn wrong_words_are_usage() {
    let desk = sound();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["failover", "--force"],
        &["run"],
        &["resolve", "x"],
        &["--format", "xml", "runs"],
        &["failover", "--to", "nuremberg", "--accept-unfenced", "dallas"],
        &["show", "nothing-like-this"],
        &["show"],
        &["resume"],
        &["rollback"],
        &["failover", "--to", "nuremberg", "--input", "x"],
        &["failover", "--plan", "/nowhere/at/all"],
    ] {
        desk.exits(arguments, 2);
    }
}

#[test]
fn an_estate_that_cannot_be_read_is_invalid_whatever_it_is() {
    let bomb = {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = level - 1;
            text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 9].join(", ")));
        }
        text
    };
    let deep = "[".repeat(100_000);
    let cases: &[(&str, &[u8])] = &[
        ("empty", b""),
        ("binary", &[0, 159, 146, 150, 1, 2, 3, 255, 254, 0, 0]),
        ("latin", b"estate: caf\xe9\n"),
        ("bomb", bomb.as_bytes()),
        ("deep", deep.as_bytes()),
        ("tabs", b"format: 1\n\testate: shop\n"),
        ("list", b"- 1\n- 2\n"),
        ("newer", b"format: 99\nestate: shop\nsites: {}\n"),
    ];
    for (name, bytes) in cases {
        let desk = Desk::new();
        desk.put("switchback.yaml", bytes);
        for verb in ["check", "status", "plan"] {
            let mut arguments = vec![verb];
            if verb == "plan" {
                arguments.push("failover");
            }
            let said = desk.exits(&arguments, 3);
            assert!(
                said.err.contains("switchback.yaml") || said.out.contains("switchback.yaml"),
                "{name}: {}{}",
                said.out,
                said.err
            );
        }
    }
    Desk::new().exits(&["check"], 3);
}

#[test]
fn a_mistake_is_shown_at_its_place() {
    let desk = sound();
    desk.put("switchback.yaml", ESTATE.replace("address: 192.0.2.2", "adress: 192.0.2.2").as_bytes());
    let said = desk.exits(&["check"], 3);
    let all = format!("{}{}", said.out, said.err);
    assert!(all.contains("switchback.yaml:8:"), "{all}");
    assert!(all.contains("adress"), "{all}");
    desk.put("switchback.yaml", ESTATE.replace("a-db: {}, b-db", "a-db: {}, c-db").as_bytes());
    let said = desk.exits(&["check"], 3);
    assert!(format!("{}{}", said.out, said.err).contains("c-db"));
}

#[test]
fn a_secret_that_others_may_read_is_refused() {
    let desk = sound();
    let secret = desk.folder.path().join("secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).expect("set");
    let said = desk.exits(&["check"], 3);
    let all = format!("{}{}", said.out, said.err);
    assert!(all.contains("switchback.yaml:17:"), "{all}");
    assert!(!all.contains("correct horse"), "{all}");
}

#[test]
fn a_secret_in_clear_is_refused_and_not_repeated() {
    let desk = sound();
    desk.put("switchback.yaml", ESTATE.replace("{file: secret}", "hunter2-in-clear").as_bytes());
    let said = desk.exits(&["check"], 3);
    assert!(!format!("{}{}", said.out, said.err).contains("hunter2"), "{}{}", said.out, said.err);
}

#[test]
fn what_is_said_wrongly_is_usage_and_told_with_what_was_meant() {
    let desk = sound();
    let cases: &[(&[&str], &str)] = &[
        (&["plan", "failover", "--to", "atlantis"], "no such site; there are dallas, nuremberg"),
        (&["plan", "failover", "--to", "nurenberg"], "did you mean `nuremberg`?"),
        (&["plan", "failovr", "--to", "nuremberg"], "did you mean `failover`?"),
        (&["plan", "no-such-runbook"], "there are failover"),
        (&["plan", "nowhere/at-all.yaml"], "no such file"),
        (&["plan", "failover"], "--to SITE"),
        (&["plan", "failback", "--input", "soak=long"], "soak"),
        (&["plan", "failback", "--input", "soka=1s"], "did you mean `soak`?"),
        (&["plan", "rejoin", "--mode", "emergency"], "mode"),
        (
            &[
                "plan",
                "failover",
                "--to",
                "nuremberg",
                "--from",
                "dallas",
                "--accept-unfenced",
                "dalas",
                "--reason",
                "x",
            ],
            "did you mean `dallas`?",
        ),
        (&["stauts"], "status"),
        (&["status", "--wacth"], "--watch"),
        (&["status", "--watch", "1ms"], "500ms"),
        (
            &[
                "plan",
                "failover",
                "--to",
                "nuremberg",
                "--from",
                "dallas",
                "--accept-miss",
                "look/databases-ready/order",
                "--reason",
                "x",
            ],
            "did you mean `look/databases-ready/orders`?",
        ),
    ];
    for (arguments, word) in cases {
        let said = desk.exits(arguments, 2);
        let text = said.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(word), "{arguments:?}: `{word}` is not in {}", said.err);
    }
}

#[test]
fn init_without_a_terminal_names_its_flags_and_never_overwrites() {
    let desk = Desk::new();
    let written = desk.folder.path().join("switchback.yaml");
    assert!(desk.exits(&["init"], 2).err.contains("--member SITE=[USER@]ADDRESS[:PORT]"));
    let said = desk.exits(&["init", "--member", "dallas", "--member", "nuremberg=x"], 2);
    assert!(said.err.contains("dallas=deploy@192.0.2.10"), "{}", said.err);
    // Nobody listens there; on the loopback that is told at once.
    let nobody =
        ["init", "--member", "dallas=127.255.255.1:1", "--member", "nuremberg=127.255.255.2:1", "--name", "shop"];
    let said = desk.exits(&nobody, 4);
    assert!(said.err.contains("dallas-db") && said.err.contains("ssh -p 1 127.255.255.1"), "{}", said.err);
    assert!(!written.exists(), "an estate was written about servers that nobody saw");
    desk.put("switchback.yaml", b"mine\n");
    let said = desk.exits(&["init", "--member", "a=x", "--member", "b=y"], 2);
    assert!(said.err.contains("is there already"), "{}", said.err);
    assert_eq!(std::fs::read_to_string(&written).expect("still there"), "mine\n");
}

#[test]
fn every_verb_shows_an_example_that_can_be_said() {
    use clap::{CommandFactory, Parser};
    for verb in switchback::cli::args::Cli::command().get_subcommands() {
        let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default().replace("\\\n", " ");
        let examples: Vec<&str> = help.lines().filter(|line| line.starts_with("  switchback ")).collect();
        assert!(!examples.is_empty(), "`{}` shows no example", verb.get_name());
        for example in examples {
            let words: Vec<String> = example.split('"').enumerate().fold(Vec::new(), |mut words, (index, part)| {
                if index % 2 == 0 {
                    words.extend(part.split_whitespace().map(str::to_owned));
                } else {
                    words.push(part.to_owned());
                }
                words
            });
            if let Err(error) = switchback::cli::args::Cli::try_parse_from(&words) {
                panic!("{example}: {error}");
            }
        }
    }
}

#[test]
fn hosts_that_are_not_there_are_blocked_and_nothing_hangs() {
    // 192.0.2.0/24 is for documentation: nobody answers. Addresses on the loopback refuse at once instead.
    let desk = sound();
    desk.put("switchback.yaml", ESTATE.replace("address: 192.0.2.", "address: 127.255.255.").as_bytes());
    let began = std::time::Instant::now();
    let said = desk.exits(&["plan", "failover", "--to", "nuremberg"], 4);
    assert!(said.err.contains("nothing was touched"), "{}", said.err);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    // The state directory was not even made by a plan.
    assert!(!Path::new(&desk.folder.path().join("state")).exists(), "a plan left something on disk");
}

/// Programs that read lines of JSON get one, whatever was wrong with the words.
#[test]
fn words_that_cannot_be_read_are_a_failure_in_json_too() {
    let desk = sound();
    for format in [&["--format", "json"][..], &["--format=json"]] {
        let said = desk.exits(&[&["failover", "--too", "x"][..], format].concat(), 2);
        let line: serde_json::Value = serde_json::from_str(said.out.trim()).expect("one line of JSON");
        assert_eq!((&line["schema"], &line["exit"]), (&"switchback/failure/1".into(), &2.into()), "{line}");
        assert!(line["sentence"].as_str().is_some_and(|text| text.contains("--too")), "{line}");
    }
    assert!(desk.exits(&["failover", "--too", "x"], 2).out.is_empty());
}

/// `switchback man | head` is no failure.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let desk = Desk::new();
    for verb in ["man", "completions bash", "actions", "schema runbook"] {
        let script = format!("{} {verb} | head -n 1; echo ended ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_switchback"));
        let output = Command::new("bash").args(["-c", &script]).current_dir(desk.folder.path()).output().expect("bash");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.ends_with("ended 0\n") && err.is_empty(), "{verb}: {said}{err}");
    }
}

/// What a run would ask is known before it begins: without anybody to answer it is not begun.
#[test]
fn a_run_that_nobody_could_answer_is_not_begun() {
    let desk = Desk::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    desk.put(
        "switchback.yaml",
        format!(
            "format: 1\nestate: shop\nsites: {{dallas: {{}}, nuremberg: {{}}}}\nhosts:\n  a: {{site: dallas, address: 127.0.0.1}}\n  \
             b: {{site: nuremberg, address: 127.0.0.1}}\nservices:\n  web:\n    priority: 1\n    web: {{url: \"http://x:{port}/\", \
             members: {{a: {{}}, b: {{}}}}}}\n"
        )
        .as_bytes(),
    );
    desk.put(
        "runbooks/ask.yaml",
        b"runbook: ask\nformat: 1\ntitle: Ask\nmodes: [planned]\ninputs: {site: {type: site}}\nphases:\n  - phase: one\n    \
          title: One\n    confirm: Shall $site be looked at?\n    steps:\n      - {id: web, for_each: web, do: {web.check: {at: $site}}, \
          within: 1s, on_failure: go_on}\n",
    );
    let order = ["run", "ask", "--input", "site=dallas"];
    let said = desk.exits(&order, 9);
    assert!(said.err.contains("Shall dallas be looked at?") && said.err.contains("--yes"), "{}", said.err);
    assert!(said.err.contains("nothing was changed"), "{}", said.err);
    assert!(desk.exits(&["runs"], 0).out.contains("no runs"), "a run was begun");
    // A slip in a name that is only looked for is told, where there is something to look among.
    desk.exits(&[&order[..], &["--yes"]].concat(), 10);
    assert!(desk.exits(&["history", "aks"], 2).err.contains("did you mean `ask`?"));
    assert!(desk.exits(&["history", "ask"], 0).out.contains("Ask"));
}

#[test]
fn what_needs_no_estate_needs_none() {
    let desk = Desk::new();
    assert!(desk.exits(&["--version"], 0).out.starts_with("switchback "));
    assert!(desk.exits(&["--help"], 0).out.contains("failover"));
    assert!(desk.exits(&["completions", "bash"], 0).out.contains("switchback"));
    let man = desk.exits(&["man"], 0).out;
    assert!(man.starts_with(".ie ") && man.matches(".TH ").count() == 1, "{man}");
    for verb in <switchback::cli::args::Cli as clap::CommandFactory>::command().get_subcommands() {
        let heading = format!(".SH \"SWITCHBACK {}\"", verb.get_name().to_uppercase());
        assert!(man.contains(&heading), "{heading} is not in the manual page");
        for flag in verb.get_arguments().filter_map(clap::Arg::get_long) {
            let written = format!("\\-\\-{}", flag.replace('-', "\\-"));
            assert!(man.contains(&written), "{written} is not in the manual page");
        }
    }
    assert!(desk.exits(&["actions"], 0).out.contains("database.fence"));
    assert!(desk.exits(&["actions", "database.fence"], 0).out.contains("at"));
    for what in ["estate", "runbook"] {
        let schema: serde_json::Value = serde_json::from_str(&desk.exits(&["schema", what], 0).out).expect("JSON");
        assert!(schema.is_object());
    }
    desk.exits(&["runs"], 0);
}
