//! `entrance.ready`: look whether an entrance could be pointed to a site.

use futures::future::BoxFuture;
use serde_json::json;

use super::look::Seen;
use super::settle::mark;
use super::target::Target;
use crate::actions::dns::shown;
use crate::base::name::SiteName;
use crate::base::quantity::spoken;
use crate::engine::action::{Action, ActionError, Applied, Effect, Observed, Touch};
use crate::estate::model::Objectives;
use crate::runbook::bound::Mode;

/// Looks whether an entrance could be pointed to a site.
#[derive(Debug)]
pub struct Ready {
    pub target: Target,
    pub to: SiteName,
    pub mode: Mode,
    pub objectives: Objectives,
}

impl Ready {
    async fn look(&self) -> Result<Observed, ActionError> {
        let access = self.target.provider.check_access(&self.target.zone);
        let (seen, access) = futures::future::join(self.target.look(), access).await;
        let (mut blocking, mut warnings) = (seen.faults(self.mode), Vec::new());
        match access {
            Ok(access) => warnings.extend(access.passed_over),
            Err(error) => blocking.push(error.message),
        }
        if let Err(unknown) = self.target.records_at(&self.to) {
            blocking.push(unknown.message);
        }
        let distinct = seen.distinct();
        if distinct.len() > 1 {
            let said = seen.said().map(|(server, answer)| format!("{server} says {}", shown(&answer.records)));
            blocking.push(format!("the name servers disagree: {}", said.collect::<Vec<_>>().join(", ")));
        }
        warnings.extend(self.slow(&seen));
        let leads = match (distinct.as_slice(), distinct.first().and_then(|records| self.target.site_of(records))) {
            ([_], Some(site)) => format!("leads to {site}"),
            ([records], None) => format!("leads to no site of the estate ({})", shown(records)),
            _ => "leads nowhere in particular".to_owned(),
        };
        let findings: Vec<_> = blocking
            .iter()
            .map(|sentence| json!({"severity": "blocking", "sentence": sentence}))
            .chain(warnings.iter().map(|sentence| json!({"severity": "warning", "sentence": sentence})))
            .collect();
        let name = &self.target.name;
        let summary = if warnings.is_empty() {
            format!("`{name}` {leads} and can be pointed to {}", self.to)
        } else {
            format!("`{name}` {leads} and can be pointed to {}, but {}", self.to, warnings.join("; "))
        };
        let evidence = mark(seen.evidence(summary), "entrance.ready", &self.target).with("findings", findings);
        if blocking.is_empty() {
            return Ok(Observed::Satisfied(evidence));
        }
        let reason = format!("`{name}` cannot be pointed to {}: {}", self.to, blocking.join("; "));
        Ok(Observed::Blocked { until: None, reason, evidence })
    }

    /// TTLs that keep users at the old site for longer than the objectives allow.
    fn slow(&self, seen: &Seen) -> Vec<String> {
        let Some(most) = [self.objectives.rto, self.objectives.outage_max].into_iter().flatten().min() else {
            return Vec::new();
        };
        let is_slow = |ttl_s: &u32| u64::from(*ttl_s) * 1_000 > most.millis();
        let time = |ttl_s: u32| spoken(u64::from(ttl_s) * 1_000);
        let now = seen.ttl_s().filter(is_slow).map(|ttl_s| {
            format!("resolvers may keep its present answer for {}, and {most} is the objective; lower it first with `entrance.ttl`", time(ttl_s))
        });
        let rest = Some(self.target.ttl_s)
            .filter(is_slow)
            .map(|ttl_s| format!("the estate's own TTL for it is {}, and {most} is the objective", time(ttl_s)));
        now.into_iter().chain(rest).collect()
    }
}

impl Action for Ready {
    fn summary(&self) -> String {
        format!("look whether `{}` could be pointed to {}", self.target.name, self.to)
    }
    fn effect(&self) -> Effect {
        Effect::Look
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(self.look())
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Err(ActionError::refused("`entrance.ready` only looks")) })
    }
}
