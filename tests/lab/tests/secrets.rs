//! No secret in the journal, the output, the process list or the lab's logs.

use std::path::Path;
use std::process::Stdio;

use crate::lab::{Lab, lab};

fn secrets(lab_: &Lab) -> Vec<(String, String)> {
    let folder = lab_.estate.with_file_name("secrets");
    let mut list = Vec::new();
    for name in ["orders", "pdns"] {
        let text = std::fs::read_to_string(folder.join(name)).expect("a secret");
        list.push((name.to_owned(), text.trim().to_owned()));
    }
    let tsig = std::fs::read_to_string(folder.join("tsig.key")).expect("a secret");
    let secret = tsig.split('"').find(|part| part.len() > 30).expect("the key's secret");
    list.push(("tsig.key".to_owned(), secret.to_owned()));
    assert!(list.iter().all(|(_, text)| text.len() >= 8), "a secret is too short to be looked for");
    list
}

fn look(place: &str, bytes: &[u8], secrets: &[(String, String)]) {
    for (name, secret) in secrets {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "the secret `{name}` stands in {place}");
    }
}

#[test]
fn no_secret_is_to_be_seen_anywhere() {
    let lab_ = Lab::fresh();
    let secrets = secrets(&lab_);
    let child = lab_
        .command(&["-vv", "failover", "--to", "nuremberg", "--yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("switchback runs");
    // While it runs, every command line of the machine.
    let mut looked = 0;
    while Path::new(&format!("/proc/{}", child.id())).exists() && looked < 200 {
        for entry in std::fs::read_dir("/proc").expect("proc").flatten() {
            if let Ok(line) = std::fs::read(entry.path().join("cmdline")) {
                look(&format!("{}", entry.path().display()), &line, &secrets);
            }
        }
        looked += 1;
        let state = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        if state.contains(") Z ") {
            break;
        }
    }
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    look("the results", &output.stdout, &secrets);
    look("the talk", &output.stderr, &secrets);
    for arguments in [
        vec!["show", "--events"],
        vec!["--format", "json", "show"],
        vec!["report"],
        vec!["status"],
        vec!["plan", "failback"],
    ] {
        let said = lab_.run(&arguments);
        look(&format!("{arguments:?}"), said.stdout.as_bytes(), &secrets);
        look(&format!("{arguments:?}"), said.stderr.as_bytes(), &secrets);
    }
    for entry in std::fs::read_dir(lab_.state.path().join("state")).expect("the state directory").flatten() {
        look(&format!("{}", entry.path().display()), &std::fs::read(entry.path()).expect("readable"), &secrets);
    }
    for host in ["a-db", "b-db", "a-web", "b-web"] {
        look(&format!("the log of {host}"), lab(&["log", host]).as_bytes(), &secrets);
    }
    assert!(looked > 0);
}
