//! What measures beside a run what a client sees, where the estate wants it (`canary:`).

use super::session::Prepared;
use crate::actions::canary::Canary;
use crate::engine::ports::Clock;
use crate::estate::canary::Writes;
use crate::runbook::bound::Mode;
use crate::runbook::signature::FactKind;

/// The canary of a run: of a planned one that moves something. An emergency has no client that was served before it
/// began, and what is written to a primary that is being given up would be counted among the losses.
pub fn perched(prepared: &Prepared, clock: &dyn Clock, origin_ms: i128, run: &str) -> Option<Canary> {
    let elapsed_ms = u64::try_from(i128::from(clock.monotonic_ms()) - origin_ms).unwrap_or(0);
    has_one(prepared).then(|| prepared.workshop.canary(run, elapsed_ms)).flatten()
}

/// A line for whoever decides: that the run will write, and where.
pub fn foreseen(prepared: &Prepared) -> Option<String> {
    let canary = prepared.estate.canary.as_ref().filter(|_| has_one(prepared))?;
    let to = match &canary.writes {
        Writes::Database(service) => format!("`{service}`"),
        Writes::Http { url, method } => format!("{} {url}", method.word()),
    };
    Some(format!(
        "canary: while the run lasts, every {} a write to {to} by `{}`, to measure what a client sees",
        canary.every, canary.entrance
    ))
}

fn has_one(prepared: &Prepared) -> bool {
    let moves = [FactKind::Fenced, FactKind::Promoted, FactKind::Led];
    let mut gives = prepared.plan.steps.iter().flat_map(|step| &step.gives);
    prepared.plan.mode == Mode::Planned && gives.any(|fact| moves.contains(&fact.kind))
}
