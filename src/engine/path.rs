//! What a write outage is made of: the groups of steps between the first fence and the last redirection.
//!
//! Groups follow one another, and the steps of a group are carried out at once; so the outage is as long
//! as the slowest step of each group, one after the other. That chain is the critical path.

use super::plan::{Plan, StepIndex};
use crate::runbook::bound::Mode;
use crate::runbook::signature::FactKind;

/// Groups in which some service takes no writes, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The wave whose services these are; `None` when it is all of them.
    pub wave: Option<u32>,
    pub groups: Vec<Vec<StepIndex>>,
}

impl Stretch {
    /// The slowest step of each group by this measure, with what it takes; a group of which nothing is
    /// known gives its first step.
    pub fn critical(&self, took_ms: impl Fn(StepIndex) -> Option<u64>) -> Vec<(StepIndex, Option<u64>)> {
        let slowest = |group: &Vec<StepIndex>| {
            let first = group.first().copied()?;
            let known = group.iter().filter_map(|index| Some((took_ms(*index)?, *index)));
            // Of two that are as slow as each other, the one that is written first.
            let slowest = known.rev().max_by_key(|(ms, _)| *ms);
            Some(slowest.map_or((first, None), |(ms, index)| (index, Some(ms))))
        };
        self.groups.iter().filter_map(slowest).collect()
    }
}

/// The stretches of a plan without writes: one for each wave where waves are all that it is made of.
/// In an emergency users have waited since before anybody gave the order, so it begins with the first step.
pub fn outages(plan: &Plan) -> Vec<Stretch> {
    let groups: Vec<(Option<u32>, &Vec<StepIndex>)> =
        plan.phases.iter().flat_map(|phase| phase.groups.iter().map(|group| (phase.wave, group))).collect();
    let gives = |group: &[StepIndex], kinds: &[FactKind]| {
        let mut steps = group.iter().filter_map(|index| plan.steps.get(*index));
        steps.any(|step| step.gives.iter().any(|fact| kinds.contains(&fact.kind)))
    };
    let first = match plan.mode {
        Mode::Emergency => Some(0),
        Mode::Planned => groups.iter().position(|(_, group)| gives(group, &[FactKind::Fenced])),
    };
    let last = groups.iter().rposition(|(_, group)| gives(group, &[FactKind::Promoted, FactKind::Led]));
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let Some(inside) = groups.get(first..=last) else { return Vec::new() };
    let in_waves = inside.iter().all(|(wave, _)| wave.is_some());
    let mut stretches: Vec<Stretch> = Vec::new();
    for (wave, group) in inside {
        let wave = wave.filter(|_| in_waves);
        match stretches.iter_mut().find(|stretch| stretch.wave == wave) {
            Some(stretch) => stretch.groups.push((*group).clone()),
            None => stretches.push(Stretch { wave, groups: vec![(*group).clone()] }),
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_critical_path_is_the_slowest_of_each_group() {
        let stretch = Stretch { wave: None, groups: vec![vec![0, 1, 2], vec![3], vec![4, 5]] };
        let took = [Some(10), Some(30), Some(30), None, None, Some(5)];
        let path = stretch.critical(|index| took.get(index).copied().flatten());
        assert_eq!(path, [(1, Some(30)), (3, None), (5, Some(5))]);
    }
}
