//! `database.detach`: the member at a site follows nobody; a primary that comes back cannot feed it.

use futures::future::BoxFuture;

use super::port::Role;
use super::situation::Situation;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, Observed, Touch};

#[derive(Debug)]
pub struct Detach(pub Situation);

impl Action for Detach {
    fn summary(&self) -> String {
        format!("break the replication of `{}` at {}", self.0.service, self.0.at)
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let scene = self.0.scene().await;
            let standing = scene.standing.clone()?;
            match (standing.role, &standing.follows) {
                (Role::Primary, _) => Ok(Observed::Satisfied(Evidence::new("it is a primary; it follows nobody"))),
                (_, None) if !standing.streaming => Ok(Observed::Satisfied(Evidence::new("it follows nobody"))),
                (_, follows) => {
                    if let Some(blocked) = self.0.unfenced_elsewhere(&scene)? {
                        return Ok(blocked);
                    }
                    // Cutting the stream before everything has come through it would lose the rest.
                    if let (Some(blocked), _) = self.0.not_arrived(&scene)? {
                        return Ok(blocked);
                    }
                    let whom = follows.as_deref().unwrap_or("another");
                    Ok(Observed::Pending(Evidence::new(format!("follows {whom} → follows nobody"))))
                }
            }
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move { self.0.database.detach(touch, &self.0.at).await.map(Applied::Proven) })
    }
    fn undo<'a>(&'a self, touch: &'a Touch, _before: &'a Evidence) -> BoxFuture<'a, Result<Evidence, ActionError>> {
        Box::pin(async move {
            let Some(leader) = self.0.came_from() else {
                return Err(ActionError::refused("which site it followed is not known"));
            };
            match self.0.database.attach(touch, &self.0.at, &leader).await {
                // Whoever vouches for a host that is gone must not be kept by it from serving at the other site.
                Err(error) if self.0.context.accepted.unfenced.contains_key(&self.0.at) => Ok(Evidence::new(format!(
                    "left as it is, since nothing at {} is waited for any more: {error}",
                    self.0.at
                ))),
                other => other,
            }
        })
    }
}
