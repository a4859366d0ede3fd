//! The order of a bound plan: a pure fold over facts. It finds what no schema can: `at: $from` where
//! `at: $to` was meant.
//!
//! A fence is never taken on trust from outside a run: whatever needs one needs an earlier step that
//! gives it. That a database takes writes may be so before a run; so that is asked for only where
//! the run itself fences or promotes that database.

use std::collections::BTreeSet;

use super::bound::{BoundRunbook, BoundStep};
use super::model::Runbook;
use super::signature::{FactAt, FactKind, Noun, Signature, Whereabouts};
use crate::base::name::{ServiceName, SiteName};
use crate::base::place::Extent;
use crate::base::problem::Problems;
use crate::estate::Estate;

/// What holds, of which service, where.
type Fact = (FactKind, ServiceName, SiteName);

/// Something needed that no earlier step gives.
struct Unmet<'a> {
    step: &'a BoundStep,
    extent: Extent,
    fact: Fact,
    /// Whether the step is the promotion: of several steps that lack the same fact, the one to name.
    promotes: bool,
    sentence: String,
}

/// Checks that nothing acts before what it needs.
pub(super) fn check(bound: &BoundRunbook, runbook: &Runbook, estate: &Estate) -> Problems {
    let fold = Fold { runbook, estate, touched: touched(bound, runbook, estate) };
    let mut facts: BTreeSet<Fact> = BTreeSet::new();
    let mut unmet: Vec<Unmet<'_>> = Vec::new();
    for group in bound.phases.iter().flat_map(|phase| &phase.groups) {
        // Steps of one group run at once, so none can count on another.
        for step in &group.steps {
            unmet.extend(fold.unmet(step, &facts));
        }
        for step in &group.steps {
            facts.extend(fold.given(step));
        }
    }
    let mut problems = Problems::none();
    let mut told: Vec<Extent> = Vec::new();
    for one in &unmet {
        // Where the promotion is wrong, what comes before and after it is wrong because of it; and what
        // is wrong for one service is wrong for the next in the same words.
        let root = |other: &Unmet<'_>| other.promotes && !one.promotes && other.fact.1 == one.fact.1;
        if !told.contains(&one.extent) && !unmet.iter().any(root) {
            told.push(one.extent);
            problems.push(runbook.problem(one.extent, format!("{}: {}", one.step.id, one.sentence)));
        }
    }
    problems
}

/// The databases that the run itself fences or promotes.
fn touched(bound: &BoundRunbook, runbook: &Runbook, estate: &Estate) -> BTreeSet<ServiceName> {
    let fold = Fold { runbook, estate, touched: BTreeSet::new() };
    let steps = bound.phases.iter().flat_map(|phase| &phase.groups).flat_map(|group| &group.steps);
    let role = |(kind, _, _): &Fact| matches!(kind, FactKind::Fenced | FactKind::Promoted);
    steps.flat_map(|step| fold.given(step)).filter(role).map(|(_, service, _)| service).collect()
}

struct Fold<'a> {
    runbook: &'a Runbook,
    estate: &'a Estate,
    touched: BTreeSet<ServiceName>,
}

impl<'a> Fold<'a> {
    fn signature(&self, step: &BoundStep) -> Option<(Signature, Extent)> {
        self.runbook.written(&step.id).map(|written| (written.signature, written.id.extent))
    }

    /// The databases that a step's facts are about.
    fn databases(&self, step: &'a BoundStep) -> impl Iterator<Item = (&'a ServiceName, Vec<&'a SiteName>)> {
        step.services.iter().filter_map(|name| {
            let sites = self.estate.services.get(name)?.kind.database_sites()?;
            Some((name, sites))
        })
    }

    fn places(step: &BoundStep, whereabouts: Whereabouts, members: &[&SiteName]) -> Vec<SiteName> {
        let (Whereabouts::Argument(name) | Whereabouts::Elsewhere(name)) = whereabouts;
        let text = step.action.arguments.get(name).and_then(|value| value.as_str());
        let Some(site) = text.and_then(|text| SiteName::new(text).ok()) else { return Vec::new() };
        match whereabouts {
            Whereabouts::Argument(_) => vec![site],
            Whereabouts::Elsewhere(_) => {
                let others: BTreeSet<&SiteName> = members.iter().copied().filter(|other| **other != site).collect();
                others.into_iter().cloned().collect()
            }
        }
    }

    fn given(&self, step: &BoundStep) -> Vec<Fact> {
        let Some((signature, _)) = self.signature(step) else { return Vec::new() };
        let mut given = Vec::new();
        for (service, members) in self.databases(step) {
            for FactAt { fact, whereabouts } in signature.gives {
                for site in Self::places(step, *whereabouts, &members) {
                    given.push((*fact, service.clone(), site));
                }
            }
        }
        given
    }

    fn unmet<'s>(&self, step: &'s BoundStep, facts: &BTreeSet<Fact>) -> Vec<Unmet<'s>> {
        let Some((signature, extent)) = self.signature(step) else { return Vec::new() };
        let given = self.given(step);
        let promoted = given.iter().find(|(kind, _, _)| *kind == FactKind::Promoted);
        let promotes = promoted.is_some();
        if let Some((_, service, site)) = promoted {
            let fenced = (FactKind::Fenced, service.clone(), site.clone());
            if facts.contains(&fenced) {
                let sentence = format!("promotes `{service}` at {site}, which this run has fenced");
                return vec![Unmet { step, extent, fact: fenced, promotes, sentence }];
            }
        }
        let mut unmet = Vec::new();
        for (service, members) in self.databases(step) {
            for FactAt { fact, whereabouts } in signature.needs {
                for place in Self::places(step, *whereabouts, &members) {
                    let needed = (*fact, service.clone(), place.clone());
                    let judged = *fact == FactKind::Fenced || self.touched.contains(service);
                    if judged && !facts.contains(&needed) {
                        let at = promoted.map(|(_, _, site)| site);
                        let sentence = sentence(step, *fact, service, &place, at);
                        unmet.push(Unmet { step, extent, fact: needed, promotes, sentence });
                    }
                }
            }
        }
        unmet
    }
}

fn sentence(
    step: &BoundStep,
    fact: FactKind,
    service: &ServiceName,
    place: &SiteName,
    at: Option<&SiteName>,
) -> String {
    let led = matches!(step.action.item, Some((Noun::Entrance, _)));
    match (fact, at) {
        (FactKind::Fenced, Some(site)) => {
            format!("promotes `{service}` at {site} while {place} is not fenced by an earlier step")
        }
        (FactKind::Fenced, None) => format!("needs `{service}` fenced at {place}, and no earlier step fences it there"),
        (FactKind::Promoted, _) if led => {
            format!("leads users to {place} before `{service}` takes writes there")
        }
        (FactKind::Promoted, _) => {
            format!("needs `{service}` to take writes at {place}, and no earlier step promotes it there")
        }
        (FactKind::CaughtUp, _) => {
            format!("needs everything of `{service}` at {place}, and no earlier step waits for it")
        }
        (FactKind::Detached, _) => {
            format!("needs `{service}` to follow nobody at {place}, and no earlier step sees to it")
        }
        (FactKind::Following, _) => {
            format!("needs `{service}` to follow at {place}, and no earlier step sees to it")
        }
        (FactKind::Accounted, _) => {
            format!("needs what only {place} wrote to `{service}` to be saved, and no earlier step sees to it")
        }
        (FactKind::Led, _) => {
            format!("needs the users of `{service}` at {place}, and no earlier step leads them there")
        }
    }
}
