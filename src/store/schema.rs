//! The tables, and their version.

use rusqlite::Connection;

use super::StoreError;

/// The version that this program writes. An older one is brought up to it, a newer one refused.
const VERSION: i64 = 2;

const TABLES: &str = "
create table run (
    id text primary key,
    estate text not null,
    began_at text not null,
    -- Where this run's chain of hashes begins.
    root blob not null
) strict;
create table event (
    run text not null references run(id),
    seq integer not null,
    body text not null,
    hash blob not null,
    primary key (run, seq)
) strict, without rowid;
create table lock (
    estate text primary key,
    run text not null,
    token text not null,
    owner text not null,
    since text not null,
    lease_until_ms integer not null
) strict;
";

/// Since version 2.
const DRILLS: &str = "
create table drill (
    id text primary key,
    estate text not null,
    runbook text not null,
    began_at text not null,
    -- What came of it, as JSON with a version of its own.
    body text not null
) strict;
";

pub(super) fn ensure(connection: &Connection) -> Result<(), StoreError> {
    let transaction = connection.unchecked_transaction()?;
    let found: i64 = transaction.query_row("pragma user_version", [], |row| row.get(0))?;
    match found {
        0 => {
            transaction.execute_batch(TABLES)?;
            transaction.execute_batch(DRILLS)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
            Ok(())
        }
        1 => {
            transaction.execute_batch(DRILLS)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
            Ok(())
        }
        VERSION => Ok(()),
        found => Err(StoreError::Newer { found, known: VERSION }),
    }
}
