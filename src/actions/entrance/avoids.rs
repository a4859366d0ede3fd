//! `entrance.avoids`: see that no user is led to a site.

use futures::future::BoxFuture;

use super::settle::mark;
use super::target::Target;
use crate::actions::dns::shown;
use crate::base::name::SiteName;
use crate::engine::action::{Action, ActionError, Applied, Effect, Observed, Touch};
use crate::runbook::bound::Mode;

/// Sees that no user is led to a site.
#[derive(Debug)]
pub struct Avoids {
    pub target: Target,
    pub site: SiteName,
    pub mode: Mode,
}

impl Avoids {
    async fn look(&self) -> Result<Observed, ActionError> {
        let records = self.target.records_at(&self.site)?;
        let seen = self.target.look().await;
        if self.mode == Mode::Planned || seen.said().next().is_none() {
            seen.need_all()?;
        }
        let (name, site) = (&self.target.name, &self.site);
        let leading = seen.saying(records);
        if leading.is_empty() {
            let now: Vec<String> = seen.distinct().iter().map(shown).collect();
            let summary = format!("`{name}` leads nobody to {site}: it says {}", now.join(" and "));
            return Ok(Observed::Satisfied(mark(seen.evidence(summary), "entrance.avoids", &self.target)));
        }
        let reason = format!("`{name}` leads users to {site}: {}", leading.join(", "));
        let evidence = mark(seen.evidence(reason.clone()), "entrance.avoids", &self.target);
        Ok(Observed::Blocked { until: None, reason, evidence })
    }
}

impl Action for Avoids {
    fn summary(&self) -> String {
        format!("see that `{}` leads nobody to {}", self.target.name, self.site)
    }
    fn effect(&self) -> Effect {
        Effect::Look
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(self.look())
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Err(ActionError::refused("`entrance.avoids` only looks")) })
    }
}
