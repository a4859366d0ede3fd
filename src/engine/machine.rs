//! The machine: reads a plan and a state, and says what is to be done next.
//!
//! Pure: the same plan and the same events give the same directives, today and after a crash. What is
//! already under way is the driver's to know: a directive that it carries out already is not begun twice.

use super::asking;
use super::event::{Answer, Question, QuestionKind, What};
use super::outage;
use super::pace::open_group;
use super::park::{self, Wait};
use super::plan::{Plan, PlanPhase, PlanStep, StepIndex};
use super::state::{How, RunState, Stage, StepRecord, UndoStage};
use super::verdict::Verdict;
use crate::runbook::bound::{Mode, OnFailure};
use crate::runbook::signature::{Effect, Undo};

/// How long a failed run with something to take back waits for an answer, in milliseconds.
const ANSWER_MAX_MS: u64 = 300_000;

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Directive {
    /// Look, but not before this many elapsed milliseconds.
    Observe { step: StepIndex, not_before_ms: u64 },
    /// Make the intention durable, then act.
    Apply { step: StepIndex, attempt: u32 },
    /// Make the intention durable, then take back; not before this many elapsed milliseconds.
    Undo { step: StepIndex, attempt: u32, not_before_ms: u64 },
    /// Put a question and wait for its answer.
    Ask(Question),
    /// Give the lock back, wait, take it again.
    Park(Wait),
    /// Write a decision down.
    Record(What),
    /// The run, or this segment of it, is over.
    Finish(Verdict, String),
}

/// What to do next. Empty while everything that can be done is under way.
pub fn next(plan: &Plan, state: &RunState) -> Vec<Directive> {
    if state.ended.is_some() {
        return Vec::new();
    }
    if state.back_out.is_some() {
        return go_back(plan, state);
    }
    let acting = state.acting > 0;
    if state.stop_asked {
        let reason = "stopped on request".to_owned();
        return if acting { Vec::new() } else { vec![Directive::Finish(Verdict::Interrupted, reason)] };
    }
    if let (Some(reason), false) = (outage::is_too_long(plan, state), acting) {
        let wave = open_group(plan, state).and_then(|(phase, _)| phase.wave);
        return vec![Directive::Record(What::BackOutBegan { reason, wave, by: None })];
    }
    match open_group(plan, state) {
        None => vec![finish(plan, state)],
        Some((phase, group)) => go_on(plan, state, phase, group),
    }
}

/// When, in elapsed milliseconds, the machine wants to be asked again even if nothing happens.
pub fn wake_at(plan: &Plan, state: &RunState) -> Option<u64> {
    outage::lasts_too_long_at(plan, state)
}

fn go_on(plan: &Plan, state: &RunState, phase: &PlanPhase, group: &[StepIndex]) -> Vec<Directive> {
    let records = || group.iter().filter_map(|index| Some((*index, plan.steps.get(*index)?, state.steps.get(*index)?)));
    let failed: Vec<StepIndex> = records()
        .filter(|(_, _, record)| matches!(record.stage, Stage::Failed { .. }))
        .map(|(index, ..)| index)
        .collect();
    // Of those that failed together the one in doubt is told: what it may have done is not known.
    let in_doubt = |index: &&StepIndex| {
        state.steps.get(**index).is_some_and(|record| matches!(record.stage, Stage::Failed { doubt: true, .. }))
    };
    if let Some(first) = failed.iter().find(in_doubt).or(failed.first()) {
        // What is under way beside it ends first; nothing new is begun.
        let busy = records()
            .any(|(_, _, record)| matches!(record.stage, Stage::Acting | Stage::Unproven | Stage::InDoubt { .. }));
        if busy {
            return records().filter_map(|(index, _, record)| look_at(state, index, record)).collect();
        }
        return vec![after_failure(plan, state, phase, *first, &failed)];
    }
    if let Some(wait) = park::before_phase(plan, state, phase) {
        return vec![Directive::Park(wait)];
    }
    if let Some(question) = unanswered(plan, state, phase) {
        return vec![question];
    }
    if let Some(wait) = park::within_group(plan, state, phase, group) {
        return vec![Directive::Park(wait)];
    }
    records()
        .filter_map(|(index, step, record)| match (&step.question, &record.stage) {
            (Some(_), _) if record.is_settled() => None,
            (Some(human), _) => Some(match state.answers.get(&step.id) {
                Some(Answer::No) => declined(state, &step.id),
                _ => Directive::Ask(Question {
                    id: step.id.clone(),
                    text: human.text.clone(),
                    kind: QuestionKind::Human { who: human.who.clone() },
                    evidence: Vec::new(),
                    details: Vec::new(),
                }),
            }),
            (None, Stage::Ready) => Some(Directive::Apply { step: index, attempt: record.attempts + 1 }),
            (None, _) => look_at(state, index, record),
        })
        .collect()
}

/// How long to wait before the next look, in milliseconds: short at first, since most things that are
/// waited for inside an outage come within a few, longer for what takes minutes. An act that failed again and again is
/// tried again after the look, so it is a command a minute and not a hundred.
fn pause_ms(record: &StepRecord) -> u64 {
    let failed = matches!(record.stage, Stage::NotYet { .. });
    match record.attempts {
        3..=5 if failed => return 250,
        6..=10 if failed => return 1_000,
        11.. if failed => return 5_000,
        _ => {}
    }
    match record.looks {
        0 => 0,
        1..=50 => 10,
        51..=100 => 50,
        101..=200 => 250,
        _ => 1_000,
    }
}

fn look_at(_state: &RunState, index: StepIndex, record: &StepRecord) -> Option<Directive> {
    match record.stage {
        Stage::Waiting | Stage::NotYet { .. } | Stage::Unproven | Stage::InDoubt { .. } => {
            Some(Directive::Observe { step: index, not_before_ms: record.looked_ms + pause_ms(record) })
        }
        Stage::Ready | Stage::Acting | Stage::Done { .. } | Stage::Failed { .. } | Stage::Missed { .. } => None,
    }
}

/// The phase's confirmation, as long as it is open and nothing of the phase was begun.
fn unanswered(plan: &Plan, state: &RunState, phase: &PlanPhase) -> Option<Directive> {
    phase.confirm.as_ref()?;
    match state.answers.get(&phase.id) {
        Some(Answer::No) => return Some(declined(state, &phase.id)),
        Some(_) => return None,
        None => {}
    }
    let misses = plan.steps.iter().zip(&state.steps).filter_map(|(step, record)| match &record.stage {
        Stage::Missed { why } => Some(format!("{}: {why}", step.id)),
        _ => None,
    });
    asking::confirmation(plan, phase, misses.collect()).map(Directive::Ask)
}

fn declined(state: &RunState, id: &str) -> Directive {
    let changed = state.has_touched();
    Directive::Finish(Verdict::Declined { changed }, format!("`{id}` was not confirmed"))
}

fn after_failure(
    plan: &Plan,
    state: &RunState,
    phase: &PlanPhase,
    first: StepIndex,
    failed: &[StepIndex],
) -> Directive {
    let (Some(step), Some(record)) = (plan.steps.get(first), state.steps.get(first)) else {
        return Directive::Finish(Verdict::Stopped, "a step is missing".to_owned());
    };
    let (why, doubt) = match &record.stage {
        Stage::Failed { why, doubt } => (why.clone(), *doubt),
        _ => (String::new(), false),
    };
    let mut reason = format!("{}: {why}", step.id);
    if failed.len() > 1 {
        reason = format!("{reason} (and {} more)", failed.len() - 1);
    }
    let may_back_out = plan.mode == Mode::Planned && may_undo_something(plan, state, phase.wave);
    let may_pass = step.on_failure == OnFailure::Ask;
    // Somebody who is there may want it tried again even where nothing is to be taken back.
    let may_turn = may_back_out || (plan.mode == Mode::Planned && !state.any_has_passed_in(state.leg(plan)));
    if (may_pass || (state.attended && may_turn)) && !doubt {
        match state.answers.get(&step.id) {
            None => {
                return Directive::Ask(Question {
                    id: step.id.clone(),
                    text: format!("{} failed: {why}", step.id),
                    kind: QuestionKind::Failure { may_pass, may_back_out },
                    evidence: asking::before_answering(plan, state, phase.wave),
                    details: asking::details(step, record),
                });
            }
            Some(Answer::Pause) if state.has_touched() => {
                return Directive::Finish(Verdict::Stopped, format!("paused after {reason}"));
            }
            Some(Answer::BackOut) => {
                return Directive::Record(What::BackOutBegan { reason, wave: phase.wave, by: None });
            }
            Some(_) => {}
        }
    }
    if may_back_out && !(doubt && step.undo == Undo::Nothing) {
        return Directive::Record(What::BackOutBegan { reason, wave: phase.wave, by: None });
    }
    let verdict = match (doubt, state.has_touched()) {
        (true, _) => Verdict::InDoubt,
        (false, true) if plan.mode == Mode::Planned && nothing_lasts(plan, state) => Verdict::BackedOut,
        (false, true) => Verdict::Stopped,
        (false, false) => Verdict::Refused,
    };
    Directive::Finish(verdict, reason)
}

/// When, in elapsed milliseconds, a question that nobody answered counts as answered no: what waits for
/// people must not keep users waiting for ever.
pub fn answer_by(plan: &Plan, state: &RunState, question: &Question) -> Option<u64> {
    let ends = |kind: &QuestionKind| match kind {
        QuestionKind::Failure { may_pass, may_back_out } => *may_back_out || !may_pass,
        QuestionKind::Confirm | QuestionKind::ConfirmSite(_) | QuestionKind::Human { .. } => false,
    };
    let patience = ends(&question.kind).then(|| state.now_ms.saturating_add(ANSWER_MAX_MS));
    let outage = wake_at(plan, state).filter(|at| *at > state.now_ms);
    patience.into_iter().chain(outage).min()
}

fn may_undo_something(plan: &Plan, state: &RunState, wave: Option<u32>) -> bool {
    !to_undo(plan, state, wave).is_empty()
}

/// Whether all that was done leaves nothing behind.
fn nothing_lasts(plan: &Plan, state: &RunState) -> bool {
    let mut touched = plan.steps.iter().zip(&state.steps).filter(|(_, record)| record.has_touched());
    touched.all(|(step, _)| leaves_nothing(step))
}

/// A checkpoint, a row of our own.
fn leaves_nothing(step: &PlanStep) -> bool {
    step.undo == Undo::Nothing && step.effect == Effect::Idempotent
}

/// Whether something may have been done by a step that a back-out does not take back: a copy that may still be
/// running, say. A process that was cut off leaves its step in doubt as a failed one does. Once a point of no return
/// is passed the way is forward, and a resume settles by itself what a promotion or a record of DNS has come to.
fn may_stand(step: &PlanStep, record: &StepRecord, any_passed: bool) -> bool {
    let doubt = match record.stage {
        Stage::Failed { doubt, .. } => doubt,
        Stage::InDoubt { .. } => {
            let a_resume_settles_it = step.undo == Undo::Impossible || step.effect == Effect::Idempotent;
            !(leaves_nothing(step) || any_passed && a_resume_settles_it)
        }
        _ => false,
    };
    doubt && record.has_touched()
}

/// What a back-out takes back, last first: what this run did or may have done, of services that have not
/// passed their point of no return in the leg that the run is in. A step outside the waves goes back only with the last
/// wave standing; and one before a runbook that is included stays when that has promoted, as all of it does.
pub fn to_undo(plan: &Plan, state: &RunState, wave: Option<u32>) -> Vec<StepIndex> {
    let leg = state.leg(plan);
    let any_passed = state.any_has_passed_in(leg);
    let mut list: Vec<StepIndex> = plan
        .steps
        .iter()
        .zip(&state.steps)
        .enumerate()
        .filter(|(index, (step, record))| {
            let wave_fits = || match plan.wave(*index) {
                Some(own) => wave.is_none_or(|wave| wave == own),
                None => !any_passed && !is_promoted_after(plan, state, *index),
            };
            step.undo == Undo::Possible
                && record.has_touched()
                && plan.leg(*index) == leg
                && wave_fits()
                && !step.services.iter().any(|service| state.has_passed(leg, service))
        })
        .map(|(index, _)| index)
        .collect();
    list.reverse();
    list
}

fn is_promoted_after(plan: &Plan, state: &RunState, index: StepIndex) -> bool {
    let mut later = plan.steps.iter().zip(&state.steps).skip(index + 1);
    later.any(|(step, record)| step.undo == Undo::Impossible && record.attempts > 0)
}

fn go_back(plan: &Plan, state: &RunState) -> Vec<Directive> {
    let Some(back_out) = &state.back_out else { return Vec::new() };
    if state.acting > 0 {
        return Vec::new();
    }
    let open = to_undo(plan, state, back_out.wave);
    let gave_up = open.iter().find_map(|index| match &state.steps.get(*index)?.undo {
        UndoStage::GaveUp { why } => Some(format!("{} could not be taken back: {why}", plan.steps.get(*index)?.id)),
        _ => None,
    });
    if let Some(why) = gave_up {
        return vec![Directive::Finish(
            Verdict::Stopped,
            format!("{why}; the run went back because {}", back_out.reason),
        )];
    }
    let Some(last) = open.first() else {
        let any_passed = state.any_has_passed();
        let looks = to_look_at_once(plan, state, any_passed);
        if !looks.is_empty() {
            return looks;
        }
        let doubt = plan.steps.iter().zip(&state.steps).any(|(step, record)| may_stand(step, record, any_passed));
        let verdict = match (doubt, any_passed) {
            (true, _) => Verdict::InDoubt,
            (false, true) => Verdict::Stopped,
            (false, false) => Verdict::BackedOut,
        };
        return vec![Directive::Finish(verdict, back_out.reason.clone())];
    };
    // The steps of one group go back together, as they went forward together.
    let group = plan.phases.iter().flat_map(|phase| &phase.groups).find(|group| group.contains(last));
    open.iter()
        .filter(|index| group.is_some_and(|group| group.contains(index)))
        .filter_map(|index| {
            let record = state.steps.get(*index)?;
            match &record.undo {
                UndoStage::No => Some(Directive::Undo { step: *index, attempt: 1, not_before_ms: 0 }),
                UndoStage::Again { attempt, since_ms, .. } => {
                    Some(Directive::Undo { step: *index, attempt: attempt + 1, not_before_ms: since_ms + 250 })
                }
                UndoStage::Acting { .. } | UndoStage::Undone | UndoStage::GaveUp { .. } => None,
            }
        })
        .collect()
}

/// What was in doubt when this process began to take back, and is taken back by nothing: looked at, once. Without that a resume
/// would only repeat the verdict, and the doubt would stand for ever.
fn to_look_at_once(plan: &Plan, state: &RunState, any_passed: bool) -> Vec<Directive> {
    let records = plan.steps.iter().zip(&state.steps).enumerate();
    records
        .filter(|(_, (step, record))| may_stand(step, record, any_passed) && record.began_ms.is_none())
        .filter_map(|(index, (_, record))| look_at(state, index, record))
        .collect()
}

fn finish(plan: &Plan, state: &RunState) -> Directive {
    let misses: Vec<&str> = plan
        .steps
        .iter()
        .zip(&state.steps)
        .filter(|(_, record)| matches!(record.stage, Stage::Missed { .. }))
        .map(|(step, _)| step.id.as_str())
        .collect();
    let except = if misses.is_empty() { String::new() } else { format!(", except {}", misses.join(", ")) };
    if let Some(split) = state.measured.iter().find_map(|part| part.split.as_ref()) {
        return Directive::Finish(Verdict::DoneWithMisses, format!("done{except}; BUT {split}"));
    }
    if !misses.is_empty() {
        return Directive::Finish(Verdict::DoneWithMisses, format!("done{except}"));
    }
    if let Some(why) = outage::objective_missed(plan, state) {
        return Directive::Finish(Verdict::DoneWithMisses, why);
    }
    let changed = state.steps.iter().any(|record| matches!(record.stage, Stage::Done { how } if how != How::Already));
    let reason = if changed { "every step is done" } else { "everything was so already; nothing was changed" };
    Directive::Finish(Verdict::Done, reason.to_owned())
}
