//! `database.settle`: any start of the new primary takes writes, as it does now. Apart from the promotion, since users need not
//! wait for it: that the host cannot be logged in to at that moment no longer holds them up.

use futures::future::BoxFuture;

use super::fell_back;
use super::port::Settled;
use super::situation::Situation;
use crate::engine::action::{Action, ActionError, Applied, Effect, FactKind, Observed, Touch};

#[derive(Debug)]
pub struct Settle(pub Situation);

impl Action for Settle {
    fn summary(&self) -> String {
        format!("write down that any start of `{}` at {} takes writes", self.0.service, self.0.at)
    }
    fn effect(&self) -> Effect {
        Effect::Guarded
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let Situation { service, at, database, .. } = &self.0;
            match database.settled(at).await? {
                Settled::Yes(evidence) => Ok(Observed::Satisfied(evidence)),
                Settled::Not(evidence) => Ok(Observed::Pending(evidence)),
                Settled::FellBack(evidence) => Ok(fell_back::look(&self.0, evidence).await),
                Settled::NotPromoted(evidence) => {
                    let reason = format!("`{service}` does not take writes at {at} yet: {}", evidence.summary);
                    Ok(self.0.blocked_until(FactKind::Promoted, at, reason))
                }
            }
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move {
            let Situation { service, at, database, .. } = &self.0;
            match database.settled(at).await? {
                Settled::Yes(evidence) => Ok(Applied::Proven(evidence)),
                Settled::Not(_) => database.settle(touch, at).await.map(Applied::Proven),
                Settled::FellBack(_) => fell_back::promote_again(&self.0, touch).await.map(Applied::Proven),
                Settled::NotPromoted(evidence) => Err(ActionError::transient(format!(
                    "`{service}` does not take writes at {at}: {}",
                    evidence.summary
                ))),
            }
        })
    }
}
