//! `database.fence`: no write can be taken at a site, and none after a restart. Proven, not assumed.

use futures::future::BoxFuture;

use super::port::{Fence, Role};
use super::situation::Situation;
use crate::base::name::SiteName;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Fault, Observed, Touch};
use crate::runbook::bound::Mode;

#[derive(Debug)]
pub struct Fencing(pub Situation);

impl Fencing {
    /// In planned mode a stop loses nothing only while the other side receives at that very moment: a
    /// standby that is not attached when the primary stops is silently not waited for.
    async fn unsafe_now(&self) -> Result<Option<Observed>, ActionError> {
        let Situation { service, at, database, context } = &self.0;
        let (Mode::Planned, Some(to)) = (context.mode, context.to.as_ref().filter(|to| *to != at)) else {
            return Ok(None);
        };
        let reason = match database.standing(to).await {
            Ok(standing) if standing.role == Role::Standby && standing.streaming => return Ok(None),
            Ok(standing) => {
                format!("`{service}` at {to} does not receive from {at} at this moment ({})", standing.summary)
            }
            Err(error) => format!("whether `{service}` at {to} receives from {at} cannot be seen: {error}"),
        };
        // What takes no writes by now has nothing more to send than it had when it was fenced the first time: the run that did
        // it has died since, and has detached the other side perhaps. What has arrived is looked at before any promotion.
        if database.standing(at).await.is_ok_and(|standing| standing.role == Role::Standby) {
            return Ok(None);
        }
        Ok(Some(self.0.blocked_until(FactKind::Following, to, reason)))
    }

    /// What a person said of a fence that nothing proves, where one did.
    fn accepted(&self, why: &str) -> Option<Evidence> {
        let reason = self.0.context.accepted.unfenced.get(&self.0.at)?;
        let summary = format!("NOT PROVEN, accepted by name ({reason}): {why}");
        Some(Evidence::new(summary).with("accepted_unfenced", true))
    }

    fn what_accepts_it(&self) -> String {
        format!("cut the host off by hand and accept it with `--accept-unfenced {} --reason …`", self.0.at)
    }

    /// Whether the member at a site stayed a follower. Of one that cannot be seen only a person can know that:
    /// what is *seen* to take writes is never passed over.
    async fn nobody_was_promoted(&self, site: &SiteName) -> Result<(), ActionError> {
        let Situation { service, at, database, context } = &self.0;
        match database.doubt_that_it_followed(site).await {
            Ok(None) => Ok(()),
            Ok(Some(doubt)) => Err(ActionError::refused(format!(
                "`{service}` stays fenced at {at}: the member at {site} is not seen to be in recovery ({doubt})"
            ))),
            // A server that answers, and lets us not in, is alive: nobody can vouch that it takes no writes.
            Err(error) if error.fault != Fault::Refused && context.accepted.unfenced.contains_key(site) => Ok(()),
            Err(error) => Err(ActionError::new(
                error.fault,
                format!(
                    "`{service}` stays fenced at {at}, since nothing shows that {site} was not promoted: {error}; cut its \
                     host off by hand, then `switchback rollback --accept-unfenced {site} --reason …`"
                ),
            )),
        }
    }
}

impl Action for Fencing {
    fn summary(&self) -> String {
        format!("fence `{}` at {}", self.0.service, self.0.at)
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let Situation { service, at, database, context } = &self.0;
            match database.fence_look(at).await? {
                Fence::Proven(evidence) => Ok(Observed::Satisfied(evidence)),
                Fence::Open(evidence) | Fence::Unproven(evidence) => {
                    Ok(self.unsafe_now().await?.unwrap_or(Observed::Pending(evidence)))
                }
                Fence::Unprovable(why) => {
                    if let Some(evidence) = self.accepted(&why) {
                        return Ok(Observed::Satisfied(evidence));
                    }
                    let mut reason = format!("nothing proves that `{service}` cannot take a write at {at}: {why}");
                    if context.mode == Mode::Emergency {
                        reason = format!("{reason}; {}", self.what_accepts_it());
                    }
                    Ok(Observed::Blocked { until: None, reason, evidence: Evidence::default() })
                }
            }
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move {
            match self.0.database.fence(touch, &self.0.at, self.0.context.mode).await? {
                Fence::Proven(evidence) => Ok(Applied::Proven(evidence)),
                Fence::Open(evidence) => Ok(Applied::Unproven(evidence)),
                // Of one member; the others are fenced.
                Fence::Unprovable(why) => match self.accepted(&why) {
                    Some(accepted) => Ok(Applied::Proven(accepted)),
                    None => Err(ActionError::in_doubt(why)),
                },
                // It was tried to the end; nothing more can be done from here.
                Fence::Unproven(evidence) => match self.accepted(&evidence.summary) {
                    Some(evidence) => Ok(Applied::Proven(evidence)),
                    None => Err(ActionError::refused(format!("{}; {}", evidence.summary, self.what_accepts_it()))),
                },
            }
        })
    }
    fn undo<'a>(&'a self, touch: &'a Touch, _before: &'a Evidence) -> BoxFuture<'a, Result<Evidence, ActionError>> {
        Box::pin(async move {
            // An old primary is started only while nobody can have been promoted.
            for site in self.0.elsewhere() {
                self.nobody_was_promoted(&site).await?;
            }
            self.0.database.unfence(touch, &self.0.at).await
        })
    }
}
