//! The runbooks that another may build on: those that come with the program, and those beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::shipped::SHIPPED;
use crate::base::closest::did_you_mean;
use crate::base::place::Source;
use crate::base::problem::Problem;

/// How many runbooks may build on one another.
const DEEP_MAX: usize = 8;

/// Where a runbook finds what it extends or includes.
#[derive(Debug, Clone)]
pub(super) struct Library {
    /// Where its neighbours lie.
    folder: Option<PathBuf>,
    /// Names of the files that are being read, the one that was asked for first.
    reading: Vec<String>,
}

impl Library {
    /// For a file, whose neighbours are beside it.
    pub(super) fn beside(path: &Path) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { folder: Some(folder.to_owned()), reading: vec![path.display().to_string()] }
    }

    /// For a text that has no neighbours.
    pub(super) fn shipped(source: &Source) -> Self {
        Self { folder: None, reading: vec![source.name.clone()] }
    }

    /// The text of a runbook that is built on, and the library for what that builds on in turn. One of one's own
    /// comes first: who gives a shipped runbook another step means it wherever that runbook is used.
    pub(super) fn open(&self, name: &str) -> Result<(Arc<Source>, Self), Problem> {
        if self.reading.len() >= DEEP_MAX {
            return Err(nowhere(format!("more than {DEEP_MAX} runbooks build on one another")));
        }
        let source = match self.own(name) {
            Some(path) => Source::read(&path)?,
            None => match SHIPPED.iter().find(|(known, _)| *known == name) {
                Some((known, text)) => super::shipped::source(known, text),
                None if self.is_read(name) => return Err(nowhere("builds on itself".to_owned())),
                None => return Err(nowhere(self.unknown(name))),
            },
        };
        let mut deeper = self.clone();
        deeper.reading.push(source.name.clone());
        Ok((source, deeper))
    }

    /// The user's own of this name, unless it is just being read: `failover.yaml` that extends `failover` means the
    /// shipped one.
    fn own(&self, name: &str) -> Option<PathBuf> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(plain) {
            return None;
        }
        let paths = ["yaml", "yml"].map(|ending| self.folder.as_ref().map(|at| at.join(format!("{name}.{ending}"))));
        paths.into_iter().flatten().find(|path| path.is_file() && !self.reading.contains(&path.display().to_string()))
    }

    fn is_read(&self, name: &str) -> bool {
        let stems = self.reading.iter().filter_map(|path| Path::new(path).file_stem()?.to_str());
        stems.into_iter().any(|stem| stem == name)
    }

    fn unknown(&self, name: &str) -> String {
        let own: Vec<PathBuf> = self.folder.as_deref().map(super::shelf::yaml_files).unwrap_or_default();
        let known = super::shelf::names(&own);
        let shown: String = name.chars().take(60).collect();
        format!("no runbook `{shown}`{}; there are {}", did_you_mean(name, known.iter().copied()), known.join(", "))
    }
}

/// What is wrong with a reference; the place is that of whoever refers.
fn nowhere(sentence: String) -> Problem {
    Problem::whole(&Source::new("", ""), sentence)
}
