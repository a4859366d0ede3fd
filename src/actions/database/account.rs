//! `database.account`: what one site wrote and the other never got is saved before anything discards it.

use futures::future::BoxFuture;

use super::port::Account;
use super::situation::Situation;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Observed, Touch};

#[derive(Debug)]
pub struct Accounting(pub Situation);

impl Action for Accounting {
    fn summary(&self) -> String {
        format!("save what `{}` wrote at {} only", self.0.service, self.0.at)
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let Some(leader) = self.0.leader().await? else {
                let reason = "no other member takes writes, so nothing can be compared".to_owned();
                return Ok(match self.0.came_from() {
                    Some(other) => self.0.blocked_until(FactKind::Promoted, &other, reason),
                    None => Observed::Blocked { until: None, reason, evidence: Evidence::default() },
                });
            };
            Ok(match self.0.database.lost_writes(&self.0.at, &leader).await? {
                Account::Needless(evidence) | Account::Taken(evidence) => Observed::Satisfied(evidence),
                Account::ToTake(evidence) => Observed::Pending(evidence),
            })
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move {
            let Some(leader) = self.0.leader().await? else {
                return Err(ActionError::transient("no other member takes writes any more"));
            };
            self.0.database.take_account(touch, &self.0.at, &leader).await.map(Applied::Proven)
        })
    }
}
