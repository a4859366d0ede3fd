//! The standing shells of one host that wait for their next order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openssh::Session;

use super::standing::Shell;

/// Shells that stand and have nothing to do; the longest unused first.
#[derive(Debug, Default)]
pub(super) struct Shells {
    idle: Mutex<Vec<Shell>>,
}

impl Shells {
    /// One of this user's, if there is one. It is nobody else's until it is put back, and lost if it is not.
    pub(super) fn take(&self, user: &str) -> Option<Shell> {
        let mut idle = self.idle();
        let at = idle.iter().rposition(|shell| shell.user() == user)?;
        Some(idle.remove(at))
    }

    /// For the next caller. Of a shell that printed after its last mark nothing more is believed.
    pub(super) fn put_back(&self, shell: Shell) {
        if shell.is_clean() {
            self.idle().push(shell);
        }
    }

    /// Lets go of shells until at most this many are idle: sshd allows a number of channels a connection.
    pub(super) fn at_most(&self, count: usize) {
        let mut idle = self.idle();
        let surplus = idle.len().saturating_sub(count);
        idle.drain(..surplus);
    }

    /// Lets go of those of a session that is dead.
    pub(super) fn forget(&self, session: &Arc<Session>) {
        self.idle().retain(|shell| !shell.is_of(session));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Shell>> {
        // A panic elsewhere leaves a list as good as it was.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
