//! Those who are told of a run: real runs of the real program, with servers of this test's own.
//!
//! The shop of these runs is not well, and that is accepted by name: a run in which everything is so already is none.

mod ears;

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use switchback::base::place::Source;

use ears::{HttpEar, MailEar, Manner};

const RUNBOOK: &str = "\
runbook: watch
format: 1
title: Watch $site
modes: [planned]
inputs: {site: {type: site, help: Where.}}
phases:
  - phase: look
    title: The shop answers
    confirm: Shall it begin?
    steps:
      - {id: web, for_each: web, do: {web.check: {at: $site}}, within: 2s, on_failure: ask}
";

/// A folder with an estate of a web service alone, which answers, and whom it tells.
struct Desk {
    folder: tempfile::TempDir,
    _shop: HttpEar,
}

impl Desk {
    fn new(notify: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let shop = HttpEar::open(Manner::Status(503));
        std::fs::create_dir(folder.path().join("runbooks")).expect("made");
        std::fs::write(folder.path().join("runbooks/watch.yaml"), RUNBOOK).expect("written");
        let estate = format!(
            "format: 1\nestate: shop\nsites:\n  dallas: {{preferred: true}}\n  nuremberg: {{}}\nhosts:\n  \
             a-web: {{site: dallas, address: 127.0.0.1}}\nservices:\n  shop-web:\n    priority: 1\n    web:\n      \
             url: http://www.shop.test:{}/health\n      expect: {{status: 200}}\n      members: {{a-web: {{}}}}\n{notify}",
            shop.port
        );
        std::fs::write(folder.path().join("switchback.yaml"), estate).expect("written");
        Self { folder, _shop: shop }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchback"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("SWITCHBACK_ESTATE")
            .env("SWITCHBACK_STATE", self.folder.path().join("state"))
            .env("NO_PROXY", "*")
            .env("NOTIFY_SECRET", "s3cret-key")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().expect("switchback runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    }

    fn report(&self) -> Value {
        let (code, stdout, stderr) = self.run(&["report", "--json"]);
        assert_eq!(code, 0, "{stderr}");
        serde_json::from_str(&stdout).expect("JSON")
    }
}

const STEP: &str = "look/web/shop-web";
const WATCH: [&str; 4] = ["run", "watch", "--input", "site=dallas"];
const MISS: [&str; 4] = ["--accept-miss", STEP, "--reason", "it is being mended"];
/// Done, with a miss.
const DONE: i32 = 10;

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    WATCH.iter().chain(&MISS).chain(more).copied().collect()
}

#[test]
fn everybody_is_told_by_their_own_way() {
    let (slack, webhook, pager) =
        (HttpEar::open(Manner::Status(200)), HttpEar::open(Manner::Status(204)), HttpEar::open(Manner::Status(202)));
    let mail = MailEar::open(Manner::Status(250));
    let desk = Desk::new("");
    let notify = format!(
        "notify:\n  ops: {{events: [started, done], slack: {{webhook: {{file: hook}}}}}}\n  \
         log: {{webhook: {{url: \"http://127.0.0.1:{}/in\", token: {{env: NOTIFY_SECRET}}}}}}\n  \
         pager: {{pagerduty: {{routing_key: {{env: NOTIFY_SECRET}}, url: \"http://127.0.0.1:{}/v2/enqueue\"}}}}\n  \
         oncall: {{email: {{server: \"127.0.0.1:{}\", from: dr@shop.test, to: [a@shop.test, b@shop.test], tls: off}}}}\n  \
         own: {{command: [sh, -c, \"cat >> told\"]}}\n",
        webhook.port, pager.port, mail.port
    );
    let estate = std::fs::read_to_string(desk.path("switchback.yaml")).expect("the estate");
    std::fs::write(desk.path("switchback.yaml"), estate + &notify).expect("written");
    std::fs::write(desk.path("hook"), format!("http://127.0.0.1:{}/T1/s3cret-path\n", slack.port)).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(desk.path("hook"), mode).expect("private");

    let (code, stdout, stderr) = desk.run(&with(&["--yes"]));
    assert_eq!(code, DONE, "{stderr}");
    assert!(!stderr.contains("not everybody"), "{stderr}");

    let said = slack.heard();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].head.starts_with("POST /T1/s3cret-path HTTP/1.1"), "{said:?}");
    let texts: Vec<&str> = said.iter().filter_map(|one| one.json["text"].as_str()).collect();
    assert!(texts[0].starts_with("[began] shop: Watch dallas: has begun\n"), "{texts:?}");
    assert!(texts[1].starts_with("[done] shop: Watch dallas: ended after "), "{texts:?}");

    let said = webhook.heard();
    let events: Vec<&str> = said.iter().filter_map(|one| one.json["event"].as_str()).collect();
    assert_eq!(events, ["started", "done"], "a question that a flag answers keeps nobody waiting");
    assert!(said[0].head.to_lowercase().contains("authorization: bearer s3cret-key"), "{said:?}");
    assert_eq!((&said[0].json["schema"], &said[0].json["run"]), (&"switchback/notice/1".into(), &said[1].json["run"]));
    assert!(
        said[1].json["commands"][0].as_str().is_some_and(|line| line.starts_with("switchback report 2")),
        "{said:?}"
    );

    let said = pager.heard();
    assert_eq!((&said[0].json["event_action"], &said[1].json["event_action"]), (&"trigger".into(), &"resolve".into()));
    assert_eq!(said[0].json["routing_key"], "s3cret-key");
    assert_eq!(said[0].json["payload"]["severity"], "info");
    assert_eq!(said[0].json["dedup_key"], said[1].json["dedup_key"]);

    let said = mail.heard();
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0].to, ["<a@shop.test>", "<b@shop.test>"]);
    for line in
        ["From: dr@shop.test", "Auto-Submitted: auto-generated", "Subject: [began] shop: Watch dallas: has begun"]
    {
        assert!(said[0].text.contains(line), "{line} in {}", said[0].text);
    }

    let told = std::fs::read_to_string(desk.path("told")).expect("the command's");
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((told.len(), &told[1]["event"]), (2, &"done".into()));

    let report = desk.report();
    let notices = report["notices"].as_array().expect("notices");
    assert_eq!(notices.len(), 10, "{notices:?}");
    assert!(notices.iter().all(|notice| notice["delivered"] == true), "{notices:?}");
    // Nothing of a secret is left anywhere.
    let mut left = stdout + &stderr + &report.to_string();
    for file in std::fs::read_dir(desk.path("state")).expect("the state directory").flatten() {
        left.push_str(&String::from_utf8_lossy(&std::fs::read(file.path()).expect("read")));
    }
    assert!(!left.contains("s3cret"), "a secret is left");
}

#[test]
fn a_server_that_hangs_and_one_that_is_not_there_hold_nothing_up() {
    let (hangs, mute) = (HttpEar::open(Manner::Hangs), MailEar::open(Manner::Hangs));
    let notify = format!(
        "notify:\n  hangs: {{webhook: {{url: \"http://127.0.0.1:{}/\"}}}}\n  \
         mute: {{email: {{server: \"127.0.0.1:{}\", from: dr@shop.test, to: [a@shop.test], tls: off}}}}\n  \
         gone: {{webhook: {{url: \"http://127.0.0.1:1/\"}}}}\n  away: {{slack: {{webhook: {{file: hook-that-fails}}}}}}\n  \
         sleeps: {{command: [sleep, \"600\"]}}\n",
        hangs.port, mute.port
    );
    // A secret that is there when the estate is read and cannot be used.
    let notify = notify.replace("{file: hook-that-fails}", "{command: [\"false\"]}");
    let desk = Desk::new(&notify);
    let began = Instant::now();
    let (code, stdout, stderr) = desk.run(&with(&["--yes", "--format", "json"]));
    assert_eq!(code, DONE, "nobody's deafness fails a run: {stderr}");
    assert!(began.elapsed() < Duration::from_secs(30), "the program waits for ever: {:?}", began.elapsed());
    let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let schema: Value = serde_json::from_str(&desk.run(&["schema", "events"]).1).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for line in &lines {
        assert!(schema.is_valid(line), "{line}");
    }
    let end = lines.last().expect("a line");
    assert_eq!(end["schema"], "switchback/end/1", "the end is the last line");
    // The run was over long before anybody gave up: an attempt alone takes eight seconds.
    let ended = lines.iter().find(|line| line["event"] == "ended").expect("an end");
    assert!(ended["elapsed_ms"].as_u64().is_some_and(|ms| ms < 6_000), "the run was held up: {ended}");
    let notices = &lines[lines.len() - 2]["notices"];
    let why = |receiver: &str| {
        let all = notices.as_array().expect("notices").iter().filter(|notice| notice["receiver"] == receiver);
        all.map(|notice| notice["says"].as_str().expect("a reason").to_owned()).collect::<Vec<_>>()
    };
    for receiver in ["hangs", "mute", "gone", "away", "sleeps"] {
        assert_eq!(why(receiver).len(), 2, "{receiver}: {notices}");
    }
    assert!(why("hangs")[0].contains("no answer within"), "{notices}");
    assert!(why("gone")[0].contains("refused"), "{notices}");
    assert!(why("away")[0].contains("secret command `false` ended with"), "{notices}");
    let kept = desk.report();
    assert_eq!(kept["notices"].as_array().map(Vec::len), Some(10), "{kept}");
    let (_, page, _) = desk.run(&["report"]);
    assert!(page.contains("| gone (webhook) | started | **not delivered**: "), "{page}");
}

#[test]
fn who_was_not_told_is_shown_to_people() {
    let desk = Desk::new("notify:\n  gone: {events: [done], webhook: {url: \"http://127.0.0.1:1/\"}}\n");
    let began = Instant::now();
    let (code, _, stderr) = desk.run(&with(&["--yes"]));
    assert_eq!(code, DONE, "{stderr}");
    let (end, after) = stderr.split_once("! not everybody was told:\n").expect("it is said, after the end");
    assert!(end.contains("Watch dallas: done with misses"), "{stderr}");
    assert!(after.contains("gone (webhook) of `done`: ") && after.contains("refused"), "{stderr}");
    assert!(began.elapsed() < Duration::from_secs(15), "nobody waits for a dead address: {:?}", began.elapsed());
}

#[test]
fn a_failure_and_a_refusal_of_the_receiver_are_told() {
    let (webhook, refuses) = (HttpEar::open(Manner::Status(200)), HttpEar::open(Manner::Status(404)));
    let desk = Desk::new(&format!(
        "notify:\n  log: {{webhook: {{url: \"http://127.0.0.1:{}/\"}}}}\n  \
         odd: {{events: [failed], webhook: {{url: \"http://127.0.0.1:{}/\"}}}}\n",
        webhook.port, refuses.port
    ));
    // What only a person can do, and nobody is there.
    let asks = "runbook: ask\nformat: 1\ntitle: Ask\nmodes: [planned]\nphases:\n  - phase: ask\n    title: A person says\n    \
                steps:\n      - {id: fine, do: {human.ask: {question: Is it fine?}}}\n";
    std::fs::write(desk.path("runbooks/ask.yaml"), asks).expect("written");
    let (code, _, stderr) = desk.run(&["run", "ask"]);
    assert_eq!(code, 9, "{stderr}");
    let events: Vec<Value> = webhook.heard().into_iter().map(|one| one.json["event"].clone()).collect();
    assert_eq!((&events[0], events.last()), (&"started".into(), Some(&"failed".into())), "{events:?}");
    assert!(stderr.contains("odd (webhook) of `failed`: it answers 404"), "{stderr}");
    assert_eq!(refuses.heard().len(), 1, "a refusal is final");
}

#[test]
fn somebody_is_told_that_a_question_waits() {
    let webhook = HttpEar::open(Manner::Status(200));
    let desk = Desk::new(&format!("notify:\n  log: {{webhook: {{url: \"http://127.0.0.1:{}/\"}}}}\n", webhook.port));
    let (pty, pts) = pty_process::blocking::open().expect("a terminal");
    pty.resize(pty_process::Size::new(40, 80)).expect("its size");
    let mut child = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_switchback"))
        .args(WATCH)
        .current_dir(desk.folder.path())
        .env_remove("SWITCHBACK_ESTATE")
        .env("SWITCHBACK_STATE", desk.folder.path().join("state"))
        .env("NO_PROXY", "*")
        .env("TERM", "xterm-256color")
        .spawn(pts)
        .expect("switchback runs");
    let pty = std::sync::Arc::new(pty);
    let reader = std::sync::Arc::clone(&pty);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while std::io::Read::read(&mut &*reader, &mut bytes).is_ok_and(|count| count > 0) {}
    });
    let began = Instant::now();
    let waits = || webhook.heard().into_iter().find(|one| one.json["event"] == "waiting");
    while waits().is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody is told: {:?}", webhook.heard());
        std::thread::sleep(Duration::from_millis(50));
    }
    let notice = waits().expect("just seen").json;
    assert!(notice["says"].as_str().is_some_and(|says| says.contains("Shall it begin?")), "{notice}");
    std::io::Write::write_all(&mut &*pty, b"n").expect("typed");
    let status = child.wait().expect("ended");
    assert_eq!(status.code(), Some(9), "declined");
    let last = webhook.heard().pop().expect("the end");
    assert_eq!(last.json["event"], "failed");
}

#[test]
fn a_mail_server_without_tls_gets_nothing_unless_the_estate_says_so() {
    let mail = MailEar::open(Manner::Status(250));
    let desk = Desk::new(&format!(
        "notify:\n  oncall: {{events: [done], email: {{server: \"127.0.0.1:{}\", from: dr@shop.test, to: [a@shop.test], \
         user: dr, password: {{env: NOTIFY_SECRET}}}}}}\n",
        mail.port
    ));
    let (code, _, stderr) = desk.run(&with(&["--yes"]));
    assert_eq!(code, DONE, "{stderr}");
    assert!(stderr.contains("STARTTLS is not supported"), "{stderr}");
    assert!(mail.heard().is_empty());
    assert!(!mail.everything().contains("AUTH") && !mail.everything().contains("s3cret"), "{}", mail.everything());
}

#[test]
fn a_section_that_would_tell_nobody_is_found() {
    let said = |notify: &str| {
        let text = format!("format: 1\nestate: e\nsites: {{a: {{}}, b: {{}}}}\nnotify:\n  x: {notify}\n");
        let problems = switchback::estate::parse(&Source::new("e.yaml", text), std::path::Path::new("/"), None)
            .expect_err(notify)
            .iter()
            .map(|problem| problem.sentence.clone())
            .collect::<Vec<_>>();
        problems.join("; ")
    };
    let mail = |more: &str| format!("{{email: {{server: \"mx:25\", from: a@b, to: [c@d]{more}}}}}");
    for (notify, expected) in [
        ("{events: [starte], command: [x]}".to_owned(), "`starte`"),
        ("{events: [], command: [x]}".to_owned(), "notify.x.events: at least one event is expected"),
        ("{events: [done, done], command: [x]}".to_owned(), "notify.x.events: `done` stands here twice"),
        ("{command: [x], pager: y}".to_owned(), "`pager`"),
        (
            "{events: [done]}".to_owned(),
            "notify.x: exactly one way is expected: slack, webhook, pagerduty, email or command",
        ),
        ("{command: [x], webhook: {url: https://x/}}".to_owned(), "notify.x: exactly one way is expected"),
        ("{command: []}".to_owned(), "notify.x.command: a command and its arguments are expected"),
        ("{webhook: {}}".to_owned(), "notify.x.webhook: either `url` or `url_from` is expected"),
        ("{webhook: {url: ftp://x/}}".to_owned(), "notify.x.webhook.url: a URL that begins with http:// or https://"),
        (
            "{slack: {webhook: https://hooks.slack.test/T1/x}}".to_owned(),
            "the text itself is not taken (and not printed here)",
        ),
        ("{slack: {webhook: {file: /nonexistent}}}".to_owned(), "secret file `/nonexistent` does not exist"),
        (mail(", tls: off, user: u, password: {env: P}"), "notify.x.email.password: it would be sent in clear"),
        (mail(", user: u"), "notify.x.email: a `user` needs a `password`"),
        (mail("").replace("mx:25", "mx"), "notify.x.email.server: SERVER:PORT is expected"),
        (mail("").replace("c@d", "c d@e"), "notify.x.email.to: an address is expected"),
        (mail("").replace("[c@d]", "[]"), "notify.x.email.to: at least one address is expected"),
        (mail("").replace("a@b", "\"A <a@b>\""), "notify.x.email.from: an address is expected"),
    ] {
        let found = said(&notify);
        assert!(found.contains(expected), "{notify}\n  said: {found}\n  not:  {expected}");
        assert!(!found.contains("T1/x"), "a secret is shown: {found}");
    }
}

#[test]
fn a_miss_that_was_accepted_by_name_is_among_the_exceptions() {
    let desk = Desk::new("");
    let (code, stdout, stderr) = desk.run(&with(&["--yes", "--format", "json"]));
    assert_eq!(code, DONE, "{stderr}");
    assert!(stdout.contains("\"misses\":{\"look/web/shop-web\":\"it is being mended\"}"), "{stdout}");
    let exceptions = desk.report()["exceptions"].clone();
    let line = exceptions[0].as_str().expect("an exception");
    assert!(line.starts_with("look/web/shop-web was passed over by "), "{exceptions}");
    assert!(line.contains("(by a flag), because: it is being mended. What failed: ") && line.contains("503"), "{line}");
    for form in ["--markdown", "--html"] {
        let (_, page, _) = desk.run(&["report", form]);
        assert!(page.contains("accepted: look/web/shop-web was passed over by "), "{page}");
    }
}
