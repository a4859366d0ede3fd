//! Seeing that the lock is still ours, from inside an act.
//!
//! The writer sees it with every event; an act that makes several calls has none in between, and the program may
//! have been stopped and taken over there. So each call asks here, at the last moment. What was seen a blink ago is
//! believed; else one row is read, which the file system has in memory.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::lock::{Held, LEASE_MS};
use super::{FILE, StoreError};
use crate::engine::action::Lost;

/// How long ago the lock may have been seen to be ours, in milliseconds. A person who takes over needs longer.
const FRESH_MS: i64 = 500;
const BUSY: Duration = Duration::from_millis(500);

/// When the lock was last seen to be ours, in wall clock milliseconds; shared with the journal's writer.
pub(super) type Confirmed = Arc<AtomicI64>;

/// Whether one run's lock on this machine is still its own.
#[derive(Debug)]
pub struct LockWatch {
    connection: Mutex<Connection>,
    held: Held,
    confirmed: Confirmed,
    lost: OnceLock<Lost>,
    now_ms: fn() -> i64,
}

impl LockWatch {
    pub(super) fn new(
        folder: &std::path::Path,
        held: &Held,
        confirmed: &Confirmed,
        now_ms: fn() -> i64,
    ) -> Result<Self, StoreError> {
        let connection = Connection::open(folder.join(FILE))?;
        connection.busy_timeout(BUSY)?;
        Ok(Self {
            connection: Mutex::new(connection),
            held: held.clone(),
            confirmed: Arc::clone(confirmed),
            lost: OnceLock::new(),
            now_ms,
        })
    }

    /// Why it is not ours any more; `None` while it is. Once lost it stays lost.
    pub fn lost(&self) -> Option<Lost> {
        if let Some(why) = self.lost.get() {
            return Some(why.clone());
        }
        let now_ms = (self.now_ms)();
        let seen_ms = self.confirmed.load(Ordering::Acquire);
        // A clock that was set back says nothing.
        if (0..FRESH_MS).contains(&now_ms.saturating_sub(seen_ms)) {
            return None;
        }
        let why = match self.owner() {
            Ok(Owner::Us) => {
                self.confirmed.fetch_max(now_ms, Ordering::AcqRel);
                return None;
            }
            // What is not ours and nobody's was taken over by somebody who has ended since.
            Ok(Owner::Nobody) => Lost::Taken("it was given back".to_owned()),
            Ok(Owner::Other(owner)) => Lost::Taken(format!("it is {owner}'s")),
            // The writer says what is wrong with the disk. Nobody else needs more than the lease to be sure of us.
            Err(_) if now_ms.saturating_sub(seen_ms) < LEASE_MS => return None,
            Err(error) => {
                Lost::Stale(format!("the lock was last seen to be ours longer ago than its lease lasts: {error}"))
            }
        };
        Some(self.lost.get_or_init(|| why).clone())
    }

    fn owner(&self) -> Result<Owner, rusqlite::Error> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let row: Option<(String, String)> = connection
            .prepare_cached("select token, owner from lock where estate = ?")?
            .query_row([&self.held.estate], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(match row {
            Some((token, _)) if token == self.held.token => Owner::Us,
            Some((_, owner)) => Owner::Other(super::lock::spoken(&owner)),
            None => Owner::Nobody,
        })
    }
}

enum Owner {
    Us,
    Nobody,
    Other(String),
}
