//! The newcomer's path: from nothing but two servers to a first plan.

use std::process::Command;

use crate::lab::{Lab, lab};

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
