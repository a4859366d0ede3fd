//! Waiting until a change has reached every server, and until the answer before it has been forgotten.

use std::cell::Cell;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::look::{Seen, Wanted, from_json};
use super::target::Target;
use crate::actions::context::Memory;
use crate::actions::dns::same;
use crate::engine::action::Evidence;
use crate::runbook::bound::Mode;

/// How long an act waits for its own proof; after that the engine looks on, within the step's time.
const PROOF_MAX: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// What the servers said last, and what was still missing then; nothing, when they all say what is wanted.
pub async fn settle(target: &Target, wanted: Wanted<'_>, mode: Mode) -> (Seen, Vec<String>) {
    let until = Instant::now() + PROOF_MAX;
    let mut pause = PAUSE_MIN;
    loop {
        let seen = target.look().await;
        let misses = seen.misses(wanted, mode);
        if misses.is_empty() || Instant::now() + pause >= until {
            return (seen, misses);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Marks evidence, so that a later step of the run finds it.
pub fn mark(evidence: Evidence, action: &str, target: &Target) -> Evidence {
    evidence.with("action", action).with("entrance", target.name.as_str()).with("seen_at", Timestamp::now().to_string())
}

/// Until when resolvers may keep an answer that this run has replaced; `None` when it has replaced none.
///
/// An act says when its change was seen everywhere and what the TTL was before. Where that was lost with the
/// process that acted, the look at the beginning of the run (`entrance.ready`) says what stood there and for
/// how long it may be kept, and the change is no younger than the first look that saw it done.
pub fn kept_until(memory: &Memory, target: &Target) -> Option<Timestamp> {
    let latest = Cell::new(None);
    memory.find::<()>(|_, evidence| {
        if is_of(evidence, target) {
            latest.set(latest.get().max(expiry(evidence, "changed_at", evidence.number("before_ttl_s"))));
        }
        None
    });
    latest.get().or_else(|| {
        let ready = remembered(memory, target, "entrance.ready")?;
        let point = remembered(memory, target, "entrance.point")?;
        let records = |evidence: &Evidence| from_json(evidence.values.get("records")?);
        let moved = !same(&records(&ready)?, &records(&point)?);
        moved.then(|| expiry(&point, "seen_at", ready.number("ttl_s")))?
    })
}

/// What this action last said of this entrance in this run.
pub fn remembered(memory: &Memory, target: &Target, action: &str) -> Option<Evidence> {
    let is_it = |evidence: &Evidence| is_of(evidence, target) && evidence.text("action") == Some(action);
    memory.find(|_, evidence| is_it(evidence).then(|| evidence.clone()))
}

/// How long it is until then, in milliseconds; `None` when it is past.
pub fn left_ms(until: Timestamp) -> Option<u64> {
    let left_ms = until.duration_since(Timestamp::now()).as_millis();
    u64::try_from(left_ms).ok().filter(|left_ms| *left_ms > 0)
}

fn is_of(evidence: &Evidence, target: &Target) -> bool {
    evidence.text("entrance") == Some(target.name.as_str())
}

/// When an answer is forgotten that could last be given at `moment` and kept for `ttl_s`.
fn expiry(evidence: &Evidence, moment: &str, ttl_s: Option<u64>) -> Option<Timestamp> {
    let at: Timestamp = evidence.text(moment)?.parse().ok()?;
    at.checked_add(SignedDuration::from_secs(i64::try_from(ttl_s?).ok()?)).ok()
}
