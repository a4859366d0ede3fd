//! `database.tables_equal`: every table is the same at both members, seen part by part.
//!
//! A comparison takes hours where there is much, and a look must not: each look compares for some seconds
//! and says how far it has come. What was compared is kept in memory only; after a crash it begins again.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::port::{Role, Same, Table};
use super::situation::Situation;
use crate::base::name::SiteName;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, FactKind, Observed, Touch};

/// How long one look compares.
const SLICE: Duration = Duration::from_secs(4);
/// How many findings are told one by one.
const TOLD_MAX: usize = 10;

#[derive(Debug)]
pub struct TablesEqual {
    situation: Situation,
    progress: Mutex<Option<Progress>>,
}

/// How far the comparison is.
#[derive(Debug, Default)]
struct Progress {
    tables: Vec<Table>,
    /// The table in hand, and where its next part begins.
    table: usize,
    from: Option<String>,
    /// Of the table in hand.
    bytes: u64,
    rows: u64,
    parts: u64,
    differ: Vec<String>,
    changing: Vec<String>,
}

impl TablesEqual {
    pub fn new(situation: Situation) -> Self {
        Self { situation, progress: Mutex::new(None) }
    }

    async fn look(&self) -> Result<Observed, ActionError> {
        let Situation { service, at, database, .. } = &self.situation;
        let standing = self.situation.standing().await?;
        let Some(leader) = self.situation.leader().await? else {
            let reason = format!("no other member of `{service}` takes writes, so there is nothing to compare with");
            return Ok(Observed::Blocked { until: None, reason, evidence: Evidence::default() });
        };
        if standing.role != Role::Standby || !standing.streaming {
            let reason = format!("`{service}` at {at} does not follow {leader}: {}", standing.summary);
            return Ok(self.situation.blocked_until(FactKind::Following, at, reason));
        }
        let mut held = self.progress.lock().await;
        let Some(progress) = held.as_mut() else {
            // The first look only counts: `plan` takes it too.
            let tables = database.tables(at, &leader).await?;
            let progress = Progress { tables, ..Progress::default() };
            let found = Observed::Pending(progress.evidence(&format!("to be compared with {leader}")));
            *held = Some(progress);
            return Ok(found);
        };
        let began = Instant::now();
        while began.elapsed() < SLICE {
            if !self.part(progress, &leader).await? {
                return self.conclusion(progress, &leader).await;
            }
        }
        Ok(Observed::Pending(progress.evidence(&format!("compared with {leader} so far"))))
    }

    /// Compares one more part; false when there is none.
    async fn part(&self, progress: &mut Progress, leader: &SiteName) -> Result<bool, ActionError> {
        let Some(table) = progress.tables.get(progress.table) else { return Ok(false) };
        let part = self.situation.database.compare(&self.situation.at, leader, table, progress.from.as_deref()).await?;
        match part.same {
            Same::Equal => {}
            Same::Differs(place) => progress.differ.push(place),
            Same::Changing(place) => progress.changing.push(place),
        }
        progress.rows += part.rows;
        progress.parts += 1;
        progress.bytes = part.bytes.min(table.bytes);
        progress.from = part.next;
        if progress.from.is_none() {
            progress.table += 1;
            progress.bytes = 0;
        }
        Ok(true)
    }

    async fn conclusion(&self, progress: &Progress, leader: &SiteName) -> Result<Observed, ActionError> {
        let Situation { service, at, database, .. } = &self.situation;
        let (here, there) = (database.standing(at).await?, database.standing(leader).await?);
        let positions = format!("{at} is at {}, {leader} at {}", here.position_text, there.position_text);
        let evidence = progress.evidence(&format!("compared with {leader}"));
        let told = |list: &[String]| list.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join("; ");
        let changing = if progress.changing.is_empty() {
            String::new()
        } else {
            let (count, list) = (progress.changing.len(), told(&progress.changing));
            format!("; {count} parts were changed all the while and could not be compared: {list}")
        };
        if progress.differ.is_empty() {
            let what = if progress.changing.is_empty() { "tables" } else { "tables, but for what is named here," };
            let summary = format!(
                "all {} {what} of `{service}` are equal at {at} and {leader} ({} rows in {} parts){changing}; {positions}",
                progress.tables.len(),
                progress.rows,
                progress.parts
            );
            return Ok(Observed::Satisfied(Evidence { summary, ..evidence }));
        }
        let (count, list) = (progress.differ.len(), told(&progress.differ));
        let message = format!(
            "the tables of `{service}` at {at} and {leader}: {count} parts differ: {list}{changing}; {positions}"
        );
        Err(ActionError { evidence, ..ActionError::refused(message) })
    }
}

impl Progress {
    fn evidence(&self, what: &str) -> Evidence {
        let all: u64 = self.tables.iter().map(|table| table.bytes).sum();
        let done: u64 = self.tables.iter().take(self.table).map(|table| table.bytes).sum::<u64>() + self.bytes;
        let percent = (done * 100).checked_div(all).unwrap_or(100);
        let count = self.tables.len();
        let summary = format!(
            "{} of {count} tables, {percent} % of {} MiB {what}{}",
            self.table.min(count),
            all.div_ceil(1 << 20),
            if self.differ.is_empty() { String::new() } else { format!(", {} parts differ", self.differ.len()) }
        );
        Evidence::new(summary)
            .with("tables", count as u64)
            .with("percent", percent)
            .with("rows", self.rows)
            .with("parts", self.parts)
            .with("differing", self.differ.clone())
            .with("changing", self.changing.clone())
    }
}

impl Action for TablesEqual {
    fn summary(&self) -> String {
        format!("compare the tables of `{}` at {}", self.situation.service, self.situation.at)
    }
    fn effect(&self) -> Effect {
        Effect::Look
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(self.look())
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Ok(Applied::Unproven(Evidence::default())) })
    }
}
