//! `database.prepare`: shortens the stop that is to come, outside the outage.

use futures::future::BoxFuture;

use super::port::Role;
use super::situation::Situation;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, Observed, Touch};

#[derive(Debug)]
pub struct Prepare(pub Situation);

impl Action for Prepare {
    fn summary(&self) -> String {
        format!("flush `{}` at {}, so that its stop is short", self.0.service, self.0.at)
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            Ok(match self.0.standing().await?.role {
                Role::Primary => Observed::Pending(Evidence::new(
                    "what the fence would have to wait for is done now: two checkpoints of PostgreSQL, catching up of MariaDB and MySQL",
                )),
                Role::Standby => Observed::Satisfied(Evidence::new("it is in recovery; there is nothing to shorten")),
                Role::Down => Observed::Satisfied(Evidence::new("it does not run; there is nothing to shorten")),
            })
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move { self.0.database.shorten(touch, &self.0.at).await.map(Applied::Proven) })
    }
}
