//! What a provider of DNS can do for an entrance.
//!
//! What the name servers *say* is not asked of it but of them ([`crate::actions::dns`]): a provider's word
//! that it has changed something is no proof.

use std::fmt;

use futures::future::BoxFuture;

use crate::actions::dns::Records;
use crate::engine::action::{ActionError, Touch};

/// A provider: who can change what the name servers say.
pub trait Provider: fmt::Debug + Send + Sync {
    /// Reads the credentials and keeps them, so that nothing has to be read in the middle of an outage. Cheap
    /// when that was done before.
    fn load(&self) -> BoxFuture<'_, Result<(), ActionError>>;

    /// Looks whether our credentials are accepted for the zone; changes nothing.
    fn check_access<'a>(&'a self, zone: &'a str) -> BoxFuture<'a, Result<Access, ActionError>>;

    /// Puts these records in the place of those that stand there, all types in one change. May be repeated.
    ///
    /// Faults: *refused* when the provider says no to us or to this; *transient* when something else stands
    /// there than was expected, with nothing changed; *in doubt* when the answer was lost.
    fn replace<'a>(&'a self, touch: &'a Touch, change: &'a Change) -> BoxFuture<'a, Result<(), ActionError>>;
}

/// That credentials are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// By whom.
    pub by: String,
    /// Servers that come before it in the estate and could not be used, each with its reason.
    pub passed_over: Vec<String>,
}

/// One change of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Without the final dot.
    pub zone: String,
    pub name: String,
    /// What may stand there now: what the name servers say, which is more than one thing while a change is on
    /// its way to the last of them. Anything else was put there by somebody else meanwhile, and is not
    /// overwritten.
    pub expected: Vec<Records>,
    /// What is to stand there; with no records, the name goes.
    pub records: Records,
    pub ttl_s: u32,
}
