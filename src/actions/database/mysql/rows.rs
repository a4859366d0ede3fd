//! Rows of Switchback's own, in the database that `prepare` makes.
//!
//! A *term* counts the promotions that left a receipt; it stands where PostgreSQL has its timeline.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::live::LookSql;
use super::member::Member;
use crate::actions::context::RunContext;
use crate::actions::database::port::{Receipt, Row};
use crate::engine::action::{ActionError, Evidence, Touch};
use crate::runbook::bound::Mode;

const SQL_MAX: Duration = Duration::from_secs(5);
/// The server gives up by itself what this waits for.
const WRITE_MAX: Duration = Duration::from_secs(8);
const SEEN_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// Everything about our own tables asks first whether they are there: a member that was never prepared has none.
const HAS_TABLES: LookSql = LookSql(
    "SELECT count(*) = 3 FROM information_schema.tables
     WHERE table_schema = 'switchback' AND table_name IN ('receipt', 'canary', 'marker')",
);
const TERM: LookSql = LookSql("SELECT CAST(coalesce(max(term), 0) AS CHAR) FROM switchback.receipt");
/// The present term, and the row of it where there is one.
const CANARY_OF_NOW: LookSql = LookSql(
    "SELECT CAST(now.term AS CHAR), c.run, CAST(c.at AS CHAR)
     FROM (SELECT coalesce(max(term), 0) AS term FROM switchback.receipt) now LEFT JOIN switchback.canary c ON c.term = now.term",
);
const MARKER: LookSql =
    LookSql("SELECT run, CAST(at AS CHAR) FROM switchback.marker WHERE host = ? AND term = ? AND started = ?");
const RECEIPTS: LookSql = LookSql(
    "SELECT CAST(term AS CHAR), site, run, CAST(at AS CHAR), mode FROM switchback.receipt ORDER BY term DESC LIMIT 10",
);

const WRITE_CANARY: &str =
    "REPLACE INTO switchback.canary (term, site, run) SELECT coalesce(max(term), 0), ?, ? FROM switchback.receipt";
const WRITE_MARKER: &str = "REPLACE INTO switchback.marker (host, term, started, run) VALUES (?, ?, ?, ?)";
/// Under a name that is no host's: the row of a host must stay the same at both members.
const TRY_TO_WRITE: [&str; 2] = [
    "REPLACE INTO switchback.marker (host, term, started, run) VALUES ('a write that is tried', 0, 0, 'unfence')",
    "DELETE FROM switchback.marker WHERE host = 'a write that is tried'",
];
const WRITE_RECEIPT: &str =
    "INSERT INTO switchback.receipt (term, position, service, site, from_site, run, operator, mode, accepted)
                             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Asked until they are seen: as long as this program runs nobody but a person takes them away.
async fn has_tables(member: &Member) -> Result<bool, ActionError> {
    if member.has_tables.load(Ordering::Relaxed) {
        return Ok(true);
    }
    let has = member.link.look(HAS_TABLES, &[], SQL_MAX).await?.is(0, 0);
    member.has_tables.store(has, Ordering::Relaxed);
    Ok(has)
}

async fn term(member: &Member) -> Result<u32, ActionError> {
    member.link.look(TERM, &[], SQL_MAX).await.map(|rows| rows.get(0, 0).unwrap_or(0))
}

/// Whether a row of this kind is at the member: of its present term, and, for a marker, written since its server was
/// started.
pub async fn look(member: &Member, row: Row) -> Result<Option<Evidence>, ActionError> {
    if !has_tables(member).await? {
        return Ok(None);
    }
    let (what, term, run, at) = match row {
        Row::WriteTest => {
            let rows = member.link.look(CANARY_OF_NOW, &[], SQL_MAX).await?;
            let text = |column| rows.text(0, column).map(str::to_owned);
            ("the row of", text(0), text(1), text(2))
        }
        Row::Marker => {
            let term = term(member).await?.to_string();
            let started = member.started().await?.to_string();
            let rows = member.link.look(MARKER, &[member.name(), &term, &started], SQL_MAX).await?;
            let text = |column| rows.text(0, column).map(str::to_owned);
            ("the marker of", Some(term), text(0), text(1))
        }
    };
    Ok(run.map(|run| {
        let (term, at) = (term.unwrap_or_default(), at.unwrap_or_default());
        Evidence::new(format!("{what} term {term} can be read at {} (run {run}, {at})", member.name()))
    }))
}

/// Writes a row at the leader and reads it back at the member, in a session of its own.
pub async fn write(
    leader: &Member,
    seen_at: &Member,
    touch: &Touch,
    row: Row,
    context: &RunContext,
) -> Result<Evidence, ActionError> {
    let began = Instant::now();
    if !has_tables(leader).await? {
        return Err(ActionError::refused(format!(
            "{} has no tables of ours to write to; make them with `switchback prepare --apply`",
            leader.name()
        )));
    }
    let (term, started) = match row {
        Row::WriteTest => (String::new(), String::new()),
        Row::Marker => (term(leader).await?.to_string(), seen_at.started().await?.to_string()),
    };
    let writing = async {
        match row {
            Row::WriteTest => {
                let parameters = [leader.estate.site.as_str(), &context.run];
                leader.link.touch(touch, WRITE_CANARY, &parameters, SQL_MAX).await
            }
            Row::Marker => {
                let parameters = [seen_at.name(), &term, &started, &context.run];
                leader.link.touch(touch, WRITE_MARKER, &parameters, SQL_MAX).await
            }
        }
    };
    // What one's own session sees is not yet what others see.
    let (written, reader) = futures::join!(writing, seen_at.link.spare_or_apart());
    written?;
    let reader = reader?;
    loop {
        let (rows, run) = match row {
            Row::WriteTest => (reader.look(CANARY_OF_NOW, &[], SQL_MAX).await?, 1),
            Row::Marker => (reader.look(MARKER, &[seen_at.name(), &term, &started], SQL_MAX).await?, 0),
        };
        if rows.text(0, run) == Some(context.run.as_str()) {
            let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let summary =
                format!("a row written at {} was read at {} after {elapsed_ms} ms", leader.name(), seen_at.name());
            return Ok(Evidence::new(summary).with("seen_after_ms", elapsed_ms));
        }
        if began.elapsed() >= SEEN_MAX {
            return Err(ActionError::transient(format!(
                "a row written at {} was not seen at {} within {} s",
                leader.name(),
                seen_at.name(),
                SEEN_MAX.as_secs()
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Writes a row of ours and takes it away again, past the log: seen to take a write, whatever it says of itself.
pub async fn try_to_write(member: &Member, touch: &Touch) -> Result<(), ActionError> {
    if !has_tables(member).await? {
        return Ok(());
    }
    let session = member.link.apart().await?;
    session.touch(touch, "SET SESSION sql_log_bin = 0", &[], SQL_MAX).await?;
    for statement in TRY_TO_WRITE {
        session.touch(touch, statement, &[], WRITE_MAX).await.map_err(|error| {
            let sentence = format!(
                "{} is not read-only, and takes no write: another session may hold a read lock there (`SHOW PROCESSLIST`): {error}",
                member.name()
            );
            ActionError::new(error.fault, sentence)
        })?;
    }
    Ok(())
}

/// Whether the newest receipt is of a promotion elsewhere, although this server takes writes.
pub async fn lacks_receipt(member: &Member) -> Result<bool, ActionError> {
    if !has_tables(member).await? {
        return Ok(false);
    }
    let rows = member.link.look(RECEIPTS, &[], SQL_MAX).await?;
    Ok(rows.text(0, 1).is_some_and(|site| site != member.estate.site.as_str()))
}

/// Whether the newest receipt is of a promotion of this member by this run.
pub async fn was_promoted_by(member: &Member, run: &str) -> Result<bool, ActionError> {
    let newest = receipts(member).await?.into_iter().next();
    Ok(newest.is_some_and(|receipt| receipt.run == run && receipt.site == member.estate.site.as_str()))
}

/// What a promotion writes, taken apart by the server before users wait for it.
pub async fn make_ready(member: &Member) {
    if let Ok(session) = member.link.session().await
        && has_tables(member).await.is_ok_and(|there| there)
    {
        session.make_ready(&[WRITE_RECEIPT, WRITE_CANARY]).await;
    }
}

/// The term of the next promotion of a member that has applied all that it received; `None` where it has no tables of ours.
pub async fn next_term(member: &Member) -> Result<Option<u32>, ActionError> {
    Ok(if has_tables(member).await? { Some(term(member).await? + 1) } else { None })
}

/// Writes the receipt of a promotion: its term, and where the log stood. Gives the term, 0 where there is none.
pub async fn write_receipt(
    member: &Member,
    touch: &Touch,
    term: Result<Option<u32>, ActionError>,
    position: &str,
    service: &str,
    from_site: &str,
    context: &RunContext,
) -> Result<u32, ActionError> {
    let Some(next) = term? else { return Ok(0) };
    let mode = match context.mode {
        Mode::Planned => "planned",
        Mode::Emergency => "emergency",
    };
    let accepted = serde_json::to_string(&context.accepted).unwrap_or_default();
    let (site, next_text) = (member.estate.site.as_str(), next.to_string());
    let parameters =
        [&next_text, position, service, site, from_site, &context.run, &context.operator, mode, accepted.as_str()];
    member.link.touch(touch, WRITE_RECEIPT, &parameters, SQL_MAX).await?;
    Ok(next)
}

/// The newest receipts that a member holds, newest first; none where it was never prepared.
pub async fn receipts(member: &Member) -> Result<Vec<Receipt>, ActionError> {
    if !has_tables(member).await? {
        return Ok(Vec::new());
    }
    let rows = member.link.look(RECEIPTS, &[], SQL_MAX).await?;
    let text = |row, column| rows.text(row, column).unwrap_or_default().to_owned();
    Ok((0..rows.count())
        .map(|row| Receipt {
            timeline: rows.get(row, 0).unwrap_or(0),
            site: text(row, 1),
            run: text(row, 2),
            at: text(row, 3),
            mode: text(row, 4),
        })
        .collect())
}
