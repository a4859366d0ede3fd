//! One step's record and its transitions: what a look, an act and an undo make of it.
//!
//! The table of all pairs of stage and event is a snapshot of `tests/it/engine/transitions.rs`.

use super::action::{ActionError, Evidence, Fault, Observed};
use super::plan::PlanStep;
use crate::base::quantity::spoken;
use crate::runbook::signature::Effect;

/// How long a *blocked* look is repeated before it counts as a failure, in milliseconds. A replica that
/// reconnects, or a server that is just going away, settles within this; anything else is a refusal.
pub const SETTLE_MS: u64 = 2_000;

/// One step's record.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    pub stage: Stage,
    /// When it was first looked at in this segment of the run.
    pub began_ms: Option<u64>,
    /// When it was settled.
    pub ended_ms: Option<u64>,
    /// Looks since it began, and when the last one ended.
    pub looks: u32,
    pub looked_ms: u64,
    /// When the last look that the journal kept ended.
    pub kept_ms: u64,
    /// Intentions to act, over the whole run.
    pub attempts: u32,
    /// What was seen before the first act: what an undo goes back to.
    pub before: Option<Evidence>,
    /// What was last seen.
    pub evidence: Evidence,
    pub undo: UndoStage,
    /// When it was first taken back in this segment of the run: its time for that counts from here, whatever
    /// those before it took.
    pub undo_began_ms: Option<u64>,
}

/// Where a step is.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Not looked at yet.
    Waiting,
    /// Looked at; it is not so yet, or the look failed in a way that may pass. To be looked at again.
    NotYet {
        why: String,
    },
    /// To be applied.
    Ready,
    /// An intention is on disk and no outcome: the act is under way in this process.
    Acting,
    /// Acted, not proven: to be looked at until it is.
    Unproven,
    /// Perhaps done: to be looked at before anything else happens.
    InDoubt {
        why: String,
    },
    Done {
        how: How,
    },
    /// Not done within its time, or refused.
    Failed {
        why: String,
        doubt: bool,
    },
    /// Failed or passed over, and the run goes on without it.
    Missed {
        why: String,
    },
}

/// How a step came to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was so when it was first looked at.
    Already,
    /// This run did it.
    Did,
    /// It was in doubt, and a look showed that it had been done.
    Adopted,
    /// It was carried out, and there is no way to see more.
    Unverified,
    /// A person said so.
    Resolved,
}

/// Where a step's undo is.
#[derive(Debug, Clone, PartialEq)]
pub enum UndoStage {
    No,
    Acting {
        attempt: u32,
    },
    /// Failed so far; to be tried again.
    Again {
        attempt: u32,
        why: String,
        since_ms: u64,
    },
    Undone,
    GaveUp {
        why: String,
    },
}

impl UndoStage {
    /// Whether taking it back has failed so far, so that a person's word may settle it.
    pub fn is_stuck(&self) -> bool {
        matches!(self, Self::Again { .. } | Self::GaveUp { .. })
    }
}

impl StepRecord {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Waiting,
            began_ms: None,
            ended_ms: None,
            looks: 0,
            looked_ms: 0,
            kept_ms: 0,
            attempts: 0,
            before: None,
            evidence: Evidence::default(),
            undo: UndoStage::No,
            undo_began_ms: None,
        }
    }

    /// Whether the run need not come back to it.
    pub fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Done { .. } | Stage::Missed { .. })
    }

    /// Whether this run changed, or may have changed, something by it that still stands.
    pub fn has_touched(&self) -> bool {
        self.attempts > 0 && self.undo != UndoStage::Undone
    }

    pub(super) fn settle(&mut self, stage: Stage, now_ms: u64) {
        self.stage = stage;
        self.ended_ms = Some(now_ms);
    }

    pub(super) fn reopen(&mut self, stage: Stage) {
        self.stage = stage;
        self.began_ms = None;
        self.ended_ms = None;
        self.looks = 0;
    }
}

impl StepRecord {
    pub(super) fn begin_look(&mut self, now_ms: u64) {
        self.began_ms.get_or_insert(now_ms);
        self.looks = self.looks.saturating_add(1);
        self.looked_ms = now_ms;
        self.kept_ms = now_ms;
    }

    pub(super) fn is_late(&self, within_ms: u64, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.began_ms.unwrap_or(now_ms)) >= within_ms
    }

    pub(super) fn looked(&mut self, step: &PlanStep, observed: &Observed, now_ms: u64) {
        let acted = matches!(self.stage, Stage::Unproven);
        let doubt = matches!(self.stage, Stage::InDoubt { .. });
        match observed {
            Observed::Satisfied(evidence) => {
                let how = match (acted, doubt, self.attempts) {
                    (_, true, _) => How::Adopted,
                    (true, ..) | (.., 1..) => How::Did,
                    _ => How::Already,
                };
                self.evidence = evidence.clone();
                self.settle(Stage::Done { how }, now_ms);
            }
            Observed::Pending(evidence) => {
                if !acted {
                    self.evidence = evidence.clone();
                }
                let waits = acted || step.effect == Effect::Look;
                if waits && self.is_late(step.within_ms, now_ms) {
                    let why = format!("{} after {}", evidence.summary, spoken(step.within_ms));
                    self.settle(Stage::Failed { why, doubt: false }, now_ms);
                } else if acted {
                    // Carried out, and not to be seen yet: look on, do not act again.
                } else if step.effect == Effect::Look {
                    self.stage = Stage::NotYet { why: evidence.summary.clone() };
                } else if doubt && step.effect == Effect::Once {
                    let why = format!(
                        "whether it was done is not known, and it must not be done twice: {}",
                        evidence.summary
                    );
                    self.settle(Stage::Failed { why, doubt: true }, now_ms);
                } else if self.attempts > 0 && self.is_late(step.within_ms, now_ms) {
                    self.settle(Stage::Failed { why: evidence.summary.clone(), doubt: false }, now_ms);
                } else {
                    self.stage = Stage::Ready;
                }
            }
            Observed::Blocked { reason, .. } => {
                let settle_ms = SETTLE_MS.min(step.within_ms);
                if self.is_late(settle_ms, now_ms) {
                    self.settle(Stage::Failed { why: reason.clone(), doubt }, now_ms);
                } else if !acted && !doubt {
                    self.stage = Stage::NotYet { why: reason.clone() };
                }
            }
            Observed::Unknown(why) => match (acted, doubt) {
                (true, _) => self.settle(Stage::Done { how: How::Unverified }, now_ms),
                (_, true) if step.effect == Effect::Idempotent && !step.guard => self.stage = Stage::Ready,
                (_, true) => self.settle(Stage::Failed { why: why.clone(), doubt: true }, now_ms),
                // An action that cannot be seen before it is carried out is carried out; one that protects data is not.
                _ if !step.guard && step.effect != Effect::Look => {
                    self.evidence = Evidence::new(why.clone());
                    self.stage = Stage::Ready;
                }
                _ => self.settle(Stage::Failed { why: why.clone(), doubt: false }, now_ms),
            },
        }
    }

    pub(super) fn look_failed(&mut self, step: &PlanStep, error: &ActionError, now_ms: u64) {
        let doubt = matches!(self.stage, Stage::InDoubt { .. });
        let acted = matches!(self.stage, Stage::Unproven);
        let give_up = error.fault == Fault::Refused || self.is_late(step.within_ms, now_ms);
        if give_up {
            self.settle(Stage::Failed { why: error.message.clone(), doubt: doubt || acted }, now_ms);
        } else if !doubt && !acted {
            self.stage = Stage::NotYet { why: error.message.clone() };
        }
    }

    pub(super) fn act_failed(&mut self, step: &PlanStep, error: &ActionError, now_ms: u64) {
        let why = error.message.clone();
        self.stage = match error.fault {
            Fault::Refused => Stage::Failed { why, doubt: false },
            Fault::Transient | Fault::Unreachable if self.is_late(step.within_ms, now_ms) => {
                Stage::Failed { why, doubt: false }
            }
            Fault::Transient | Fault::Unreachable => Stage::NotYet { why },
            Fault::InDoubt => Stage::InDoubt { why },
        };
        if matches!(self.stage, Stage::Failed { .. }) {
            self.ended_ms = Some(now_ms);
        }
    }

    pub(super) fn undo_failed(&mut self, step: &PlanStep, error: &ActionError, now_ms: u64) -> Result<(), String> {
        let UndoStage::Acting { attempt } = self.undo else {
            return Err("an undo failed that was not under way".to_owned());
        };
        let why = error.message.clone();
        let began_ms = self.undo_began_ms.unwrap_or(now_ms);
        // An undo has a time budget of its own: as long as the step, but never less than a minute.
        let budget_ms = step.within_ms.max(60_000);
        let give_up = error.fault == Fault::Refused || now_ms.saturating_sub(began_ms) >= budget_ms;
        self.undo =
            if give_up { UndoStage::GaveUp { why } } else { UndoStage::Again { attempt, why, since_ms: now_ms } };
        Ok(())
    }
}
