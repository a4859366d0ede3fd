//! `database.follow`: the member at a site becomes a standby of the one that serves.

use futures::future::BoxFuture;

use super::port::{Account, By, Role, Way};
use super::situation::Situation;
use crate::base::name::SiteName;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Observed, Touch};

#[derive(Debug)]
pub struct Follow {
    pub situation: Situation,
    pub by: By,
}

impl Follow {
    /// The way, or what is in it.
    async fn way(&self) -> Result<Result<(SiteName, Way), Observed>, ActionError> {
        let Situation { service, at, database, context } = &self.situation;
        let standing = self.situation.standing().await;
        let leader = self.situation.leader().await?;
        let Some(leader) = leader else {
            let other = context.to.as_ref().filter(|to| *to != at).cloned().or_else(|| self.situation.came_from());
            let reason = match standing {
                Ok(standing) if standing.role == Role::Primary => format!("`{service}` takes writes at {at} itself"),
                _ => format!("no other member of `{service}` takes writes, so there is none to follow"),
            };
            return Ok(Err(match other {
                Some(other) => Observed::Blocked {
                    until: Some(self.situation.fact(FactKind::Promoted, &other)),
                    reason,
                    evidence: Evidence::new(format!("would follow {other}, once it serves")),
                },
                None => Observed::Blocked { until: None, reason, evidence: Evidence::default() },
            }));
        };
        let way = database.way_to_follow(at, &leader, self.by).await?;
        if matches!(way, Way::Rewind(_) | Way::Copy(_))
            && let Account::ToTake(lost) = database.lost_writes(at, &leader).await?
        {
            return Ok(Err(Observed::Blocked {
                until: Some(self.situation.fact(FactKind::Accounted, at)),
                reason: format!(
                    "it would discard what is not saved yet ({}); `database.account` saves it",
                    lost.summary
                ),
                evidence: match way {
                    Way::Rewind(evidence) | Way::Copy(evidence) => evidence,
                    _ => Evidence::default(),
                },
            }));
        }
        Ok(Ok((leader, way)))
    }
}

impl Action for Follow {
    fn summary(&self) -> String {
        format!("make `{}` at {} follow the one that serves", self.situation.service, self.situation.at)
    }
    fn effect(&self) -> Effect {
        Effect::Guarded
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            Ok(match self.way().await? {
                Err(blocked) => blocked,
                Ok((_, Way::Already(evidence))) => Observed::Satisfied(evidence),
                Ok((_, Way::Follow(evidence) | Way::Rewind(evidence) | Way::Copy(evidence))) => {
                    Observed::Pending(evidence)
                }
                Ok((_, Way::Blocked(reason))) => {
                    Observed::Blocked { until: None, reason, evidence: Evidence::default() }
                }
            })
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move {
            match self.way().await? {
                Ok((_, Way::Already(evidence))) => Ok(Applied::Proven(evidence)),
                Ok((leader, way)) => {
                    if let Way::Blocked(reason) = way {
                        return Err(ActionError::refused(reason));
                    }
                    self.situation.database.follow(touch, &self.situation.at, &leader, &way).await.map(Applied::Proven)
                }
                Err(Observed::Blocked { reason, .. }) => Err(ActionError::refused(reason)),
                Err(_) => Err(ActionError::refused("there is nobody to follow")),
            }
        })
    }
}
