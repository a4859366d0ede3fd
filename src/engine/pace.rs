//! When each step could begin, and how long it took since.
//!
//! A step's own record begins with the end of its first look, which is too late for a figure that people
//! compare: a look that took twenty seconds would count as none. What counts is when nothing held the step
//! up any more: the group before it was settled, and whoever had to be asked had answered.
//!
//! Pure, like the state beside which it is kept.

use super::event::{Answer, Event, What};
use super::plan::{Plan, PlanPhase, StepIndex};
use super::state::{How, RunState, Stage, StepRecord};
use crate::runbook::signature::Effect;

/// When steps could begin.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    opened_ms: Vec<Option<u64>>,
    /// Steps of which a segment was cut off: what they took is no figure.
    cut: Vec<bool>,
}

impl Pace {
    pub fn new(plan: &Plan) -> Self {
        Self { opened_ms: vec![None; plan.steps.len()], cut: vec![false; plan.steps.len()] }
    }

    /// Of a whole journal, as far as its events follow one another.
    pub fn of(plan: &Plan, events: &[Event]) -> Self {
        let (mut state, mut pace) = (RunState::new(plan), Self::new(plan));
        for event in events {
            if state.fold(plan, event).is_err() {
                break;
            }
            pace.after(plan, &state, event);
        }
        pace
    }

    /// Takes in an event that `state` has folded already.
    pub fn after(&mut self, plan: &Plan, state: &RunState, event: &Event) {
        match &event.what {
            // Nobody was there: time does not count from before.
            What::Resumed { .. } => {
                for (index, record) in state.steps.iter().enumerate() {
                    if !record.is_settled() {
                        self.close(index, true);
                    }
                }
            }
            // Nor does the time that a person took to decide.
            What::Answered { question, answer: Answer::Retry, .. } => {
                if let Some(index) = plan.find(question) {
                    self.close(index, false);
                }
            }
            _ => {}
        }
        self.open(plan, state);
    }

    /// Opens what nothing holds up any more.
    pub fn open(&mut self, plan: &Plan, state: &RunState) {
        let Some((phase, group)) = open_group(plan, state) else { return };
        if is_asked_first(state, phase) {
            return;
        }
        for index in group {
            if let Some(opened) = self.opened_ms.get_mut(*index) {
                opened.get_or_insert(state.now_ms);
            }
        }
    }

    fn close(&mut self, index: StepIndex, cut: bool) {
        if let Some(opened) = self.opened_ms.get_mut(index) {
            *opened = None;
        }
        if let Some(was) = self.cut.get_mut(index) {
            *was |= cut;
        }
    }

    /// When the step could begin, in elapsed milliseconds.
    pub fn opened_ms(&self, index: StepIndex) -> Option<u64> {
        self.opened_ms.get(index).copied().flatten()
    }

    /// What the step took, when that says something about the next time: it was carried out, or looked at,
    /// in one piece and to a good end.
    pub fn took_ms(&self, plan: &Plan, state: &RunState, index: StepIndex) -> Option<u64> {
        let (step, record) = (plan.steps.get(index)?, state.steps.get(index)?);
        let counts = match record.stage {
            Stage::Done { how: How::Did | How::Unverified } => true,
            Stage::Done { how: How::Already } => step.effect == Effect::Look,
            _ => false,
        };
        let whole = counts && step.question.is_none() && !self.cut.get(index).copied().unwrap_or(true);
        whole.then_some(())?;
        Some(record.ended_ms?.saturating_sub(self.opened_ms(index)?))
    }
}

/// The first group that is not settled, and its phase.
pub fn open_group<'a>(plan: &'a Plan, state: &RunState) -> Option<(&'a PlanPhase, &'a [StepIndex])> {
    let settled = |index: &StepIndex| state.steps.get(*index).is_none_or(StepRecord::is_settled);
    let (first, skip) = state.settled_to();
    plan.phases.iter().enumerate().skip(first).find_map(|(index, phase)| {
        let skip = if index == first { skip } else { 0 };
        let open = phase.groups.iter().skip(skip).find(|group| !group.iter().all(settled));
        open.map(|group| (phase, group.as_slice()))
    })
}

/// The first group at or after a place that is not settled; past the end where all are.
pub(super) fn first_open(plan: &Plan, records: &[StepRecord], from: (usize, usize)) -> (usize, usize) {
    let settled = |index: &StepIndex| records.get(*index).is_none_or(StepRecord::is_settled);
    let (mut phase, mut group) = from;
    while let Some(at) = plan.phases.get(phase) {
        match at.groups.get(group) {
            Some(steps) if steps.iter().all(settled) => group += 1,
            Some(_) => break,
            None => (phase, group) = (phase + 1, 0),
        }
    }
    (phase, group)
}

fn is_asked_first(state: &RunState, phase: &PlanPhase) -> bool {
    phase.confirm.is_some() && !state.answers.contains_key(&phase.id)
}
