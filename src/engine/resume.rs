//! What a new process may still believe of a run.

use super::event::Answer;
use super::plan::{Plan, PlanStep};
use super::state::{RunState, Stage, UndoStage};
use crate::runbook::signature::FactKind;

impl RunState {
    /// What a new process may still believe: that things were done, not that they still hold.
    pub(super) fn resume(&mut self, plan: &Plan) {
        self.turn_forward(plan);
        self.forget_waits();
        self.acting = 0;
        self.ended = None;
        self.stop_asked = false;
        self.attended = false;
        self.asked = None;
        self.answers.retain(|_, answer| matches!(answer, Answer::Yes | Answer::Pass));
        let passed: Vec<bool> = plan
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| {
                let leg = plan.leg(index);
                !step.services.is_empty() && step.services.iter().all(|service| self.has_passed(leg, service))
            })
            .collect();
        for ((step, record), passed) in plan.steps.iter().zip(&mut self.steps).zip(passed) {
            match &record.stage {
                Stage::Acting => record.reopen(Stage::InDoubt { why: "the run was cut off while it acted".to_owned() }),
                Stage::Failed { why, doubt: true } => {
                    let why = why.clone();
                    record.reopen(Stage::InDoubt { why });
                }
                Stage::Waiting | Stage::NotYet { .. } | Stage::Ready | Stage::Failed { .. } => {
                    record.reopen(Stage::Waiting);
                }
                Stage::Unproven | Stage::InDoubt { .. } => record.began_ms = None,
                // Old proof is no proof: what a promotion rests on is looked at again. That the other side
                // received was the fence's condition, and cannot be so any more once the fence stands.
                Stage::Done { .. } if step.guard && rests_promotion_on(step) && !passed => {
                    record.reopen(Stage::Waiting);
                }
                Stage::Done { .. } | Stage::Missed { .. } => {}
            }
            // Time that passed while nobody was there to try is not taken off what an undo may take.
            record.undo_began_ms = None;
            match record.undo.clone() {
                UndoStage::Acting { attempt } | UndoStage::Again { attempt, .. } => {
                    let why = "the run was cut off while it took this back".to_owned();
                    record.undo = UndoStage::Again { attempt, why, since_ms: self.now_ms };
                }
                UndoStage::GaveUp { why } => record.undo = UndoStage::Again { attempt: 1, why, since_ms: self.now_ms },
                UndoStage::No | UndoStage::Undone => {}
            }
        }
    }
}

impl RunState {
    /// A back-out that has taken back all it may, and left services that have passed their point of no return,
    /// is over: from there the way is forward, and what was taken back is done again.
    fn turn_forward(&mut self, plan: &Plan) {
        let (Some(back_out), Some(_)) = (&self.back_out, &self.ended) else { return };
        if !self.any_has_passed() || !super::machine::to_undo(plan, self, back_out.wave).is_empty() {
            return;
        }
        self.back_out = None;
        for record in &mut self.steps {
            if record.undo == UndoStage::Undone {
                record.reopen(Stage::Waiting);
            }
        }
    }
}

fn rests_promotion_on(step: &PlanStep) -> bool {
    step.gives.iter().any(|fact| !matches!(fact.kind, FactKind::Following | FactKind::Accounted))
}
