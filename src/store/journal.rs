//! Appending events, durably.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use futures::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::chain::{self, Hash};
use super::lock::{self, Held, Holder, LEASE_MS, Taken};
use super::reserve::Reserve;
use super::watch::{Confirmed, LockWatch};
use super::{Store, StoreError};
use crate::engine::action::Lost;
use crate::engine::event::Event;
use crate::engine::ports::{Journal, JournalError};

/// Writes the events of one run, under its lock.
///
/// Events that need not be durable wait in memory and are written by the next one that must be, in the
/// same transaction and so in order: a look costs no sync of its own, and a crash loses only looks.
#[derive(Debug)]
pub struct Writer {
    connection: Connection,
    folder: PathBuf,
    held: Held,
    confirmed: Confirmed,
    head: Hash,
    waiting: Vec<(u64, String)>,
    reserve: Option<Reserve>,
    used_reserve: bool,
    now_ms: fn() -> i64,
}

impl Store {
    /// Begins a run's journal and gives its writer; `now_ms` tells the wall clock in milliseconds.
    pub fn begin_run(self, held: Held, began_at: &str, now_ms: fn() -> i64) -> Result<Writer, StoreError> {
        let head = chain::root(&held.run);
        let written = self.connection.execute(
            "insert into run (id, estate, began_at, root, head) values (?, ?, ?, ?, ?)",
            params![held.run, held.estate, began_at, head.as_slice(), head.as_slice()],
        );
        written.map_err(|error| StoreError::from(error).naming_the_writer(&self.folder))?;
        Ok(Writer::new(self, held, head, now_ms))
    }

    /// Goes on with a run's journal.
    pub fn continue_run(self, held: Held, now_ms: fn() -> i64) -> Result<Writer, StoreError> {
        let head: Option<Vec<u8>> = self
            .connection
            .query_row("select hash from event where run = ? order by seq desc limit 1", [&held.run], |row| row.get(0))
            .optional()?;
        let head = match head {
            Some(bytes) => Hash::try_from(bytes.as_slice()).map_err(|_| StoreError::Damaged {
                run: held.run.clone(),
                seq: 0,
                why: "its last hash has the wrong length".to_owned(),
            })?,
            None => chain::root(&held.run),
        };
        Ok(Writer::new(self, held, head, now_ms))
    }
}

impl Writer {
    fn new(store: Store, held: Held, head: Hash, now_ms: fn() -> i64) -> Self {
        let Store { connection, folder } = store;
        Self {
            connection,
            folder,
            held,
            confirmed: Confirmed::default(),
            head,
            waiting: Vec::new(),
            reserve: None,
            used_reserve: false,
            now_ms,
        }
    }

    /// Room that is used when the disk is full.
    pub fn keep(&mut self, reserve: Option<Reserve>) {
        self.reserve = reserve;
    }

    /// Whether the disk was full, and the room that was set aside was used.
    pub fn used_reserve(&self) -> bool {
        self.used_reserve
    }

    /// Sees between two events that the lock is still ours, on a connection of its own.
    pub fn watch(&self) -> Result<LockWatch, StoreError> {
        LockWatch::new(&self.folder, &self.held, &self.confirmed, self.now_ms)
    }

    /// The hash of the last event written, in hex.
    pub fn head(&self) -> String {
        chain::hex(&self.head)
    }

    /// Takes the lock again. Somebody else's is never pushed aside here: that is for whoever resumes the run. What was
    /// gone on with by another process is of the past for this one.
    fn retake(&mut self) -> Result<(), JournalError> {
        let disk = |error: StoreError| JournalError::Disk(error.to_string());
        let Held { estate, run, owner, .. } = self.held.clone();
        let taken = lock::take(&mut self.connection, &estate, &run, &owner, (self.now_ms)(), &|_| None, false);
        match taken.map_err(disk)? {
            Taken::Ours(held) => self.held = held,
            Taken::Refused(holder) => {
                let Holder { run, owner, .. } = holder;
                let sentence =
                    format!("run {run} holds it: {}, pid {} on {}", owner.operator, owner.pid, owner.machine);
                return Err(JournalError::LockLost(Lost::Taken(sentence)));
            }
        }
        let head: Option<Vec<u8>> = self
            .connection
            .query_row("select hash from event where run = ? order by seq desc limit 1", [&run], |row| row.get(0))
            .optional()
            .map_err(|error| disk(error.into()))?;
        if head.is_some_and(|head| head != self.head) {
            self.let_go()?;
            let sentence = format!("run {run} was gone on with by another process");
            return Err(JournalError::LockLost(Lost::Taken(sentence)));
        }
        Ok(())
    }

    fn let_go(&mut self) -> Result<(), JournalError> {
        let gone = self
            .connection
            .execute("delete from lock where estate = ? and token = ?", params![self.held.estate, self.held.token]);
        gone.map(drop).map_err(|error| JournalError::Disk(error.to_string()))
    }

    /// Gives the lock back.
    pub fn release(self) -> Result<(), StoreError> {
        self.connection
            .execute("delete from lock where estate = ? and token = ?", params![self.held.estate, self.held.token])?;
        Ok(())
    }

    fn write(&mut self) -> Result<(), JournalError> {
        match self.try_write() {
            Err(JournalError::Disk(_)) if self.reserve.take().is_some() => {
                self.used_reserve = true;
                self.try_write()
            }
            written => written,
        }
    }

    fn try_write(&mut self) -> Result<(), JournalError> {
        let disk = |error: rusqlite::Error| JournalError::Disk(error.to_string());
        let mut head = self.head;
        let now_ms = (self.now_ms)();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(disk)?;
        let renewed = transaction
            .execute(
                "update lock set lease_until_ms = ? where estate = ? and token = ?",
                params![now_ms + LEASE_MS, self.held.estate, self.held.token],
            )
            .map_err(disk)?;
        if renewed == 0 {
            let now: Option<String> = transaction
                .query_row("select owner from lock where estate = ?", [&self.held.estate], |row| row.get(0))
                .optional()
                .map_err(disk)?;
            let whose = |owner: String| format!("it is {}'s", lock::spoken(&owner));
            return Err(JournalError::LockLost(Lost::Taken(now.map_or_else(|| "it was given back".to_owned(), whose))));
        }
        {
            let mut insert = transaction
                .prepare_cached("insert into event (run, seq, body, hash) values (?, ?, ?, ?)")
                .map_err(disk)?;
            for (seq, body) in &self.waiting {
                head = chain::link(&head, body);
                let seq = i64::try_from(*seq).map_err(|_| JournalError::Disk("too many events".to_owned()))?;
                insert.execute(params![self.held.run, seq, body, head.as_slice()]).map_err(disk)?;
            }
        }
        if !self.waiting.is_empty() {
            transaction
                .execute("update run set head = ? where id = ?", params![head.as_slice(), self.held.run])
                .map_err(disk)?;
        }
        transaction.commit().map_err(disk)?;
        self.confirmed.store(now_ms, Ordering::Release);
        self.head = head;
        self.waiting.clear();
        Ok(())
    }
}

impl Journal for Writer {
    fn append(&mut self, event: &Event, durable: bool) -> Result<(), JournalError> {
        let body = serde_json::to_string(event).map_err(|error| JournalError::Disk(error.to_string()))?;
        self.waiting.push((event.seq, body));
        if durable { self.write() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        self.write()
    }

    fn renew(&mut self) -> Result<(), JournalError> {
        self.write()
    }

    fn give_back(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async {
            self.write()?;
            self.let_go()
        })
    }

    fn take_again(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { self.retake() })
    }
}
