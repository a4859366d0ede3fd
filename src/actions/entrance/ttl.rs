//! `entrance.ttl`: set how long resolvers may keep the entrance's answer.
//!
//! Done only when answers with the old TTL have run out: until then users may still hold one.

use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use super::look::{Seen, Wanted, ttls};
use super::settle::{left_ms, mark, remembered, settle};
use super::target::Target;
use crate::actions::context::Memory;
use crate::base::quantity::spoken;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, Observed, Touch};
use crate::runbook::bound::Mode;

const NAME: &str = "entrance.ttl";

/// Sets the TTL of what stands there.
#[derive(Debug)]
pub struct Ttl {
    target: Target,
    new_s: u32,
    mode: Mode,
    memory: Memory,
    changed: Mutex<Option<Changed>>,
}

/// When every server was first seen to give the new TTL, and what the longest one was before.
#[derive(Debug, Clone, Copy)]
struct Changed {
    before_ttl_s: u32,
    done_at: Option<Timestamp>,
}

impl Ttl {
    pub fn new(target: Target, new_s: u32, mode: Mode, memory: Memory) -> Self {
        Self { target, new_s, mode, memory, changed: Mutex::new(None) }
    }

    /// The look's own records with the new TTL: whatever an entrance leads to, it stays.
    async fn look(&self) -> Result<(Seen, Vec<String>), ActionError> {
        let seen = self.target.look().await;
        if self.mode == Mode::Planned || seen.said().next().is_none() {
            seen.need_all()?;
        }
        let name = &self.target.name;
        let Some(first) = seen.first() else {
            return Err(ActionError::refused(format!("`{name}`: the estate names no authoritative server")));
        };
        if first.ttls_s.is_empty() {
            return Err(ActionError::refused(format!("`{name}` has no records whose TTL could be set")));
        }
        let misses = seen.misses(Wanted { records: &first.records, ttl_s: Some(self.new_s) }, self.mode);
        Ok((seen, misses))
    }

    /// Until when an answer with a longer TTL may be kept. Where the process that set the TTL is gone, the
    /// look at the beginning of the run says what it was.
    fn kept_until(&self) -> Option<(Timestamp, Changed)> {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.is_none() {
            let ready = remembered(&self.memory, &self.target, "entrance.ready")?;
            let before_ttl_s = u32::try_from(ready.number("ttl_s")?).ok()?;
            *changed = Some(Changed { before_ttl_s, done_at: None });
        }
        let changed = changed.as_mut().filter(|changed| changed.before_ttl_s > self.new_s)?;
        let done_at = *changed.done_at.get_or_insert_with(Timestamp::now);
        let until = done_at.checked_add(SignedDuration::from_secs(changed.before_ttl_s.into())).ok()?;
        Some((until, *changed))
    }

    /// What is to be said once every server gives the new TTL: done, or not before the old one has run out.
    fn set(&self, seen: &Seen) -> (bool, Evidence) {
        let (name, ttl_s) = (&self.target.name, self.new_s);
        let kept = self.kept_until();
        let left_ms = kept.and_then(|(until, _)| left_ms(until));
        let summary = match left_ms {
            Some(left_ms) => format!("`{name}` has TTL {ttl_s} s; the old one runs out in {}", spoken(left_ms)),
            None => format!("`{name}` has TTL {ttl_s} s at every server that answers"),
        };
        let mut evidence = mark(seen.evidence(summary), NAME, &self.target);
        if let Some((_, Changed { before_ttl_s, done_at: Some(done_at) })) = kept {
            evidence = evidence.with("before_ttl_s", before_ttl_s).with("changed_at", done_at.to_string());
        }
        (left_ms.is_none(), evidence)
    }

    async fn act(&self, touch: &Touch) -> Result<Applied, ActionError> {
        let (before, misses) = self.look().await?;
        let records = before.first().map(|answer| answer.records.clone()).unwrap_or_default();
        if !misses.is_empty() {
            if let Some(before_ttl_s) = before.ttl_s() {
                let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
                changed.get_or_insert(Changed { before_ttl_s, done_at: None });
            }
            self.target.provider.replace(touch, &self.target.change(&before, &records, self.new_s)).await?;
        }
        let (seen, misses) =
            settle(&self.target, Wanted { records: &records, ttl_s: Some(self.new_s) }, self.mode).await;
        if !misses.is_empty() {
            let summary = format!("the TTL was set, and not every server says so yet: {}", misses.join("; "));
            return Ok(Applied::Unproven(mark(seen.evidence(summary), NAME, &self.target)));
        }
        let (done, evidence) = self.set(&seen);
        Ok(if done { Applied::Proven(evidence) } else { Applied::Unproven(evidence) })
    }

    async fn go_back(&self, touch: &Touch, before: &Evidence) -> Result<Evidence, ActionError> {
        let name = &self.target.name;
        let old_s = before.number("ttl_s").and_then(|ttl_s| u32::try_from(ttl_s).ok());
        let Some(old_s) = old_s else {
            return Err(ActionError::refused(format!(
                "the TTL of `{name}` before is not in the journal; set it by hand"
            )));
        };
        let (seen, _) = self.look().await?;
        let records = seen.first().map(|answer| answer.records.clone()).unwrap_or_default();
        let wanted = Wanted { records: &records, ttl_s: Some(old_s) };
        let mut misses = seen.misses(wanted, self.mode);
        if !misses.is_empty() {
            self.target.provider.replace(touch, &self.target.change(&seen, &records, old_s)).await?;
            misses = settle(&self.target, wanted, self.mode).await.1;
        }
        if !misses.is_empty() {
            let why = misses.join("; ");
            return Err(ActionError::transient(format!(
                "the TTL of `{name}` was put back, and not every server says so yet: {why}"
            )));
        }
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(mark(Evidence::new(format!("`{name}` has TTL {old_s} s again")), NAME, &self.target))
    }
}

impl Action for Ttl {
    fn summary(&self) -> String {
        format!("set the TTL of `{}` to {} s", self.target.name, self.new_s)
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let (seen, misses) = self.look().await?;
            if misses.is_empty() {
                let (done, evidence) = self.set(&seen);
                return Ok(if done { Observed::Satisfied(evidence) } else { Observed::Pending(evidence) });
            }
            self.target.provider.load().await?;
            let old = seen.first().map(ttls).unwrap_or_default();
            let summary = format!("TTL {old} → {} s", self.new_s);
            Ok(Observed::Pending(mark(seen.evidence(summary), NAME, &self.target)))
        })
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(self.act(touch))
    }
    fn undo<'a>(&'a self, touch: &'a Touch, before: &'a Evidence) -> BoxFuture<'a, Result<Evidence, ActionError>> {
        Box::pin(self.go_back(touch, before))
    }
}
