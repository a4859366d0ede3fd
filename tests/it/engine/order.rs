//! Intention before effect: when an act begins, its intention is on disk.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use switchback::engine::action::{Action, ActionError, Applied, Effect, Evidence, Observed, Touch};
use switchback::engine::event::{Event, What};
use switchback::engine::ports::{Journal, JournalError};
use switchback::engine::verdict::Verdict;
use switchback::runbook::bound::Mode;

use super::world::{End, plan, run_on};

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
    let end = run_on(&plan, actions, &|| false, &mut journal, &[]).await;
    assert_eq!(end, End::Verdict(Verdict::Done));
}
