//! Write outages: how long services take no writes.
//!
//! Each wave of each leg has an outage of its own, which begins with its first fence. The limit of an estate holds for
//! each of them: what an earlier wave took, and the time that passed while nobody was fenced, is not taken off it.

use super::event::What;
use super::machine::to_undo;
use super::measured::{self, SeenBy};
use super::pace::open_group;
use super::plan::{Plan, PlanStep, StepIndex};
use super::state::{How, RunState, Stage};
use crate::base::quantity::spoken;
use crate::runbook::bound::Mode;
use crate::runbook::signature::FactKind;

/// The outage of one wave in one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outage {
    began_ms: u64,
    /// When the last entrance led to the new site, or the last promotion ended where there is no entrance.
    ended_ms: Option<u64>,
}

/// What has an outage of its own: a leg, and a wave of it.
pub(super) type Stretch = (usize, Option<u32>);

impl RunState {
    /// The engine's own figure: from the first fence to the last redirection; and the same for each stretch.
    pub(super) fn fold_outage(&mut self, plan: &Plan, index: StepIndex, step: &PlanStep, what: &What) {
        let stretch @ (leg, wave) = (plan.leg(index), plan.wave(index));
        if matches!(what, What::Intended { .. }) && gives(step, FactKind::Fenced) {
            // Another leg's fence begins an outage of its own, with its own limit.
            if self.outage_began_ms.is_none() || self.outage_leg.is_some_and(|began_in| began_in != leg) {
                (self.outage_began_ms, self.outage_ended_ms) = (Some(self.now_ms), None);
            }
            self.outage_leg = Some(leg);
            self.outages.entry(stretch).or_insert(Outage { began_ms: self.now_ms, ended_ms: None });
        }
        if matches!(what, What::Undone { .. }) && !self.is_any_fence_touched(plan, stretch) {
            // Users can write again. A fence that is made later begins anew.
            self.outages.remove(&stretch);
        }
        let stage = self.steps.get(index).map(|record| &record.stage);
        let did = matches!(stage, Some(Stage::Done { how }) if *how != How::Already);
        if did && (gives(step, FactKind::Led) || gives(step, FactKind::Promoted)) {
            self.outage_ended_ms = self.outage_began_ms.map(|_| self.now_ms);
            for ((its_leg, its_wave), outage) in &mut self.outages {
                if *its_leg == leg && (*its_wave == wave || its_wave.is_none()) {
                    outage.ended_ms = Some(self.now_ms);
                }
            }
        }
    }

    fn is_any_fence_touched(&self, plan: &Plan, (leg, wave): Stretch) -> bool {
        plan.steps.iter().zip(&self.steps).enumerate().any(|(index, (step, record))| {
            gives(step, FactKind::Fenced) && record.has_touched() && plan.leg(index) == leg && plan.wave(index) == wave
        })
    }

    /// Since when users wait who cannot write at this moment.
    pub fn waits_since_ms(&self) -> Option<u64> {
        let first =
            || self.outages.values().filter(|outage| outage.ended_ms.is_none()).map(|outage| outage.began_ms).min();
        // In an emergency they have waited since before anybody gave the order.
        self.outage_began_ms.filter(|_| self.outage_ended_ms.is_none()).or_else(first)
    }

    /// When users could not write, in elapsed milliseconds: each wave of each leg for itself, with an open end while they wait. In an
    /// emergency once, from the order on, for all of them.
    pub fn without_writes(&self, plan: &Plan) -> Vec<(u64, Option<u64>)> {
        let whole = || self.outage_began_ms.map(|began_ms| (began_ms, self.outage_ended_ms)).into_iter().collect();
        // Of a run that went back, too: what was taken back has no stretch any more.
        if plan.mode == Mode::Emergency || self.outages.is_empty() {
            return whole();
        }
        let mut all: Vec<_> = self.outages.values().map(|outage| (outage.began_ms, outage.ended_ms)).collect();
        all.sort_unstable();
        all
    }

    /// How long users of a service could not write at most, of what has ended.
    pub fn no_writes_ms(&self, plan: &Plan) -> Option<u64> {
        let ended = self.without_writes(plan).into_iter();
        ended.filter_map(|(began_ms, ended_ms)| Some(ended_ms?.saturating_sub(began_ms))).max()
    }

    /// From the first beginning to the last end of those that have ended.
    pub(super) fn outages_ms(&self) -> Option<(u64, u64)> {
        let ended = || self.outages.values().filter_map(|outage| Some((outage.began_ms, outage.ended_ms?)));
        Some((ended().map(|(began_ms, _)| began_ms).min()?, ended().map(|(_, ended_ms)| ended_ms).max()?))
    }

    /// The longest outage that has ended.
    pub(super) fn longest_outage_ms(&self) -> Option<u64> {
        self.outages.values().filter_map(|outage| Some(outage.ended_ms?.saturating_sub(outage.began_ms))).max()
    }
}

/// When the outage began that a back-out of this moment would end; `None` where there is none, or no way back.
fn may_end_since_ms(plan: &Plan, state: &RunState) -> Option<u64> {
    // Asked after every event: where nobody waits the steps are not gone through.
    if plan.mode != Mode::Planned || state.back_out.is_some() || state.outages.is_empty() {
        return None;
    }
    let wave = open_group(plan, state).and_then(|(phase, _)| phase.wave);
    let fences = to_undo(plan, state, wave)
        .into_iter()
        .filter(|index| plan.steps.get(*index).is_some_and(|step| gives(step, FactKind::Fenced)));
    fences
        .filter_map(|index| state.outages.get(&(plan.leg(index), plan.wave(index))))
        .map(|outage| outage.began_ms)
        .min()
}

/// Whether a fence stands that may still be taken back.
pub(super) fn may_still_back_out(plan: &Plan, state: &RunState) -> bool {
    may_end_since_ms(plan, state).is_some()
}

/// When, in elapsed milliseconds, the outage has lasted as long as it may.
pub(super) fn lasts_too_long_at(plan: &Plan, state: &RunState) -> Option<u64> {
    Some(may_end_since_ms(plan, state)?.saturating_add(plan.outage_max_ms?))
}

/// Why the outage lasts too long, when it does and something can be done about it.
pub(super) fn is_too_long(plan: &Plan, state: &RunState) -> Option<String> {
    let (began_ms, most) = (may_end_since_ms(plan, state)?, plan.outage_max_ms?);
    let lasted = state.now_ms.saturating_sub(began_ms);
    (lasted >= most).then(|| {
        format!(
            "the write outage has lasted {}, and {} is the most that this estate allows",
            spoken(lasted),
            spoken(most)
        )
    })
}

/// What to say of a run that is done and kept users waiting for longer than it should.
pub(super) fn objective_missed(plan: &Plan, state: &RunState) -> Option<String> {
    let over = |ms: Option<u64>, most: Option<u64>| ms.zip(most).filter(|(ms, most)| ms > most);
    let figure = measured::figure(plan, state);
    let (what, (took, most)) = match plan.mode {
        Mode::Planned => {
            let what = match figure.map(|figure| figure.seen_by) {
                Some(SeenBy::Client) => "a client could not write for",
                Some(SeenBy::Engine) | None => "the write outage lasted",
            };
            (what, over(figure.map(|figure| figure.ms), plan.outage_max_ms)?)
        }
        Mode::Emergency => ("recovery took", over(state.outage_ended_ms, plan.rto_ms)?),
    };
    Some(format!("done, but {what} {}, and {} is the objective", spoken(took), spoken(most)))
}

fn gives(step: &PlanStep, kind: FactKind) -> bool {
    step.gives.iter().any(|fact| fact.kind == kind)
}
