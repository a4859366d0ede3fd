//! `entrance.point`: lead users to a site.

use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use jiff::Timestamp;

use super::look::{Seen, Wanted, from_json, to_json, ttls};
use super::settle::{mark, settle};
use super::target::Target;
use crate::actions::dns::{Records, same, shown};
use crate::base::name::SiteName;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, Observed, Touch};
use crate::runbook::bound::Mode;

const NAME: &str = "entrance.point";

/// Leads users of an entrance to a site.
#[derive(Debug)]
pub struct Point {
    target: Target,
    to: SiteName,
    mode: Mode,
    /// What this process replaced; the engine keeps only what the last look says, and `entrance.seen` must
    /// know for how long the answer before may live on.
    replaced: Mutex<Option<Replaced>>,
}

#[derive(Debug, Clone)]
struct Replaced {
    records: Records,
    ttl_s: Option<u32>,
    /// When every server was first seen to say what is wanted.
    done_at: Option<Timestamp>,
}

impl Point {
    pub fn new(target: Target, to: SiteName, mode: Mode) -> Self {
        Self { target, to, mode, replaced: Mutex::new(None) }
    }

    fn wanted(&self) -> Result<Wanted<'_>, ActionError> {
        Ok(Wanted { records: self.target.records_at(&self.to)?, ttl_s: Some(self.target.ttl_s) })
    }

    /// The evidence of an entrance that leads where it should.
    fn done(&self, seen: &Seen, wanted: Wanted<'_>) -> Evidence {
        let summary = format!(
            "`{}` leads to {}: every server that answers says {} (TTL {} s)",
            self.target.name,
            self.to,
            shown(wanted.records),
            self.target.ttl_s
        );
        let mut evidence = mark(seen.evidence(summary), NAME, &self.target).with("to", self.to.as_str());
        let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(replaced) = replaced.as_mut() {
            let done_at = replaced.done_at.get_or_insert_with(Timestamp::now);
            evidence = evidence.with("changed_at", done_at.to_string()).with("before", to_json(&replaced.records));
            if let Some(ttl_s) = replaced.ttl_s {
                evidence = evidence.with("before_ttl_s", ttl_s);
            }
        }
        evidence
    }

    /// From what to what.
    fn pending(&self, seen: &Seen, wanted: Wanted<'_>, misses: &[String]) -> Evidence {
        let other: Vec<String> = seen.distinct().iter().filter(|now| !same(now, wanted.records)).map(shown).collect();
        let ttl_s = self.target.ttl_s;
        let other_ttl = seen.said().find(|(_, answer)| answer.ttls_s.iter().any(|own| *own != ttl_s));
        let summary = match (other.is_empty(), other_ttl) {
            (false, _) => format!("`{}` → `{}` (TTL {ttl_s} s)", other.join("` and `"), shown(wanted.records)),
            (true, Some((_, answer))) => format!("TTL {} → {ttl_s} s", ttls(answer)),
            (true, None) => misses.join("; "),
        };
        mark(seen.evidence(summary), NAME, &self.target).with("to", self.to.as_str())
    }

    async fn look(&self) -> Result<Observed, ActionError> {
        let wanted = self.wanted()?;
        let seen = self.target.look().await;
        if seen.said().next().is_none() {
            seen.need_all()?;
        }
        let misses = seen.misses(wanted, self.mode);
        if misses.is_empty() {
            return Ok(Observed::Satisfied(self.done(&seen, wanted)));
        }
        self.target.provider.load().await?;
        Ok(Observed::Pending(self.pending(&seen, wanted, &misses)))
    }

    async fn act(&self, touch: &Touch) -> Result<Applied, ActionError> {
        let wanted = self.wanted()?;
        let before = self.target.look().await;
        let Some(first) = before.first() else {
            before.need_all()?;
            return Err(ActionError::refused(format!(
                "`{}`: the estate names no authoritative server",
                self.target.name
            )));
        };
        let replaced = Replaced { records: first.records.clone(), ttl_s: before.ttl_s(), done_at: None };
        // Remembered before the act, whose answer may be lost; the first answer of all is what users may keep.
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(replaced);
        let change = self.target.change(&before, wanted.records, self.target.ttl_s);
        self.target.provider.replace(touch, &change).await?;
        let (seen, misses) = settle(&self.target, wanted, self.mode).await;
        if misses.is_empty() {
            return Ok(Applied::Proven(self.done(&seen, wanted)));
        }
        let summary =
            format!("`{}` was changed, and not every server says so yet: {}", self.target.name, misses.join("; "));
        Ok(Applied::Unproven(mark(seen.evidence(summary), NAME, &self.target)))
    }

    async fn go_back(&self, touch: &Touch, before: &Evidence) -> Result<Evidence, ActionError> {
        let name = &self.target.name;
        let Some(old) = before.values.get("records").and_then(from_json) else {
            return Err(ActionError::refused(format!(
                "where `{name}` led before is not in the journal; point it by hand"
            )));
        };
        let ttl_s = before.number("ttl_s").and_then(|ttl_s| u32::try_from(ttl_s).ok()).unwrap_or(self.target.ttl_s);
        let wanted = Wanted { records: &old, ttl_s: Some(ttl_s) };
        let seen = self.target.look().await;
        let mut misses = seen.misses(wanted, self.mode);
        if !misses.is_empty() {
            let mut change = self.target.change(&seen, &old, ttl_s);
            // Only what this run put there is taken back; what somebody else put there meanwhile stays.
            change.expected = vec![self.wanted()?.records.clone()];
            self.target.provider.replace(touch, &change).await?;
            misses = settle(&self.target, wanted, self.mode).await.1;
        }
        if !misses.is_empty() {
            let why = misses.join("; ");
            return Err(ActionError::transient(format!(
                "`{name}` was put back, and not every server says so yet: {why}"
            )));
        }
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(mark(Evidence::new(format!("`{name}` says {} again (TTL {ttl_s} s)", shown(&old))), NAME, &self.target))
    }
}

impl Action for Point {
    fn summary(&self) -> String {
        format!("lead `{}` to {}", self.target.name, self.to)
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(self.look())
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(self.act(touch))
    }
    fn undo<'a>(&'a self, touch: &'a Touch, before: &'a Evidence) -> BoxFuture<'a, Result<Evidence, ActionError>> {
        Box::pin(self.go_back(touch, before))
    }
}
