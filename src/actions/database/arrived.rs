//! `database.arrived`: every write of the fenced primary is at the site that takes over.

use futures::future::BoxFuture;

use super::port::{Arrival, Role};
use super::situation::Situation;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Observed, Touch};

#[derive(Debug)]
pub struct Arrived(pub Situation);

impl Action for Arrived {
    fn summary(&self) -> String {
        format!("wait until every write of `{}` has arrived at {}", self.0.service, self.0.at)
    }
    fn effect(&self) -> Effect {
        Effect::Look
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let scene = self.0.scene().await;
            let standing = scene.standing.clone()?;
            if standing.role == Role::Primary {
                return Ok(Observed::Satisfied(Evidence::new(format!(
                    "it is the primary already: {}",
                    standing.summary
                ))));
            }
            if let Some(blocked) = self.0.unfenced_elsewhere(&scene)? {
                return Ok(blocked);
            }
            let (Some(from), Some(arrival)) = (self.0.came_from(), scene.arrival) else {
                return Ok(Observed::Unknown("which site served last is not known".to_owned()));
            };
            Ok(match arrival? {
                Arrival::All(evidence) => Observed::Satisfied(evidence),
                Arrival::NotYet(evidence) => Observed::Pending(evidence),
                Arrival::StillWriting(evidence) => self.0.blocked_until(FactKind::Fenced, &from, evidence.summary),
                Arrival::Lost { evidence, .. } | Arrival::Unknown(evidence) => {
                    Observed::Blocked { until: None, reason: evidence.summary.clone(), evidence }
                }
            })
        })
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Ok(Applied::Unproven(Evidence::default())) })
    }
}
