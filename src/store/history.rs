//! Reading what was written.

use rusqlite::{OptionalExtension, params};

use super::chain::{self, Hash};
use super::{Store, StoreError};
use crate::engine::event::Event;

/// A run as the list of runs shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    pub id: String,
    pub estate: String,
    pub began_at: String,
}

/// What a check of a run's chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub run: String,
    pub events: u64,
    /// The hash of the last event, in hex.
    pub head: String,
}

impl Store {
    /// Runs, newest first; of one estate where it is given.
    pub fn runs(&self, estate: Option<&str>) -> Result<Vec<RunRow>, StoreError> {
        let mut statement = self.connection.prepare(
            "select id, estate, began_at from run where ?1 is null or estate = ?1 order by began_at desc, id desc",
        )?;
        let rows = statement.query_map(params![estate], |row| {
            Ok(RunRow { id: row.get(0)?, estate: row.get(1)?, began_at: row.get(2)? })
        })?;
        rows.map(|row| row.map_err(StoreError::from)).collect()
    }

    /// The run whose id is, or begins with, this text.
    pub fn find_run(&self, text: &str) -> Result<RunRow, StoreError> {
        let all = self.runs(None)?;
        let mut matching = all.iter().filter(|run| run.id.starts_with(text));
        match (matching.next(), matching.next()) {
            (Some(run), None) => Ok(run.clone()),
            (Some(run), Some(_)) if run.id == text => Ok(run.clone()),
            _ => Err(StoreError::NoRun(text.to_owned())),
        }
    }

    /// All events of a run, in order, each seen to be what was written.
    pub fn events(&self, run: &str) -> Result<Vec<Event>, StoreError> {
        self.read(run).map(|(events, _)| events)
    }

    /// Checks a run's chain.
    pub fn verify(&self, run: &str) -> Result<Verified, StoreError> {
        let (events, head) = self.read(run)?;
        Ok(Verified { run: run.to_owned(), events: events.len() as u64, head: chain::hex(&head) })
    }

    fn read(&self, run: &str) -> Result<(Vec<Event>, Hash), StoreError> {
        let ends: Option<(Vec<u8>, Option<Vec<u8>>)> = self
            .connection
            .query_row("select root, head from run where id = ?", [run], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((root, last)) = ends else { return Err(StoreError::NoRun(run.to_owned())) };
        let damaged = |seq: u64, why: &str| StoreError::Damaged { run: run.to_owned(), seq, why: why.to_owned() };
        let mut head = chain::root(run);
        if root != head {
            return Err(damaged(0, "its chain does not begin where this run's must"));
        }
        let mut statement = self.connection.prepare("select seq, body, hash from event where run = ? order by seq")?;
        let mut rows = statement.query([run])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            let expected = events.len() as u64;
            let seq: i64 = row.get(0)?;
            let body: String = row.get(1)?;
            let hash: Vec<u8> = row.get(2)?;
            if u64::try_from(seq) != Ok(expected) {
                return Err(damaged(expected, "it is missing"));
            }
            head = chain::link(&head, &body);
            if hash != head {
                return Err(damaged(expected, "its hash does not fit: it, or one before it, was changed"));
            }
            let event: Event = serde_json::from_str(&body).map_err(|error| damaged(expected, &error.to_string()))?;
            if event.seq != expected {
                return Err(damaged(expected, "its number inside is another"));
            }
            events.push(event);
        }
        if last.is_some_and(|last| last != head) {
            return Err(damaged(events.len() as u64, "it is missing, or the run's last hash was changed"));
        }
        Ok((events, head))
    }
}
