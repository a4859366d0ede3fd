//! What earlier runs of a runbook took, step by step, so that a plan can say what to expect and a run can
//! say that something is slower than it was.
//!
//! A step is slow when it takes longer than three of four times before: what is beyond its own 75th
//! percentile is more often stuck than busy.

use std::collections::BTreeMap;

use super::args::Common;
use super::past::{self, PastRun};
use super::session;
use crate::base::name::SiteName;
use crate::engine::event::What;
use crate::engine::pace::Pace;
use crate::engine::path::{self, Stretch};
use crate::engine::plan::{Plan, PlanStep, StepIndex};
use crate::engine::state::RunState;
use crate::engine::verdict::Verdict;

/// How many earlier runs are looked at, newest first.
const RUNS_MAX: usize = 20;

/// What something took, over earlier runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub median_ms: u64,
    /// Three of four took no longer.
    pub p75_ms: u64,
    pub count: usize,
}

impl Times {
    fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        let count = values.len();
        let at = |percent: usize| values.get((count * percent).div_ceil(100).saturating_sub(1)).copied();
        // Of an even number the larger of the two in the middle: who plans is better off with too much.
        Some(Self { median_ms: values.get(count / 2).copied()?, p75_ms: at(75)?.max(*values.get(count / 2)?), count })
    }
}

/// A step's own history: the same step, acting on the same site.
type Key = (String, Option<SiteName>);

/// The steps that a write outage is as long as, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CriticalPath {
    pub wave: Option<u32>,
    /// Each with what it usually takes.
    pub steps: Vec<(StepIndex, Option<u64>)>,
}

/// What earlier runs took.
#[derive(Debug, Clone, Default)]
pub struct Experience {
    /// Runs to the same site that came to a good end.
    pub runs: usize,
    pub whole: Option<Times>,
    pub outage: Option<Times>,
    steps: BTreeMap<Key, Times>,
    undos: BTreeMap<Key, Times>,
}

impl Experience {
    /// Of earlier runs of the same runbook in the same mode. A state directory that is not there yet is not
    /// made: a plan leaves nothing behind.
    pub fn of(common: &Common, plan: &Plan) -> Self {
        let Some(store) = session::open_store_if_there(common) else { return Self::default() };
        let rows = store.runs(Some(&plan.estate)).unwrap_or_default();
        let mut pile = Pile::default();
        let past = rows.iter().filter_map(|row| past::read_run(&store, row).ok());
        for past in past.filter(|past| past.plan.runbook == plan.runbook && past.plan.mode == plan.mode).take(RUNS_MAX)
        {
            pile.put(plan, &past);
        }
        pile.weighed()
    }

    /// What this step took before.
    pub fn step(&self, step: &PlanStep) -> Option<Times> {
        self.steps.get(&key(step)).copied()
    }

    /// What taking this step back took before.
    pub fn undo(&self, step: &PlanStep) -> Option<Times> {
        self.undos.get(&key(step)).copied()
    }

    /// What a phase usually takes: the slowest step of each group. `None` when nothing is known of it.
    pub fn phase_ms(&self, plan: &Plan, phase: usize) -> Option<u64> {
        let groups = plan.phases.get(phase)?.groups.clone();
        let path = Stretch { wave: None, groups }.critical(|index| self.median_ms(plan, index));
        let known: Vec<u64> = path.into_iter().filter_map(|(_, ms)| ms).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    }

    /// The steps that a write outage is made of, a list for each wave, with what each usually takes.
    pub fn critical_paths(&self, plan: &Plan) -> Vec<CriticalPath> {
        let paths = path::outages(plan).into_iter();
        let critical = |stretch: Stretch| stretch.critical(|index| self.median_ms(plan, index));
        paths.map(|stretch| CriticalPath { wave: stretch.wave, steps: critical(stretch) }).collect()
    }

    fn median_ms(&self, plan: &Plan, index: StepIndex) -> Option<u64> {
        self.step(plan.steps.get(index)?).map(|times| times.median_ms)
    }
}

fn key(step: &PlanStep) -> Key {
    (step.id.clone(), step.site.clone())
}

/// Figures as they are gathered.
#[derive(Default)]
struct Pile {
    runs: usize,
    whole: Vec<u64>,
    outages: Vec<u64>,
    steps: BTreeMap<Key, Vec<u64>>,
    undos: BTreeMap<Key, Vec<u64>>,
}

impl Pile {
    fn put(&mut self, plan: &Plan, past: &PastRun) {
        let (mut state, mut pace) = (RunState::new(&past.plan), Pace::new(&past.plan));
        let (mut asked_ms, mut thought_ms) = (None, 0);
        for event in &past.events {
            if state.fold(&past.plan, event).is_err() {
                return;
            }
            pace.after(&past.plan, &state, event);
            match &event.what {
                What::Asked { .. } => asked_ms = Some(event.elapsed_ms),
                What::Answered { .. } => {
                    thought_ms += asked_ms.take().map_or(0, |asked| event.elapsed_ms.saturating_sub(asked));
                }
                _ => {}
            }
            if let What::Undone { step, .. } = &event.what
                && let (Some(step), Some(record)) = (past.plan.steps.get(*step), state.steps.get(*step))
            {
                let took = state.now_ms.saturating_sub(record.undo_began_ms.unwrap_or(state.now_ms));
                self.undos.entry(key(step)).or_default().push(took);
            }
        }
        for (index, step) in past.plan.steps.iter().enumerate() {
            if let Some(took) = pace.took_ms(&past.plan, &state, index) {
                self.steps.entry(key(step)).or_default().push(took);
            }
        }
        // What a person was waited for, or a program that was dead, is no figure of the whole.
        let resumed = past.events.iter().any(|event| matches!(event.what, What::Resumed { .. }));
        let finished = matches!(state.ended, Some((Verdict::Done | Verdict::DoneWithMisses, _)));
        if finished && past.plan.to == plan.to && !resumed {
            self.runs += 1;
            self.whole.push(state.now_ms.saturating_sub(thought_ms));
            self.outages.extend(state.no_writes_ms(&past.plan));
        }
    }

    fn weighed(self) -> Experience {
        let weigh = |piles: BTreeMap<Key, Vec<u64>>| {
            piles.into_iter().filter_map(|(key, values)| Some((key, Times::of(values)?))).collect()
        };
        Experience {
            runs: self.runs,
            whole: Times::of(self.whole),
            outage: Times::of(self.outages),
            steps: weigh(self.steps),
            undos: weigh(self.undos),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Times;

    #[test]
    fn the_middle_and_three_of_four() {
        let times = |values: &[u64]| Times::of(values.to_vec()).map(|times| (times.median_ms, times.p75_ms));
        assert_eq!(times(&[]), None);
        assert_eq!(times(&[7]), Some((7, 7)));
        assert_eq!(times(&[3, 1, 2]), Some((2, 3)));
        assert_eq!(times(&[4, 1, 2, 3]), Some((3, 3)));
        assert_eq!(times(&[80, 10, 20, 30, 40, 50, 60, 70]), Some((50, 60)));
    }
}
