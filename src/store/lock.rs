//! One run an estate: the lock on this machine.
//!
//! A lock names its owner exactly: machine, boot, pid and the pid's start, so that a dead owner is known
//! to be dead and its run shown as interrupted. An owner that is alive but silent past its lease (stopped,
//! or on another machine) is never pushed aside without a reason given by a person. Every append to the
//! journal sees, in its own transaction, that the lock is still its own: an owner that was taken over
//! writes nothing more, and so does nothing more.

use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::{Store, StoreError};
use crate::engine::event::Owner;

/// How long a lock is good for without being renewed, in milliseconds. Renewed every 3 s.
pub const LEASE_MS: i64 = 30_000;

/// A lock that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub estate: String,
    pub run: String,
    pub token: String,
    /// Who we are, to take it again after it was given back.
    pub owner: Owner,
    /// Whose lock it was, when it was taken over.
    pub taken_from: Option<String>,
}

/// A lock that is another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub run: String,
    pub owner: Owner,
    pub since: String,
    /// Milliseconds since its lease ran out; `None` while it is good.
    pub silent_ms: Option<i64>,
}

/// Taking a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    Ours(Held),
    Refused(Holder),
}

/// Whether the process that an owner names is alive; `None` when that cannot be known from here.
pub type IsAlive<'a> = &'a dyn Fn(&Owner) -> Option<bool>;

/// Takes the estate's lock for a run over a connection; see [`Store::take_lock`].
pub(super) fn take(
    connection: &mut rusqlite::Connection,
    estate: &str,
    run: &str,
    owner: &Owner,
    now_ms: i64,
    is_alive: IsAlive<'_>,
    take_over: bool,
) -> Result<Taken, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let holder = read(&transaction, estate, now_ms)?;
    let mut taken_from = None;
    if let Some(holder) = holder {
        let dead = is_alive(&holder.owner) == Some(false);
        if !dead && !take_over {
            return Ok(Taken::Refused(holder));
        }
        if !dead {
            taken_from =
                Some(format!("{} (pid {} on {})", holder.owner.operator, holder.owner.pid, holder.owner.machine));
        }
    }
    let token = format!("{}/{}/{}/{now_ms}", owner.boot, owner.pid, owner.pid_start);
    let text = serde_json::to_string(owner).unwrap_or_default();
    let since = jiff::Timestamp::from_millisecond(now_ms).map(|at| at.to_string()).unwrap_or_default();
    transaction.execute(
        "insert or replace into lock (estate, run, token, owner, since, lease_until_ms) values (?, ?, ?, ?, ?, ?)",
        params![estate, run, token, text, since, now_ms + LEASE_MS],
    )?;
    transaction.commit()?;
    Ok(Taken::Ours(Held { estate: estate.to_owned(), run: run.to_owned(), token, owner: owner.clone(), taken_from }))
}

impl Store {
    /// Takes the estate's lock for a run. A dead owner's lock is free; a living one's is only taken over
    /// when `take_over`.
    pub fn take_lock(
        &mut self,
        estate: &str,
        run: &str,
        owner: &Owner,
        now_ms: i64,
        is_alive: IsAlive<'_>,
        take_over: bool,
    ) -> Result<Taken, StoreError> {
        let taken = take(&mut self.connection, estate, run, owner, now_ms, is_alive, take_over);
        taken.map_err(|error| error.naming_the_writer(&self.folder))
    }

    /// Gives the lock back, when it is still ours.
    pub fn release_lock(&self, held: &Held) -> Result<(), StoreError> {
        self.connection.execute("delete from lock where estate = ? and token = ?", params![held.estate, held.token])?;
        Ok(())
    }

    /// Who holds the estate's lock.
    pub fn lock_holder(&self, estate: &str, now_ms: i64) -> Result<Option<Holder>, StoreError> {
        read(&self.connection, estate, now_ms)
    }
}

/// An owner as people say it; whatever cannot be read is shown as it is.
pub(super) fn spoken(owner: &str) -> String {
    serde_json::from_str::<Owner>(owner).map_or_else(
        |_| owner.to_owned(),
        |owner| format!("{} (pid {} on {})", owner.operator, owner.pid, owner.machine),
    )
}

fn read(connection: &rusqlite::Connection, estate: &str, now_ms: i64) -> Result<Option<Holder>, StoreError> {
    let row = connection
        .query_row("select run, owner, since, lease_until_ms from lock where estate = ?", [estate], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?))
        })
        .optional()?;
    let Some((run, owner, since, lease_until_ms)) = row else { return Ok(None) };
    let owner: Owner = serde_json::from_str(&owner).map_err(|error| StoreError::Damaged {
        run: run.clone(),
        seq: 0,
        why: format!("the lock's owner cannot be read: {error}"),
    })?;
    let silent_ms = (now_ms > lease_until_ms).then_some(now_ms - lease_until_ms);
    Ok(Some(Holder { run, owner, since, silent_ms }))
}
