//! What a client saw of a run, as the canary beside it measured, and what it means for the write outage.
//!
//! Pure: times are elapsed milliseconds of the run, and whoever measures says them. Each process that carries the run
//! on measures for itself; while no process lived nothing was measured, and nothing is said of that time.

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::state::RunState;
use crate::base::name::ServiceName;
use crate::base::quantity::spoken;
use crate::runbook::signature::FactKind;

/// What one process measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// By which entrance it came in.
    pub entrance: String,
    /// What it wrote to: a service, or a method and a URL.
    pub wrote_to: String,
    /// The services whose outage is seen by that.
    pub services: Vec<ServiceName>,
    /// How often it tried.
    pub every_ms: u64,
    /// From the first try to the end of measuring.
    pub from_ms: u64,
    pub to_ms: u64,
    /// Tries that were acknowledged, that were not, and whose answer was lost.
    pub taken: u64,
    pub failed: u64,
    pub unknown: u64,
    /// When the first and the last were acknowledged.
    pub first_taken_ms: Option<u64>,
    pub last_taken_ms: Option<u64>,
    /// The longest time without an acknowledged write.
    pub gap: Option<Gap>,
    /// Who took the writes, in order.
    pub turns: Vec<Turn>,
    /// That two servers took writes in overlapping times; how one sees it.
    pub split: Option<String>,
    /// Times in which nothing was measured: a person was waited for, or the program itself stood still.
    pub unmeasured: Vec<Stretch>,
    /// What the last try that failed was told.
    pub says: Option<String>,
}

/// A time without an acknowledged write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub from_ms: u64,
    pub to_ms: u64,
    /// Between two acknowledged writes. Otherwise it may have begun earlier, or lasted longer.
    pub whole: bool,
}

/// One server's writes, until another took one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The site, or the address where that tells no site.
    pub at: String,
    /// What rises with every promotion: a timeline, or the count of receipts; 0 where it cannot be seen.
    pub term: u64,
    pub from_ms: u64,
    pub to_ms: u64,
    pub taken: u64,
}

/// A time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    pub from_ms: u64,
    pub to_ms: u64,
}

/// How long users could not write, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    pub ms: u64,
    pub seen_by: SeenBy,
}

/// Who saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenBy {
    Client,
    Engine,
}

impl Gap {
    pub fn ms(self) -> u64 {
        self.to_ms.saturating_sub(self.from_ms)
    }

    /// `812 ms`, or `at least 812 ms`.
    pub fn spoken(self) -> String {
        let least = if self.whole { "" } else { "at least " };
        format!("{least}{}", spoken(self.ms()))
    }
}

impl Measured {
    /// What a client saw, in a sentence.
    pub fn told(&self) -> String {
        let Self { entrance, wrote_to, taken, failed, unknown, .. } = self;
        let tries = taken + failed + unknown;
        let says = self.says.as_ref().map_or_else(String::new, |says| format!("; last: {says}"));
        if *taken == 0 {
            return format!(
                "a client that wrote to {wrote_to} by `{entrance}` had none of {tries} writes acknowledged{says}"
            );
        }
        let gap = self.gap.map_or_else(|| "no time".to_owned(), Gap::spoken);
        let not = match (failed, unknown) {
            (0, 0) => String::new(),
            (failed, 0) => format!(", {failed} failed"),
            (failed, unknown) => format!(", {failed} failed, {unknown} had no answer"),
        };
        let turns: Vec<&str> = self.turns.iter().map(|turn| turn.at.as_str()).collect();
        let unmeasured: u64 = self.unmeasured.iter().map(|time| time.to_ms.saturating_sub(time.from_ms)).sum();
        let unmeasured =
            if unmeasured == 0 { String::new() } else { format!("; {} were not measured", spoken(unmeasured)) };
        format!(
            "a client that wrote to {wrote_to} by `{entrance}` saw {gap} without a write: {taken} of {tries} acknowledged, at {}{not}{unmeasured}",
            turns.join(", then ")
        )
    }

    /// Whether it saw the outage from the last write before it to the first one after.
    fn has_seen(&self, began_ms: u64, ended_ms: u64) -> bool {
        let before = self.first_taken_ms.is_some_and(|first| first <= began_ms) || self.turns.len() > 1;
        let after = self.last_taken_ms.zip(self.gap).is_some_and(|(last, gap)| gap.whole && last >= gap.to_ms);
        let looked_away = |time: &Stretch| time.from_ms < ended_ms && time.to_ms > began_ms;
        before && after && !self.unmeasured.iter().any(looked_away)
    }
}

/// The longest time without a write that a client saw, over all processes; `None` where none was measured.
pub fn client_gap(state: &RunState) -> Option<Gap> {
    state.measured.iter().filter_map(|part| part.gap).max_by_key(|gap| (gap.ms(), gap.whole))
}

/// The write outage that the objective is held against; `None` where none has ended.
///
/// What a client saw counts, because it is what the objective is about, where a client saw the whole of it and wrote
/// to all that was moved. Otherwise the longer of the two figures: each is then only a part of what users saw.
pub fn figure(plan: &Plan, state: &RunState) -> Option<Figure> {
    let (began_ms, ended_ms) = state.outages_ms()?;
    let engine = Figure { ms: state.longest_outage_ms()?, seen_by: SeenBy::Engine };
    let Some(gap) = client_gap(state) else { return Some(engine) };
    let client = Figure { ms: gap.ms(), seen_by: SeenBy::Client };
    let moved = plan.steps.iter().flat_map(|step| &step.gives).filter(|fact| fact.kind == FactKind::Promoted);
    let moved: Vec<&ServiceName> = moved.map(|fact| &fact.service).collect();
    let saw_all = state
        .measured
        .iter()
        .any(|part| part.has_seen(began_ms, ended_ms) && moved.iter().all(|service| part.services.contains(service)));
    Some(if saw_all || client.ms > engine.ms { client } else { engine })
}
