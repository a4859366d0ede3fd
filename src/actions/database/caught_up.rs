//! `database.caught_up`: a standby has replayed nearly everything, so that a switch-over would be short.

use futures::future::BoxFuture;

use super::port::Role;
use super::situation::Situation;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Observed, Touch};

/// How far behind counts as nearly nothing. One WAL segment of PostgreSQL's default size, and what a
/// switch-over replays within its outage without being noticed.
const LAG_BYTES_MAX: u64 = 16 << 20;
/// The same in time, in milliseconds; only where there is something to replay.
const LAG_MS_MAX: u64 = 10_000;

#[derive(Debug)]
pub struct CaughtUp(pub Situation);

impl Action for CaughtUp {
    fn summary(&self) -> String {
        format!("wait until `{}` at {} has caught up", self.0.service, self.0.at)
    }
    fn effect(&self) -> Effect {
        Effect::Look
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let standing = self.0.standing().await?;
            let Situation { service, at, .. } = &self.0;
            let lag_bytes = standing.lag_bytes.unwrap_or(u64::MAX);
            let lag_ms = if lag_bytes == 0 { 0 } else { standing.lag_ms.unwrap_or(0) };
            let evidence = Evidence::new(standing.summary.clone()).with("lag_bytes", lag_bytes).with("lag_ms", lag_ms);
            Ok(match standing.role {
                Role::Primary => {
                    Observed::Satisfied(Evidence::new("it is a primary; there is nothing to catch up with"))
                }
                Role::Standby if standing.streaming && lag_bytes <= LAG_BYTES_MAX && lag_ms <= LAG_MS_MAX => {
                    Observed::Satisfied(evidence)
                }
                Role::Standby if standing.streaming => Observed::Pending(evidence),
                Role::Standby | Role::Down => {
                    let reason = format!("`{service}` at {at} does not receive: {}", standing.summary);
                    self.0.blocked_until(FactKind::Following, at, reason)
                }
            })
        })
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Ok(Applied::Unproven(Evidence::default())) })
    }
}
