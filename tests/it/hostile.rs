//! Texts that are meant to be read as something else, wherever a text may stand: taken as data, or refused.
//!
//! Every action of the catalogue with every argument, and every value and key of an estate. What takes any text is
//! listed here with where it goes; whatever is new and takes one makes the test fail until it is listed too, with the
//! test that shows that it arrives as data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use switchback::actions::catalogue::CATALOGUE;
use switchback::base::place::Source;
use switchback::base::problem::Problems;
use switchback::estate::{self, Estate};
use switchback::runbook::bound::{BoundStep, Mode};
use switchback::runbook::signature::{ArgumentKind, Noun, Signature, Undo};
use switchback::runbook::{self, Serving};

use crate::bench::{Folder, case, edited};

/// No control characters: those are refused wherever they stand.
const HOSTILE: &[&str] = &[
    "-oProxyCommand=id",
    "--",
    "a'b",
    "a\"b",
    "a\nb",
    "$(id)",
    "`id`",
    "a;id",
    "a|id",
    "a b",
    "../../x",
    "/a b'$(id)\"c",
    "a\\b",
    "a%nb",
    "a@b:c/d?e#f",
    "*",
    "\u{202e}b",
];
const CONTROL: &[&str] = &["a\0b", "\u{1b}[2J", "a\rb", "a\u{7f}", "\u{9b}2J", "a\u{8}b"];

/// Arguments that take any text, and what becomes of it.
const FREE_ARGUMENTS: &[(&str, &str)] = &[
    // `keep_aside::tests::a_label_is_the_beginning_of_a_folders_name_and_nothing_else`
    ("database.keep_aside.label", "the letters and digits of it begin a folder's name"),
    // `on_sshd::whatever_is_said_arrives_at_a_host_as_it_was_said`
    ("host.command.run", "words of a command that no shell sees"),
    ("host.command.look.run", "words of a command that no shell sees"),
    ("host.command.look.prints", "compared here"),
    ("host.command.undo", "words of a command that no shell sees"),
    ("human.ask.question", "shown"),
    ("human.ask.who", "shown"),
];

fn plain_estate() -> Estate {
    let source = Source::new("x", case("plain.yaml"));
    estate::parse(&source, Path::new("/nowhere"), None).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A value that an argument takes.
fn good(kind: ArgumentKind) -> Value {
    match kind {
        ArgumentKind::Site => json!("a"),
        ArgumentKind::Duration => json!("30s"),
        ArgumentKind::Size => json!("16MiB"),
        ArgumentKind::Count => json!(1),
        ArgumentKind::Flag => json!(true),
        ArgumentKind::Text => json!("text"),
        ArgumentKind::Argv => json!(["true"]),
        ArgumentKind::Look => json!({"run": ["true"], "prints": "x"}),
        ArgumentKind::OneOf(words) => json!(words[0]),
    }
}

/// The places in an argument where a text may stand, each with the argument that holds one there.
fn with_text(kind: ArgumentKind, text: &str) -> Vec<(&'static str, Value)> {
    match kind {
        ArgumentKind::Argv => vec![("", json!([text])), ("", json!(["printf", text, "x"]))],
        ArgumentKind::Look => vec![
            (".run", json!({"run": ["printf", text]})),
            (".prints", json!({"run": ["true"], "prints": text})),
            (".exit", json!({"run": ["true"], "exit": text})),
        ],
        _ => vec![("", json!(text))],
    }
}

/// A runbook of one step that does this; JSON is YAML.
fn runbook_of(signature: &Signature, arguments: &serde_json::Map<String, Value>) -> String {
    let mut step = json!({"id": "one", "do": {signature.name: arguments}});
    if let Some(noun) = signature.noun {
        step["for_each"] = json!(noun.as_str());
        if noun == Noun::Host {
            step["where"] = json!({"login": "ssh"});
        }
    }
    json!({"runbook": "one", "format": 1, "title": "One", "modes": ["planned"],
           "phases": [{"phase": "only", "title": "Only", "no_return": signature.undo == Undo::Impossible, "steps": [step]}]})
    .to_string()
}

/// The first step as bound, where all is well, and what is wrong: an action alone in a runbook lacks what others give.
fn taken(text: &str, estate: &Estate) -> Result<(Option<BoundStep>, BTreeSet<String>), BTreeSet<String>> {
    let runbook = runbook::load(&Source::new("x", text.to_owned()), CATALOGUE).map_err(|said| sentences(&said))?;
    Ok(match runbook::bind(&runbook, estate, &BTreeMap::new(), Mode::Planned, &Serving::default()) {
        Ok(bound) => (bound.phases[0].groups.first().and_then(|group| group.steps.first()).cloned(), BTreeSet::new()),
        Err(problems) => (None, sentences(&problems)),
    })
}

fn sentences(problems: &Problems) -> BTreeSet<String> {
    problems.iter().map(|problem| problem.sentence.clone()).collect()
}

fn arguments_of(signature: &Signature) -> serde_json::Map<String, Value> {
    signature.arguments.iter().map(|argument| (argument.name.to_owned(), good(argument.kind))).collect()
}

#[test]
fn every_action_takes_hostile_texts_as_data_or_refuses_them() {
    let estate = plain_estate();
    let (mut free, mut tried) = (BTreeSet::new(), 0);
    for signature in CATALOGUE {
        let (_, lacks) = taken(&runbook_of(signature, &arguments_of(signature)), &estate)
            .unwrap_or_else(|problems| panic!("{}: {problems:?}", signature.name));
        for argument in signature.arguments {
            for text in HOSTILE.iter().chain(CONTROL) {
                for (part, value) in with_text(argument.kind, text) {
                    tried += 1;
                    let mut arguments = arguments_of(signature);
                    arguments.insert(argument.name.to_owned(), value.clone());
                    let place = format!("{}.{}{part}", signature.name, argument.name);
                    let Ok((step, says)) = taken(&runbook_of(signature, &arguments), &estate) else { continue };
                    if says != lacks {
                        continue;
                    }
                    assert!(!CONTROL.contains(text), "{place} takes {text:?}");
                    if let Some(step) = step {
                        let bound = &step.action.arguments[argument.name];
                        assert!(holds(bound, &value), "{place}: {value} became {bound}");
                    }
                    free.insert(place);
                }
            }
        }
    }
    let listed: BTreeSet<String> = FREE_ARGUMENTS.iter().map(|(place, _)| (*place).to_owned()).collect();
    assert_eq!(free, listed, "arguments that take any text, and those that are listed with where it goes");
    assert!(tried > 700, "{tried} tried");
}

/// Whether a bound value is the written one, which may lack what has a default.
fn holds(bound: &Value, written: &Value) -> bool {
    match (bound, written) {
        (Value::Object(bound), Value::Object(written)) => {
            written.iter().all(|(key, value)| bound.get(key).is_some_and(|bound| holds(bound, value)))
        }
        _ => bound == written,
    }
}

/// Estate values that take any text without control characters, and what becomes of it. `*` stands for any name or index.
const FREE_VALUES: &[(&str, &str)] = &[
    ("contacts.*.email", SHOWN),
    ("contacts.*.name", SHOWN),
    ("contacts.*.phone", SHOWN),
    ("contacts.*.role", SHOWN),
    ("defaults.host.jump", SSH),
    ("defaults.host.key", SSH_PATH),
    ("defaults.host.known_hosts", SSH_PATH),
    ("defaults.host.user", SSH),
    ("hosts.*.address", SSH),
    ("hosts.*.cut_off.command.act.*", LOCAL),
    ("hosts.*.cut_off.command.look.*", LOCAL),
    ("hosts.*.cut_off.command.off_prints", "compared here"),
    ("hosts.*.user", SSH),
    ("notify.*.command.*", LOCAL),
    ("notify.*.email.from", "a mail's header, by the library that writes mails"),
    ("notify.*.email.password.env", VARIABLE),
    ("notify.*.email.to.*", "a mail's header, by the library that writes mails"),
    ("notify.*.email.user", "a login, by the library that sends mails"),
    ("notify.*.pagerduty.routing_key.env", VARIABLE),
    ("notify.*.slack.webhook.env", VARIABLE),
    ("notify.*.webhook.token.env", VARIABLE),
    ("providers.*.powerdns.key.env", VARIABLE),
    ("services.*.mysql.control.systemd", "systemctl's argument"),
    ("services.*.mysql.databases.*", SQL),
    ("services.*.mysql.members.*.config_dir", REMOTE),
    ("services.*.mysql.members.*.config_file", REMOTE),
    ("services.*.mysql.members.*.data_dir", REMOTE),
    ("services.*.mysql.password.command.*", LOCAL),
    ("services.*.mysql.replication.sslrootcert", SQL),
    ("services.*.postgres.bin_dir", REMOTE),
    ("services.*.postgres.data_dir", REMOTE),
    ("services.*.postgres.replication.passfile", CONNINFO),
    ("services.*.postgres.replication.sslrootcert", CONNINFO),
    ("services.*.mysql.replication.password.env", VARIABLE),
    ("services.*.mysql.replication.user", SQL),
    ("services.*.mysql.tls.ca", FILE),
    ("services.*.mysql.user", SQL),
    ("services.*.note", SHOWN),
    ("services.*.postgres.control.start.*", REMOTE),
    ("services.*.postgres.control.stop.*", REMOTE),
    ("services.*.postgres.databases.*", SQL),
    ("services.*.postgres.members.*.control.systemd", "systemctl's argument"),
    ("services.*.postgres.members.*.password.command.*", LOCAL),
    ("services.*.postgres.password.env", VARIABLE),
    ("services.*.postgres.replication.address", CONNINFO),
    ("services.*.postgres.replication.user", CONNINFO),
    ("services.*.postgres.run_as", "sudo's argument after -u, never empty and never an option"),
    ("services.*.postgres.tls.ca", FILE),
    ("services.*.postgres.user", SQL),
    ("services.*.web.expect.body", "compared here"),
];
/// Without its control characters, and never as HTML.
const SHOWN: &str = "shown to people";
/// `fill::bare_word`, and `session::tests::ssh_takes_a_path_for_one_file_or_is_not_told_of_it`.
const SSH: &str = "a word of ssh's command line that no shell would read otherwise";
const SSH_PATH: &str = "one file for ssh, or refused when the session is opened";
/// `execve`: there is no shell.
const LOCAL: &str = "words of a command on this machine";
/// `on_sshd::whatever_is_said_arrives_at_a_host_as_it_was_said`.
const REMOTE: &str = "words of a command on a host, or arguments of a script";
const VARIABLE: &str = "the name of a variable of this process";
const FILE: &str = "a file that is opened here";
/// `conninfo::tests` here, `on_lab::names_and_texts_come_back_from_the_server_as_they_were_written` there.
const SQL: &str = "a parameter, or quoted as an identifier or a literal";
const CONNINFO: &str = "a value of a connection string, quoted for libpq and for the file that it stands in";
const BARE: &[&str] = &[
    "defaults.host.jump",
    "defaults.host.user",
    "hosts.*.address",
    "hosts.*.user",
    "services.*.mysql.control.systemd",
    "services.*.postgres.members.*.control.systemd",
];

/// Every path to a text in a value, with the texts of keys that are names.
fn leaves(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                path.push(key.clone());
                leaves(value, path, found);
                path.pop();
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                path.push(at.to_string());
                leaves(value, path, found);
                path.pop();
            }
        }
        _ => found.push(path.clone()),
    }
}

fn pointer(path: &[String]) -> String {
    path.iter().fold(String::new(), |all, part| all + "/" + &part.replace('~', "~0").replace('/', "~1"))
}

/// A path with names and numbers taken out.
fn shape(path: &[String]) -> String {
    let named =
        ["sites", "hosts", "services", "entrances", "providers", "members", "records", "notify", "contacts", "windows"];
    let mut shape = Vec::new();
    for (at, part) in path.iter().enumerate() {
        let is_name = at > 0 && named.contains(&path[at - 1].as_str()) || part.bytes().all(|b| b.is_ascii_digit());
        shape.push(if is_name { "*" } else { part });
    }
    shape.join(".")
}

/// The estates that are tried: between them they hold every key that holds a text.
fn estates() -> Vec<Value> {
    let read = |text: &str| serde_yaml::from_str::<Value>(text).expect("YAML");
    vec![read(&edited(&case("shop/switchback.yaml"), "tls: off", "tls: \"off\"")), wide(read(&case("plain.yaml")))]
}

/// With what the others do not have: MariaDB, jump hosts, people, and who is told.
fn wide(mut estate: Value) -> Value {
    estate["defaults"]["host"] = json!({"jump": "gate", "known_hosts": "known", "user": "ops"});
    estate["hosts"]["a-db"]["address"] = json!("a-db.example");
    estate["services"]["orders"]["postgres"]["run_as"] = json!("postgres");
    estate["services"]["orders"]["postgres"]["replication"] =
        json!({"user": "repl", "passfile": "/var/pass", "sslrootcert": "/etc/ca.pem"});
    estate["services"]["wiki"] = json!({"priority": 2, "mysql": {
        "flavour": "mariadb", "control": {"systemd": "mariadb"}, "databases": ["wiki"], "user": "switchback",
        "password": {"command": ["pass", "wiki"]}, "tls": {"ca": "/etc/ca.pem"},
        "replication": {"user": "repl", "password": {"env": "R"}, "sslrootcert": "/etc/ca.pem"},
        "members": {"a-db": {}, "b-db": {"config_dir": "/srv/conf.d", "config_file": "/srv/my.cnf", "data_dir": "/srv/data"}}}});
    estate["windows"] = json!({"quiet": {"days": ["sun"], "from": "03:00", "to": "05:00", "zone": "Europe/Berlin"}});
    estate["contacts"] = json!({"lead": {"name": "N", "role": "decides", "phone": "1", "email": "a@example.org"}});
    estate["notify"] = json!({
        "chat": {"slack": {"webhook": {"env": "S"}}}, "beside": {"command": ["logger", "x"]},
        "mail": {"email": {"server": "smtp.example:587", "from": "a@example.org", "to": ["b@example.org"], "user": "u", "password": {"env": "P"}}},
        "pager": {"pagerduty": {"routing_key": {"env": "K"}, "url": "https://example.org/x"}},
        "log": {"webhook": {"url": "https://example.org/x", "token": {"env": "T"}}}});
    estate
}

#[test]
fn every_value_of_an_estate_takes_hostile_texts_as_data_or_refuses_them() {
    let mut free = BTreeMap::<String, BTreeSet<&str>>::new();
    let mut tried = 0;
    let folder = Folder::shop();
    let parse = |value: &Value| {
        let source = Source::new("x", value.to_string());
        estate::parse(&source, folder.path(), Some(Path::new("/home/x")))
            .map(drop)
            .map_err(|problems| problems.to_string())
    };
    for estate in estates() {
        parse(&estate).unwrap_or_else(|problems| panic!("{problems}"));
        let mut paths = Vec::new();
        leaves(&estate, &mut Vec::new(), &mut paths);
        for path in paths {
            for text in HOSTILE.iter().chain(CONTROL) {
                tried += 1;
                let mut changed = estate.clone();
                *changed.pointer_mut(&pointer(&path)).expect("a leaf") = json!(text);
                if parse(&changed).is_ok() {
                    free.entry(shape(&path)).or_default().insert(text);
                }
            }
        }
    }
    let listed: BTreeMap<&str, &str> = FREE_VALUES.iter().copied().collect();
    let unlisted: Vec<_> = free.iter().filter(|(place, _)| !listed.contains_key(place.as_str())).collect();
    assert!(unlisted.is_empty(), "these take such texts, and where they go is not listed: {unlisted:#?}");
    let refused: Vec<_> = listed.keys().filter(|place| !free.contains_key(**place)).collect();
    assert!(refused.is_empty(), "these are listed and take none of the texts: {refused:?}");
    for (place, texts) in &free {
        assert!(!CONTROL.iter().any(|text| texts.contains(text)), "{place} takes control characters");
        // What ssh hands on to a shell, and what systemctl reads, is no text that either would read otherwise.
        if BARE.contains(&place.as_str()) {
            let read =
                |text: &&&str| text.contains(['\'', '"', '$', '`', ';', '|', '*', ' ', '\n']) || text.starts_with('-');
            assert_eq!(texts.iter().find(read), None, "{place}");
        }
    }
    assert!(tried > 1_000, "{tried} tried");
}
