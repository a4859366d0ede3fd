//! What the engine knows of an action: a question, an act, and a proof.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::base::name::{ServiceName, SiteName};
pub use crate::runbook::signature::{Effect, FactKind};

/// One step's action, holding the ports that it looks and acts through.
///
/// `observe` can only call look verbs: every touch verb of every port takes a [`Touch`], and only the
/// driver can make one. What `observe` and `apply` say is prose for people and typed for the engine.
pub trait Action: fmt::Debug + Send + Sync {
    /// Imperative, with literals in backticks: "promote `orders` at nuremberg".
    fn summary(&self) -> String;
    /// What repeating it means after a crash.
    fn effect(&self) -> Effect;
    /// The question, where the action is nothing but a question to a person; the engine asks it.
    fn question(&self) -> Option<super::plan::HumanQuestion> {
        None
    }
    /// How long it watches something before it can be satisfied, in milliseconds. What watches for long is watched
    /// without the lock where that is safe.
    fn watches_ms(&self) -> u64 {
        0
    }
    /// Looks, and says whether there is anything to do. Called before every `apply`, and again after
    /// an `apply` that could not prove itself. May be called any number of times.
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>>;
    /// Acts, and proves. Called only after the intention is durable and `observe` said *pending*.
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>>;
    /// Takes the act back. `before` is what the look before the act said. Must be repeatable.
    fn undo<'a>(&'a self, _touch: &'a Touch, _before: &'a Evidence) -> BoxFuture<'a, Result<Evidence, ActionError>> {
        Box::pin(async { Ok(Evidence::new("nothing to take back")) })
    }
}

/// Why a run may not change anything any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// Somebody else was seen to have the lock, or to have had it; a lower-case sentence.
    Taken(String),
    /// Nobody else was seen; but nobody looked for so long that somebody may have had it since.
    Stale(String),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Taken(why) | Self::Stale(why)) = self;
        f.write_str(why)
    }
}

/// Whether a run may still change anything: as long as its locks are its own.
pub trait Leave: Send + Sync {
    /// Why it may not any more; `None` while it may. Asked before each call that
    /// changes something, so it must cost next to nothing unless there is reason to doubt. What has ended
    /// stays ended.
    fn ended(&self) -> BoxFuture<'_, Option<Lost>>;
}

/// Leave to change something. In a run only the engine's driver makes one, and never in a dry-run.
///
/// It can end in the middle of an act: a program that was stopped and taken over must not make the act's next
/// call when it wakes. So whatever sends something that changes the world asks [`Touch::check`] immediately before.
pub struct Touch(Option<Arc<dyn Leave>>);

impl Touch {
    pub(in crate::engine) fn mint(leave: Arc<dyn Leave>) -> Self {
        Self(Some(leave))
    }
    /// For `prepare --apply`, the one act outside a run: a person asked for it by name, it may be repeated,
    /// and it only gives rights and makes tables of our own.
    pub fn for_preparation() -> Self {
        Self(None)
    }
    /// For a take-over, asked for by a person with its reason: it ends the sessions by which a stopped program
    /// of ours holds its locks, and nothing else.
    pub fn for_takeover() -> Self {
        Self(None)
    }
    /// For tests of adapters, which have no driver.
    #[cfg(test)]
    pub fn for_test() -> Self {
        Self(None)
    }
    /// The same, with a leave that can end.
    #[cfg(test)]
    pub fn for_test_while(leave: Arc<dyn Leave>) -> Self {
        Self(Some(leave))
    }

    /// Refuses when the leave has ended. Whoever asks has then sent nothing.
    pub async fn check(&self) -> Result<(), ActionError> {
        match self.ended().await {
            Some(why) => Err(ActionError::refused(format!("nothing more was sent, the lock is no longer ours: {why}"))),
            None => Ok(()),
        }
    }

    /// Why the leave has ended; `None` while it lasts.
    pub(in crate::engine) async fn ended(&self) -> Option<Lost> {
        match &self.0 {
            Some(leave) => leave.ended().await,
            None => None,
        }
    }
}

impl fmt::Debug for Touch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Touch")
    }
}

/// What a look found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// Already so. The evidence says how one sees it.
    Satisfied(Evidence),
    /// To be done. The evidence's summary says from what to what: "`A 10.0.0.1` → `A 10.0.1.1`".
    Pending(Evidence),
    /// Unsafe or impossible now. With `until`, it is only waiting for an earlier step to give that fact.
    Blocked { until: Option<Fact>, reason: String, evidence: Evidence },
    /// Cannot be known from here; the text says why.
    Unknown(String),
}

/// What an act says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// It worked, and this was seen at its end.
    Proven(Evidence),
    /// It was carried out; the driver looks until the step's time is up.
    Unproven(Evidence),
}

/// What was seen: a sentence for people, values for reports and for undo. Never a secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// A lower-case sentence without a full stop.
    pub summary: String,
    /// Values by name, units last in the name (`lag_bytes`, `p95_ms`).
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub values: serde_json::Map<String, serde_json::Value>,
}

impl Evidence {
    /// Evidence that is a sentence only.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: shown(summary.into()), values: serde_json::Map::new() }
    }
    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }
    /// A text value.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_str()
    }
    /// A whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.values.get(name)?.as_u64()
    }
}

/// Prose that may be shown at a terminal. Servers and hosts have their words in it, and one of them may be hostile.
fn shown(text: String) -> String {
    let tricks = |c: char| c.is_control() && c != '\n';
    if text.contains(tricks) { text.replace(tricks, "\u{fffd}") } else { text }
}

/// A fact about a service at a site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fact {
    pub kind: FactKind,
    pub service: ServiceName,
    pub site: SiteName,
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, service, site } = self;
        match kind {
            FactKind::Fenced => write!(f, "`{service}` is fenced at {site}"),
            FactKind::CaughtUp => write!(f, "`{service}` has everything at {site}"),
            FactKind::Detached => write!(f, "`{service}` follows nobody at {site}"),
            FactKind::Promoted => write!(f, "`{service}` takes writes at {site}"),
            FactKind::Led => write!(f, "users of `{service}` are led to {site}"),
            FactKind::Following => write!(f, "`{service}` follows at {site}"),
            FactKind::Accounted => write!(f, "what only {site} wrote to `{service}` is saved"),
        }
    }
}

/// What went wrong, in the terms that the engine branches on; the rest is prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It will not work however often one tries: wrong password, unsafe, not permitted, wrong server.
    Refused,
    /// It may work when tried again, and nothing was changed.
    Transient,
    /// It may or may not have been done: the answer was lost.
    InDoubt,
    /// The other side could not be reached at all, and nothing was changed.
    Unreachable,
}

/// A failure of a look, an act or an undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ActionError {
    pub fault: Fault,
    /// A lower-case sentence that names place and intention. Never a secret.
    pub message: String,
    /// What was seen on the way.
    #[serde(default)]
    pub evidence: Evidence,
}

impl ActionError {
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, message: shown(message.into()), evidence: Evidence::default() }
    }
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Fault::Refused, message)
    }
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(Fault::Transient, message)
    }
    pub fn in_doubt(message: impl Into<String>) -> Self {
        Self::new(Fault::InDoubt, message)
    }
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Fault::Unreachable, message)
    }
}
