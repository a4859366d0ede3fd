//! What is under way: looks, acts and undos as futures, each with its limit, and what they come back with.

use futures::future::{AbortRegistration, Abortable, BoxFuture};
use futures::stream::FuturesUnordered;

use super::action::{Action, ActionError, Evidence, Touch};
use super::ahead::{Ticket, Turn};
use super::event::What;
use super::plan::{Plan, StepIndex};
use super::ports::{Clock, JournalError};
use super::state::RunState;

/// How long a look may take, whatever the step's time limit, in milliseconds. Adapters have shorter
/// limits of their own; this one keeps a run from hanging when one of them forgets.
const LOOK_MAX_MS: u64 = 60_000;

/// What comes back from something that was under way; an error, when it was cut short because the locks are
/// another's now. That has no outcome in the journal: what was done before stays in doubt.
pub(super) type Outcome = (StepIndex, Result<What, JournalError>);

/// What was under way: a step's turn, or a look before it.
pub(super) enum Landed {
    Turn(Outcome),
    /// Nothing where it was given up.
    Early(StepIndex, Ticket, Option<What>),
}

pub(super) type Flying<'a> = FuturesUnordered<BoxFuture<'a, Landed>>;

/// What is left of a step's time for an act, in milliseconds; a second at least.
pub(super) fn time_left(plan: &Plan, state: &RunState, step: StepIndex) -> u64 {
    let (Some(step), Some(record)) = (plan.steps.get(step), state.steps.get(step)) else { return 1_000 };
    let used = state.now_ms.saturating_sub(record.began_ms.unwrap_or(state.now_ms));
    step.within_ms.saturating_sub(used).max(1_000)
}

/// A look, and what it found or why it found nothing.
pub(super) async fn look(step: StepIndex, action: &dyn Action, clock: &dyn Clock) -> What {
    let limit = clock.until(clock.monotonic_ms() + LOOK_MAX_MS);
    tokio::select! {
        biased;
        found = action.observe() => match found {
            Ok(observed) => What::Looked { step, observed },
            Err(error) => What::LookFailed { step, error },
        },
        () = limit => What::LookFailed { step, error: ActionError::unreachable(format!("looking took longer than {LOOK_MAX_MS} ms")) },
    }
}

/// A step's turn to be looked at: by what was found early, or by a look that begins at this time of the clock's.
pub(super) fn turn_to<'a>(
    flying: &mut Flying<'a>,
    turn: Turn,
    step: StepIndex,
    not_before_ms: u64,
    action: &'a dyn Action,
    clock: &'a dyn Clock,
) {
    match turn {
        Turn::UnderWay => {}
        Turn::Found(what) => flying.push(Box::pin(async move { Landed::Turn((step, Ok(what))) })),
        Turn::Nothing => flying.push(Box::pin(async move {
            clock.until(not_before_ms).await;
            Landed::Turn((step, Ok(look(step, action, clock).await)))
        })),
    }
}

/// A look before its turn; it ends at once when it is given up.
pub(super) fn early_look<'a>(
    (ticket, going): (Ticket, AbortRegistration),
    step: StepIndex,
    action: &'a dyn Action,
    clock: &'a dyn Clock,
) -> BoxFuture<'a, Landed> {
    Box::pin(async move { Landed::Early(step, ticket, Abortable::new(look(step, action, clock), going).await.ok()) })
}

pub(super) async fn act(
    step: StepIndex,
    attempt: u32,
    action: &dyn Action,
    touch: &Touch,
    clock: &dyn Clock,
    limit_ms: u64,
) -> Result<What, JournalError> {
    let limit = clock.until(clock.monotonic_ms() + limit_ms);
    let error = tokio::select! {
        biased;
        done = action.apply(touch) => match done {
            Ok(applied) => return Ok(What::Acted { step, attempt, applied }),
            Err(error) => error,
        },
        () = limit => {
            let limit = crate::base::quantity::spoken(limit_ms);
            ActionError::in_doubt(format!("no answer within {limit}; whether it was done is not known"))
        }
    };
    still_ours(touch).await?;
    Ok(What::ActFailed { step, attempt, error })
}

/// Something that failed because it may not act any more is no failure of the act's.
async fn still_ours(touch: &Touch) -> Result<(), JournalError> {
    touch.ended().await.map_or(Ok(()), |why| Err(JournalError::LockLost(why)))
}

pub(super) async fn undo(
    step: StepIndex,
    action: &dyn Action,
    touch: &Touch,
    before: &Evidence,
    clock: &dyn Clock,
    limit_ms: u64,
) -> Result<What, JournalError> {
    let limit = clock.until(clock.monotonic_ms() + limit_ms);
    let error = tokio::select! {
        biased;
        done = action.undo(touch, before) => match done {
            Ok(evidence) => return Ok(What::Undone { step, evidence }),
            Err(error) => error,
        },
        () = limit => ActionError::transient("no answer in time"),
    };
    still_ours(touch).await?;
    Ok(What::UndoFailed { step, error })
}
