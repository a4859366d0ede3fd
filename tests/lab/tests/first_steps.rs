//! The newcomer's path: from nothing but two servers to a first plan.

use std::process::Command;

use crate::lab::{Lab, lab};
use crate::person::Person;

/// The program in a folder of its own, without the lab's estate.
fn at(folder: &std::path::Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_switchback"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("SWITCHBACK_ESTATE")
        .env("SWITCHBACK_STATE", folder.join("state"))
        .stdin(std::process::Stdio::null())
        .output()
        .expect("switchback runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), said)
}

#[test]
fn from_init_to_a_first_plan() {
    let lab_ = Lab::fresh();
    let folder = tempfile::tempdir().expect("a folder");
    let top = lab_.estate.parent().expect("the lab's folder").display().to_string();
    // How the lab's hosts are logged in to stands in the lab's own estate.
    let estate = std::fs::read_to_string(&lab_.estate).expect("the lab's estate");
    let word = |line: &str, key: &str| {
        let line = estate.lines().find(|text| text.trim_start().starts_with(line)).expect(line).to_owned();
        let rest = line.split_once(&format!("{key}: ")).expect(key).1.to_owned();
        rest.split([',', '}']).next().expect("a word").trim().to_owned()
    };
    let member = |site: &str, host: &str| {
        let (user, port) = (word("host: {", "user"), word("host: {", "port"));
        format!("{site}={user}@{}:{port}", word(&format!("{host}:"), "address"))
    };
    let (dallas, nuremberg) = (member("dallas", "a-db"), member("nuremberg", "b-db"));
    let (password, ca) = (format!("{top}/secrets/orders"), format!("{top}/keys/ca.pem"));
    let (key, known) = (format!("{top}/keys/operator"), format!("{top}/keys/known_hosts"));
    let init = [
        "init",
        "--member",
        &dallas,
        "--member",
        &nuremberg,
        "--name",
        "shop",
        "--service",
        "orders",
        "--password-file",
        &password,
        "--ca",
        &ca,
        "--key",
        &key,
        "--known-hosts",
        &known,
    ];
    let (code, said) = at(folder.path(), &init);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("a-db at dallas: takes writes") && said.contains("b-db at nuremberg: a standby"), "{said}");
    let written = std::fs::read_to_string(folder.path().join("switchback.yaml")).expect("the estate");
    let secret = std::fs::read_to_string(&password).expect("the secret");
    assert!(!written.contains(secret.trim()), "the password stands in the estate");

    for (arguments, code) in [
        (&["check"][..], 0),
        (&["status"], 0),
        (&["plan", "failover", "--to", "nuremberg"], 0),
        // A second time it writes nothing over what is there.
        (&init, 2),
    ] {
        let (left, said) = at(folder.path(), arguments);
        assert_eq!(left, code, "{arguments:?}: {said}\n{written}");
    }
    let again = std::fs::read_to_string(folder.path().join("switchback.yaml")).expect("the estate");
    assert_eq!(again, written);
    assert!(lab(&["status"]).contains("a-db"), "the lab stands");
}

/// The path of the README, with the questions answered by a person who makes a slip or two.
#[test]
fn a_newcomer_answers_the_questions() {
    let lab_ = Lab::fresh();
    let folder = tempfile::tempdir().expect("a folder");
    let top = lab_.estate.parent().expect("the lab's folder").display().to_string();
    let (key, known) = (format!("{top}/keys/operator"), format!("{top}/keys/known_hosts"));
    let ca = format!("{top}/keys/ca.pem");
    let server = |host: &str| {
        let address = std::env::var(format!("LAB_{host}")).expect("run by tests/lab/run-tests");
        let user = std::env::var("LAB_USER").expect("run by tests/lab/run-tests");
        format!("{user}@{address}:{}", std::env::var("LAB_SSH_PORT").expect("run by tests/lab/run-tests"))
    };
    let init = ["init", "--key", &key, "--known-hosts", &known, "--ca", &ca];
    let person = Person::sits_down(folder.path(), &init);
    person.answers("The first site's name", "dal las");
    person.answers("The first site's name", "dallas");
    person.answers("Its database server", "nobody@");
    person.answers("Its database server", &server("A_DB"));
    person.answers("The second site's name", "dallas");
    person.answers("`dallas` is the other site", "nuremberg");
    person.answers("Its database server", &server("B_DB"));
    person.answers("The estate's name", "shop");
    person.answers("[database]", "orders");
    person.answers("[SWITCHBACK_ORDERS]", "");
    let (code, seen) = person.ends();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("a-db at dallas: takes writes") && seen.contains("switchback prepare --apply"), "{seen}");
    let password = std::fs::read_to_string(format!("{top}/secrets/orders")).expect("the password");
    // What it says comes next, as it says it.
    let next: Vec<&str> = seen.lines().filter_map(|line| line.trim().strip_prefix("switchback ")).collect();
    assert_eq!(next, ["check", "prepare --apply", "status", "plan failover --to nuremberg"]);
    for line in next {
        let output = Command::new(env!("CARGO_BIN_EXE_switchback"))
            .args(line.split(' '))
            .current_dir(folder.path())
            .env_remove("SWITCHBACK_ESTATE")
            .env("SWITCHBACK_STATE", folder.path().join("state"))
            .env("SWITCHBACK_ORDERS", password.trim())
            .stdin(std::process::Stdio::null())
            .output()
            .expect("switchback runs");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A server that cannot be reached costs no answer: the command that asks nothing is shown.
#[test]
fn answers_are_not_lost_on_a_server_that_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let person = Person::sits_down(
        folder.path(),
        &["init", "--member", "a=nobody@127.0.0.1:1", "--member", "b=nobody@127.0.0.1:1"],
    );
    person.answers("The estate's name", "shop");
    person.answers("[database]", "");
    person.answers("[SWITCHBACK_DATABASE]", "");
    let (code, seen) = person.ends();
    assert_eq!(code, Some(4), "{seen}");
    let seen: Vec<&str> = seen.split_whitespace().collect();
    let again = "with the same answers: switchback init --member a=nobody@127.0.0.1:1 --member b=nobody@127.0.0.1:1 \
        --name shop --service database --password-env SWITCHBACK_DATABASE";
    assert!(seen.join(" ").contains(again), "{seen:?}");
    assert!(!folder.path().join("switchback.yaml").exists(), "nothing is written");
}
