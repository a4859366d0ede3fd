//! `entrance.seen`: see that everybody is led to a site.

use futures::future::BoxFuture;

use super::look::Wanted;
use super::settle::{kept_until, left_ms, mark};
use super::target::Target;
use crate::actions::context::Memory;
use crate::actions::dns::shown;
use crate::base::name::SiteName;
use crate::base::quantity::spoken;
use crate::engine::action::{Action, ActionError, Applied, Effect, Observed, Touch};
use crate::runbook::bound::Mode;

/// Sees that everybody is led to a site.
#[derive(Debug)]
pub struct SeenByAll {
    pub target: Target,
    pub to: SiteName,
    pub mode: Mode,
    pub memory: Memory,
}

impl SeenByAll {
    async fn look(&self) -> Result<Observed, ActionError> {
        let wanted = Wanted { records: self.target.records_at(&self.to)?, ttl_s: None };
        let (seen, resolvers) = futures::future::join(self.target.look(), self.target.look_at_resolvers()).await;
        let mut misses = seen.misses(wanted, self.mode);
        if !resolvers.answers.is_empty() {
            misses.extend(resolvers.misses_of_resolvers(wanted, self.mode));
        }
        let until = kept_until(&self.memory, &self.target);
        let left_ms = until.and_then(left_ms);
        if let Some(left_ms) = left_ms {
            misses.push(format!("the answer before may be kept for {} more", spoken(left_ms)));
        }
        let (name, to) = (&self.target.name, &self.to);
        let summary = match (misses.is_empty(), until) {
            (false, _) => format!("not everybody is led to {to} yet: {}", misses.join("; ")),
            (true, Some(_)) => format!(
                "`{name}` leads everybody to {to}: every server that answers says {}, and the answer before has run out",
                shown(wanted.records)
            ),
            (true, None) => format!(
                "`{name}` leads everybody to {to}: every server that answers says {}, and did so before this run",
                shown(wanted.records)
            ),
        };
        let mut evidence = mark(seen.evidence(summary), "entrance.seen", &self.target)
            .with("resolvers", resolvers.evidence("").values.remove("servers").unwrap_or_default());
        if let Some(left_ms) = left_ms {
            evidence = evidence.with("left_ms", left_ms);
        }
        Ok(if misses.is_empty() { Observed::Satisfied(evidence) } else { Observed::Pending(evidence) })
    }
}

impl Action for SeenByAll {
    fn summary(&self) -> String {
        format!("see that `{}` leads everybody to {}", self.target.name, self.to)
    }
    fn effect(&self) -> Effect {
        Effect::Look
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(self.look())
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Err(ActionError::refused("`entrance.seen` only looks")) })
    }
}
