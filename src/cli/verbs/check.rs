//! `switchback check`: the estate, and every runbook in every mode with every choice of sites. Offline: no
//! host, server or provider is asked.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::actions::catalogue::CATALOGUE;
use crate::base::problem::Problems;
use crate::cli::args::{Common, Format};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::session::say;
use crate::cli::{paint, problems};
use crate::estate::{self, Estate};
use crate::runbook::{self, Runbook, SHIPPED, shelf};

/// Checks the estate, the shipped runbooks, those beside the estate and those named.
///
/// The result is what is wrong, so it goes to standard output.
pub fn run(common: &Common, named: &[PathBuf]) -> Result<Exit, Failure> {
    let checked = everything(&common.estate, named);
    let text = match (&checked, common.format) {
        (Ok(checked), Format::Human) => checked.human(),
        (Ok(checked), Format::Json) => checked.json().to_string(),
        (Err(found), Format::Human) => problems::human(found, paint(common, false)),
        (Err(found), Format::Json) => problems::json(found),
    };
    say(text.trim_end());
    Ok(if checked.is_ok() { Exit::Done } else { Exit::Invalid })
}

/// What was found to be sound.
struct Checked {
    estate: Estate,
    runbooks: Vec<Runbook>,
}

fn everything(path: &Path, named: &[PathBuf]) -> Result<Checked, Problems> {
    let mut problems = Problems::none();
    let mut sound = |result: Result<Runbook, Problems>| result.map_err(|wrong| problems.extend(wrong)).ok();
    let mut runbooks: Vec<Runbook> = Vec::new();
    for (name, _) in SHIPPED {
        runbooks.extend(runbook::shipped(name, CATALOGUE).and_then(&mut sound));
    }
    let mut files = shelf::own(path.parent().unwrap_or(Path::new(".")));
    files.extend(named.iter().cloned());
    files.sort();
    files.dedup();
    for file in &files {
        runbooks.extend(sound(shelf::load_own(file, CATALOGUE)));
    }
    let estate = match estate::load(path) {
        Ok(estate) => estate,
        Err(wrong) => {
            problems.extend(wrong);
            problems.sort();
            return Err(problems);
        }
    };
    for runbook in &runbooks {
        problems.extend(runbook::check_on(runbook, &estate));
    }
    problems.or(Checked { estate, runbooks })
}

impl Checked {
    fn human(&self) -> String {
        let estate = &self.estate;
        let counts = [
            (estate.sites.len(), "site"),
            (estate.hosts.len(), "host"),
            (estate.services.len(), "service"),
            (estate.entrances.len(), "entrance"),
            (estate.providers.len(), "provider"),
        ];
        let counts = counts.map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }));
        let mut lines = vec![format!("estate {}: {}", estate.name, counts.join(", "))];
        for runbook in &self.runbooks {
            let modes: Vec<&str> = runbook.modes.iter().map(|mode| mode.as_str()).collect();
            lines.push(format!("runbook {}: {}", runbook.name, modes.join(", ")));
        }
        lines.push("no problem".to_owned());
        lines.join("\n")
    }

    fn json(&self) -> serde_json::Value {
        let runbooks: Vec<&str> = self.runbooks.iter().map(|runbook| runbook.name.as_str()).collect();
        json!({"schema": "switchback/check/1", "estate": self.estate.name, "runbooks": runbooks, "problems": 0})
    }
}
