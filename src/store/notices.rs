//! Who was told of a run, and who could not be: beside the run's journal and not in it.
//!
//! Nothing is decided by it, and it is known only after the run has ended and let go of the lock; so it has no
//! chain of hashes (docs/decisions/0015).

use rusqlite::params;

use super::{Store, StoreError};

/// What became of one notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// Who was to be told, as the estate names them.
    pub receiver: String,
    /// `email`, `slack`, …
    pub way: String,
    /// `started`, `done`, …
    pub event: String,
    /// RFC 3339.
    pub at: String,
    pub delivered: bool,
    /// Why not; empty where it was.
    pub says: String,
}

impl Store {
    /// Keeps what became of a run's notices, beside what is kept of it already.
    pub fn keep_notices(&self, run: &str, rows: &[NoticeRow]) -> Result<(), StoreError> {
        let transaction = self.connection.unchecked_transaction()?;
        for row in rows {
            transaction.execute(
                "insert into notice (run, receiver, way, event, at, delivered, says) values (?, ?, ?, ?, ?, ?, ?)",
                params![run, row.receiver, row.way, row.event, row.at, row.delivered, row.says],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// A run's notices, in the order in which they were told.
    pub fn notices(&self, run: &str) -> Result<Vec<NoticeRow>, StoreError> {
        let mut statement = self
            .connection
            .prepare("select receiver, way, event, at, delivered, says from notice where run = ? order by number")?;
        let rows = statement.query_map(params![run], |row| {
            Ok(NoticeRow {
                receiver: row.get(0)?,
                way: row.get(1)?,
                event: row.get(2)?,
                at: row.get(3)?,
                delivered: row.get(4)?,
                says: row.get(5)?,
            })
        })?;
        rows.map(|row| row.map_err(StoreError::from)).collect()
    }
}
