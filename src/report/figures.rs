//! What a run took, in the five figures that people compare: decide, fence, promote, redirect, verify.
//!
//! Each ends where the next begins, so that they add up; a run that came no further has no later ones.

use serde::Serialize;

use crate::engine::event::{Event, What};
use crate::engine::measured::{self, Gap};
use crate::engine::plan::{Plan, PlanStep};
use crate::engine::state::{RunState, Stage};
use crate::runbook::signature::{Effect, FactKind};

/// Times in milliseconds; `None` where the run did not come so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// From the order to the first fence, looks and questions included.
    pub decide_ms: Option<u64>,
    /// Of that, until people had answered.
    pub thought_ms: u64,
    /// From the first fence's beginning to the end of the last.
    pub fence_ms: Option<u64>,
    /// From there until the last service takes writes.
    pub promote_ms: Option<u64>,
    /// From there until the last entrance leads there.
    pub redirect_ms: Option<u64>,
    /// From there to the end of the checks that follow.
    pub verify_ms: Option<u64>,
    /// The write outage, as the engine saw it: of waves the longest. The parts above are of all waves together.
    pub outage_ms: Option<u64>,
    /// The longest time without a write, as a client saw it, where that was measured.
    pub client_ms: Option<u64>,
    /// From the order to the end.
    pub whole_ms: u64,
    /// Transactions that are known to be lost.
    pub lost_transactions: Option<u64>,
}

/// The figures of a run.
pub fn figures(plan: &Plan, state: &RunState, events: &[Event]) -> Figures {
    let fence_began = state.outage_began_ms.filter(|began| *began > 0).or_else(|| first_fence(plan, events));
    let fenced = last_end(plan, state, |step| gives(step, FactKind::Fenced)).filter(|_| fence_began.is_some());
    let promoted = last_end(plan, state, |step| gives(step, FactKind::Promoted));
    let led = last_end(plan, state, |step| gives(step, FactKind::Led));
    let turned = led.or(promoted);
    let verified = turned.and_then(|_| verified(plan, state));
    let between = |from: Option<u64>, to: Option<u64>| from.zip(to).map(|(from, to)| to.saturating_sub(from));
    Figures {
        decide_ms: fence_began,
        thought_ms: thought(events),
        fence_ms: between(fence_began, fenced),
        promote_ms: between(fenced, promoted),
        redirect_ms: between(promoted, led),
        verify_ms: between(turned, verified),
        outage_ms: state.no_writes_ms(plan),
        client_ms: measured::client_gap(state).map(Gap::ms),
        whole_ms: state.now_ms,
        lost_transactions: lost(state),
    }
}

fn gives(step: &PlanStep, kind: FactKind) -> bool {
    step.gives.iter().any(|fact| fact.kind == kind)
}

fn first_fence(plan: &Plan, events: &[Event]) -> Option<u64> {
    events.iter().find_map(|event| match &event.what {
        What::Intended { step, .. } if plan.steps.get(*step).is_some_and(|step| gives(step, FactKind::Fenced)) => {
            Some(event.elapsed_ms)
        }
        _ => None,
    })
}

/// The end of the last of these steps, where every one of them is done.
fn last_end(plan: &Plan, state: &RunState, counts: impl Fn(&PlanStep) -> bool) -> Option<u64> {
    let mut last = None;
    for (_, record) in plan.steps.iter().zip(&state.steps).filter(|(step, _)| counts(step)) {
        if !matches!(record.stage, Stage::Done { .. }) {
            return None;
        }
        last = last.max(record.ended_ms);
    }
    last
}

/// The end of the checks in the first phase after users were led, or services promoted.
fn verified(plan: &Plan, state: &RunState) -> Option<u64> {
    let turning = |step: &PlanStep| gives(step, FactKind::Led) || gives(step, FactKind::Promoted);
    let turn = plan.steps.iter().filter(|step| turning(step)).map(|step| step.phase).max()?;
    let next = plan.phases.iter().enumerate().skip(turn + 1).find(|(_, phase)| !phase.groups.is_empty())?.0;
    last_end(plan, state, |step| step.phase == next && step.effect == Effect::Look)
}

/// How long people were waited for.
fn thought(events: &[Event]) -> u64 {
    let (mut asked, mut sum) = (None, 0);
    for event in events {
        match &event.what {
            What::Asked { .. } => asked = Some(event.elapsed_ms),
            What::Answered { .. } => {
                sum += asked.take().map_or(0, |asked| event.elapsed_ms.saturating_sub(asked));
            }
            _ => {}
        }
    }
    sum
}

/// The largest count of lost transactions that any step saw of the same loss.
fn lost(state: &RunState) -> Option<u64> {
    let seen = state.steps.iter().flat_map(|record| [Some(&record.evidence), record.before.as_ref()]).flatten();
    seen.filter_map(|evidence| evidence.number("lost_transactions")).max()
}
