//! Where runbooks are found by name: those that are shipped, and the user's own beside the estate.

use std::path::{Path, PathBuf};

use super::model::Runbook;
use super::shipped::{SHIPPED, shipped};
use super::signature::Signature;
use crate::base::closest::did_you_mean;
use crate::base::place::Source;
use crate::base::problem::{Problem, Problems};

/// The folder beside an estate where its own runbooks lie.
pub const FOLDER: &str = "runbooks";

/// The files of an estate's own runbooks, by name.
pub fn own(estate_folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(estate_folder.join(FOLDER)).into_iter().flatten().flatten();
    let yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(yaml).collect();
    files.sort();
    files
}

/// Loads one of the user's own runbooks. It is named like its file, by which it is found, and not like
/// a shipped one: who runs `failover` must know which.
pub fn load_own(path: &Path, catalogue: &[Signature]) -> Result<Runbook, Problems> {
    let runbook = super::load_file(path, catalogue)?;
    if path.file_stem().is_some_and(|stem| stem != runbook.name.as_str()) {
        let sentence = format!("the file is not named like the runbook; call it `{}.yaml`", runbook.name);
        return Err(Problem::at(&runbook.source, runbook.named, sentence).into());
    }
    if SHIPPED.iter().any(|(name, _)| *name == runbook.name) {
        let sentence = format!("`{}` is a runbook that comes with the program; give yours another name", runbook.name);
        return Err(Problem::at(&runbook.source, runbook.named, sentence).into());
    }
    Ok(runbook)
}

/// The runbook of a name: a shipped one, one beside the estate, or a file where the name is a path.
pub fn find(name: &str, estate_folder: &Path, catalogue: &[Signature]) -> Result<Runbook, Problems> {
    if let Some(runbook) = shipped(name, catalogue) {
        return runbook;
    }
    if name.contains('/') || Path::new(name).extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
        return load_own(Path::new(name), catalogue);
    }
    let own = own(estate_folder);
    if let Some(path) = own.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name)) {
        return load_own(path, catalogue);
    }
    let stems = own.iter().filter_map(|path| path.file_stem()?.to_str());
    let known: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).chain(stems).collect();
    let slip = did_you_mean(name, known.iter().copied());
    let nowhere = Source::new(estate_folder.join(FOLDER).display().to_string(), "");
    Err(Problem::whole(&nowhere, format!("no runbook `{name}`{slip}; there are {}", known.join(", "))).into())
}
