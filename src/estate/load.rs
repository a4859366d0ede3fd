//! From a path to an [`Estate`], or to everything that is wrong with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::fill::Filling;
use super::{Estate, check, fill, later, written};
use crate::base::decode;
use crate::base::place::Source;
use crate::base::problem::Problems;

/// Reads and checks an estate. What it refers to on this machine (files of secrets) is looked at, nothing
/// else is: no host, server or provider is asked.
pub fn load(path: &Path) -> Result<Estate, Problems> {
    let source = Source::read(path)?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    parse(&source, &folder, std::env::home_dir().as_deref())
}

/// Reads and checks an estate's text. Relative paths start at `folder`, `~/` at `home`.
pub fn parse(source: &Arc<Source>, folder: &Path, home: Option<&Path>) -> Result<Estate, Problems> {
    let written: written::Estate = decode::read(source, later::not_yet)?;
    let mut filling = Filling::new(source, folder, home.map(PathBuf::from));
    check::all(&written, &mut filling);
    let services = fill::services(&written, &mut filling);
    let estate = Estate {
        name: written.estate.as_str().to_owned(),
        digest: crate::base::hex(&Sha256::digest(source.text.as_bytes())),
        folder: folder.to_owned(),
        objectives: fill::objectives(&written.objectives),
        sites: fill::sites(&written, &mut filling),
        hosts: fill::hosts(&written, &mut filling),
        services,
        entrances: fill::entrances(&written, &mut filling),
        providers: fill::providers(&written, &mut filling),
        canary: fill::canary(&written, &mut filling),
        windows: fill::windows(&written, &mut filling),
        notify: fill::receivers(&written, &mut filling),
        contacts: fill::contacts(&written),
    };
    filling.problems.or(estate)
}
