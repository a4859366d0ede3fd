//! The tables, and their version.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::StoreError;

/// What makes each version out of the one before. An older journal is brought up to the last one, a newer one refused.
const VERSIONS: &[&str] = &[TABLES, DRILLS, RUN_HEADS, NOTICES, MEASURED];

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

/// Since version 3: where each run's chain ends, written in the same transaction as its last event, so that a tail
/// that is gone without a trace shows. Null in runs that an older version wrote and nobody has gone on with since.
const RUN_HEADS: &str = "alter table run add column head blob;";

/// Since version 4.
const NOTICES: &str = "
create table notice (
    number integer primary key,
    run text not null references run(id),
    receiver text not null,
    way text not null,
    event text not null,
    at text not null,
    delivered integer not null,
    says text not null
) strict;
create index notice_of_run on notice (run);
";

/// Since version 5: no table of its own, but runs may hold the event `measured`, which an older program would take for damage.
const MEASURED: &str = "";

pub(super) fn ensure(connection: &Connection) -> Result<(), StoreError> {
    // Whoever only reads does not wait for a writer.
    let known = i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX);
    if version(connection)? == known {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    let Some(steps) = usize::try_from(found).ok().and_then(|found| VERSIONS.get(found..)) else {
        return Err(StoreError::Newer { found, known });
    };
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("pragma user_version", [], |row| row.get(0))?)
}
