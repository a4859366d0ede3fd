//! A runbook and an estate become one flat list of steps: loops expanded, waves laid out one after
//! the other, every `$name` replaced. The engine carries out what stands here and nothing else.

mod inputs;
mod items;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use super::bound::{BoundGroup, BoundPhase, BoundRunbook, Mode};
use super::model::{Phase, Runbook, Serving};
use super::signature::Noun;
use super::{order, reference};
use crate::base::name::SiteName;
use crate::base::place::Extent;
use crate::base::problem::{Problem, Problems};
use crate::estate::Estate;

pub(super) use inputs::sound;
use items::Items;
use steps::Expanded;

/// Binds a runbook to an estate and checks the order of what comes out.
///
/// `given` are inputs by name, as text; `serving` is what whoever calls found out by looking.
pub fn bind(
    runbook: &Runbook,
    estate: &Estate,
    given: &BTreeMap<String, String>,
    mode: Mode,
    serving: &Serving,
) -> Result<BoundRunbook, Problems> {
    let mut binding = Binding::new(runbook, estate, mode);
    if !runbook.modes.contains(&mode) {
        let modes: Vec<&str> = runbook.modes.iter().map(|mode| mode.as_str()).collect();
        let sentence = format!("has no mode `{mode}`; it has {}", modes.join(", "));
        binding.problem(runbook.title.extent, &runbook.name, &sentence);
    }
    inputs::resolve(&mut binding, given, serving);
    if !binding.problems.is_empty() {
        // Without the sites, every later sentence would be about a guess.
        return Err(binding.problems.or(()).err().unwrap_or_default());
    }
    let phases = binding.phases();
    let bound = BoundRunbook {
        runbook: runbook.name.clone(),
        title: reference::fill(&runbook.title, &binding.values),
        procedure: runbook.procedure.clone(),
        mode,
        to: binding.site("to"),
        from: binding.site("from"),
        phases,
        digest: runbook.digest.clone(),
        inputs: binding.values.clone(),
    };
    let mut problems = binding.problems;
    problems.extend(order::check(&bound, runbook, estate));
    problems.or(bound)
}

/// Whether a bound phase is one of a written phase: `promote.1` is one of `promote`.
pub(super) fn is_of(bound: &str, written: &str) -> bool {
    match bound.strip_prefix(written) {
        Some("") => true,
        Some(rest) => rest.strip_prefix('.').is_some_and(|wave| wave.bytes().all(|b| b.is_ascii_digit())),
        None => false,
    }
}

/// A runbook on its way to an estate.
struct Binding<'a> {
    runbook: &'a Runbook,
    estate: &'a Estate,
    mode: Mode,
    /// Every input with its value.
    values: BTreeMap<String, String>,
    items: Items<'a>,
    problems: Problems,
}

impl<'a> Binding<'a> {
    fn new(runbook: &'a Runbook, estate: &'a Estate, mode: Mode) -> Self {
        let items = Items::of(estate);
        Self { runbook, estate, mode, values: BTreeMap::new(), items, problems: Problems::none() }
    }

    fn problem(&mut self, extent: Extent, about: &str, sentence: &str) {
        self.problems.push(Problem::at(&self.runbook.source, extent, format!("{about}: {sentence}")));
    }

    /// The value of a site input.
    fn site(&self, input: &str) -> Option<SiteName> {
        self.values.get(input).and_then(|site| SiteName::new(site.as_str()).ok())
    }

    fn is_on(&self, flag: Option<&str>) -> bool {
        flag.is_none_or(|flag| self.values.get(flag).is_some_and(|value| value == "true"))
    }

    fn phases(&mut self) -> Vec<BoundPhase> {
        let runbook = self.runbook;
        let wanted: Vec<&Phase> = runbook
            .phases
            .iter()
            .filter(|phase| phase.in_mode(self.mode) && self.is_on(phase.when.as_ref().map(|when| when.as_str())))
            .collect();
        let mut bound = Vec::new();
        for neighbours in wanted.chunk_by(|a, b| a.waves && b.waves) {
            let expanded: Vec<(&Phase, Expanded)> =
                neighbours.iter().map(|phase| (*phase, self.expand(phase))).collect();
            if neighbours.first().is_some_and(|phase| phase.waves) {
                bound.extend(self.waves(&expanded));
            } else {
                bound.extend(expanded.into_iter().map(|(phase, expanded)| {
                    let groups = expanded.groups(phase, None);
                    self.bound_phase(phase, None, groups, expanded.empty)
                }));
            }
        }
        ask_once(bound)
    }

    /// All phases for the first priority, then all for the next.
    fn waves(&self, neighbours: &[(&Phase, Expanded)]) -> Vec<BoundPhase> {
        let priorities: BTreeSet<u32> =
            neighbours.iter().flat_map(|(_, expanded)| expanded.steps.iter().map(|step| step.priority)).collect();
        if priorities.is_empty() {
            let empty = |(phase, expanded): &(&Phase, Expanded)| {
                self.bound_phase(phase, None, Vec::new(), expanded.empty.clone())
            };
            return neighbours.iter().map(empty).collect();
        }
        let mut bound = Vec::new();
        for (index, priority) in priorities.into_iter().enumerate() {
            for (phase, expanded) in neighbours {
                let groups = expanded.groups(phase, Some(priority));
                // What is in no wave is told in the first.
                let empty = if index == 0 { expanded.empty.clone() } else { Vec::new() };
                if !groups.is_empty() || !empty.is_empty() {
                    bound.push(self.bound_phase(phase, Some(priority), groups, empty));
                }
            }
        }
        bound
    }

    fn bound_phase(
        &self,
        phase: &Phase,
        wave: Option<u32>,
        groups: Vec<BoundGroup>,
        empty: Vec<(String, Noun)>,
    ) -> BoundPhase {
        let prose = |text: &str| reference::fill(text, &self.values);
        BoundPhase {
            id: wave.map_or_else(|| phase.id.value.clone(), |wave| format!("{}.{wave}", phase.id.value)),
            title: phase.title.as_ref().map_or_else(|| phase.id.value.clone(), |title| prose(title)),
            procedure: phase.procedure.as_ref().map(|procedure| procedure.value.clone()),
            wave,
            no_return: phase.no_return,
            confirm: phase.confirm.as_ref().map(|confirm| prose(confirm)),
            empty,
            groups,
        }
    }
}

/// A question is asked once a run, before the first step that it stands before: in the first wave
/// only, and where that phase has no step, in the next one that has.
fn ask_once(mut phases: Vec<BoundPhase>) -> Vec<BoundPhase> {
    let mut asked: Vec<String> = Vec::new();
    let mut waiting: Vec<String> = Vec::new();
    for phase in &mut phases {
        if let Some(question) = phase.confirm.take().filter(|question| !asked.contains(question)) {
            asked.push(question.clone());
            waiting.push(question);
        }
        if !phase.groups.is_empty() && !waiting.is_empty() {
            phase.confirm = Some(std::mem::take(&mut waiting).join(" "));
        }
    }
    phases
}
