//! What every action is made with: the run that it belongs to and what the operator accepted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::name::{ServiceName, SiteName};
use crate::engine::action::Evidence;
use crate::runbook::bound::Mode;

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
}

/// What the operator accepted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Accepted {
    /// Sites whose fence may stay unproven, each with the reason given.
    pub unfenced: BTreeMap<SiteName, String>,
    /// Services that may lose writes, each with the reason given.
    pub data_loss: BTreeMap<ServiceName, String>,
}

impl Accepted {
    /// Adds what was accepted later.
    pub fn extend(&mut self, more: Self) {
        self.unfenced.extend(more.unfenced);
        self.data_loss.extend(more.data_loss);
    }
}

/// Evidence of earlier steps of the run, filled by the driver and filled again from the journal on a
/// resume. For comparisons and waiting times only: a proof is always looked at anew.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<String, Evidence>>>);

impl Memory {
    /// Remembers what a step (by its id) last said.
    pub fn record(&self, step: &str, evidence: &Evidence) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(step.to_owned(), evidence.clone());
    }
    /// The first remembered evidence for which `pick` gives something.
    pub fn find<T>(&self, pick: impl Fn(&str, &Evidence) -> Option<T>) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().find_map(|(step, evidence)| pick(step, evidence))
    }
}
