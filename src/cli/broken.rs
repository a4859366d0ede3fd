//! How a run ends that has no verdict: its journal takes nothing more, its lock is another's, or somebody broke it off.

use super::error::Failure;
use super::exit::Exit;
use crate::engine::action::Lost;
use crate::engine::driver::DriveError;
use crate::engine::ports::JournalError;
use crate::engine::state::RunState;

/// How a run ends that has no verdict.
pub fn broken(error: &DriveError, id: &str, title: &str, state: &RunState) -> Failure {
    match error {
        DriveError::Journal(error @ JournalError::LockLost(Lost::Taken(_))) if state.parked.is_some() => {
            Failure::new(Exit::Locked, format!("what was waited for is there, but {error}"))
                .hint("the run waits on, without the lock; go on when the other one is done:")
                .hint(format!("switchback resume {id}"))
        }
        DriveError::Journal(error) => journal_failure(error, id, state.has_touched()),
        DriveError::Interrupted => Failure::new(Exit::Interrupted, error.to_string())
            .hint(format!("switchback show {id}"))
            .hint(format!("switchback resume {id}")),
        DriveError::LeftParked => Failure::new(Exit::Interrupted, format!("{title}: {error}"))
            .hint(format!("switchback resume {id}      wait on"))
            .hint(format!("switchback rollback {id}    give it up")),
        DriveError::Impossible(_) | DriveError::Stuck => {
            Failure::new(Exit::Internal, error.to_string()).hint(format!("switchback show {id}"))
        }
    }
}

/// How a run ends whose journal takes nothing more. Who was seen to have the lock carries on. Where nobody was seen,
/// what this run has changed stands as it is, a fence above all, and somebody must go on or go back.
pub fn journal_failure(error: &JournalError, id: &str, touched: bool) -> Failure {
    let (exit, hint) = match (error, touched) {
        (JournalError::LockLost(Lost::Taken(_)), _) => {
            (Exit::Locked, "somebody else carries on with this estate; do nothing here")
        }
        (JournalError::LockLost(Lost::Stale(_)), true) => {
            (Exit::Stopped, "what this run changed stands; `switchback status` says whether another one went on since")
        }
        (JournalError::LockLost(Lost::Stale(_)), false) => (Exit::Refused, "nothing was changed"),
        (JournalError::Disk(_), true) => {
            (Exit::Stopped, "make room in the state directory, then resume; nothing more was done")
        }
        (JournalError::Disk(_), false) => (Exit::Refused, "make room in the state directory; nothing was changed"),
    };
    let failure = Failure::new(exit, error.to_string()).hint(hint).hint(format!("switchback show {id}"));
    match error {
        JournalError::LockLost(Lost::Stale(_)) => failure
            .hint(format!("switchback resume {id}      go on"))
            .hint(format!("switchback rollback {id}    go back, as far as that is safe")),
        JournalError::LockLost(Lost::Taken(_)) | JournalError::Disk(_) => failure,
    }
}
