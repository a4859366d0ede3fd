//! A member that the run promoted, and that a start since has made read-only again, before `database.settle` had its turn.
//!
//! That it leads is decided, and users may be there: it takes writes again, whichever step meets it first.

use super::port::{Fence, Role, Settling};
use super::situation::{Situation, two_writers};
use crate::engine::action::{ActionError, Evidence, Observed, Touch};

/// Pending, unless another site might take writes.
pub async fn look(situation: &Situation, fell_back: Evidence) -> Observed {
    match another_writes(situation).await {
        None => Observed::Pending(Evidence::new(format!("{} → takes writes again", fell_back.summary))),
        Some(why) => {
            let reason = format!("{}, and another site might take writes: {why}", fell_back.summary);
            Observed::Blocked { until: None, reason, evidence: fell_back }
        }
    }
}

/// It takes writes, and so does any start of it: it has fallen back once. Others are looked at in the same breath, since it may have
/// fallen back after the step's own look.
pub async fn promote_again(situation: &Situation, touch: &Touch) -> Result<Evidence, ActionError> {
    if let Some(why) = another_writes(situation).await {
        return Err(ActionError::transient(format!("another site might take writes: {why}")));
    }
    let from = situation.came_from();
    situation.database.promote(touch, from.as_ref(), &situation.at, Settling::AtOnce).await
}

/// Why another site might take writes; `None` when none can. What this run froze is seen to be read-only still; the lock that held
/// its administrators too may have gone with the program that the run began in, as it may at any time after a promotion.
async fn another_writes(situation: &Situation) -> Option<String> {
    let Situation { service, at, database, context } = situation;
    for (site, fence) in situation.scene().await.fences {
        let accepted = context.accepted.unfenced.contains_key(&site);
        match (database.standing(&site).await, fence) {
            (Ok(seen), _) if seen.role == Role::Primary => return Some(two_writers(service, at, &site)),
            (Ok(seen), _) if seen.role == Role::Standby => {}
            (_, Ok(Fence::Proven(_))) => {}
            _ if accepted => {}
            (_, Ok(Fence::Open(evidence) | Fence::Unproven(evidence))) => return Some(evidence.summary),
            (_, Ok(Fence::Unprovable(why))) => return Some(why),
            (_, Err(error)) => return Some(error.message),
        }
    }
    None
}
