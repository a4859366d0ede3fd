//! What every action is made with: the run that it belongs to and what the operator accepted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::name::{ServiceName, SiteName};
use crate::engine::action::Evidence;
use crate::runbook::bound::{BoundAction, Mode};

/// The run, as its actions see it.
#[derive(Debug, Clone)]
pub struct RunContext {
    /// Identifies the run in receipts, locks and `application_name`.
    pub run: String,
    /// Who carries it out: `user@machine`.
    pub operator: String,
    pub mode: Mode,
    pub from: Option<SiteName>,
    pub to: Option<SiteName>,
    pub accepted: Accepted,
    pub memory: Memory,
    /// Whether a later step of the run settles (`database.settle`) what this action promotes.
    pub settled_later: bool,
}

/// Whether one of the actions that follow settles what this one promotes.
pub fn is_settled_later<'a>(promotion: &BoundAction, mut later: impl Iterator<Item = &'a BoundAction>) -> bool {
    let acts_on = |action: &BoundAction| (action.item.clone(), action.arguments.get("at").cloned());
    let promotes = promotion.name == "database.promote";
    promotes && later.any(|action| action.name == "database.settle" && acts_on(action) == acts_on(promotion))
}

/// What the operator accepted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Accepted {
    /// Sites whose fence may stay unproven, each with the reason given.
    pub unfenced: BTreeMap<SiteName, String>,
    /// Services that may lose writes, each with the reason given.
    pub data_loss: BTreeMap<ServiceName, String>,
    /// Steps that may fail, each with the reason given; whoever asks passes them over.
    #[serde(default)]
    pub misses: BTreeMap<String, String>,
}

impl Accepted {
    /// Adds what was accepted later.
    pub fn extend(&mut self, more: Self) {
        self.unfenced.extend(more.unfenced);
        self.data_loss.extend(more.data_loss);
        self.misses.extend(more.misses);
    }
}

/// Evidence of earlier steps of the run, filled by the driver and filled again from the journal on a
/// resume. For comparisons and waiting times only: a proof is always looked at anew.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    steps: Arc<Mutex<BTreeMap<String, Evidence>>>,
    seen: Arc<Mutex<BTreeMap<ServiceName, LastSeen>>>,
}

/// How far the members of a service were when all of them were last seen: all that is left to say of one that is
/// silent now and whose log cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LastSeen {
    /// UTC.
    pub at: String,
    /// Each member's position in bytes of its log, and as its own people write it.
    pub positions: BTreeMap<SiteName, (u64, String)>,
}

impl LastSeen {
    /// How it stood between two sites.
    pub fn spoken(&self, from: &SiteName, to: &SiteName) -> Option<String> {
        let ((ahead, text), (behind, _)) = (self.positions.get(from)?, self.positions.get(to)?);
        let bytes = ahead.saturating_sub(*behind);
        Some(format!("last seen at {}: {from} was at {text}, and {to} {bytes} bytes behind it", self.at))
    }
}

impl Memory {
    /// Remembers what a step (by its id) last said.
    pub fn record(&self, step: &str, evidence: &Evidence) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).insert(step.to_owned(), evidence.clone());
    }
    /// The first remembered evidence for which `pick` gives something.
    pub fn find<T>(&self, pick: impl Fn(&str, &Evidence) -> Option<T>) -> Option<T> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.iter().find_map(|(step, evidence)| pick(step, evidence))
    }
    /// Remembers how far a service's members were.
    pub fn saw(&self, service: &ServiceName, seen: LastSeen) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(service.clone(), seen);
    }
    /// How far a service's members were when all of them were last seen, by this command or an earlier one.
    pub fn last_seen(&self, service: &ServiceName) -> Option<LastSeen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(service).cloned()
    }
    /// All of that, to be kept for later commands.
    pub fn all_last_seen(&self) -> BTreeMap<ServiceName, LastSeen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::signature::Noun;

    #[test]
    fn only_a_later_step_that_settles_the_same_member_is_waited_for() {
        let action = |name: &str, service: &str, at: &str| BoundAction {
            name: name.to_owned(),
            item: Some((Noun::Database, service.to_owned())),
            arguments: [("at".to_owned(), at.into())].into_iter().collect(),
        };
        let promotion = action("database.promote", "wiki", "dallas");
        let settles = |later: &[BoundAction]| is_settled_later(&promotion, later.iter());
        assert!(settles(&[
            action("database.write_test", "wiki", "dallas"),
            action("database.settle", "wiki", "dallas")
        ]));
        assert!(!settles(&[]), "it has had its turn, or there is none");
        assert!(!settles(&[
            action("database.settle", "wiki", "nuremberg"),
            action("database.settle", "orders", "dallas")
        ]));
        assert!(!settles(&[action("database.write_test", "wiki", "dallas")]));
    }

    #[test]
    fn what_was_last_seen_is_said_of_both_or_not_at_all() {
        let site = |name: &str| SiteName::new(name).expect("a name");
        let positions =
            [(site("dallas"), (5_000, "0/1388".to_owned())), (site("nuremberg"), (4_900, "0/1324".to_owned()))];
        let seen = LastSeen { at: "2026-03-03T03:00:00Z".to_owned(), positions: positions.into() };
        assert_eq!(
            seen.spoken(&site("dallas"), &site("nuremberg")).as_deref(),
            Some("last seen at 2026-03-03T03:00:00Z: dallas was at 0/1388, and nuremberg 100 bytes behind it")
        );
        assert_eq!(seen.spoken(&site("dallas"), &site("austin")), None);
    }
}
