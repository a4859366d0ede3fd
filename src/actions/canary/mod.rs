//! What a client sees of a run: writes through an entrance, again and again, beside the run.
//!
//! * [`port`]: how one write is made; the families of the databases and of the web have one each.
//! * [`ledger`]: what came of the writes, and what that means; pure.
//! * `name`: where the entrance leads, asked anew at its own name servers.
//! * `work`: the loop, on a thread with a runtime of its own, as those who are told of a run have one.
//!
//! It changes nothing but a row, or a message, of its own; it asks the touch before each write, so that it ends with
//! the run and never outlives its lock; and it has no hold on the run: nothing waits for it, whatever hangs there is
//! cut off at its deadline, and what it says at the end is what is there at that moment (docs/decisions/0019).

pub mod ledger;
mod name;
pub mod port;
#[cfg(test)]
mod tests;
mod work;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use crate::engine::action::Touch;
use crate::engine::event::{Answer, Event, QuestionKind, What};
use crate::engine::measured::Measured;
use crate::engine::ports::Witness;
use ledger::{About, Ledger};
pub use name::Name;
use port::Writer;

/// The canary of one run, as this process carries it on.
pub struct Canary {
    /// What the thread is made of, until the run begins.
    parts: Option<(Name, Box<dyn Writer>)>,
    shared: Arc<Shared>,
    order: watch::Sender<Order>,
}

/// What the run wants of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Nothing was begun yet, or a person is asked who may say no.
    Rest,
    Write,
    Over,
}

/// What the loop writes and the run reads.
struct Shared {
    ledger: Mutex<Ledger>,
    began: Instant,
    /// Elapsed milliseconds of the run at that moment.
    began_ms: u64,
}

impl Canary {
    /// One that will measure for a run that has lasted this long.
    pub fn new(about: About, name: Name, writer: Box<dyn Writer>, elapsed_ms: u64) -> Self {
        let shared = Shared { ledger: Mutex::new(Ledger::new(about)), began: Instant::now(), began_ms: elapsed_ms };
        let (order, _) = watch::channel(Order::Rest);
        Self { parts: Some((name, writer)), shared: Arc::new(shared), order }
    }
}

impl Witness for Canary {
    fn begin(&mut self, touch: Touch) {
        let Some((name, writer)) = self.parts.take() else { return };
        let (shared, orders) = (Arc::clone(&self.shared), self.order.subscribe());
        if let Err(error) = work::begin_thread(name, writer, touch, shared, orders) {
            let mut ledger = self.shared.ledger();
            ledger.tried(self.shared.now_ms());
            ledger.failed(self.shared.now_ms(), &format!("no thread could be started: {error}"), false);
        }
    }

    fn hear(&mut self, event: &Event) {
        let order = match &event.what {
            // The first act: from here on something is changed anyway.
            What::Intended { .. } | What::UndoIntended { .. } => Order::Write,
            What::Answered { answer: Answer::No | Answer::Pause, .. } => Order::Rest,
            What::Answered { .. } => Order::Write,
            // Who is asked whether to begin may say no, and may think for an hour; a step that failed is asked
            // about inside the outage.
            What::Asked { question } if !matches!(question.kind, QuestionKind::Failure { .. }) => Order::Rest,
            What::Parked { .. } => Order::Rest,
            _ => return,
        };
        self.order.send_if_modified(|now| *now != Order::Over && std::mem::replace(now, order) != order);
    }

    fn end(&mut self) -> Option<Measured> {
        if self.order.send_replace(Order::Over) == Order::Over {
            return None;
        }
        self.shared.ledger().measured(self.shared.now_ms())
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.order.send_replace(Order::Over);
    }
}

impl Shared {
    fn now_ms(&self) -> u64 {
        self.at_ms(Instant::now())
    }

    fn at_ms(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.began).as_millis();
        self.began_ms.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Canary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canary").field("order", &*self.order.borrow()).finish_non_exhaustive()
    }
}
