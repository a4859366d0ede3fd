//! `host.soak`: see a host behave for a while.
//!
//! The engine looks again and again until the look is satisfied; this action keeps the time and the misses
//! between looks, and asks the host only when the next question is due. What it keeps lives as long as the
//! process: a soak that was broken off begins anew, because nobody saw the host meanwhile.

use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Reach;
use super::vitals::{SCRIPT, Vitals};
use crate::actions::ssh::As;
use crate::base::quantity::{Span, spoken};
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, Observed, Touch};

/// How long one question may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// A gap between two questions longer than this, and longer than three times `every`, breaks the soak off.
const GAP_MIN: Duration = Duration::from_secs(60);
/// Misses whose reasons are kept.
const REASONS_MAX: usize = 10;

/// What the runbook says.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    r#for: Span,
    every: Span,
    #[serde(default)]
    misses_max: u64,
}

/// Sees a host behave for a while.
#[derive(Debug)]
pub struct Soak {
    reach: Reach,
    arguments: Arguments,
    /// Held while the host is asked, so that it is asked once.
    watch: Mutex<Option<Watch>>,
}

/// What was seen since the soak began.
#[derive(Debug)]
struct Watch {
    began: Instant,
    began_at: Timestamp,
    /// When the host was last asked.
    asked: Instant,
    due: Instant,
    looks: u64,
    misses: Vec<String>,
    /// Misses beyond those whose reasons are kept.
    misses_more: u64,
    worst: Vitals,
    /// Why it began anew, where it did.
    anew: Option<String>,
}

impl Soak {
    pub fn new(reach: Reach, arguments: Arguments) -> Result<Self, String> {
        if arguments.every.millis() == 0 {
            return Err("`host.soak`: `every` must be longer than nothing".to_owned());
        }
        Ok(Self { reach, arguments, watch: Mutex::new(None) })
    }

    async fn look(&self) -> Result<Observed, ActionError> {
        if let Some(skipped) = self.reach.skipped() {
            return Ok(Observed::Satisfied(skipped));
        }
        // Stays where it is while the host is asked: the engine may drop a look at any time.
        let mut slot = self.watch.lock().await;
        let watch = slot.get_or_insert_with(|| Watch::new(None));
        let gap = watch.asked.elapsed();
        if gap > GAP_MIN.max(self.arguments.every.duration() * 3) {
            let gap_ms = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
            *watch = Watch::new(Some(format!("begun anew, nobody looked for {}", spoken(gap_ms))));
        }
        let is_over = watch.began.elapsed() >= self.arguments.r#for.duration();
        if is_over || Instant::now() >= watch.due {
            self.ask(watch).await;
        }
        let evidence = self.evidence(watch);
        if watch.misses() > self.arguments.misses_max {
            let reason = format!(
                "`{}` missed {} of {} looks, and {} may be missed: {}",
                self.reach.name,
                watch.misses(),
                watch.looks,
                self.arguments.misses_max,
                watch.misses.last().map_or("", String::as_str)
            );
            // The next look begins anew: a soak with too many misses cannot become a good one.
            *slot = None;
            return Ok(Observed::Blocked { until: None, reason, evidence });
        }
        Ok(if is_over { Observed::Satisfied(evidence) } else { Observed::Pending(evidence) })
    }

    async fn ask(&self, watch: &mut Watch) {
        watch.looks += 1;
        let answer = match self.reach.hosts.get(&self.reach.name) {
            Ok(host) => host.look(&SCRIPT, &[], As::Login, ANSWER_MAX).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(output) if output.is_ok() => {
                let vitals = Vitals::read(&output.stdout);
                let (before, now) = (watch.worst.boot.as_ref(), vitals.boot.as_ref());
                if before.is_some() && now.is_some() && before != now {
                    watch.miss("it was started anew".to_owned());
                }
                watch.worst = std::mem::take(&mut watch.worst).worse(vitals);
            }
            Ok(output) => watch.miss(format!("a look at it failed: {}", output.complaint())),
            Err(error) => watch.miss(error.message),
        }
        watch.asked = Instant::now();
        // On the beat, unless an answer took longer than the beat.
        watch.due = (watch.due + self.arguments.every.duration()).max(watch.asked);
    }

    fn evidence(&self, watch: &Watch) -> Evidence {
        let lasted_ms = u64::try_from(watch.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let whole_ms = self.arguments.r#for.millis();
        let time = if lasted_ms >= whole_ms {
            format!("for {}", spoken(whole_ms))
        } else {
            format!("for {} of {}", spoken(lasted_ms / 1_000 * 1_000), spoken(whole_ms))
        };
        let anew = watch.anew.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        let summary = format!(
            "`{}` was watched {time}{anew}: {} looks, {} missed; at worst {}",
            self.reach.name,
            watch.looks,
            watch.misses(),
            watch.worst.told()
        );
        let mut evidence = Evidence::new(summary)
            .with("since", watch.began_at.to_string())
            .with("lasted_ms", lasted_ms)
            .with("looks", watch.looks)
            .with("misses", watch.misses())
            .with("reasons", watch.misses.clone());
        for (name, value) in [
            ("load_max", watch.worst.load.map(serde_json::Value::from)),
            ("memory_used_percent_max", watch.worst.memory_used_percent.map(serde_json::Value::from)),
            ("disk_used_percent_max", watch.worst.disk_used_percent.map(serde_json::Value::from)),
        ] {
            if let Some(value) = value {
                evidence = evidence.with(name, value);
            }
        }
        evidence
    }
}

impl Watch {
    fn new(anew: Option<String>) -> Self {
        let now = Instant::now();
        Self {
            began: now,
            began_at: Timestamp::now(),
            asked: now,
            due: now,
            looks: 0,
            misses: Vec::new(),
            misses_more: 0,
            worst: Vitals::default(),
            anew,
        }
    }

    fn miss(&mut self, why: String) {
        if self.misses.len() < REASONS_MAX {
            self.misses.push(why);
        } else {
            self.misses_more += 1;
        }
    }

    fn misses(&self) -> u64 {
        u64::try_from(self.misses.len()).unwrap_or(u64::MAX).saturating_add(self.misses_more)
    }
}

impl Action for Soak {
    fn summary(&self) -> String {
        format!("see `{}` behave for {}", self.reach.name, self.arguments.r#for)
    }
    fn effect(&self) -> Effect {
        Effect::Look
    }
    fn watches_ms(&self) -> u64 {
        if self.reach.skipped().is_some() { 0 } else { self.arguments.r#for.millis() }
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(self.look())
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Err(ActionError::refused("`host.soak` only looks")) })
    }
}
