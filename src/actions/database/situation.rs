//! What several of the actions ask before they decide.

use std::fmt;
use std::sync::Arc;

use super::port::{Arrival, Database, Fence, Role, Scene, Standing};
use crate::actions::context::RunContext;
use crate::base::name::{ServiceName, SiteName};
use crate::engine::action::{ActionError, Evidence, Fact, FactKind, Observed};
use crate::runbook::bound::Mode;

/// Two members take writes: which one is right only a person can know, and no runbook settles it.
pub fn two_writers(service: &ServiceName, one: impl fmt::Display, other: impl fmt::Display) -> String {
    format!(
        "`{service}` takes writes at {one} and at {other}: find out which one is right, stop the other's server on its host \
         (`pg_ctl stop -m fast`, or its unit), then `switchback run rejoin --input site=SITE` for the one that was stopped"
    )
}

/// The value of a promotion's evidence that says which loss was accepted by name.
pub const ACCEPTED_LOSS: &str = "accepted_loss";

/// A service's database, the site that an action acts at, and the run that it belongs to.
#[derive(Debug, Clone)]
pub struct Situation {
    pub service: ServiceName,
    pub at: SiteName,
    pub database: Arc<dyn Database>,
    pub context: RunContext,
}

impl Situation {
    /// A fact about this service.
    pub fn fact(&self, kind: FactKind, site: &SiteName) -> Fact {
        Fact { kind, service: self.service.clone(), site: site.clone() }
    }

    /// How the member acted upon stands.
    pub async fn standing(&self) -> Result<Standing, ActionError> {
        self.database.standing(&self.at).await
    }

    /// What a role change here rests on, all of it looked at now.
    pub async fn scene(&self) -> Scene {
        self.database.scene(&self.at, self.came_from().as_ref()).await
    }

    /// The other sites that have a member.
    pub fn elsewhere(&self) -> Vec<SiteName> {
        self.database.places().into_iter().filter(|site| site != &self.at).collect()
    }

    /// The site that served last, as the run knows it; else the one other.
    pub fn came_from(&self) -> Option<SiteName> {
        let elsewhere = self.elsewhere();
        let named = self.context.from.as_ref().filter(|site| elsewhere.contains(site)).cloned();
        named.or_else(|| if let [one] = elsewhere.as_slice() { Some(one.clone()) } else { None })
    }

    /// Blocks until no other site can take a write. `None` when that is proven, or accepted by name.
    pub fn unfenced_elsewhere(&self, scene: &Scene) -> Result<Option<Observed>, ActionError> {
        for (site, fence) in &scene.fences {
            match fence.as_ref().map_err(Clone::clone)? {
                Fence::Proven(_) => {}
                Fence::Unprovable(_) | Fence::Unproven(_) if self.context.accepted.unfenced.contains_key(site) => {}
                Fence::Open(evidence) | Fence::Unproven(evidence) => {
                    let reason = format!("`{}` is not fenced at {site}: {}", self.service, evidence.summary);
                    return Ok(Some(self.blocked_until(FactKind::Fenced, site, reason)));
                }
                Fence::Unprovable(why) => {
                    let mut reason =
                        format!("nothing proves that `{}` cannot take a write at {site}: {why}", self.service);
                    // No earlier step can mend it there.
                    if site == &self.at && self.context.mode == Mode::Emergency {
                        reason = format!(
                            "{reason}; see to it by hand and accept it with `--accept-unfenced {site} --reason …`"
                        );
                    }
                    return Ok(Some(self.blocked_until(FactKind::Fenced, site, reason)));
                }
            }
        }
        Ok(None)
    }

    /// Blocks until every write of the old primary is here, or what is not is accepted by name.
    /// `None` when so; the evidence says how it stands.
    pub fn not_arrived(&self, scene: &Scene) -> Result<(Option<Observed>, Evidence), ActionError> {
        let (Some(from), Some(arrival)) = (self.came_from(), &scene.arrival) else {
            return Ok((None, Evidence::default()));
        };
        let arrival = match arrival.clone()? {
            Arrival::Unknown(evidence) => Arrival::Unknown(self.with_last_seen(evidence, &from)),
            known => known,
        };
        let accepted = self.context.accepted.data_loss.contains_key(&self.service);
        let emergency = self.context.mode == Mode::Emergency;
        let block = |reason: String| Some(self.blocked_until(FactKind::CaughtUp, &self.at, reason));
        let (blocked, evidence) = match arrival {
            Arrival::All(evidence) => (None, evidence),
            Arrival::Lost { bytes: 0, evidence } if emergency => (None, evidence),
            Arrival::Lost { evidence, .. } | Arrival::Unknown(evidence) if emergency && accepted => {
                let loss = format!("writes of `{}` may be lost: {}", self.service, evidence.summary);
                (None, evidence.with(ACCEPTED_LOSS, loss))
            }
            Arrival::Lost { evidence, .. } | Arrival::Unknown(evidence) if emergency => {
                let reason = format!(
                    "writes of `{}` may be lost: {}; accept it with `--accept-data-loss {} --reason …`",
                    self.service, evidence.summary, self.service
                );
                (Some(Observed::Blocked { until: None, reason, evidence: evidence.clone() }), evidence)
            }
            Arrival::StillWriting(evidence) if emergency => {
                (Some(self.blocked_until(FactKind::Fenced, &from, evidence.summary.clone())), evidence)
            }
            Arrival::NotYet(evidence) if emergency => (block(evidence.summary.clone()), evidence),
            Arrival::NotYet(evidence)
            | Arrival::StillWriting(evidence)
            | Arrival::Unknown(evidence)
            | Arrival::Lost { evidence, .. } => (
                block(format!(
                    "not every write of `{}` has arrived at {}: {}",
                    self.service, self.at, evidence.summary
                )),
                evidence,
            ),
        };
        Ok((blocked, evidence))
    }

    /// What an earlier look saw, added to what cannot be seen any more.
    fn with_last_seen(&self, mut evidence: Evidence, from: &SiteName) -> Evidence {
        let seen = self.context.memory.last_seen(&self.service).and_then(|seen| seen.spoken(from, &self.at));
        if let Some(seen) = seen {
            evidence.summary = format!("{}; {seen}", evidence.summary);
            evidence = evidence.with("last_seen", seen);
        }
        evidence
    }

    /// The site whose member takes writes, when one elsewhere does; or this one, where there are others to follow it.
    pub async fn leader(&self) -> Result<Option<SiteName>, ActionError> {
        // Of a site that another is to take over from, the others follow that other one.
        let stays = self.context.to.as_ref().is_none_or(|to| to == &self.at);
        let here = stays
            && !self.database.siblings(&self.at).is_empty()
            && self.standing().await.is_ok_and(|standing| standing.role == Role::Primary);
        let mut trouble = None;
        for site in self.elsewhere() {
            match self.database.standing(&site).await {
                Ok(standing) if standing.role == Role::Primary && here => {
                    return Err(ActionError::refused(two_writers(&self.service, &self.at, &site)));
                }
                Ok(standing) if standing.role == Role::Primary => return Ok(Some(site)),
                Ok(_) => {}
                Err(error) => trouble = Some(error),
            }
        }
        if here {
            return Ok(Some(self.at.clone()));
        }
        trouble.map_or(Ok(None), Err)
    }

    pub fn blocked_until(&self, kind: FactKind, site: &SiteName, reason: String) -> Observed {
        Observed::Blocked { until: Some(self.fact(kind, site)), reason, evidence: Evidence::default() }
    }
}
