//! `database.marker_seen`: a row written at the primary arrives at the standby. "Streaming" is a claim, a row is a proof.

use futures::future::BoxFuture;

use super::port::{Role, Row};
use super::situation::Situation;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Observed, Touch};

#[derive(Debug)]
pub struct MarkerSeen(pub Situation);

impl Action for MarkerSeen {
    fn summary(&self) -> String {
        format!("see a marker arrive in `{}` at {}", self.0.service, self.0.at)
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let Situation { service, at, database, .. } = &self.0;
            let standing = self.0.standing().await?;
            if standing.role != Role::Standby || !standing.streaming {
                let reason = format!("`{service}` at {at} does not receive: {}", standing.summary);
                return Ok(self.0.blocked_until(FactKind::Following, at, reason));
            }
            Ok(match database.has_row(at, Row::Marker).await? {
                Some(evidence) => Observed::Satisfied(evidence),
                None => Observed::Pending(Evidence::new("no marker of this timeline yet → one, seen there")),
            })
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move {
            let Some(leader) = self.0.leader().await? else {
                return Err(ActionError::transient("no member takes writes, so no marker can be written"));
            };
            self.0.database.write_row(touch, &leader, &self.0.at, Row::Marker).await.map(Applied::Proven)
        })
    }
}
