//! What a person is asked: whether a phase may begin, and what becomes of a failed step.

use super::action::Evidence;
use super::event::{Question, QuestionKind};
use super::machine::to_undo;
use super::outage::may_still_back_out;
use super::plan::{Plan, PlanPhase, PlanStep};
use super::state::{RunState, StepRecord};
use crate::base::quantity::spoken;
use crate::runbook::bound::Mode;

/// What a run of this plan will ask before its phases, in order, as far as it is known before the run begins. A question
/// that is put to a person by a step of its own is not among them: that run waits for its person.
pub fn confirmations(plan: &Plan) -> Vec<Question> {
    let real = plan.phases.iter().filter(|phase| !phase.groups.is_empty());
    real.filter_map(|phase| confirmation(plan, phase, Vec::new())).collect()
}

/// The question before a phase.
pub(super) fn confirmation(plan: &Plan, phase: &PlanPhase, evidence: Vec<String>) -> Option<Question> {
    let kind = match (plan.mode, plan.to_of(phase.leg)) {
        // What may lose data or leave a fence unproven is confirmed by typing, not by a keystroke.
        (Mode::Emergency, Some(to)) => QuestionKind::ConfirmSite(to.to_string()),
        _ => QuestionKind::Confirm,
    };
    let text = phase.confirm.clone()?;
    Some(Question { id: phase.id.clone(), text, kind, evidence, details: Vec::new() })
}

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
