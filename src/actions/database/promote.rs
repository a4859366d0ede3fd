//! `database.promote`: the point of no return. What it rests on is looked at again in the same breath.

use futures::future::BoxFuture;

use super::port::{Role, Settling};
use super::situation::{ACCEPTED_LOSS, Situation, two_writers};
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, Observed, Touch};

#[derive(Debug)]
pub struct Promote(pub Situation);

impl Promote {
    fn settling(&self) -> Settling {
        if self.0.context.settled_later { Settling::Later } else { Settling::AtOnce }
    }

    /// Whoever is asked whether to go on is told what goes with it, also before the fence stands.
    fn with_loss(&self, blocked: Observed, evidence: &Evidence) -> Observed {
        match (blocked, evidence.text(ACCEPTED_LOSS)) {
            (Observed::Blocked { until: Some(fact), reason, .. }, Some(loss)) => {
                let evidence = Evidence {
                    summary: format!("{}, once {fact}; {loss}", self.summary()),
                    values: evidence.values.clone(),
                };
                Observed::Blocked { until: Some(fact), reason, evidence }
            }
            (blocked, _) => blocked,
        }
    }
}

impl Action for Promote {
    fn summary(&self) -> String {
        format!("promote `{}` at {}", self.0.service, self.0.at)
    }
    fn effect(&self) -> Effect {
        Effect::Guarded
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let Situation { service, at, database, .. } = &self.0;
            let scene = self.0.scene().await;
            let standing = scene.standing.clone()?;
            match standing.role {
                Role::Primary => {
                    for site in self.0.elsewhere() {
                        if database.standing(&site).await.is_ok_and(|other| other.role == Role::Primary) {
                            let reason = two_writers(service, at, &site);
                            return Ok(Observed::Blocked { until: None, reason, evidence: Evidence::default() });
                        }
                    }
                    return Ok(match database.promotion_rest(at, self.settling()).await? {
                        None => Observed::Satisfied(Evidence::new(standing.summary)),
                        Some(rest) => {
                            Observed::Pending(Evidence::new(format!("{}, but {rest} → finished", standing.summary)))
                        }
                    });
                }
                Role::Down => {
                    let reason = format!("`{service}` does not run at {at}: {}", standing.summary);
                    return Ok(Observed::Blocked { until: None, reason, evidence: Evidence::default() });
                }
                Role::Standby => {}
            }
            // A loss that nobody accepted is said before anything else: nothing that an earlier step does can mend it.
            let (not_arrived, evidence) = self.0.not_arrived(&scene)?;
            if let Some(blocked @ Observed::Blocked { until: None, .. }) = not_arrived {
                return Ok(blocked);
            }
            if let Some(blocked) = self.0.unfenced_elsewhere(&scene)? {
                return Ok(self.with_loss(blocked, &evidence));
            }
            if let Some(blocked) = not_arrived {
                return Ok(blocked);
            }
            let now = match standing.timeline {
                0 => format!("{} → takes writes; {}", standing.summary, evidence.summary),
                timeline => {
                    format!("in recovery on timeline {timeline} → takes writes on a new one; {}", evidence.summary)
                }
            };
            Ok(Observed::Pending(Evidence { summary: now, values: evidence.values }))
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move {
            let from = self.0.came_from();
            self.0.database.promote(touch, from.as_ref(), &self.0.at, self.settling()).await.map(Applied::Proven)
        })
    }
}
