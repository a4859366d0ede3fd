//! What a new process may still believe of a run.

use super::event::Answer;
use super::plan::{Plan, PlanStep, StepIndex};
use super::state::{RunState, Stage, UndoStage};
use crate::base::name::ServiceName;
use crate::runbook::signature::{FactKind, Undo};

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
        let served: Vec<bool> =
            plan.steps.iter().enumerate().map(|(index, step)| self.has_served(plan, index, step)).collect();
        for ((step, record), served) in plan.steps.iter().zip(&mut self.steps).zip(served) {
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
                Stage::Done { .. } if step.guard && rests_promotion_on(step) && !served => {
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
    /// Whether the promotions that rest on a guard have been done, or may have been: what is in doubt is looked at first,
    /// and where it was done the guard's time is over. An intention alone is no promotion: what it rests on may have
    /// gone with the process that held it.
    fn has_served(&self, plan: &Plan, index: StepIndex, step: &PlanStep) -> bool {
        let is_over = |service: &ServiceName| {
            let mut promotions = plan.steps.iter().zip(&self.steps).enumerate().filter(|(other, (promotion, _))| {
                promotion.undo == Undo::Impossible
                    && plan.leg(*other) == plan.leg(index)
                    && promotion.services.contains(service)
            });
            promotions.any(|(_, (_, record))| match &record.stage {
                Stage::Done { .. } | Stage::Acting | Stage::Unproven | Stage::InDoubt { .. } => true,
                Stage::Failed { doubt, .. } => *doubt,
                Stage::Missed { .. } => record.attempts > 0,
                Stage::Waiting | Stage::NotYet { .. } | Stage::Ready => false,
            })
        };
        !step.services.is_empty() && step.services.iter().all(is_over)
    }

    /// A promotion that was in doubt is seen not to have been done, and waits for what it rests on: that is looked at
    /// again, and made again where that is safe.
    pub(super) fn rest_again(&mut self, plan: &Plan, promotion: StepIndex) {
        let Some(PlanStep { services, .. }) = plan.steps.get(promotion) else { return };
        for (index, (step, record)) in plan.steps.iter().zip(&mut self.steps).enumerate() {
            let rests_on = plan.leg(index) == plan.leg(promotion)
                && step.guard
                && rests_promotion_on(step)
                && step.services.iter().any(|service| services.contains(service));
            let is_done = index < promotion && matches!(record.stage, Stage::Done { .. });
            if rests_on && (is_done || index == promotion) {
                record.reopen(Stage::Waiting);
            }
        }
        self.settled_to = (0, 0);
    }

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
