//! `database.ready`: everything that could fail later, looked at now and said all at once.

use futures::future::BoxFuture;

use super::port::{Role, Severity};
use super::situation::{Situation, two_writers};
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Observed, Touch};
use crate::runbook::bound::Mode;

#[derive(Debug)]
pub struct Ready(pub Situation);

impl Action for Ready {
    fn summary(&self) -> String {
        format!("see that `{}` could be promoted at {}", self.0.service, self.0.at)
    }
    fn effect(&self) -> Effect {
        Effect::Look
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let Situation { service, at, database, context } = &self.0;
            let standing = self.0.standing().await?;
            if standing.role == Role::Primary {
                for site in self.0.elsewhere() {
                    let other = database.standing(&site).await;
                    if other.is_ok_and(|other| other.role == Role::Primary) {
                        let reason = two_writers(service, at, &site);
                        return Ok(Observed::Blocked { until: None, reason, evidence: Evidence::default() });
                    }
                }
                return Ok(Observed::Satisfied(Evidence::new(format!(
                    "it is the primary already: {}",
                    standing.summary
                ))));
            }
            let from = self.0.came_from();
            let findings = database.findings(from.as_ref(), at, context.mode).await?;
            let evidence =
                Evidence::new(standing.summary).with("findings", serde_json::to_value(&findings).unwrap_or_default());
            let sentences = |severity| {
                let found = findings.iter().filter(move |finding| finding.severity == severity);
                found.map(|finding| finding.sentence.as_str()).collect::<Vec<_>>().join("; ")
            };
            let blocking = sentences(Severity::Blocks);
            if blocking.is_empty() {
                let warnings = sentences(Severity::Warns);
                let mut evidence = evidence;
                if !warnings.is_empty() {
                    evidence.summary = format!("{} (to be known: {warnings})", evidence.summary);
                }
                return Ok(Observed::Satisfied(evidence));
            }
            // A standby that does not stream may be what an earlier step of a fail-back mends.
            let until =
                (context.mode == Mode::Planned && !standing.streaming).then(|| self.0.fact(FactKind::Following, at));
            Ok(Observed::Blocked { until, reason: blocking, evidence })
        })
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Ok(Applied::Unproven(Evidence::default())) })
    }
}
