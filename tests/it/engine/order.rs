//! Intention before effect: when an act begins, its intention is on disk; and a lock that is lost in the middle of an act
//! ends it before its next call.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use switchback::engine::action::{Action, ActionError, Applied, Effect, Evidence, Leave, Lost, Observed, Touch};
use switchback::engine::event::{Event, What};
use switchback::engine::ports::{Journal, JournalError};
use switchback::engine::verdict::Verdict;
use switchback::runbook::bound::Mode;

use super::world::{Always, End, plan, run_on};

/// What is on disk, as the acts see it.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Vec<Event>>>);

#[derive(Debug, Default)]
struct Shared {
    disk: Disk,
    waiting: Vec<Event>,
}

impl Journal for Shared {
    fn append(&mut self, event: &Event, durable: bool) -> Result<(), JournalError> {
        self.waiting.push(event.clone());
        if durable { self.flush() } else { Ok(()) }
    }
    fn flush(&mut self) -> Result<(), JournalError> {
        self.disk.0.lock().expect("unpoisoned").append(&mut self.waiting);
        Ok(())
    }
    fn renew(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
    fn give_back(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
    fn take_again(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Debug)]
struct Watching {
    step: usize,
    disk: Disk,
    done: Mutex<bool>,
}

impl Action for Watching {
    fn summary(&self) -> String {
        "watch".to_owned()
    }
    fn effect(&self) -> Effect {
        Effect::Guarded
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        let done = *self.done.lock().expect("unpoisoned");
        Box::pin(async move {
            let evidence = Evidence::new("looked");
            Ok(if done { Observed::Satisfied(evidence) } else { Observed::Pending(evidence) })
        })
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        let disk = self.disk.0.lock().expect("unpoisoned");
        let intended = disk.iter().any(|event| matches!(event.what, What::Intended { step, .. } if step == self.step));
        assert!(intended, "step {} acts, and its intention is not on disk", self.step);
        *self.done.lock().expect("unpoisoned") = true;
        Box::pin(async { Ok(Applied::Proven(Evidence::new("done"))) })
    }
}

#[tokio::test(start_paused = true)]
async fn when_an_act_begins_its_intention_is_on_disk() {
    let plan = plan(Mode::Planned);
    let mut journal = Shared::default();
    let actions = (0..plan.steps.len())
        .map(|step| {
            Box::new(Watching {
                step,
                disk: journal.disk.clone(),
                done: Mutex::new(plan.steps[step].effect == Effect::Look),
            }) as Box<dyn Action>
        })
        .collect();
    let end = run_on(&plan, actions, &|| false, &mut journal, &[], Arc::new(Always)).await;
    assert_eq!(end, End::Verdict(Verdict::Done));
}

/// A lock that is taken over when somebody says so.
#[derive(Debug, Default)]
struct Taken(AtomicBool);

impl Leave for Taken {
    fn ended(&self) -> BoxFuture<'_, Option<Lost>> {
        Box::pin(async { self.0.load(Ordering::SeqCst).then(|| Lost::Taken("it is another's".to_owned())) })
    }
}

/// An act, or what takes it back, of several calls; the lock is taken over after the second one.
#[derive(Debug)]
struct Calls {
    lock: Arc<Taken>,
    made: Arc<AtomicUsize>,
    is_look: bool,
    undo_only: bool,
}

impl Calls {
    async fn make(&self, touch: &Touch, taken_over: bool) -> Result<Applied, ActionError> {
        for call in 0..4 {
            touch.check().await?;
            if taken_over {
                self.made.fetch_add(1, Ordering::SeqCst);
                self.lock.0.fetch_or(call == 1, Ordering::SeqCst);
            }
        }
        Ok(Applied::Proven(Evidence::new("done")))
    }
}

impl Action for Calls {
    fn summary(&self) -> String {
        "call".to_owned()
    }
    fn effect(&self) -> Effect {
        Effect::Guarded
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        let evidence = Evidence::new("looked");
        Box::pin(async { Ok(if self.is_look { Observed::Satisfied(evidence) } else { Observed::Pending(evidence) }) })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async {
            let done = self.make(touch, !self.undo_only).await?;
            // What was done well enough is then to be taken back.
            if self.undo_only { Err(ActionError::refused("it is to be taken back")) } else { Ok(done) }
        })
    }
    fn undo<'a>(&'a self, touch: &'a Touch, _before: &'a Evidence) -> BoxFuture<'a, Result<Evidence, ActionError>> {
        Box::pin(async { self.make(touch, true).await.map(|_| Evidence::new("undone")) })
    }
}

#[tokio::test(start_paused = true)]
async fn an_act_or_an_undo_whose_lock_is_taken_over_makes_no_further_call_and_has_no_outcome() {
    for undo_only in [false, true] {
        let plan = plan(Mode::Planned);
        let mut journal = Shared::default();
        let (lock, made) = (Arc::new(Taken::default()), Arc::new(AtomicUsize::new(0)));
        let calls = |step: usize| {
            let is_look = plan.steps[step].effect == Effect::Look;
            Box::new(Calls { lock: lock.clone(), made: made.clone(), is_look, undo_only }) as Box<dyn Action>
        };
        let actions = (0..plan.steps.len()).map(calls).collect();
        let end = run_on(&plan, actions, &|| false, &mut journal, &[], lock.clone()).await;
        assert_eq!(end, End::Died, "undo {undo_only}");
        assert_eq!(made.load(Ordering::SeqCst), 2, "undo {undo_only}");
        let disk = journal.disk.0.lock().expect("unpoisoned");
        let intended = match disk.last().map(|event| &event.what) {
            Some(What::Intended { .. }) => !undo_only,
            Some(What::UndoIntended { .. }) => undo_only,
            _ => false,
        };
        assert!(intended, "undo {undo_only}: {:?}", disk.last());
    }
}
