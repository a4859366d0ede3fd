//! What the driver needs of the world: a journal, a clock, someone to tell and someone to ask.

use futures::future::BoxFuture;
use jiff::Timestamp;

use super::action::{Lost, Touch};
use super::event::{Answer, Event, Question};
use super::measured::Measured;
use super::plan::Plan;
use super::state::RunState;

/// Keeps events, and the lock under which they are made.
pub trait Journal: Send {
    /// Appends an event. When `durable`, it is on disk when this returns. Either way the lock is seen to
    /// be still ours in the same transaction.
    fn append(&mut self, event: &Event, durable: bool) -> Result<(), JournalError>;
    /// Everything that was appended is on disk when this returns, under the same lock.
    fn flush(&mut self) -> Result<(), JournalError>;
    /// Says that we are still here; called every few seconds while a run lasts.
    fn renew(&mut self) -> Result<(), JournalError>;
    /// Gives the lock back, while the run waits for something that takes long. What was appended is on disk.
    /// When this returns others can take it.
    fn give_back(&mut self) -> BoxFuture<'_, Result<(), JournalError>>;
    /// Takes the lock again. Fails when somebody else holds it, or has gone on with the run meanwhile.
    fn take_again(&mut self) -> BoxFuture<'_, Result<(), JournalError>>;
}

/// Why the journal did not take an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The disk is full or failed. Nothing may be done that is not written down first.
    #[error("the journal cannot be written: {0}")]
    Disk(String),
    /// Somebody took the lock over, or may have.
    #[error("the lock of this estate is no longer ours: {0}")]
    LockLost(Lost),
}

/// Tells the time, and waits.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Milliseconds since some moment before the run; never goes back.
    fn monotonic_ms(&self) -> u64;
    /// Ends when `monotonic_ms` has reached this.
    fn until(&self, monotonic_ms: u64) -> BoxFuture<'_, ()>;
}

/// Is told of every event after it was folded.
pub trait Reporter: Send {
    fn event(&mut self, plan: &Plan, state: &RunState, event: &Event);
}

/// Measures what a client sees, beside the run. Nothing waits for it, and nothing fails because of it.
pub trait Witness: Send {
    /// This process begins to carry the run on. Whatever is sent asks the touch immediately before.
    fn begin(&mut self, touch: Touch);
    /// Hears every event after it was folded. Never waits.
    fn hear(&mut self, event: &Event);
    /// What was measured; measuring is over. `None` where nothing was tried, and when asked again. Never waits.
    fn end(&mut self) -> Option<Measured>;
}

/// Asks a person, or answers from flags.
pub trait Prompter: Send {
    /// The answer and who gave it; `None` when there is nobody to ask, or no answer came.
    fn ask<'a>(&'a mut self, question: &'a Question) -> BoxFuture<'a, Option<(Answer, String)>>;
}

/// What somebody outside asks of a running driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Interrupt {
    #[default]
    None,
    /// Finish the step in hand, then stop.
    Stop,
    /// Stop now; what is in flight is in doubt.
    Now,
}
