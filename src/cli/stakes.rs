//! What stands beside a question that was known before the run began: what goes with it, as it was looked at.

use std::collections::BTreeMap;

use crate::actions::database::situation::ACCEPTED_LOSS;
use crate::engine::action::Evidence;
use crate::engine::asking;
use crate::engine::event::QuestionKind;
use crate::engine::plan::Plan;
use crate::engine::rehearsal::{Foreseen, Rehearsal};

/// What to say beside each question of a plan, by its id.
pub fn stakes(plan: &Plan, rehearsal: &Rehearsal) -> BTreeMap<String, Vec<String>> {
    let questions = asking::confirmations(plan).into_iter();
    let told = questions.map(|question| {
        let mut lines = Vec::new();
        if matches!(question.kind, QuestionKind::ConfirmSite(_)) {
            lines.extend(accepted(rehearsal));
        }
        if is_done(plan, rehearsal, &question.id) {
            lines.push("when everything was looked at before, nothing of this was left to be done".to_owned());
        }
        (question.id, lines)
    });
    told.filter(|(_, lines)| !lines.is_empty()).collect()
}

/// What was accepted by name, as the looks found it.
fn accepted(rehearsal: &Rehearsal) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for evidence in rehearsal.steps.iter().filter_map(seen) {
        let loss = evidence.text(ACCEPTED_LOSS).map(|loss| format!("accepted: {loss}"));
        let fence =
            evidence.values.contains_key("accepted_unfenced").then(|| format!("the fence: {}", evidence.summary));
        for line in loss.into_iter().chain(fence) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

fn seen(foreseen: &Foreseen) -> Option<&Evidence> {
    match foreseen {
        Foreseen::Already(evidence) | Foreseen::WouldChange(evidence) | Foreseen::WouldWait(evidence) => Some(evidence),
        Foreseen::Later(_) | Foreseen::Blocked { .. } | Foreseen::Unverified(_) => None,
    }
}

/// Whether every step of the phase that is asked about is so already.
fn is_done(plan: &Plan, rehearsal: &Rehearsal, phase: &str) -> bool {
    let phases = plan.phases.iter().filter(|known| known.id == phase);
    let mut steps = phases.flat_map(|phase| phase.groups.iter().flatten()).peekable();
    let already = |index: &usize| matches!(rehearsal.steps.get(*index), Some(Foreseen::Already(_)));
    steps.peek().is_some() && steps.all(already)
}
