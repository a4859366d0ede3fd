//! How a run ends.

use serde::{Deserialize, Serialize};

/// How a run, or a segment of it, ended. One verdict, one exit code (`docs/exit-codes.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every step is done.
    Done,
    /// Every step that had to be is done, but an objective was missed or a check after the point of no return failed.
    DoneWithMisses,
    /// A step refused before anything was changed.
    Refused,
    /// Stopped part-way; it can be resumed, and what has not passed its point of no return rolled back.
    Stopped,
    /// Every service is where it was.
    BackedOut,
    /// Whether an act was done is not known, and looking does not tell: a person must.
    InDoubt,
    /// A question was answered no, or not at all.
    Declined { changed: bool },
    /// Somebody asked to stop.
    Interrupted,
}

impl Verdict {
    /// A few words for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::DoneWithMisses => "done with misses",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
            Self::BackedOut => "backed out",
            Self::InDoubt => "in doubt",
            Self::Declined { .. } => "declined",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether nothing is left to resume.
    pub fn is_final(self) -> bool {
        match self {
            Self::Done | Self::DoneWithMisses | Self::Refused | Self::BackedOut | Self::Declined { changed: false } => {
                true
            }
            Self::Stopped | Self::InDoubt | Self::Interrupted | Self::Declined { changed: true } => false,
        }
    }
}
