//! Waiting for long without the lock: for a window, for hosts to behave, for a person.
//!
//! Only before the first fence of a leg: then nothing is half done, users are served, and somebody else may need the
//! estate. When the wait is over the lock is taken again and everything that was looked at is looked at again,
//! because hours may have passed.
//!
//! Pure, like the machine that it is part of; the driver does the waiting.

use serde::{Deserialize, Serialize};

use super::event::{Question, QuestionKind};
use super::plan::{Plan, PlanPhase, StepIndex};
use super::state::{RunState, Stage};
use crate::runbook::signature::{Effect, FactKind};

/// What a run waits for without the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// The window of this phase, a place in [`Plan::phases`].
    Window(usize),
    /// Steps that watch something for long.
    Steps(Vec<StepIndex>),
    /// A person's answer to the question that this step is.
    Person(StepIndex),
}

impl Wait {
    /// What is waited for, in words.
    pub fn told(&self, plan: &Plan) -> String {
        let step = |index: &StepIndex| plan.steps.get(*index).map(|step| step.summary.clone()).unwrap_or_default();
        match self {
            Self::Window(phase) => {
                let window = plan.phases.get(*phase).and_then(|phase| phase.window.as_ref());
                window.map_or_else(String::new, |window| format!("window `{}` ({})", window.name, window.spoken()))
            }
            Self::Steps(steps) => steps.iter().map(step).collect::<Vec<_>>().join("; "),
            Self::Person(index) => step(index),
        }
    }

    /// When the window opens that is waited for, as its own place tells time.
    pub fn opens(&self, plan: &Plan, now: jiff::Timestamp) -> Option<String> {
        let Self::Window(phase) = self else { return None };
        let window = plan.phases.get(*phase)?.window.as_ref()?;
        let opens = window.opens(now)?.to_zoned(window.zone.clone());
        Some(opens.strftime("%a %Y-%m-%d %H:%M %Z").to_string())
    }

    /// The question that a person is asked.
    pub(super) fn question(&self, plan: &Plan) -> Option<Question> {
        let Self::Person(index) = self else { return None };
        let step = plan.steps.get(*index)?;
        let human = step.question.as_ref()?;
        Some(Question {
            id: step.id.clone(),
            text: human.text.clone(),
            kind: QuestionKind::Human { who: human.who.clone() },
            evidence: Vec::new(),
            details: Vec::new(),
        })
    }
}

/// What the phase waits for before anything of it is begun.
pub(super) fn before_phase(plan: &Plan, state: &RunState, phase: &PlanPhase) -> Option<Wait> {
    phase.window.as_ref()?;
    let place = plan.phases.iter().position(|known| std::ptr::eq(known, phase))?;
    let mut steps = phase.groups.iter().flatten().filter_map(|index| state.steps.get(*index));
    let begun = steps.any(|record| record.attempts > 0);
    (!begun && !state.has_waited_before(place)).then_some(Wait::Window(place))
}

/// What the steps of a group wait for, when that takes so long that the lock is given back meanwhile.
pub(super) fn within_group(plan: &Plan, state: &RunState, phase: &PlanPhase, group: &[StepIndex]) -> Option<Wait> {
    // Asked after every event: all steps are gone through only where there is something to wait for.
    worth_parking(plan, state, group).filter(|_| !has_fenced(plan, state, phase.leg))
}

fn worth_parking(plan: &Plan, state: &RunState, group: &[StepIndex]) -> Option<Wait> {
    let open: Vec<StepIndex> = group
        .iter()
        .copied()
        .filter(|index| state.steps.get(*index).is_some_and(|record| !record.is_settled()))
        .collect();
    if let [only] = open.as_slice()
        && plan.steps.get(*only).is_some_and(|step| step.question.is_some())
    {
        let answered = plan.steps.get(*only).is_some_and(|step| state.answers.contains_key(&step.id));
        return (!answered).then_some(Wait::Person(*only));
    }
    let long = |index: &StepIndex| {
        let waits = plan.steps.get(*index).is_some_and(|step| step.long && step.question.is_none());
        let fresh = state.steps.get(*index).is_some_and(|record| matches!(record.stage, Stage::Waiting));
        waits && fresh && !state.has_waited_for(*index)
    };
    (!open.is_empty() && open.iter().all(long)).then_some(Wait::Steps(open))
}

/// Whether a fence of this leg was begun and still stands, as far as is known.
fn has_fenced(plan: &Plan, state: &RunState, leg: usize) -> bool {
    let mut steps = plan.steps.iter().zip(&state.steps).enumerate();
    steps.any(|(index, (step, record))| {
        record.has_touched() && plan.leg(index) == leg && step.gives.iter().any(|fact| fact.kind == FactKind::Fenced)
    })
}

impl RunState {
    /// The lock is given back. What is watched begins now: its time counts from here.
    pub(super) fn park(&mut self, wait: &Wait) {
        if let Wait::Steps(steps) = wait {
            for index in steps {
                if let Some(record) = self.steps.get_mut(*index) {
                    record.began_ms.get_or_insert(self.now_ms);
                }
            }
        }
        self.parked = Some(wait.clone());
    }

    /// The lock is ours again, and what was waited for is there. What was looked at before, in this leg, is looked at
    /// again; what was waited for is not.
    pub(super) fn unpark(&mut self, plan: &Plan, wait: &Wait) {
        let waited = self.parked.take().is_some();
        let (leg, first) = match wait {
            Wait::Window(phase) => {
                self.windows_open.insert(*phase);
                let first = plan.phases.iter().skip(*phase).flat_map(|phase| &phase.groups).flatten().next();
                (plan.phases.get(*phase).map_or(0, |phase| phase.leg), first.copied())
            }
            Wait::Steps(steps) => {
                self.watched.extend(steps);
                (steps.first().map_or(0, |index| plan.leg(*index)), steps.first().copied())
            }
            Wait::Person(step) => (plan.leg(*step), Some(*step)),
        };
        if !waited {
            return;
        }
        for (index, (step, record)) in plan.steps.iter().zip(&mut self.steps).enumerate() {
            let before = first.is_some_and(|first| index < first) && plan.leg(index) == leg;
            let looks = step.effect == Effect::Look && !step.long && step.question.is_none();
            if before && looks && matches!(record.stage, Stage::Done { .. }) {
                record.reopen(Stage::Waiting);
            }
        }
    }

    /// Whether the window of a phase was seen open in this segment of the run.
    fn has_waited_before(&self, phase: usize) -> bool {
        self.windows_open.contains(&phase)
    }

    /// Whether a step was waited for already in this segment of the run.
    fn has_waited_for(&self, step: StepIndex) -> bool {
        self.watched.contains(&step)
    }

    /// A new process has waited for nothing yet.
    pub(super) fn forget_waits(&mut self) {
        self.parked = None;
        self.windows_open.clear();
        self.watched.clear();
    }
}
