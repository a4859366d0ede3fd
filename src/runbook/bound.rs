//! A runbook bound to an estate: a flat list of steps, every reference resolved.

use serde::{Deserialize, Serialize};

use super::signature::Noun;
use crate::base::name::{ServiceName, SiteName};
use crate::base::quantity::Span;

/// What one step does: an action, its item and its arguments, all of them plain values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundAction {
    /// `database.fence`
    pub name: String,
    /// What it acts on: (`database`, `orders`).
    pub item: Option<(Noun, String)>,
    /// Arguments by name. Sites, durations and texts are strings, flags booleans, counts numbers, argv lists of strings.
    pub arguments: serde_json::Map<String, serde_json::Value>,
}

/// Planned or emergency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Lose nothing or refuse.
    Planned,
    /// Restore service; every loss or unproven fence is accepted by name.
    Emergency,
}

impl Mode {
    /// As runbooks and command lines write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Emergency => "emergency",
        }
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What to do when a step does not succeed within its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    Stop,
    Ask,
    GoOn,
}

/// One step of a bound runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundStep {
    /// `promote.1/promote/orders`: phase (with its wave), step, item.
    pub id: String,
    /// What the run shows for it, `$` resolved; empty where the action's own summary serves.
    pub title: String,
    pub action: BoundAction,
    /// Where it acts, when it acts at a site.
    pub site: Option<SiteName>,
    /// Services whose fate this step belongs to: a database itself; for an entrance, what it needs.
    pub services: Vec<ServiceName>,
    pub within: Span,
    pub on_failure: OnFailure,
    /// Place in the runbook, `runbooks/failover.yaml:68`.
    pub place: String,
}

/// Steps of one loop: at once when the phase is parallel, else a group of its own for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundGroup {
    pub steps: Vec<BoundStep>,
}

/// A phase: a barrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundPhase {
    /// `promote.1`
    pub id: String,
    pub title: String,
    /// `F3`
    pub procedure: Option<String>,
    /// 1, 2, … where the phase is one of a wave's.
    pub wave: Option<u32>,
    /// Nothing automatic takes it back after this phase has begun to act.
    pub no_return: bool,
    /// The question to answer before its first step, `$` resolved.
    pub confirm: Option<String>,
    /// The window of the estate inside which it may begin; `None`: at any time.
    pub window: Option<String>,
    /// Which of the runbook's legs it is part of, a place in [`BoundRunbook::legs`].
    pub leg: usize,
    /// Loops that had no item: (step, noun), shown so that nothing is left out in silence.
    pub empty: Vec<(String, Noun)>,
    pub groups: Vec<BoundGroup>,
}

impl BoundRunbook {
    /// The site that takes over, where the runbook itself has such an input.
    pub fn to(&self) -> Option<&SiteName> {
        self.legs.first()?.to.as_ref()
    }
    /// The site that served last, where the runbook itself has such an input.
    pub fn from(&self) -> Option<&SiteName> {
        self.legs.first()?.from.as_ref()
    }
}

/// Between which sites a runbook, or one that it includes, moves what it moves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// The site that takes over, where the runbook has such an input.
    pub to: Option<SiteName>,
    /// The site that served last.
    pub from: Option<SiteName>,
}

/// A runbook bound to an estate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundRunbook {
    pub runbook: String,
    pub title: String,
    pub procedure: Option<String>,
    pub mode: Mode,
    /// The runbook's own, and one for each that it includes. What moves in one of them has its own fence, its own point
    /// of no return and its own way back.
    pub legs: Vec<Leg>,
    /// Every input with its value as text.
    pub inputs: std::collections::BTreeMap<String, String>,
    pub phases: Vec<BoundPhase>,
    /// SHA-256 of the runbook's text, in hex.
    pub digest: String,
}
