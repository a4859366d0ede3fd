//! `database.follow`: the members at a site become standbys of the one that serves. `database.siblings_follow`: those beside
//! the one that serves do, which after an emergency is all that can.

use futures::future::BoxFuture;

use super::port::{Account, By, Role, Way};
use super::situation::Situation;
use crate::base::name::SiteName;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Observed, Touch};

#[derive(Debug)]
pub struct Follow {
    pub situation: Situation,
    pub by: By,
    pub who: Who,
}

/// Who is to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everybody at the site.
    Site,
    /// Those beside the one that leads at the site, once it serves.
    Siblings,
}

impl Follow {
    /// Whom to follow, or why nobody can be.
    async fn leader(&self) -> Result<Result<SiteName, Observed>, ActionError> {
        let Situation { service, at, context, .. } = &self.situation;
        if self.who == Who::Siblings {
            if self.situation.standing().await?.role == Role::Primary {
                return Ok(Ok(at.clone()));
            }
            let reason = format!("`{service}` does not take writes at {at} yet");
            return Ok(Err(self.situation.blocked_until(FactKind::Promoted, at, reason)));
        }
        let standing = self.situation.standing().await;
        let leader = self.situation.leader().await?;
        Ok(leader.ok_or_else(|| {
            let other = context.to.as_ref().filter(|to| *to != at).cloned().or_else(|| self.situation.came_from());
            let reason = match standing {
                Ok(standing) if standing.role == Role::Primary => format!("`{service}` takes writes at {at} itself"),
                _ => format!("no other member of `{service}` takes writes, so there is none to follow"),
            };
            match other {
                Some(other) => Observed::Blocked {
                    until: Some(self.situation.fact(FactKind::Promoted, &other)),
                    reason,
                    evidence: Evidence::new(format!("would follow {other}, once it serves")),
                },
                None => Observed::Blocked { until: None, reason, evidence: Evidence::default() },
            }
        }))
    }

    /// The way, or what is in it.
    async fn way(&self) -> Result<Result<(SiteName, Way), Observed>, ActionError> {
        let Situation { service, at, database, .. } = &self.situation;
        if self.who == Who::Siblings && database.siblings(at).is_empty() {
            let evidence = Evidence::new(format!("`{service}` has one member at {at}"));
            return Ok(Ok((at.clone(), Way::Already(evidence))));
        }
        let leader = match self.leader().await? {
            Ok(leader) => leader,
            Err(blocked) => return Ok(Err(blocked)),
        };
        let way = database.way_to_follow(at, &leader, self.by).await?;
        if matches!(way, Way::Rewind(_) | Way::Copy(_))
            && let Account::ToTake(lost) = database.lost_writes(at, &leader).await?
        {
            let by_hand = match self.who {
                Who::Site => String::new(),
                Who::Siblings => format!(": `switchback run rejoin --input site={at}`"),
            };
            return Ok(Err(Observed::Blocked {
                until: Some(self.situation.fact(FactKind::Accounted, at)),
                reason: format!(
                    "it would discard what is not saved yet ({}); `database.account` saves it{by_hand}",
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
        let Situation { service, at, .. } = &self.situation;
        match self.who {
            Who::Site => format!("make `{service}` at {at} follow the one that serves"),
            Who::Siblings => format!("make the other members of `{service}` at {at} follow the one that serves there"),
        }
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
