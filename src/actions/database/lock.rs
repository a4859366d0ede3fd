//! The lock at the databases: one run an estate, also between machines.
//!
//! A session at every member that answers holds it for as long as the run lasts. A fence ends the session at
//! the old primary; a member that comes back is locked again. So the lock is not lost when a session is: it
//! is lost when somebody else is seen to hold it, or when nobody has looked for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures::future::{BoxFuture, join_all};
use tokio::task::JoinHandle;

use crate::engine::action::ActionError;

/// How often the sessions are looked at.
const TEND_EVERY: Duration = Duration::from_secs(2);
/// How long a look at them may be ago: a machine that slept must not act on what it knew.
const UNTENDED_MAX: Duration = Duration::from_secs(30);
/// How long a holder may take to go: a program that was killed a moment ago leaves its session a moment longer.
const GOES_WITHIN: Duration = Duration::from_secs(1);
/// The same when the operator takes over from a machine that vanished: as long as its server takes to notice.
const GOES_WITHIN_TAKE_OVER: Duration = Duration::from_secs(20);

/// One member's lock, held by a session that the implementation keeps.
pub trait MemberLock: Send + Sync {
    /// Takes it, or sees that it is still held. Called again and again.
    fn hold(&self) -> BoxFuture<'_, Hold>;
}

/// What came of taking it.
#[derive(Debug, Clone, PartialEq)]
pub enum Hold {
    Ours,
    /// Somebody else holds it; who, in words.
    Theirs(String),
    /// The member cannot be asked.
    Unreachable(ActionError),
}

/// Somebody else holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("another run holds the lock at the database: {holder}")]
pub struct LockRefused {
    pub holder: String,
}

/// The locks of a run; let go when dropped.
#[derive(Debug)]
pub struct HeldLocks {
    state: Arc<Mutex<State>>,
    tending: JoinHandle<()>,
    /// Members at which it could not be taken, each with the reason.
    pub not_held: Vec<String>,
}

#[derive(Debug)]
struct State {
    theirs: Option<String>,
    looked: SystemTime,
}

/// Takes the lock at every member that answers.
pub async fn acquire(members: Vec<Box<dyn MemberLock>>, take_over: bool) -> Result<HeldLocks, LockRefused> {
    let patience = if take_over { GOES_WITHIN_TAKE_OVER } else { GOES_WITHIN };
    let deadline = SystemTime::now() + patience;
    let not_held = loop {
        match hold_all(&members).await {
            Ok(not_held) => break not_held,
            Err(holder) if SystemTime::now() >= deadline => return Err(LockRefused { holder }),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    let state = Arc::new(Mutex::new(State { theirs: None, looked: SystemTime::now() }));
    let kept = Arc::clone(&state);
    let tending = tokio::spawn(async move {
        loop {
            tokio::time::sleep(TEND_EVERY).await;
            let held = hold_all(&members).await;
            let mut state = kept.lock().unwrap_or_else(PoisonError::into_inner);
            state.theirs = held.err();
            state.looked = SystemTime::now();
        }
    });
    Ok(HeldLocks { state, tending, not_held })
}

/// The members at which it is not held, or who holds it.
async fn hold_all(members: &[Box<dyn MemberLock>]) -> Result<Vec<String>, String> {
    let mut not_held = Vec::new();
    for hold in join_all(members.iter().map(|member| member.hold())).await {
        match hold {
            Hold::Ours => {}
            Hold::Theirs(holder) => return Err(holder),
            Hold::Unreachable(error) => not_held.push(error.message),
        }
    }
    Ok(not_held)
}

impl HeldLocks {
    /// Why nothing more may be begun; `None` while the lock is ours as far as one knows.
    pub fn lost(&self) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = &state.theirs {
            return Some(holder.clone());
        }
        // A clock that was set back says nothing.
        let ago = state.looked.elapsed().unwrap_or_default();
        (ago > UNTENDED_MAX).then(|| format!("the locks at the databases were last looked at {} s ago", ago.as_secs()))
    }
}

impl Drop for HeldLocks {
    fn drop(&mut self) {
        // The sessions go with the task, and the locks with the sessions.
        self.tending.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Answers from a list, the last one for ever.
    struct Scripted(Vec<Hold>, AtomicU32);

    impl MemberLock for Scripted {
        fn hold(&self) -> BoxFuture<'_, Hold> {
            let asked = self.1.fetch_add(1, Ordering::Relaxed) as usize;
            let answer = self.0.get(asked).or(self.0.last()).cloned().expect("an answer");
            Box::pin(async move { answer })
        }
    }

    fn members(answers: Vec<Vec<Hold>>) -> Vec<Box<dyn MemberLock>> {
        let scripted = |answers| Box::new(Scripted(answers, AtomicU32::new(0))) as Box<dyn MemberLock>;
        answers.into_iter().map(scripted).collect()
    }

    #[tokio::test]
    async fn a_holder_that_goes_in_a_moment_does_not_refuse_us() {
        let locks = acquire(members(vec![vec![Hold::Theirs("x".to_owned()), Hold::Ours]]), false).await;
        assert_eq!(locks.expect("ours").lost(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn somebody_else_is_named_at_once_or_later() {
        let theirs = || Hold::Theirs("switchback/7 from 10.0.0.9".to_owned());
        let gone = Hold::Unreachable(ActionError::unreachable("a-db does not answer"));
        let locks = acquire(members(vec![vec![Hold::Ours, theirs()], vec![gone]]), false).await.expect("ours");
        assert_eq!(locks.not_held, ["a-db does not answer"]);
        assert_eq!(locks.lost(), None);
        tokio::time::sleep(TEND_EVERY * 2).await;
        assert_eq!(locks.lost().as_deref(), Some("switchback/7 from 10.0.0.9"));
    }
}
