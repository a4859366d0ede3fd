//! `database.keep_aside`: what a rewind or a copy would destroy is kept first.

use futures::future::BoxFuture;

use super::port::Keepsake;
use super::situation::Situation;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Observed, Touch};

#[derive(Debug)]
pub struct KeepAside {
    pub situation: Situation,
    /// As [`folder_name`] gives it.
    pub label: String,
}

/// A runbook's label as the beginning of a folder's name on a host: it leads to no other folder and is no option.
pub fn folder_name(label: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let name: String = label.chars().map(plain).skip_while(|c| *c == '-').take(40).collect();
    if name.is_empty() { "kept".to_owned() } else { name }
}

impl Action for KeepAside {
    fn summary(&self) -> String {
        format!("keep what only `{}` at {} has", self.situation.service, self.situation.at)
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let Situation { at, database, .. } = &self.situation;
            let Some(leader) = self.situation.leader().await? else {
                let reason = "no other member takes writes, so nothing can be compared".to_owned();
                return Ok(match self.situation.came_from() {
                    Some(other) => self.situation.blocked_until(FactKind::Promoted, &other, reason),
                    None => Observed::Blocked { until: None, reason, evidence: Evidence::default() },
                });
            };
            Ok(match database.keepsake(at, &leader, &self.label).await? {
                Keepsake::Nothing(evidence) | Keepsake::Kept(evidence) => Observed::Satisfied(evidence),
                Keepsake::ToKeep(evidence) => Observed::Pending(evidence),
            })
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move {
            let Some(leader) = self.situation.leader().await? else {
                return Err(ActionError::transient("no other member takes writes any more"));
            };
            self.situation.database.keep(touch, &self.situation.at, &leader, &self.label).await.map(Applied::Proven)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::folder_name;

    #[test]
    fn a_label_is_the_beginning_of_a_folders_name_and_nothing_else() {
        for (label, name) in [
            ("before-rejoin", "before-rejoin"),
            ("../../etc/x", "etc-x"),
            ("-rf /", "rf--"),
            ("$(id)\n'", "id---"),
            ("", "kept"),
            ("..", "kept"),
        ] {
            assert_eq!(folder_name(label), name, "{label:?}");
        }
        assert_eq!(folder_name(&"x".repeat(100)).len(), 40);
    }
}
