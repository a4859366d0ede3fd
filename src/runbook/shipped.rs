//! The runbooks that come with the program. They name no host and no site, so that they work on any
//! estate; each is also a file to read under `runbooks/`.

use std::sync::Arc;

use super::model::Runbook;
use super::signature::Signature;
use crate::base::place::Source;
use crate::base::problem::Problems;

/// Name and text of each.
pub const SHIPPED: &[(&str, &str)] = &[
    ("failover", include_str!("../../runbooks/failover.yaml")),
    ("failback", include_str!("../../runbooks/failback.yaml")),
    ("rejoin", include_str!("../../runbooks/rejoin.yaml")),
    ("account", include_str!("../../runbooks/account.yaml")),
];

/// A shipped runbook, where there is one of this name.
pub fn shipped(name: &str, catalogue: &[Signature]) -> Option<Result<Runbook, Problems>> {
    let (_, text) = SHIPPED.iter().find(|(known, _)| *known == name)?;
    Some(super::load(&source(name, text), catalogue))
}

pub(super) fn source(name: &str, text: &str) -> Arc<Source> {
    Source::new(format!("runbooks/{name}.yaml"), text)
}
