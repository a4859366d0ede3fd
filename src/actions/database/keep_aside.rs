//! `database.keep_aside`: what a rewind or a copy would destroy is kept first.

use futures::future::BoxFuture;

use super::port::Keepsake;
use super::situation::Situation;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Observed, Touch};

#[derive(Debug)]
pub struct KeepAside {
    pub situation: Situation,
    pub label: String,
}

impl Action for KeepAside {
    fn summary(&self) -> String {
        format!("keep what only `{}` at {} has", self.situation.service, self.situation.at)
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let Situation { at, database, .. } = &self.situation;
            let Some(leader) = self.situation.leader().await? else {
                let reason = "no other member takes writes, so nothing can be compared".to_owned();
                return Ok(match self.situation.came_from() {
                    Some(other) => self.situation.blocked_until(FactKind::Promoted, &other, reason),
                    None => Observed::Blocked { until: None, reason, evidence: Evidence::default() },
                });
            };
            Ok(match database.keepsake(at, &leader, &self.label).await? {
                Keepsake::Nothing(evidence) | Keepsake::Kept(evidence) => Observed::Satisfied(evidence),
                Keepsake::ToKeep(evidence) => Observed::Pending(evidence),
            })
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move {
            let Some(leader) = self.situation.leader().await? else {
                return Err(ActionError::transient("no other member takes writes any more"));
            };
            self.situation.database.keep(touch, &self.situation.at, &leader, &self.label).await.map(Applied::Proven)
        })
    }
}
