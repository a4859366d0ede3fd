//! Looks that are begun before their turn: which, when they count, and when they are taken again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use switchback::engine::action::{Action, ActionError, Applied, Effect, Evidence, Fault, Observed, Touch};
use switchback::engine::plan::Plan;
use switchback::engine::verdict::Verdict;
use switchback::runbook::bound::Mode;
use tokio::time::Instant;

use super::world::{Always, End, Paper, plan, run_on};

const LOOK: Duration = Duration::from_millis(10);

/// What began and ended when, in milliseconds: `(at, "look detach")`, `(at, "did detach")`.
#[derive(Debug, Clone)]
struct Log(Arc<Mutex<Vec<(u128, String)>>>, Instant);

impl Log {
    fn say(&self, what: &str, id: &str) {
        let line = (self.1.elapsed().as_millis(), format!("{what} {id}"));
        self.0.lock().expect("unpoisoned").push(line);
    }

    fn at(&self, line: &str) -> Vec<u128> {
        self.0.lock().expect("unpoisoned").iter().filter(|(_, said)| said == line).map(|(at, _)| *at).collect()
    }
}

/// Takes its time to look and to act.
#[derive(Debug)]
struct Slow {
    id: String,
    effect: Effect,
    act: Duration,
    /// How often it is still to fail.
    failures: Mutex<u32>,
    log: Log,
}

impl Action for Slow {
    fn summary(&self) -> String {
        self.id.clone()
    }
    fn effect(&self) -> Effect {
        self.effect
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async {
            self.log.say("look", &self.id);
            tokio::time::sleep(LOOK).await;
            let evidence = Evidence::new("looked");
            Ok(if self.effect == Effect::Look { Observed::Satisfied(evidence) } else { Observed::Pending(evidence) })
        })
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async {
            self.log.say("act", &self.id);
            tokio::time::sleep(self.act).await;
            let mut failures = self.failures.lock().expect("unpoisoned");
            if *failures > 0 {
                *failures -= 1;
                return Err(ActionError::new(Fault::Transient, "busy"));
            }
            self.log.say("did", &self.id);
            Ok(Applied::Proven(Evidence::new("done")))
        })
    }
}

/// Carries the toy's fail-over out; the detachment takes this long and fails so often.
async fn told(plan: &Plan, detach: Duration, failures: u32) -> Log {
    let log = Log(Arc::default(), Instant::now());
    let actions = plan.steps.iter().map(|step| {
        let id = step.id.split('/').next().unwrap_or_default().to_owned();
        let is_detach = id == "detach";
        Box::new(Slow {
            act: if is_detach { detach } else { LOOK },
            failures: Mutex::new(if is_detach { failures } else { 0 }),
            effect: step.effect,
            log: log.clone(),
            id,
        }) as Box<dyn Action>
    });
    let mut journal = Paper::default();
    let end = run_on(plan, actions.collect(), &|| false, &mut journal, &[], Arc::new(Always)).await;
    assert_eq!(end, End::Verdict(Verdict::Done));
    log
}

#[tokio::test(start_paused = true)]
async fn inside_an_outage_the_next_look_goes_beside_what_it_does_not_rest_on() {
    let log = told(&plan(Mode::Planned), LOOK, 0).await;
    // Nothing is looked at before the fence stands.
    assert!(log.at("look arrived")[0] >= log.at("did fence")[0]);
    assert_eq!(log.at("look detach"), log.at("look arrived"), "two looks at once");
    assert_eq!(log.at("look promote"), log.at("act detach"), "beside the act that it does not rest on");
    assert!(log.at("act promote")[0] >= log.at("did detach")[0], "nothing acts before its turn");
    // It rests on the promotion.
    assert!(log.at("look point")[0] >= log.at("did promote")[0]);
    assert!(["arrived", "detach", "promote", "point"].iter().all(|id| log.at(&format!("look {id}")).len() == 1));
}

#[tokio::test(start_paused = true)]
async fn a_look_of_another_breath_is_taken_again() {
    let log = told(&plan(Mode::Planned), Duration::from_secs(2), 0).await;
    let looks = log.at("look promote");
    assert_eq!(looks.len(), 2, "{looks:?}");
    assert!(looks[1] >= log.at("did detach")[0]);
}

#[tokio::test(start_paused = true)]
async fn after_an_act_that_failed_everything_is_looked_at_anew() {
    let log = told(&plan(Mode::Planned), LOOK, 1).await;
    let (looks, done) = (log.at("look promote"), log.at("did detach")[0]);
    let before = looks.iter().filter(|at| **at < log.at("act detach")[1]).count();
    assert_eq!(before, 1, "{looks:?}");
    // The second attempt is not the first: nothing is looked at beside it.
    assert!(looks.len() == 2 && looks[1] >= done, "{looks:?}, done at {done}");
}

#[tokio::test(start_paused = true)]
async fn what_the_catalogue_does_not_vouch_for_waits_for_its_turn() {
    let mut silent = plan(Mode::Planned);
    for step in &mut silent.steps {
        step.needs.clear();
    }
    let log = told(&silent, LOOK, 0).await;
    assert!(log.at("look detach")[0] > log.at("look arrived")[0]);
    assert!(log.at("look promote")[0] >= log.at("did detach")[0]);
    // Nor does anything of another wave go ahead.
    let mut apart = plan(Mode::Planned);
    apart.phases[3].wave = Some(2);
    let log = told(&apart, LOOK, 0).await;
    assert!(log.at("look promote")[0] >= log.at("did detach")[0]);
}
