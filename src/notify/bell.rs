//! A queue for each receiver, on a thread of its own with a runtime of its own: whatever hangs there takes nothing
//! from the run, not even a worker of its runtime.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::notice::{Notice, Teller};
use super::{Undelivered, attempt};
use crate::engine::event::{Event, What};
use crate::engine::plan::Plan;
use crate::engine::state::RunState;
use crate::estate::notify::{Occasion, Receiver};

/// How long the end of the program waits for what is still under way.
pub const FLUSH_MAX: Duration = Duration::from_secs(10);
/// Notices that may wait for one receiver; a run has some ten of them.
const QUEUE_MAX: usize = 32;
/// Times between attempts; one more attempt than there are of them.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];
/// A question that a flag answers, or somebody who sits there, is told to nobody else.
const WAITING_AFTER: Duration = Duration::from_secs(3);

/// What became of one notice to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub receiver: String,
    /// `email`, `slack`, …
    pub way: &'static str,
    pub event: &'static str,
    pub at: Timestamp,
    pub delivered: bool,
    /// Why not; empty where it was.
    pub says: String,
}

/// Rings where the estate says so.
pub struct Bell {
    teller: Teller,
    lines: Vec<Line>,
    ledger: Arc<Ledger>,
    runtime: Option<Handle>,
    /// Says that the program is about to end.
    closing: watch::Sender<bool>,
    /// Takes the notice of the last question back.
    asked: Option<Arc<AtomicBool>>,
}

/// The way to one receiver.
#[derive(Clone)]
struct Line {
    receiver: Arc<Receiver>,
    sender: mpsc::Sender<Job>,
}

/// A notice with its place in the ledger.
struct Job {
    entry: usize,
    notice: Arc<Notice>,
}

impl Bell {
    /// For these receivers. Without any there is no thread either.
    pub fn new(receivers: &[Receiver], teller: Teller) -> Self {
        let (closing, closed) = watch::channel(false);
        let ledger = Arc::new(Ledger::new());
        let runtime = if receivers.is_empty() { None } else { begin_thread(closed.clone()) };
        let lines = receivers.iter().map(|receiver| {
            let (sender, queue) = mpsc::channel(QUEUE_MAX);
            let receiver = Arc::new(receiver.clone());
            if let Some(runtime) = &runtime {
                runtime.spawn(deliver(Arc::clone(&receiver), queue, Arc::clone(&ledger), closed.clone()));
            }
            Line { receiver, sender }
        });
        let lines = lines.collect();
        Self { teller, lines, ledger, runtime, closing, asked: None }
    }

    /// That the run began, or goes on.
    pub fn began(&self, plan: &Plan, state: &RunState, at: Timestamp) {
        self.ring(&self.teller.began(plan, state, at));
    }

    /// Hears an event of the run. Never waits.
    pub fn hear(&mut self, plan: &Plan, state: &RunState, event: &Event) {
        if matches!(event.what, What::Answered { .. } | What::Ended { .. }) {
            self.was_answered();
        }
        let Some(notice) = self.teller.hear(plan, state, event) else { return };
        if notice.occasion == Occasion::Waiting { self.ring_later(notice) } else { self.ring(&notice) }
    }

    /// That the run broke off without an end of its own.
    pub fn broke_off(&mut self, plan: &Plan, state: &RunState, at: Timestamp, why: &str) {
        self.was_answered();
        self.ring(&self.teller.broke_off(plan, state, at, why));
    }

    /// Waits for what is under way, at most [`FLUSH_MAX`], and says what became of everything.
    pub async fn finish(self) -> Vec<Delivery> {
        let _ = self.closing.send(true);
        let mut open = self.ledger.open.subscribe();
        let _ = tokio::time::timeout(FLUSH_MAX, open.wait_for(|open| *open == 0)).await;
        self.ledger.close()
    }

    fn ring(&self, notice: &Notice) {
        ring(&self.lines, &self.ledger, notice);
    }

    fn ring_later(&mut self, notice: Notice) {
        let Some(runtime) = &self.runtime else { return self.ring(&notice) };
        let answered = Arc::new(AtomicBool::new(false));
        self.asked = Some(Arc::clone(&answered));
        let (lines, ledger) = (self.lines.clone(), Arc::clone(&self.ledger));
        runtime.spawn(async move {
            tokio::time::sleep(WAITING_AFTER).await;
            if !answered.load(Ordering::Acquire) {
                ring(&lines, &ledger, &notice);
            }
        });
    }

    fn was_answered(&mut self) {
        if let Some(asked) = self.asked.take() {
            asked.store(true, Ordering::Release);
        }
    }
}

/// Puts a notice into the queue of everybody who wants it.
fn ring(lines: &[Line], ledger: &Ledger, notice: &Notice) {
    let notice = Arc::new(notice.clone());
    for line in lines.iter().filter(|line| line.receiver.events.contains(&notice.occasion)) {
        let entry = ledger.enter(&line.receiver, &notice);
        let job = Job { entry, notice: Arc::clone(&notice) };
        match line.sender.try_send(job) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(job)) => {
                ledger.settle(job.entry, Some(format!("{QUEUE_MAX} others were waiting already")));
            }
            Err(mpsc::error::TrySendError::Closed(job)) => {
                ledger.settle(job.entry, Some("nothing could be sent: no thread could be started".to_owned()));
            }
        }
    }
}

/// The thread; it ends with the program, whatever hangs on it.
fn begin_thread(mut closed: watch::Receiver<bool>) -> Option<Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    let work = move || {
        runtime.block_on(async {
            // What was in the queues by then has its time still.
            let _ = closed.wait_for(|closed| *closed).await;
            tokio::time::sleep(FLUSH_MAX).await;
        });
        runtime.shutdown_background();
    };
    std::thread::Builder::new().name("notices".to_owned()).spawn(work).ok()?;
    Some(handle)
}

/// Works one receiver's queue off, in order.
async fn deliver(
    receiver: Arc<Receiver>,
    mut queue: mpsc::Receiver<Job>,
    ledger: Arc<Ledger>,
    mut closed: watch::Receiver<bool>,
) {
    while let Some(job) = queue.recv().await {
        let mut pauses = PAUSES.iter();
        let settled = loop {
            match attempt(&receiver.way, &job.notice).await {
                Ok(()) => break None,
                Err(Undelivered { why, again: false }) => break Some(why),
                Err(Undelivered { why, again: true }) => match pauses.next() {
                    // At the end of the program nobody waits for a better day.
                    Some(pause) if !*closed.borrow() => {
                        tokio::select! {
                            () = tokio::time::sleep(*pause) => {}
                            _ = closed.wait_for(|closed| *closed) => {}
                        }
                    }
                    _ => break Some(why),
                },
            }
        };
        ledger.settle(job.entry, settled);
    }
}

/// What became of every notice.
struct Ledger {
    entries: Mutex<Vec<(Delivery, bool)>>,
    /// How many are not settled.
    open: watch::Sender<usize>,
}

impl Ledger {
    fn new() -> Self {
        Self { entries: Mutex::new(Vec::new()), open: watch::Sender::new(0) }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<(Delivery, bool)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, receiver: &Receiver, notice: &Notice) -> usize {
        let (name, way) = (receiver.name.clone(), receiver.way.word());
        let delivery =
            Delivery { receiver: name, way, event: notice.event, at: notice.at, delivered: false, says: String::new() };
        let mut entries = self.entries();
        entries.push((delivery, false));
        self.open.send_modify(|open| *open += 1);
        entries.len() - 1
    }

    /// `None` is delivered.
    fn settle(&self, entry: usize, why: Option<String>) {
        if let Some((delivery, settled)) = self.entries().get_mut(entry).filter(|(_, settled)| !settled) {
            *settled = true;
            delivery.delivered = why.is_none();
            delivery.says = why.unwrap_or_default();
            self.open.send_modify(|open| *open = open.saturating_sub(1));
        }
    }

    /// Everything; what is still open came too late.
    fn close(&self) -> Vec<Delivery> {
        let late = || format!("no answer within {} s of the run's end", FLUSH_MAX.as_secs());
        let read = |(delivery, settled): &(Delivery, bool)| {
            let says = if *settled { delivery.says.clone() } else { late() };
            Delivery { says, ..delivery.clone() }
        };
        self.entries().iter().map(read).collect()
    }
}
