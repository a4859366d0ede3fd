//! PostgreSQL as Debian's packages lay it out: another user's data directory, reached with sudo, and a service
//! that systemd is in charge of (its part is played by `tests/lab/systemctl`).

use std::path::Path;
use std::process::{Command, Stdio};

use crate::lab::{Lab, lab};

/// Puts the lab's systemctl on a host, and has the estate say that it is in charge there.
fn with_systemd() -> Lab {
    let mut lab_ = Lab::fresh();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/systemctl");
    for host in ["a-db", "b-db"] {
        let put = "sudo tee /usr/local/bin/systemctl >/dev/null && sudo chmod 755 /usr/local/bin/systemctl \
                   && sudo rm -rf /run/lab-systemd /etc/systemd/system/postgresql@*";
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab"));
        command.args(["ssh", host, put]).stdin(Stdio::from(std::fs::File::open(&program).expect("it is there")));
        assert!(command.status().expect("the lab's command runs").success());
    }
    let text = std::fs::read_to_string(&lab_.estate).expect("the estate");
    let mut lines = Vec::new();
    let mut in_control = false;
    for line in text.lines() {
        // `layout: {debian: …}` names the unit; the lab's own commands for it are left out.
        in_control = line == "      control:" || (in_control && line.starts_with("        "));
        if !in_control {
            lines.push(line);
        }
    }
    assert!(lines.len() < text.lines().count(), "the estate has no `control:` to leave out");
    let systemd = lab_.estate.with_file_name("systemd.yaml");
    std::fs::write(&systemd, lines.join("\n")).expect("written");
    lab_.estate = systemd;
    lab_
}

fn told(host: &str) -> String {
    lab(&["ssh", host, "cat /run/lab-systemd/log"])
}

#[test]
fn systemd_keeps_a_fenced_server_from_starting() {
    let mut lab_ = with_systemd();
    lab_.client_starts();
    lab_.ok(&["failover", "--to", "nuremberg", "--yes"]);
    lab_.is_at_rest("b-db", "a-db");
    lab_.ok(&["failback", "--input", "soak=1s", "--yes"]);
    lab_.is_at_rest("a-db", "b-db");
    for host in ["a-db", "b-db"] {
        let told = told(host);
        for verb in ["mask postgresql@", "unmask postgresql@", "start postgresql@"] {
            assert!(told.contains(verb), "{host} was not told to {verb}: {told}");
        }
    }
    let seen = lab_.client_stops();
    assert_eq!((seen.missing, seen.both), (Vec::new(), Vec::new()));
}

#[test]
fn a_unit_that_cannot_be_masked_still_comes_up_read_only() {
    let lab_ = with_systemd();
    let version = lab_.sql("a-db", "select split_part(current_setting('server_version'), '.', 1)");
    let unit = format!("/etc/systemd/system/postgresql@{version}-main.service");
    lab(&["ssh", "a-db", &format!("sudo mkdir -p /etc/systemd/system && sudo touch {unit}")]);
    // The primary's host is the only one that may not follow afterwards: it is left fenced by a kill of the run.
    let accepted = [
        "failover",
        "--to",
        "nuremberg",
        "--mode",
        "emergency",
        "--confirm",
        "nuremberg",
        "--accept-data-loss",
        "orders",
        "--reason",
        "tried",
    ];
    lab_.ok(&accepted);
    let shown = lab_.ok(&["show"]);
    assert!(shown.stdout.contains("already exists"), "why it was not masked is not told:\n{}", shown.stdout);
    // Somebody starts it: it takes no write.
    lab(&["ssh", "a-db", &format!("sudo systemctl start postgresql@{version}-main")]);
    assert_eq!((lab_.is_primary("a-db"), lab_.is_primary("b-db")), (Some(false), Some(true)));
}
