//! Drills that were held: what came of each, beside the runs that a live one is made of.
//!
//! A drill is no evidence that something was done, so it has no chain of hashes; the runs of a live drill have.

use rusqlite::params;

use super::{Store, StoreError};

/// A drill as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillRow {
    pub id: String,
    pub estate: String,
    pub runbook: String,
    /// RFC 3339.
    pub began_at: String,
    /// What came of it, as JSON.
    pub body: String,
}

impl Store {
    /// Keeps a drill.
    pub fn keep_drill(&self, row: &DrillRow) -> Result<(), StoreError> {
        self.connection.execute(
            "insert into drill (id, estate, runbook, began_at, body) values (?, ?, ?, ?, ?)",
            params![row.id, row.estate, row.runbook, row.began_at, row.body],
        )?;
        Ok(())
    }

    /// Drills, newest first; of one estate where it is given.
    pub fn drills(&self, estate: Option<&str>) -> Result<Vec<DrillRow>, StoreError> {
        let mut statement = self.connection.prepare(
            "select id, estate, runbook, began_at, body from drill where ?1 is null or estate = ?1
             order by began_at desc, id desc",
        )?;
        let rows = statement.query_map(params![estate], |row| {
            Ok(DrillRow {
                id: row.get(0)?,
                estate: row.get(1)?,
                runbook: row.get(2)?,
                began_at: row.get(3)?,
                body: row.get(4)?,
            })
        })?;
        rows.map(|row| row.map_err(StoreError::from)).collect()
    }
}
