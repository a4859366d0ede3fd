//! What a person is told who must say what becomes of a failed step.

use super::action::Evidence;
use super::machine::to_undo;
use super::outage::may_still_back_out;
use super::plan::{Plan, PlanStep};
use super::state::{RunState, StepRecord};
use crate::base::quantity::spoken;
use crate::runbook::bound::Mode;

/// What to know before one says what becomes of a failed step.
pub(super) fn before_answering(plan: &Plan, state: &RunState, wave: Option<u32>) -> Vec<String> {
    let mut known = Vec::new();
    if let Some(began) = state.waits_since_ms() {
        let lasted = spoken(state.now_ms.saturating_sub(began));
        known.push(match plan.outage_max_ms.filter(|_| may_still_back_out(plan, state)) {
            Some(most) => {
                let most = spoken(most);
                format!("nobody can write since {lasted}; without an answer it goes back when that has lasted {most}")
            }
            None => format!("nobody can write since {lasted}"),
        });
    }
    if plan.mode == Mode::Planned {
        let back = to_undo(plan, state, wave);
        let back: Vec<&str> =
            back.iter().filter_map(|index| plan.steps.get(*index)).map(|step| step.id.as_str()).collect();
        if !back.is_empty() {
            known.push(format!("going back takes back {}", back.join(", ")));
        }
    }
    known
}

/// What is known of a failed step.
pub(super) fn details(step: &PlanStep, record: &StepRecord) -> Vec<String> {
    let seen = |what: &str, evidence: &Evidence| {
        (!evidence.summary.is_empty()).then(|| format!("{what}: {}", evidence.summary))
    };
    let mut details = vec![
        step.summary.clone(),
        format!("looked at {} times, begun {} times, within {}", record.looks, record.attempts, spoken(step.within_ms)),
    ];
    details.extend(record.before.as_ref().and_then(|before| seen("before", before)));
    details.extend(seen("last seen", &record.evidence));
    details.push(format!("written at {}", step.place));
    details
}
