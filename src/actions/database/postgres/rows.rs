//! Rows of Switchback's own, in the schema that `prepare` makes.

use std::time::{Duration, Instant};

use super::live::LookSql;
use super::member::Member;
use super::server;
use crate::actions::context::RunContext;
use crate::actions::database::port::{Receipt, Row};
use crate::engine::action::{ActionError, Evidence, Touch};

const SQL_MAX: Duration = Duration::from_secs(5);
const SEEN_MAX: Duration = Duration::from_secs(30);

/// Everything about our own tables asks first whether they are there: a member that was never prepared has none.
const HAS_TABLES: LookSql = LookSql("SELECT (to_regclass('switchback.marker') IS NOT NULL)::text");
/// Of the timeline that the server writes at this moment; none where it is in recovery.
const CANARY_NOW: LookSql = LookSql(
    "SELECT run, at::text, timeline::text FROM switchback.canary WHERE timeline = CASE WHEN pg_is_in_recovery() THEN NULL
     ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END",
);
const CANARY: LookSql = LookSql("SELECT run, at::text FROM switchback.canary WHERE timeline = $1::bigint");
const MARKER: LookSql = LookSql(
    "SELECT run, at::text FROM switchback.marker WHERE host = $1 AND timeline = $2::bigint AND started = $3::bigint",
);
const RECEIPTS: LookSql = LookSql(
    "SELECT timeline::text, site, run, at::text, mode, system_identifier FROM switchback.receipt ORDER BY timeline DESC LIMIT 10",
);
const RECEIPT_OF: LookSql = LookSql(
    "SELECT EXISTS (SELECT FROM switchback.receipt WHERE system_identifier = $1 AND timeline = $2::bigint)::text",
);

/// Whoever is in recovery refuses it by itself. Gives the timeline.
const WRITE_CANARY: &str = "INSERT INTO switchback.canary (timeline, site, run)
                            SELECT ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int, $1, $2
                            ON CONFLICT (timeline) DO UPDATE SET site = excluded.site, run = excluded.run, at = clock_timestamp()
                            RETURNING timeline::text";
const WRITE_MARKER: &str =
    "INSERT INTO switchback.marker (host, timeline, started, run) VALUES ($1, $2::bigint, $3::bigint, $4)
                            ON CONFLICT (host) DO UPDATE SET timeline = excluded.timeline, started = excluded.started,
                            run = excluded.run, at = clock_timestamp()";
const WRITE_RECEIPT: &str = "INSERT INTO switchback.receipt (system_identifier, timeline, fork, service, site, from_site, run, operator, mode, accepted)
                             VALUES ($1, $2::bigint, $3::pg_lsn, $4, $5, $6, $7, $8, $9, $10)
                             ON CONFLICT (system_identifier, timeline) DO NOTHING";

/// A receipt to be written.
#[derive(Debug, Clone)]
pub struct NewReceipt {
    pub system_identifier: String,
    pub timeline: u32,
    /// Where the new timeline left the old one; empty where that is not known.
    pub fork: String,
    pub service: String,
    pub site: String,
    pub from_site: String,
}

async fn has_tables(member: &Member) -> Result<bool, ActionError> {
    member.link.look(HAS_TABLES, &[], SQL_MAX).await.map(|rows| rows.is(0, 0))
}

/// Whether a row of this kind is at the member: of its present timeline, and, for a marker, written since
/// its server was started. A member in recovery has no write test of its present timeline.
pub async fn look(member: &Member, row: Row) -> Result<Option<Evidence>, ActionError> {
    match row {
        Row::WriteTest => look_for_canary(member).await,
        Row::Marker => look_for_marker(member).await,
    }
}

async fn look_for_canary(member: &Member) -> Result<Option<Evidence>, ActionError> {
    // One round trip: the session takes both questions at once. Without our tables the second is an error.
    let (prepared, rows) = futures::join!(has_tables(member), member.link.look(CANARY_NOW, &[], SQL_MAX));
    if !prepared? {
        return Ok(None);
    }
    let rows = rows?;
    let timeline = rows.text(0, 2).unwrap_or_default();
    Ok(rows.text(0, 0).map(|run| can_be_read("the row", timeline, member, run, rows.text(0, 1))))
}

async fn look_for_marker(member: &Member) -> Result<Option<Evidence>, ActionError> {
    let (prepared, server) = futures::join!(has_tables(member), server::look(&member.link));
    if !prepared? {
        return Ok(None);
    }
    let server = server?;
    let (timeline, started) = (server.timeline.to_string(), server.started.to_string());
    let rows = member.link.look(MARKER, &[member.name(), &timeline, &started], SQL_MAX).await?;
    Ok(rows.text(0, 0).map(|run| can_be_read("the marker", &timeline, member, run, rows.text(0, 1))))
}

fn can_be_read(what: &str, timeline: &str, member: &Member, run: &str, at: Option<&str>) -> Evidence {
    let at = at.unwrap_or_default();
    Evidence::new(format!("{what} of timeline {timeline} can be read at {} (run {run}, {at})", member.name()))
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
    let started = match row {
        Row::WriteTest => None,
        Row::Marker => Some(server::look(&seen_at.link).await?),
    };
    let writing = async {
        match &started {
            None => {
                let parameters = [leader.estate.site.as_str(), &context.run];
                leader.link.touch(touch, WRITE_CANARY, &parameters, SQL_MAX).await
            }
            Some(server) => {
                let parameters =
                    [seen_at.name(), &server.timeline.to_string(), &server.started.to_string(), &context.run];
                leader.link.touch(touch, WRITE_MARKER, &parameters, SQL_MAX).await
            }
        }
    };
    // What one's own session sees is not yet what others see.
    let (written, reader) = futures::join!(writing, seen_at.link.spare_or_apart());
    let written = written?;
    let reader = reader?;
    let timeline = match &started {
        None => written.text(0, 0).unwrap_or_default().to_owned(),
        Some(server) => server.timeline.to_string(),
    };
    loop {
        let rows = match &started {
            None => reader.look(CANARY, &[&timeline], SQL_MAX).await?,
            Some(server) => {
                reader.look(MARKER, &[seen_at.name(), &timeline, &server.started.to_string()], SQL_MAX).await?
            }
        };
        if rows.text(0, 0) == Some(context.run.as_str()) {
            let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let summary =
                format!("a row written at {} was read at {} after {elapsed_ms} ms", leader.name(), seen_at.name());
            let timeline: u32 = timeline.parse().unwrap_or_default();
            return Ok(Evidence::new(summary).with("timeline", timeline).with("seen_after_ms", elapsed_ms));
        }
        if began.elapsed() >= SEEN_MAX {
            return Err(ActionError::transient(format!(
                "a row written at {} was not seen at {} within {} s",
                leader.name(),
                seen_at.name(),
                SEEN_MAX.as_secs()
            )));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a server on a later timeline than the first lacks the receipt of its promotion. One that was never
/// prepared keeps none.
pub async fn lacks_receipt(member: &Member) -> Result<bool, ActionError> {
    let server = server::look(&member.link).await?;
    if server.in_recovery || server.timeline < 2 || !has_tables(member).await? {
        return Ok(false);
    }
    let timeline = server.timeline.to_string();
    let rows = member.link.look(RECEIPT_OF, &[&server.system_identifier, &timeline], SQL_MAX).await?;
    Ok(!rows.is(0, 0))
}

/// Writes a receipt, unless there is one of this timeline.
pub async fn write_receipt(
    member: &Member,
    touch: &Touch,
    receipt: &NewReceipt,
    context: &RunContext,
) -> Result<(), ActionError> {
    let timeline = receipt.timeline.to_string();
    let fork = if receipt.fork.is_empty() { "0/0" } else { &receipt.fork };
    let mode = match context.mode {
        crate::runbook::bound::Mode::Planned => "planned",
        crate::runbook::bound::Mode::Emergency => "emergency",
    };
    let accepted = serde_json::to_string(&context.accepted).unwrap_or_default();
    let parameters = [
        receipt.system_identifier.as_str(),
        &timeline,
        fork,
        &receipt.service,
        &receipt.site,
        &receipt.from_site,
        &context.run,
        &context.operator,
        mode,
        &accepted,
    ];
    member.link.touch(touch, WRITE_RECEIPT, &parameters, SQL_MAX).await.map(drop)
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
