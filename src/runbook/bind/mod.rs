//! A runbook and an estate become one flat list of steps: loops expanded, waves laid out one after
//! the other, every `$name` replaced. The engine carries out what stands here and nothing else.

mod inputs;
mod items;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use super::bound::{BoundGroup, BoundPhase, BoundRunbook, BoundStep, Leg, Mode};
use super::model::{Include, Phase, Runbook, Serving, When};
use super::signature::{FactKind, Noun, Whereabouts};
use super::{order, reference};
use crate::base::name::SiteName;
use crate::base::place::Extent;
use crate::base::problem::{Problem, Problems};
use crate::estate::Estate;

pub(super) use inputs::sound;
use items::Items;
use steps::Expanded;

/// The window that is always open.
pub const ANY_WINDOW: &str = "any";

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
    let mut serving = serving.clone();
    let mut bound = bind_part(runbook, estate, given, mode, &mut serving)?;
    bound.phases = ask_once(bound.phases);
    Ok(bound)
}

/// Binds a runbook as a whole or as a part of another; afterwards `serving` is what serves when it is done.
fn bind_part(
    runbook: &Runbook,
    estate: &Estate,
    given: &BTreeMap<String, String>,
    mode: Mode,
    serving: &mut Serving,
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
    let phases = binding.phases(serving);
    let bound = BoundRunbook {
        runbook: runbook.name.clone(),
        title: reference::fill(&runbook.title, &binding.values),
        procedure: runbook.procedure.clone(),
        mode,
        phases,
        digest: runbook.digest.clone(),
        legs: std::mem::take(&mut binding.legs),
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
    /// Its own, and those of the runbooks that it includes.
    legs: Vec<Leg>,
    problems: Problems,
}

impl<'a> Binding<'a> {
    fn new(runbook: &'a Runbook, estate: &'a Estate, mode: Mode) -> Self {
        let items = Items::of(estate);
        Self { runbook, estate, mode, values: BTreeMap::new(), items, legs: Vec::new(), problems: Problems::none() }
    }

    fn problem(&mut self, extent: Extent, about: &str, sentence: &str) {
        self.problems.push(Problem::at(self.runbook.sources.holding(extent), extent, format!("{about}: {sentence}")));
    }

    /// The value of a site input.
    fn site(&self, input: &str) -> Option<SiteName> {
        self.values.get(input).and_then(|site| SiteName::new(site.as_str()).ok())
    }

    /// Whether what depends on something is to be done, as far as is known when its turn comes.
    fn is_on(&mut self, about: &str, when: Option<&When>, serving: &Serving) -> bool {
        match when {
            None => true,
            Some(When::Flag(flag)) => self.values.get(flag).is_some_and(|value| value == "true"),
            Some(When::Serving(_)) if serving.assumed => true,
            Some(When::Serving(site)) => match &serving.site {
                Some(serves) => serves.as_str() == self.resolved(site),
                None => {
                    let sentence = "`when: {serving: …}`: which site serves cannot be told: see `switchback status`";
                    self.problem(site.extent, about, sentence);
                    false
                }
            },
        }
    }

    /// A text, or what the `$name` stands for that it is.
    fn resolved(&self, text: &str) -> String {
        reference::whole(text).and_then(|name| self.values.get(name)).map_or_else(|| text.to_owned(), Clone::clone)
    }

    fn phases(&mut self, serving: &mut Serving) -> Vec<BoundPhase> {
        let runbook = self.runbook;
        self.legs = vec![Leg { to: self.site("to"), from: self.site("from") }];
        let in_mode: Vec<&Phase> = runbook.phases.iter().filter(|phase| phase.in_mode(self.mode)).collect();
        let mut bound = Vec::new();
        for neighbours in in_mode.chunk_by(|a, b| a.waves && b.waves) {
            let mut expanded: Vec<(&Phase, Expanded)> = Vec::new();
            for phase in neighbours {
                let about = format!("{}/{}", runbook.name, phase.id.value);
                if !self.is_on(&about, phase.when.as_ref(), serving) {
                    continue;
                }
                match &phase.include {
                    Some(include) => bound.extend(self.included(phase, include, serving)),
                    None => expanded.push((phase, self.expand(phase))),
                }
            }
            if expanded.first().is_some_and(|(phase, _)| phase.waves) {
                bound.extend(self.waves(&expanded));
            } else {
                for (phase, expanded) in expanded {
                    let groups = expanded.groups(phase, None);
                    bound.push(self.bound_phase(phase, None, groups, expanded.empty));
                }
            }
            self.follow_users(&bound, serving);
        }
        bound
    }

    /// Who serves once these phases are done: where the last of their promotions was.
    fn follow_users(&self, bound: &[BoundPhase], serving: &mut Serving) {
        let steps =
            bound.iter().filter(|phase| phase.leg == 0).flat_map(|phase| &phase.groups).flat_map(|group| &group.steps);
        let promotes = |step: &BoundStep| {
            let written = self.runbook.written(&step.id)?;
            let promoted = written.signature.gives.iter().find(|given| given.fact == FactKind::Promoted)?;
            let Whereabouts::Argument(argument) = promoted.whereabouts else { return None };
            SiteName::new(step.action.arguments.get(argument)?.as_str()?).ok()
        };
        if let Some(site) = steps.filter_map(promotes).next_back() {
            serving.site = Some(site);
        }
    }

    /// All phases of another runbook, as a leg of their own (of several, where it includes others in turn).
    fn included(&mut self, phase: &Phase, include: &Include, serving: &mut Serving) -> Vec<BoundPhase> {
        let given = include.with.iter().map(|(input, value)| (input.clone(), self.resolved(value))).collect();
        let part = match bind_part(&include.runbook, self.estate, &given, self.mode, serving) {
            Ok(part) => part,
            Err(problems) => {
                self.problems.extend(problems);
                return Vec::new();
            }
        };
        let first_leg = self.legs.len();
        self.legs.extend(part.legs);
        let prefix = |id: &str| format!("{}/{id}", phase.id.value);
        let mut phases: Vec<BoundPhase> = part.phases;
        for bound in &mut phases {
            bound.id = prefix(&bound.id);
            bound.leg += first_leg;
            for step in bound.groups.iter_mut().flat_map(|group| &mut group.steps) {
                step.id = prefix(&step.id);
            }
        }
        if let Some(first) = phases.first_mut() {
            // What is asked and waited for before all of it comes before what its own first phase asks.
            let own = phase.confirm.as_ref().map(|confirm| reference::fill(confirm, &self.values));
            first.confirm = own.into_iter().chain(first.confirm.take()).reduce(|own, first| format!("{own} {first}"));
            let window = self.bound_window(phase);
            first.window = first.window.take().or(window);
        }
        phases
    }

    /// The window of a phase; `None` where it may begin at any time.
    fn bound_window(&mut self, phase: &Phase) -> Option<String> {
        let window = phase.window.as_ref()?;
        let name = self.resolved(window);
        if !inputs::is_window(self.estate, &name) {
            let about = format!("{}/{}", self.runbook.name, phase.id.value);
            self.problem(window.extent, &about, &inputs::no_window(self.estate, &name));
        }
        Some(name).filter(|name| name != ANY_WINDOW)
    }

    /// All phases for the first priority, then all for the next.
    fn waves(&mut self, neighbours: &[(&Phase, Expanded)]) -> Vec<BoundPhase> {
        let priorities: BTreeSet<u32> =
            neighbours.iter().flat_map(|(_, expanded)| expanded.steps.iter().map(|step| step.priority)).collect();
        if priorities.is_empty() {
            let mut bound = Vec::new();
            for (phase, expanded) in neighbours {
                bound.push(self.bound_phase(phase, None, Vec::new(), expanded.empty.clone()));
            }
            return bound;
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
        &mut self,
        phase: &Phase,
        wave: Option<u32>,
        groups: Vec<BoundGroup>,
        empty: Vec<(String, Noun)>,
    ) -> BoundPhase {
        let window = self.bound_window(phase);
        let prose = |text: &str| reference::fill(text, &self.values);
        BoundPhase {
            leg: 0,
            window,
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
