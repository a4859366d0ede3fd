//! `database.tidy`: drops what role changes of ours have left over. Only what bears our name.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::port::Database;
use crate::base::name::ServiceName;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, Observed, Touch};

#[derive(Debug)]
pub struct Tidy {
    pub service: ServiceName,
    pub database: Arc<dyn Database>,
}

impl Action for Tidy {
    fn summary(&self) -> String {
        format!("drop what role changes of `{}` have left over", self.service)
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let leftovers = self.database.leftovers().await?;
            Ok(if leftovers.is_empty() {
                Observed::Satisfied(Evidence::new("nothing is left over"))
            } else {
                Observed::Pending(Evidence::new(format!("{} → none", leftovers.join(", "))))
            })
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move { self.database.tidy(touch).await.map(Applied::Proven) })
    }
}
