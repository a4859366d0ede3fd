//! `database.write_test`: a row is written at the new primary and read back.

use futures::future::BoxFuture;

use super::fell_back;
use super::port::{Role, Row, Settled};
use super::situation::Situation;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Observed, Touch};

#[derive(Debug)]
pub struct WriteTest(pub Situation);

impl Action for WriteTest {
    fn summary(&self) -> String {
        format!("write a row to `{}` at {} and read it back", self.0.service, self.0.at)
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let Situation { service, at, database, .. } = &self.0;
            // Users wait: both questions at once. What the second says of one that takes no writes is not heard.
            let (role, row) = futures::join!(database.role(at), database.has_row(at, Row::WriteTest));
            if role? != Role::Primary {
                if let Settled::FellBack(evidence) = database.settled(at).await? {
                    return Ok(fell_back::look(&self.0, evidence).await);
                }
                let reason = format!("`{service}` does not take writes at {at} yet");
                return Ok(self.0.blocked_until(FactKind::Promoted, at, reason));
            }
            Ok(match row? {
                Some(evidence) => Observed::Satisfied(evidence),
                None => Observed::Pending(Evidence::new("no row of this timeline yet → one, read back")),
            })
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        let Situation { at, database, .. } = &self.0;
        Box::pin(async move {
            let written = database.write_row(touch, at, at, Row::WriteTest).await;
            // Asked only where a write fails: users wait.
            if written.is_err() && matches!(database.settled(at).await, Ok(Settled::FellBack(_))) {
                fell_back::promote_again(&self.0, touch).await?;
                return database.write_row(touch, at, at, Row::WriteTest).await.map(Applied::Proven);
            }
            written.map(Applied::Proven)
        })
    }
}
