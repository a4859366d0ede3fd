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
    yaml_files(&estate_folder.join(FOLDER))
}

/// The YAML files of a folder, by name.
pub(super) fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(yaml).collect();
    files.sort();
    files
}

/// The names of all runbooks: those that are shipped, and those of these files.
pub fn names(own: &[PathBuf]) -> Vec<&str> {
    let stems = own.iter().filter_map(|path| path.file_stem()?.to_str());
    let shipped = SHIPPED.iter().map(|(name, _)| *name);
    let others = stems.filter(|stem| SHIPPED.iter().all(|(name, _)| name != stem));
    shipped.chain(others).collect()
}

/// Loads one of the user's own runbooks. It is named like its file, by which it is found. Only one that extends a
/// shipped runbook may be named like it, and stands for it from then on: who runs `failover` must know which.
pub fn load_own(path: &Path, catalogue: &[Signature]) -> Result<Runbook, Problems> {
    let runbook = super::load_file(path, catalogue)?;
    if path.file_stem().is_some_and(|stem| stem != runbook.name.as_str()) {
        let sentence = format!("the file is not named like the runbook; call it `{}.yaml`", runbook.name);
        return Err(runbook.problem(runbook.named, sentence).into());
    }
    let shipped = SHIPPED.iter().any(|(name, _)| *name == runbook.name);
    if shipped && runbook.extends.as_ref() != Some(&runbook.name) {
        let sentence = format!(
            "`{0}` is a runbook that comes with the program; give yours another name, or let it say `extends: {0}`",
            runbook.name
        );
        return Err(runbook.problem(runbook.named, sentence).into());
    }
    Ok(runbook)
}

/// The runbook of a name: one beside the estate, a shipped one, or a file where the name is a path.
pub fn find(name: &str, estate_folder: &Path, catalogue: &[Signature]) -> Result<Runbook, Problems> {
    if name.contains('/') || Path::new(name).extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
        return load_own(Path::new(name), catalogue);
    }
    let own = own(estate_folder);
    if let Some(path) = own.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name)) {
        return load_own(path, catalogue);
    }
    if let Some(runbook) = shipped(name, catalogue) {
        return runbook;
    }
    let known = names(&own);
    let slip = did_you_mean(name, known.iter().copied());
    let nowhere = Source::new(estate_folder.join(FOLDER).display().to_string(), "");
    Err(Problem::whole(&nowhere, format!("no runbook `{name}`{slip}; there are {}", known.join(", "))).into())
}
