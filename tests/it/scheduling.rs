//! The files that a scheduler is given: those that the page shows, and such that a scheduler takes them.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use switchback::cli::args::{Cli, Verb};

use crate::documents::document;

fn example(name: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (path, text)
}

const EXAMPLES: [&str; 4] =
    ["switchback-drill.service", "switchback-drill.timer", "switchback-drill.cron", "ci-drill.sh"];

#[test]
fn the_page_shows_the_files_as_they_are() {
    let page = document("scheduling.md");
    for name in EXAMPLES {
        assert!(page.contains(&format!("\n{}```", example(name).1)), "docs/examples/{name} is not what the page shows");
    }
}

/// The words of a command line as the program reads them.
fn drill(line: &str) {
    let words: Vec<&str> = line.split_whitespace().take_while(|word| *word != ">").collect();
    let cli = Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert!(matches!(cli.verb, Verb::Drill { .. }), "{line}");
}

#[test]
fn every_file_holds_a_drill_that_can_be_said() {
    let (_, service) = example("switchback-drill.service");
    drill(service.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command"));
    let (_, cron) = example("switchback-drill.cron");
    let line = cron.lines().find(|line| line.starts_with(|c: char| c.is_ascii_digit())).expect("a line");
    let fields: Vec<&str> = line.splitn(7, ' ').collect();
    let ranges = [("minute", 59), ("hour", 23), ("day", 31), ("month", 12), ("weekday", 7)];
    for (field, (what, most)) in fields.iter().zip(ranges) {
        assert!(*field == "*" || field.parse::<u32>().is_ok_and(|value| value <= most), "{what}: {field}");
    }
    assert_eq!(fields[5], "switchback", "a line in /etc/cron.d names its user");
    // To cron a per cent sign ends the command.
    assert!(!line.contains('%'), "{line}");
    drill(fields[6]);
    let (_, job) = example("ci-drill.sh");
    drill(job.lines().find(|line| line.starts_with("switchback drill")).expect("a drill"));
}

#[test]
fn a_shell_takes_the_job() {
    let output = Command::new("sh").arg("-n").arg(example("ci-drill.sh").0).output().expect("sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn systemd_takes_the_units_where_there_is_one() {
    // The program need not be where the unit says, nor its user there, for the unit to be sound.
    let folder = tempfile::tempdir().expect("a folder");
    let mut units = Vec::new();
    for name in ["switchback-drill.service", "switchback-drill.timer"] {
        let text = example(name).1.replace("/usr/local/bin/switchback", "/bin/true").replace("User=switchback\n", "");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        units.push(path);
    }
    match Command::new("systemd-analyze").arg("verify").args(&units).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let ours: Vec<&str> = said.lines().filter(|line| line.contains("switchback-drill")).collect();
            assert!(ours.is_empty(), "{}", ours.join("\n"));
        }
        Err(_) => {
            let sections =
                |text: &str| text.lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(sections(&example("switchback-drill.service").1), ["[Unit]", "[Service]"]);
            assert_eq!(sections(&example("switchback-drill.timer").1), ["[Unit]", "[Timer]", "[Install]"]);
        }
    }
}
