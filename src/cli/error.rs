//! A failure as the command line tells it: what happened, what changed, what is safe next.

use super::exit::Exit;
use crate::store::StoreError;
use crate::store::busy::Busy;

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    /// A lower-case sentence without a full stop.
    pub sentence: String,
    /// More of it, a line each.
    pub details: Vec<String>,
    /// What to do, a line each.
    pub hints: Vec<String>,
}

impl Failure {
    pub fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: sentence.into(), details: Vec::new(), hints: Vec::new() }
    }
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }
    #[must_use]
    pub fn hint(mut self, line: impl Into<String>) -> Self {
        self.hints.push(line.into());
        self
    }
}

impl Failure {
    /// A chain of causes from outside (files, above all), as one sentence.
    pub fn caused(exit: Exit, error: &anyhow::Error) -> Self {
        Self::new(exit, format!("{error:#}"))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match error {
            StoreError::NoRun(_) => Exit::Usage,
            StoreError::Busy { .. } => Exit::Locked,
            StoreError::Folder { .. }
            | StoreError::Open { .. }
            | StoreError::Newer { .. }
            | StoreError::Full(_)
            | StoreError::Sqlite(_)
            | StoreError::Damaged { .. } => Exit::Internal,
        };
        let newer = matches!(error, StoreError::Newer { .. } | StoreError::Open { .. } | StoreError::Full(_));
        let failure = Self::new(if newer { Exit::Refused } else { exit }, error.to_string());
        match error {
            StoreError::Busy { writer: Busy { pid: Some(pid), stopped }, .. } => {
                let failure = if stopped {
                    failure.hint(format!("`kill -CONT {pid}` lets it go on with its run"))
                } else {
                    failure
                };
                failure.hint(format!("`kill -KILL {pid}` ends it and loses nothing; then the same command again"))
            }
            StoreError::Busy { .. } => failure.hint("nothing was done; the same command again in a moment"),
            StoreError::Full(_) => failure.hint("nothing was done; make room there, then the same command again"),
            StoreError::Sqlite(_) => {
                failure.hint("nothing was done; may the folder be written to, or is the file damaged?")
            }
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_is_stopped_is_named_with_what_lets_it_go_on_and_what_ends_it() {
        let busy = |pid, stopped| StoreError::Busy { folder: "/s".into(), writer: Busy { pid, stopped } };
        let failure = Failure::from(busy(Some(42), true));
        assert_eq!(failure.exit, Exit::Locked);
        assert_eq!(
            failure.sentence,
            "the journal in /s is being written to, and process 42 is stopped in the middle of it"
        );
        assert!(failure.hints.iter().any(|hint| hint.starts_with("`kill -CONT 42`")), "{failure:?}");
        assert!(failure.hints.iter().any(|hint| hint.starts_with("`kill -KILL 42`")), "{failure:?}");
        assert!(!Failure::from(busy(Some(42), false)).hints.iter().any(|hint| hint.contains("CONT")));
        assert_eq!(Failure::from(busy(None, false)).hints.len(), 1);
    }
}
