//! The plan: a runbook bound to an estate, flat, with what the machine must know of each step.
//!
//! A plan is a value. It is made before anything is touched, journaled with the run's first event, and
//! never changes afterwards.

use serde::{Deserialize, Serialize};

use super::action::{Action, Fact};
use crate::base::name::{ServiceName, SiteName};
use crate::estate::model::Window;
use crate::runbook::bound::{BoundAction, BoundRunbook, Leg, Mode, OnFailure};
use crate::runbook::signature::{Effect, FactAt, FactKind, Noun, Signature, Undo, Whereabouts};

/// Place of a step in [`Plan::steps`].
pub type StepIndex = usize;

/// What is to be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Of this type: a newer program refuses what it would read differently.
    pub format: u32,
    pub estate: String,
    /// SHA-256 of the estate's file.
    pub estate_digest: String,
    /// SHA-256 of the runbook's text.
    pub runbook_digest: String,
    pub runbook: String,
    pub title: String,
    pub mode: Mode,
    pub to: Option<SiteName>,
    pub from: Option<SiteName>,
    /// Between which sites each part of it moves what it moves; none but the plan's own where no runbook is included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legs: Vec<Leg>,
    pub inputs: std::collections::BTreeMap<String, String>,
    /// Longest write outage in milliseconds before a planned run backs out.
    pub outage_max_ms: Option<u64>,
    /// Recovery time objective in milliseconds.
    pub rto_ms: Option<u64>,
    /// Recovery point objective in milliseconds; nothing is decided by it, reports name it beside what was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_ms: Option<u64>,
    pub phases: Vec<PlanPhase>,
    pub steps: Vec<PlanStep>,
}

/// How long a step must watch something, in milliseconds, for the lock to be given back meanwhile: giving it back and
/// looking at everything again is not worth it for less.
const PARKS_FROM_MS: u64 = 60_000;

/// The version of [`Plan`]'s form.
pub const PLAN_FORMAT: u32 = 1;

/// A barrier: it begins when the one before is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPhase {
    pub id: String,
    pub title: String,
    pub procedure: Option<String>,
    pub wave: Option<u32>,
    pub no_return: bool,
    pub confirm: Option<String>,
    /// It begins only while this is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Place in [`Plan::legs`].
    #[serde(default, skip_serializing_if = "is_first")]
    pub leg: usize,
    /// Loops that had nothing to go over: (step, noun).
    pub empty: Vec<(String, Noun)>,
    /// Steps that are carried out at once; group after group.
    pub groups: Vec<Vec<StepIndex>>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    pub id: String,
    /// Place in [`Plan::phases`].
    pub phase: usize,
    /// Imperative, for people.
    pub summary: String,
    pub action: BoundAction,
    pub site: Option<SiteName>,
    pub services: Vec<ServiceName>,
    pub effect: Effect,
    pub guard: bool,
    pub undo: Undo,
    /// What it rests on, whichever site that is about; looked at again by the action itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<FactKind>,
    pub gives: Vec<Fact>,
    pub within_ms: u64,
    pub on_failure: OnFailure,
    /// It watches something for long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub long: bool,
    /// Where the step is nothing but a question to a person.
    pub question: Option<HumanQuestion>,
    /// Place in the runbook.
    pub place: String,
}

/// A question that only a person can answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HumanQuestion {
    pub text: String,
    /// The role that should answer.
    pub who: Option<String>,
}

/// What a plan needs of the estate beside the bound runbook.
#[derive(Debug, Clone)]
pub struct PlanFrame {
    pub estate: String,
    pub estate_digest: String,
    pub outage_max_ms: Option<u64>,
    pub rto_ms: Option<u64>,
    pub rpo_ms: Option<u64>,
    /// The windows that phases may wait for.
    pub windows: Vec<Window>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(leg: &usize) -> bool {
    *leg == 0
}

impl Plan {
    /// Puts a bound runbook and its actions together. `actions` are those of the bound steps, in order;
    /// `signature` finds what the catalogue says of an action.
    pub fn new(
        bound: BoundRunbook,
        frame: PlanFrame,
        actions: &[Box<dyn Action>],
        signature: impl Fn(&str) -> Option<&'static Signature>,
    ) -> Self {
        let mut phases = Vec::with_capacity(bound.phases.len());
        let mut steps: Vec<PlanStep> = Vec::with_capacity(actions.len());
        let mut unasked: Option<String> = None;
        let (to, from) = (bound.to().cloned(), bound.from().cloned());
        for (phase_index, phase) in bound.phases.into_iter().enumerate() {
            let mut groups = Vec::with_capacity(phase.groups.len());
            for group in phase.groups {
                let mut indexes = Vec::with_capacity(group.steps.len());
                for step in group.steps {
                    let index = steps.len();
                    let signature = signature(&step.action.name);
                    let summary = match actions.get(index) {
                        Some(action) if step.title.is_empty() => action.summary(),
                        _ => step.title,
                    };
                    steps.push(PlanStep {
                        id: step.id,
                        phase: phase_index,
                        summary,
                        site: step.site,
                        effect: actions.get(index).map_or(Effect::Once, |action| action.effect()),
                        guard: signature.is_some_and(|signature| signature.guard),
                        undo: signature.map_or(Undo::Nothing, |signature| signature.undo),
                        needs: signature.map_or_else(Vec::new, |s| s.needs.iter().map(|need| need.fact).collect()),
                        gives: signature.map_or_else(Vec::new, |s| facts(s.gives, &step.action, &step.services)),
                        services: step.services,
                        action: step.action,
                        within_ms: step.within.millis(),
                        on_failure: step.on_failure,
                        long: actions.get(index).is_some_and(|action| action.watches_ms() >= PARKS_FROM_MS),
                        question: actions.get(index).and_then(|action| action.question()),
                        place: step.place,
                    });
                    indexes.push(index);
                }
                groups.push(indexes);
            }
            // A question whose phase has no step is asked before the next phase that has one.
            let mut confirm = phase.confirm.or(unasked.take());
            if groups.is_empty() {
                unasked = confirm.take();
            }
            phases.push(PlanPhase {
                id: phase.id,
                title: phase.title,
                procedure: phase.procedure,
                wave: phase.wave,
                no_return: phase.no_return,
                confirm,
                window: phase.window.and_then(|name| frame.windows.iter().find(|window| window.name == name).cloned()),
                leg: phase.leg,
                empty: phase.empty,
                groups,
            });
        }
        Self {
            format: PLAN_FORMAT,
            estate: frame.estate,
            estate_digest: frame.estate_digest,
            runbook_digest: bound.digest,
            runbook: bound.runbook,
            title: bound.title,
            mode: bound.mode,
            to,
            from,
            legs: if bound.legs.len() > 1 { bound.legs } else { Vec::new() },
            inputs: bound.inputs,
            outage_max_ms: frame.outage_max_ms,
            rto_ms: frame.rto_ms,
            rpo_ms: frame.rpo_ms,
            phases,
            steps,
        }
    }

    /// The leg that a step belongs to.
    pub fn leg(&self, step: StepIndex) -> usize {
        self.steps.get(step).and_then(|step| self.phases.get(step.phase)).map_or(0, |phase| phase.leg)
    }

    /// The site that takes over in a leg.
    pub fn to_of(&self, leg: usize) -> Option<&SiteName> {
        self.legs.get(leg).map_or(self.to.as_ref(), |leg| leg.to.as_ref())
    }

    /// The site that served last before a leg.
    pub fn from_of(&self, leg: usize) -> Option<&SiteName> {
        self.legs.get(leg).map_or(self.from.as_ref(), |leg| leg.from.as_ref())
    }

    /// The wave that a step belongs to.
    pub fn wave(&self, step: StepIndex) -> Option<u32> {
        self.phases.get(self.steps.get(step)?.phase)?.wave
    }

    /// The step with this id.
    pub fn find(&self, id: &str) -> Option<StepIndex> {
        self.steps.iter().position(|step| step.id == id)
    }
}

/// What the catalogue's facts mean for one bound action. Facts of an entrance are those of its services.
fn facts(list: &[FactAt], action: &BoundAction, services: &[ServiceName]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for FactAt { fact, whereabouts } in list {
        let Whereabouts::Argument(argument) = whereabouts else { continue };
        let site = action.arguments.get(*argument).and_then(|value| value.as_str());
        let Some(site) = site.and_then(|site| SiteName::new(site).ok()) else { continue };
        let own: Vec<ServiceName> = match &action.item {
            Some((Noun::Database, name)) => ServiceName::new(name.as_str()).into_iter().collect(),
            _ => services.to_vec(),
        };
        facts.extend(own.into_iter().map(|service| Fact { kind: *fact, service, site: site.clone() }));
    }
    facts
}
