//! The lock at the databases: one run an estate, also between machines.
//!
//! A session at every member that answers holds it for as long as the run lasts. A fence ends the session at
//! the old primary; a member that comes back is locked again. So the lock is not lost when a session is: it
//! is lost when somebody else is seen to hold it, or when nobody has looked for a while.
//!
//! An act makes several calls, and the program may be stopped between two of them and taken over meanwhile. So
//! each call asks [`Watch::lost`]: while the program has run all the time, what the last look said holds; when it
//! is seen to have stood still, the locks are looked at again before anything is sent. Whoever takes over from a
//! program that runs waits until that must have looked.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::awake::{BEAT, Pulse};
use crate::actions::moment::Moment;
use crate::engine::action::{ActionError, Lost, Touch};

/// How often the sessions are looked at.
const TEND_EVERY: Duration = Duration::from_secs(2);
/// How long a look at them may be ago: a machine that slept must not act on what it knew.
const UNTENDED_MAX: Duration = Duration::from_secs(30);
/// How long a holder may take to go: a program that was killed a moment ago leaves its session a moment longer.
const GOES_WITHIN: Duration = Duration::from_secs(1);
/// The same when the operator takes over from a machine that vanished: as long as its server takes to notice.
const GOES_WITHIN_TAKE_OVER: Duration = Duration::from_secs(20);

/// How long a holder insists at a member where another was quicker, while it holds another member's lock: whoever
/// was refused there gives back what it took in the moment before. A contender takes all or none.
const INSISTS_FOR: Duration = Duration::from_secs(3);
const INSIST_EVERY: Duration = Duration::from_millis(50);
/// How long whoever takes over waits once it has ended sessions: their program looks within this, and stops.
const NOTICES_WITHIN: Duration = Duration::from_secs(3);
/// How long a look after standing still may take. Members that cannot be asked say nothing, then as always.
const SECOND_LOOK_MAX: Duration = Duration::from_secs(4);

type Members = Arc<Vec<Box<dyn MemberLock>>>;

/// One member's lock, held by a session that the implementation keeps.
pub trait MemberLock: Send + Sync {
    /// Takes it, or sees that it is still held. Called again and again.
    fn hold(&self) -> BoxFuture<'_, Hold>;
    /// Gives it back, when it is held.
    fn let_go(&self) -> BoxFuture<'_, ()>;
    /// Ends the session of whoever else holds it, as far as that is a session of our own role; who it was.
    fn end_holder<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Option<String>, ActionError>>;
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

/// The locks of a run; let go when dropped. Nothing else keeps their sessions: who only watches them does not.
pub struct HeldLocks {
    members: Members,
    state: Arc<Mutex<State>>,
    watch: Watch,
    tending: JoinHandle<()>,
    /// Members at which it could not be taken, each with the reason.
    pub not_held: Vec<String>,
    /// Whose sessions were ended for it.
    pub ended: Vec<String>,
}

#[derive(Debug)]
struct State {
    theirs: Option<String>,
    given_back: bool,
    /// When the last look began that saw nobody else.
    looked: Moment,
    pulse: Pulse,
}

/// Sees between two calls of an act whether the locks are still ours.
#[derive(Clone)]
pub struct Watch {
    members: Weak<Vec<Box<dyn MemberLock>>>,
    state: Arc<Mutex<State>>,
}

/// Takes the lock at every member that answers. With a `take_over` the holder's sessions are ended: a program that
/// is stopped keeps its session, and would go on with it when it wakes.
pub async fn acquire(members: Vec<Box<dyn MemberLock>>, take_over: Option<Touch>) -> Result<HeldLocks, LockRefused> {
    let patience = if take_over.is_some() { GOES_WITHIN_TAKE_OVER } else { GOES_WITHIN };
    let deadline = Instant::now() + patience;
    let members: Members = Arc::new(members);
    let mut ended = Vec::new();
    let not_held = loop {
        match take_all(&members).await {
            Ok(not_held) => break not_held,
            Err(holder) if Instant::now() >= deadline => return Err(LockRefused { holder }),
            Err(_) => {
                if let Some(touch) = &take_over {
                    for member in members.iter() {
                        ended.extend(member.end_holder(touch).await.ok().flatten());
                    }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    let now = Moment::now();
    let state = Arc::new(Mutex::new(State { theirs: None, given_back: false, looked: now, pulse: Pulse::at(now) }));
    let watch = Watch { members: Arc::downgrade(&members), state: Arc::clone(&state) };
    let (tended, beaten) = (watch.clone(), watch.clone());
    let tending = tokio::spawn(async move {
        tokio::select! {
            () = tended.tend() => {}
            () = beaten.beat() => {}
        }
    });
    if !ended.is_empty() {
        tokio::time::sleep(NOTICES_WITHIN).await;
    }
    Ok(HeldLocks { members, state, watch, tending, not_held, ended })
}

impl Watch {
    /// Why nothing more may be sent; `None` while the locks are ours. Costs nothing while the program runs.
    pub async fn lost(&self) -> Option<Lost> {
        let stood_still = {
            let mut state = self.locked();
            if let Some(why) = state.lost() {
                return Some(why);
            }
            state.pulse.beat(Moment::now());
            state.pulse.stood_still_since(state.looked)
        };
        if stood_still {
            let _ = tokio::time::timeout(SECOND_LOOK_MAX, self.look()).await;
        }
        self.locked().lost()
    }

    /// Looks, and keeps what was seen; says whether the locks are lost.
    async fn look(&self) -> bool {
        let began = Moment::now();
        let Some(members) = self.members.upgrade() else { return true };
        let theirs = insist(&members).await;
        drop(members);
        let mut state = self.locked();
        // A lock that was lost stays lost: whoever took over may have ended, and its work stands.
        if state.theirs.is_none() && !state.is_stale() {
            match theirs {
                Some(theirs) => state.theirs = Some(theirs),
                None => state.looked = began,
            }
        }
        state.lost().is_some()
    }

    async fn tend(&self) {
        loop {
            tokio::time::sleep(TEND_EVERY).await;
            if self.locked().lost().is_some() || self.look().await {
                return;
            }
        }
    }

    async fn beat(&self) {
        loop {
            tokio::time::sleep(BEAT).await;
            self.locked().pulse.beat(Moment::now());
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("state", &self.state).finish_non_exhaustive()
    }
}

impl State {
    fn lost(&self) -> Option<Lost> {
        if let Some(holder) = &self.theirs {
            return Some(Lost::Taken(holder.clone()));
        }
        if self.given_back {
            return Some(Lost::Stale("the locks at the databases were given back".to_owned()));
        }
        self.is_stale().then(|| {
            let ago = self.looked.ago().as_secs();
            let why = "the locks at the databases were last looked at";
            Lost::Stale(format!("{why} {ago} s ago; another run may have had them since"))
        })
    }

    fn is_stale(&self) -> bool {
        self.looked.ago() > UNTENDED_MAX
    }
}

/// All of them or none, one after the other in the estate's order, so that of two who try at once one wins at the
/// first member. Gives the members at which it could not be taken, or who holds it.
async fn take_all(members: &[Box<dyn MemberLock>]) -> Result<Vec<String>, String> {
    let mut not_held = Vec::new();
    for member in members {
        match member.hold().await {
            Hold::Ours => {}
            Hold::Theirs(holder) => {
                join_all(members.iter().map(|member| member.let_go())).await;
                return Err(holder);
            }
            Hold::Unreachable(error) => not_held.push(error.message),
        }
    }
    Ok(not_held)
}

/// Sees that the locks are still held, and takes them where a member has come back. Who has taken ours, if so.
async fn insist(members: &[Box<dyn MemberLock>]) -> Option<String> {
    let deadline = Instant::now() + INSISTS_FOR;
    loop {
        let holds = join_all(members.iter().map(|member| member.hold())).await;
        let theirs = holds.iter().find_map(|hold| match hold {
            Hold::Theirs(holder) => Some(holder.clone()),
            Hold::Ours | Hold::Unreachable(_) => None,
        })?;
        // Where nothing is ours any more we were taken over.
        if !holds.contains(&Hold::Ours) || Instant::now() >= deadline {
            return Some(theirs);
        }
        tokio::time::sleep(INSIST_EVERY).await;
    }
}

impl HeldLocks {
    /// Why nothing more may be begun; `None` while the lock is ours as far as one knows.
    pub fn lost(&self) -> Option<Lost> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).lost()
    }

    /// Gives them back. When this returns every member that answers has let go: a session that only ends is heard of later.
    pub async fn let_go(mut self) {
        self.end_tending();
        let _ = (&mut self.tending).await;
        join_all(self.members.iter().map(|member| member.let_go())).await;
    }

    fn end_tending(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).given_back = true;
        self.tending.abort();
    }

    /// The same, to be asked before each call of an act.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }
}

impl Drop for HeldLocks {
    fn drop(&mut self) {
        // The sessions go with the members, and the locks with the sessions.
        self.end_tending();
    }
}

impl std::fmt::Debug for HeldLocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeldLocks").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
