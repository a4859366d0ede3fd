//! The fold: a run's state is what its events make of it, and nothing else.
//!
//! Every transition of a step stands in [`RunState::fold`]. Resuming is folding again; a simulation is
//! folding made-up events. An event that cannot follow on the state it meets is an error, not a panic
//! and not a shrug: it means that the journal is not what this program wrote.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{Applied, Evidence, Observed};
use super::event::{Answer, Event, Resolution, What};
use super::measured::Measured;
use super::outage::{Outage, Stretch};
use super::park::Wait;
use super::plan::{Plan, PlanStep, StepIndex};
pub use super::step::{How, SETTLE_MS, Stage, StepRecord, UndoStage};
use super::verdict::Verdict;
use crate::base::name::ServiceName;
use crate::runbook::bound::{Mode, OnFailure};
use crate::runbook::signature::{Effect, Undo};

/// Of looks that say nothing new, the journal keeps one in this many milliseconds.
const KEEP_LOOK_MS: u64 = 1_000;

/// What a run's events amount to.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    pub steps: Vec<StepRecord>,
    /// Elapsed milliseconds of the last event.
    pub now_ms: u64,
    pub answers: BTreeMap<String, Answer>,
    /// Questions that were put and not yet answered.
    pub asked: Option<String>,
    pub stop_asked: bool,
    /// Somebody answers when a step fails.
    pub attended: bool,
    pub back_out: Option<BackOut>,
    pub ended: Option<(Verdict, String)>,
    /// What the run waits for without the lock.
    pub parked: Option<Wait>,
    /// When the first fence was begun.
    pub outage_began_ms: Option<u64>,
    /// When the last entrance led to the new site, or the last promotion ended where there is no entrance.
    pub outage_ended_ms: Option<u64>,
    /// What a client saw, a part for each process that measured.
    pub measured: Vec<Measured>,
    next_seq: u64,
    /// How many steps act at this moment.
    pub(super) acting: usize,
    /// Services whose promotion was intended, and in which leg.
    pub(super) passed: BTreeSet<(usize, ServiceName)>,
    /// In which leg the outage began.
    pub(super) outage_leg: Option<usize>,
    /// The outages of the legs and their waves; those that were taken back are gone.
    pub(super) outages: BTreeMap<Stretch, Outage>,
    pub(super) settled_to: (usize, usize),
    /// Phases whose window was seen open, and steps that were waited for, in this segment of the run.
    pub(super) windows_open: BTreeSet<usize>,
    pub(super) watched: BTreeSet<StepIndex>,
}

/// Going back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackOut {
    pub reason: String,
    /// The wave that goes back; `None` when everything that may goes back.
    pub wave: Option<u32>,
    /// The leg that goes back.
    pub leg: usize,
}

/// An event that cannot follow on what came before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} of the journal cannot follow on those before it: {what}")]
pub struct Impossible {
    pub seq: u64,
    pub what: String,
}

impl RunState {
    /// The state before the first event.
    pub fn new(plan: &Plan) -> Self {
        Self {
            steps: plan.steps.iter().map(|_| StepRecord::new()).collect(),
            now_ms: 0,
            answers: BTreeMap::new(),
            asked: None,
            stop_asked: false,
            attended: false,
            back_out: None,
            ended: None,
            outage_began_ms: None,
            outage_ended_ms: None,
            measured: Vec::new(),
            next_seq: 0,
            acting: 0,
            passed: BTreeSet::new(),
            outage_leg: None,
            outages: BTreeMap::new(),
            settled_to: (0, 0),
            parked: None,
            windows_open: BTreeSet::new(),
            watched: BTreeSet::new(),
        }
    }

    /// The state after all these events.
    pub fn replay<'a>(plan: &Plan, events: impl IntoIterator<Item = &'a Event>) -> Result<Self, Impossible> {
        let mut state = Self::new(plan);
        for event in events {
            state.fold(plan, event)?;
        }
        Ok(state)
    }

    /// The number that the next event must bear.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Phase and group before which everything is settled: what is over is not gone through again.
    pub(super) fn settled_to(&self) -> (usize, usize) {
        self.settled_to
    }

    /// Whether anything was changed, or may have been.
    pub fn has_touched(&self) -> bool {
        self.steps.iter().any(StepRecord::has_touched)
    }

    /// Takes in a look that said nothing new, and says whether it was one. Such looks come every few
    /// milliseconds while something is waited for; they count, but the journal keeps one a second of them.
    pub fn absorb_repeat(&mut self, plan: &Plan, what: &What, elapsed_ms: u64) -> bool {
        let (What::Looked { step: index, .. } | What::LookFailed { step: index, .. }) = what else { return false };
        let (Some(step), Some(record)) = (plan.steps.get(*index), self.steps.get(*index)) else { return false };
        let now_ms = self.now_ms.max(elapsed_ms);
        if record.looks == 0 || record.is_settled() || now_ms.saturating_sub(record.kept_ms) >= KEEP_LOOK_MS {
            return false;
        }
        let mut after = record.clone();
        match what {
            What::Looked { observed, .. } => after.looked(step, observed, now_ms),
            What::LookFailed { error, .. } => after.look_failed(step, error, now_ms),
            _ => return false,
        }
        if std::mem::discriminant(&after.stage) != std::mem::discriminant(&record.stage) {
            return false;
        }
        after.looks = after.looks.saturating_add(1);
        after.looked_ms = now_ms;
        self.now_ms = now_ms;
        if let Some(record) = self.steps.get_mut(*index) {
            *record = after;
        }
        true
    }

    /// Takes in one event.
    pub fn fold(&mut self, plan: &Plan, event: &Event) -> Result<(), Impossible> {
        let impossible = |what: &str| Impossible { seq: event.seq, what: what.to_owned() };
        if event.seq != self.next_seq {
            return Err(impossible("its number is out of order"));
        }
        self.next_seq += 1;
        self.now_ms = self.now_ms.max(event.elapsed_ms);
        match &event.what {
            // In an emergency users have waited since before anybody gave the order.
            What::Started { .. } if event.seq == 0 => {
                self.outage_began_ms = (plan.mode == Mode::Emergency).then_some(0);
            }
            What::Started { .. } => return Err(impossible("a run begins only once")),
            What::Resumed { .. } => self.resume(plan),
            What::Attended { .. } => self.attended = true,
            What::StopAsked => self.stop_asked = true,
            What::Parked { wait } => self.park(wait),
            What::Waited { wait } => self.unpark(plan, wait),
            What::TimePassed | What::Noted { .. } => {}
            What::Measured { measured } => self.measured.push(measured.as_ref().clone()),
            What::Ended { verdict, reason } => self.ended = Some((*verdict, reason.clone())),
            What::Asked { question } => self.asked = Some(question.id.clone()),
            What::Answered { question, answer, .. } => self.answer(plan, question, *answer),
            What::BackOutBegan { reason, wave, .. } => {
                self.ended = None;
                self.stop_asked = false;
                let leg = self.leg(plan);
                self.back_out = Some(BackOut { reason: reason.clone(), wave: *wave, leg });
            }
            What::Looked { step, .. }
            | What::LookFailed { step, .. }
            | What::Intended { step, .. }
            | What::Acted { step, .. }
            | What::ActFailed { step, .. }
            | What::UndoIntended { step, .. }
            | What::Undone { step, .. }
            | What::UndoFailed { step, .. }
            | What::Resolved { step, .. } => {
                let index = *step;
                let (Some(step), true) = (plan.steps.get(index), index < self.steps.len()) else {
                    return Err(impossible("there is no such step"));
                };
                self.fold_step(plan, index, step, &event.what).map_err(|what| impossible(&what))?;
            }
        }
        // Only these open again what was settled.
        if matches!(
            event.what,
            What::Resumed { .. } | What::Answered { .. } | What::Resolved { .. } | What::Waited { .. }
        ) {
            self.settled_to = (0, 0);
        }
        self.settled_to = super::pace::first_open(plan, &self.steps, self.settled_to);
        Ok(())
    }

    fn fold_step(&mut self, plan: &Plan, index: StepIndex, step: &PlanStep, what: &What) -> Result<(), String> {
        let now_ms = self.now_ms;
        let Some(record) = self.steps.get_mut(index) else { return Ok(()) };
        let stage = record.stage.clone();
        let acted = stage == Stage::Acting;
        let doubted = matches!(stage, Stage::InDoubt { .. });
        match (what, stage) {
            (
                What::Looked { observed, .. },
                Stage::Waiting | Stage::NotYet { .. } | Stage::Ready | Stage::Unproven | Stage::InDoubt { .. },
            ) => {
                record.begin_look(now_ms);
                record.looked(step, observed, now_ms);
            }
            (
                What::LookFailed { error, .. },
                Stage::Waiting | Stage::NotYet { .. } | Stage::Ready | Stage::Unproven | Stage::InDoubt { .. },
            ) => {
                record.begin_look(now_ms);
                record.look_failed(step, error, now_ms);
            }
            (What::Intended { attempt, .. }, Stage::Ready) if *attempt == record.attempts + 1 => {
                record.attempts = *attempt;
                if record.undo == UndoStage::Undone {
                    // Done, taken back, and now done again: what stands before it is what was seen just now.
                    (record.undo, record.before) = (UndoStage::No, None);
                }
                if record.before.is_none() {
                    record.before = Some(record.evidence.clone());
                }
                record.stage = Stage::Acting;
            }
            (What::Acted { applied, .. }, Stage::Acting) => match applied {
                Applied::Proven(evidence) => {
                    record.evidence = evidence.clone();
                    record.settle(Stage::Done { how: How::Did }, now_ms);
                }
                Applied::Unproven(evidence) => {
                    record.evidence = evidence.clone();
                    record.stage = Stage::Unproven;
                }
            },
            (What::ActFailed { error, .. }, Stage::Acting) => record.act_failed(step, error, now_ms),
            (What::UndoIntended { attempt, .. }, _) => {
                record.undo = UndoStage::Acting { attempt: *attempt };
                record.undo_began_ms.get_or_insert(now_ms);
            }
            (What::Undone { evidence, .. }, _) if matches!(record.undo, UndoStage::Acting { .. }) => {
                record.undo = UndoStage::Undone;
                record.evidence = evidence.clone();
            }
            (What::UndoFailed { error, .. }, _) => record.undo_failed(step, error, now_ms)?,
            // The step itself is not spoken of: it is what was to be taken back.
            (What::Resolved { verdict: Resolution::NotDone, reason, .. }, _) if record.undo.is_stuck() => {
                record.undo = UndoStage::Undone;
                record.evidence = Evidence::new(format!("taken back by hand: {reason}"));
            }
            (What::Resolved { verdict, reason, .. }, Stage::Failed { .. } | Stage::InDoubt { .. }) => match verdict {
                Resolution::Done => record.settle(Stage::Done { how: How::Resolved }, now_ms),
                Resolution::NotDone => record.reopen(Stage::Waiting),
                Resolution::Skip => record.settle(Stage::Missed { why: format!("skipped by hand: {reason}") }, now_ms),
            },
            (what, stage) => return Err(format!("{} in stage {stage:?}", what.name())),
        }
        let acts = record.stage == Stage::Acting;
        if step.undo == Undo::Impossible && record.attempts > 0 {
            self.passed.extend(step.services.first().map(|service| (plan.leg(index), service.clone())));
        }
        self.acting = self.acting.saturating_sub(usize::from(acted)) + usize::from(acts);
        let waits = matches!(what, What::Looked { observed: Observed::Blocked { until: Some(_), .. }, .. });
        if step.undo == Undo::Impossible && doubted && waits {
            self.rest_again(plan, index);
        }
        self.pass_over(plan, index, step);
        self.fold_outage(plan, index, step, what);
        Ok(())
    }

    /// A check that fails when there is no way back and nothing waits for it does not hold up the rest.
    fn pass_over(&mut self, plan: &Plan, index: StepIndex, step: &PlanStep) {
        let Some(Stage::Failed { why, doubt: false }) = self.steps.get(index).map(|record| &record.stage) else {
            return;
        };
        let why = why.clone();
        let late_check = step.effect == Effect::Look
            && plan.wave(index).is_none()
            && is_past_every_no_return(plan, &self.steps, index);
        let now_ms = self.now_ms;
        if let Some(record) = self.steps.get_mut(index).filter(|_| step.on_failure == OnFailure::GoOn || late_check) {
            record.settle(Stage::Missed { why }, now_ms);
        }
    }

    fn answer(&mut self, plan: &Plan, question: &str, answer: Answer) {
        self.asked = None;
        self.answers.insert(question.to_owned(), answer);
        let now_ms = self.now_ms;
        let Some(index) = plan.find(question) else { return };
        let (Some(step), Some(record)) = (plan.steps.get(index), self.steps.get_mut(index)) else { return };
        let is_human = step.question.is_some();
        match answer {
            Answer::Yes if is_human => record.settle(Stage::Done { how: How::Resolved }, now_ms),
            Answer::Retry => {
                self.answers.remove(question);
                record.reopen(Stage::Waiting);
            }
            Answer::Pass => {
                let why = match &record.stage {
                    Stage::Failed { why, .. } => why.clone(),
                    _ => "passed over".to_owned(),
                };
                record.settle(Stage::Missed { why }, now_ms);
            }
            Answer::Yes | Answer::No | Answer::BackOut | Answer::Pause => {}
        }
    }
}

/// Whether nothing that cannot be undone is still to come in this step's leg, and something was done. A check that
/// stands before a promotion of its own leg protects that, whatever another leg has promoted. Where its leg promotes
/// nothing, such as between two runbooks that are included, it protects what any other leg is still to promote.
fn is_past_every_no_return(plan: &Plan, records: &[StepRecord], index: StepIndex) -> bool {
    let promotes = || plan.steps.iter().enumerate().filter(|(_, step)| step.undo == Undo::Impossible).map(|(at, _)| at);
    let own: Vec<StepIndex> = promotes().filter(|at| plan.leg(*at) == plan.leg(index)).collect();
    let all = if own.is_empty() { promotes().collect() } else { own };
    let is_done = |at: &StepIndex| records.get(*at).is_some_and(|record| matches!(record.stage, Stage::Done { .. }));
    !all.is_empty() && all.iter().all(|at| *at < index && is_done(at))
}
