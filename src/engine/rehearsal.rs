//! The dry-run: the same looks that a run would take, and no hands.
//!
//! Every step is looked at once, all of them at the same time, against the live estate. What one step
//! would give, later ones may count on: a promotion that is blocked until the fence holds is fine when an
//! earlier step of the plan fences.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};

use super::action::{Action, ActionError, Evidence, Fact, Observed};
use super::event::What;
use super::plan::{Plan, PlanStep, StepIndex};
use super::ports::Clock;
use crate::runbook::signature::{Effect, FactKind};

/// Looks that are under way at once. Below sshd's default of ten sessions a connection, since most steps
/// look at the same few hosts.
const AT_ONCE: usize = 8;

/// What a rehearsal says of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Foreseen {
    /// Already so.
    Already(Evidence),
    /// Would be changed; the evidence says from what to what.
    WouldChange(Evidence),
    /// Cannot be looked at before an earlier step is done; the text says which.
    Later(String),
    /// Would wait, for this.
    WouldWait(Evidence),
    /// Would stop the run.
    Blocked { reason: String, evidence: Evidence },
    /// Cannot be known from here.
    Unverified(String),
}

impl Foreseen {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Already(_) => "already so",
            Self::WouldChange(_) => "would change",
            Self::Later(_) => "later",
            Self::WouldWait(_) => "would wait",
            Self::Blocked { .. } => "blocked",
            Self::Unverified(_) => "unverified",
        }
    }
}

/// What a whole rehearsal found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// One for each step of the plan.
    pub steps: Vec<Foreseen>,
}

impl Rehearsal {
    /// The steps that would stop the run.
    pub fn blocked(&self) -> impl Iterator<Item = (StepIndex, &str)> {
        self.steps.iter().enumerate().filter_map(|(index, foreseen)| match foreseen {
            Foreseen::Blocked { reason, .. } => Some((index, reason.as_str())),
            _ => None,
        })
    }

    /// Whether a run would change nothing and wait for nothing.
    pub fn is_all_done(&self) -> bool {
        self.steps.iter().all(|foreseen| matches!(foreseen, Foreseen::Already(_)))
    }

    /// Whether what the plan would move is where it would move it, and the other side follows: a fail-back to the site
    /// that serves. Its other steps, made for an old primary, would only complain of that.
    pub fn is_moved_already(&self, plan: &Plan) -> bool {
        let steps = || plan.steps.iter().zip(&self.steps);
        let gives = |step: &PlanStep, kind| step.gives.iter().any(|fact| fact.kind == kind);
        let serves: BTreeSet<_> =
            steps().filter(|(step, _)| gives(step, FactKind::Promoted)).flat_map(|(s, _)| &s.site).collect();
        let counts = |step: &PlanStep| {
            gives(step, FactKind::Fenced)
                || gives(step, FactKind::Promoted)
                || gives(step, FactKind::Led)
                || (gives(step, FactKind::Following) && step.site.as_ref().is_some_and(|site| !serves.contains(site)))
        };
        let mut counted = steps().filter(|(step, _)| counts(step)).peekable();
        let moves = !serves.is_empty() && plan.legs.is_empty();
        moves && counted.peek().is_some() && counted.all(|(_, foreseen)| matches!(foreseen, Foreseen::Already(_)))
    }

    /// What a run that begins at once need not look at a second time: whatever was found to be so before the first step that
    /// could act. Nothing that a fence or a promotion rests on is among it: those look for themselves.
    pub fn seen_before_the_first_act(&self, plan: &Plan) -> Vec<What> {
        let before = plan.steps.iter().take_while(|step| step.effect == Effect::Look && step.question.is_none());
        let seen = before.zip(&self.steps).enumerate().filter_map(|(step, (_, foreseen))| match foreseen {
            Foreseen::Already(evidence) => Some(What::Looked { step, observed: Observed::Satisfied(evidence.clone()) }),
            _ => None,
        });
        seen.collect()
    }

    /// Steps that were really looked at, in percent.
    pub fn coverage_percent(&self) -> usize {
        let seen = self
            .steps
            .iter()
            .filter(|foreseen| !matches!(foreseen, Foreseen::Unverified(_) | Foreseen::Later(_)))
            .count();
        (seen * 100).checked_div(self.steps.len()).unwrap_or(100)
    }

    /// What a saved plan is compared by: which steps would do what, without figures that change by the second.
    pub fn outline(&self) -> Vec<&'static str> {
        self.steps.iter().map(Foreseen::word).collect()
    }
}

/// Looks at every step once.
pub async fn rehearse(plan: &Plan, actions: &[Box<dyn Action>], clock: &dyn Clock, limit_ms: u64) -> Rehearsal {
    let mut looks: Vec<(StepIndex, Result<Observed, ActionError>)> = stream::iter(actions.iter().enumerate())
        .map(|(index, action)| async move {
            let limit = clock.until(clock.monotonic_ms() + limit_ms);
            let looked = tokio::select! {
                biased;
                looked = action.observe() => looked,
                () = limit => Err(ActionError::unreachable(format!("no answer to a look within {}", crate::base::quantity::spoken(limit_ms)))),
            };
            (index, looked)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    looks.sort_by_key(|(index, _)| *index);
    foresee(plan, looks.into_iter().map(|(_, looked)| looked))
}

/// The pure half: what looks mean when earlier steps are counted as done.
pub fn foresee(plan: &Plan, looks: impl IntoIterator<Item = Result<Observed, ActionError>>) -> Rehearsal {
    let mut given: BTreeSet<Fact> = BTreeSet::new();
    // What a blocked step would have given, and the step: what waits for it is not blocked by itself.
    let mut denied: BTreeMap<Fact, StepIndex> = BTreeMap::new();
    let mut changed: Vec<StepIndex> = Vec::new();
    let mut steps = Vec::with_capacity(plan.steps.len());
    for (index, (step, looked)) in plan.steps.iter().zip(looks).enumerate() {
        let after = changed.iter().rev().copied().find(|earlier| touches_same(plan, *earlier, step));
        let of_same_item = changed.iter().rev().copied().find(|earlier| same_item(plan, *earlier, step));
        let waits_for = match &looked {
            Ok(Observed::Blocked { until: Some(fact), .. }) => {
                denied.get(fact).and_then(|index| plan.steps.get(*index))
            }
            _ => None,
        };
        let foreseen = match waits_for {
            Some(blocked) => Foreseen::Later(format!("not before {} is unblocked", blocked.id)),
            None => foresee_step(plan, step, looked, (after, of_same_item), &given),
        };
        match &foreseen {
            Foreseen::Blocked { .. } => denied.extend(step.gives.iter().cloned().map(|fact| (fact, index))),
            Foreseen::Later(_) if waits_for.is_some() => {
                denied.extend(step.gives.iter().cloned().map(|fact| (fact, index)));
            }
            Foreseen::Already(_) => given.extend(step.gives.iter().cloned()),
            Foreseen::WouldChange(_) | Foreseen::Later(_) | Foreseen::WouldWait(_) | Foreseen::Unverified(_) => {
                given.extend(step.gives.iter().cloned());
                if step.effect != Effect::Look {
                    changed.push(index);
                }
            }
        }
        steps.push(foreseen);
    }
    Rehearsal { steps }
}

fn foresee_step(
    plan: &Plan,
    step: &PlanStep,
    looked: Result<Observed, ActionError>,
    (after, of_same_item): (Option<StepIndex>, Option<StepIndex>),
    given: &BTreeSet<Fact>,
) -> Foreseen {
    let earlier = after.and_then(|index| plan.steps.get(index)).map(|step| step.id.as_str());
    let looks_only = step.effect == Effect::Look;
    match (looked, earlier) {
        (Ok(Observed::Satisfied(evidence)), _) => Foreseen::Already(evidence),
        (Ok(Observed::Pending(evidence)), None) if looks_only => Foreseen::WouldWait(evidence),
        // What an earlier step changes, a check of it can only be made afterwards.
        (Ok(Observed::Pending(_) | Observed::Blocked { until: None, .. }) | Err(_), Some(earlier)) if looks_only => {
            // Of all that comes before, what changes the very thing that it looks at says most.
            let named = of_same_item.and_then(|index| plan.steps.get(index)).map_or(earlier, |step| step.id.as_str());
            Foreseen::Later(format!("after {named}"))
        }
        // What an earlier step brings up cannot be asked before.
        (Err(_), Some(earlier)) if !step.guard && after.is_some_and(|index| same_item(plan, index, step)) => {
            Foreseen::Later(format!("after {earlier}"))
        }
        (Ok(Observed::Pending(evidence)), _) => Foreseen::WouldChange(evidence),
        (Ok(Observed::Blocked { until: Some(fact), evidence, .. }), _) if given.contains(&fact) => {
            if looks_only {
                Foreseen::Later(format!("once {fact}"))
            } else if evidence.summary.is_empty() {
                Foreseen::WouldChange(Evidence::new(format!("{}, once {fact}", step.summary)))
            } else {
                Foreseen::WouldChange(evidence)
            }
        }
        (Ok(Observed::Blocked { reason, evidence, .. }), _) => Foreseen::Blocked { reason, evidence },
        (Ok(Observed::Unknown(why)), _) => Foreseen::Unverified(why),
        (Err(error), _) => Foreseen::Blocked { reason: error.message, evidence: error.evidence },
    }
}

fn same_item(plan: &Plan, earlier: StepIndex, step: &PlanStep) -> bool {
    plan.steps
        .get(earlier)
        .is_some_and(|earlier| earlier.action.item.is_some() && earlier.action.item == step.action.item)
}

/// Whether an earlier step that would act has to do with this one: a service of both, or the same item.
fn touches_same(plan: &Plan, earlier: StepIndex, step: &PlanStep) -> bool {
    plan.steps
        .get(earlier)
        .is_some_and(|earlier| earlier.services.iter().any(|service| step.services.contains(service)))
        || same_item(plan, earlier, step)
}
