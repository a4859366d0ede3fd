//! What a running server tells of itself, in one query.

use std::time::Duration;

use super::live::{Link, LookSql};
use super::lsn::Lsn;
use crate::engine::action::ActionError;

/// How long a look over SQL may take.
pub const LOOK_MAX: Duration = Duration::from_secs(5);

/// Nothing in it needs a right beyond logging in; what needs one comes back as null. `pg_settings` would say so by itself, and takes a
/// millisecond to be made.
macro_rules! look_sql {
    ($pause_state:literal) => {
        LookSql(concat!(
            "SELECT r.recovering::text, c.system_identifier::text,
                    floor(extract(epoch FROM pg_postmaster_start_time()))::bigint::text,
                    current_setting('server_version_num'),
                    CASE WHEN r.recovering THEN NULL ELSE pg_current_wal_lsn()::text END,
                    pg_last_wal_receive_lsn()::text, pg_last_wal_replay_lsn()::text,
                    CASE WHEN r.recovering THEN greatest(w.received_tli, k.min_recovery_end_timeline, p.timeline_id)::text
                         ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int::text END,
                    (w.status = 'streaming')::text, w.sender_host,
                    (f.whom <> '')::text, substring(f.whom from 'host=''?([^ '']+)'),
                    CASE WHEN r.recovering THEN ",
            $pause_state,
            " END,
                    CASE WHEN r.recovering AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
                         THEN (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint::text END,
                    w.latest_end_lsn::text, current_setting('port'), pg_last_xact_replay_timestamp()::text
             FROM (SELECT pg_is_in_recovery() AS recovering) r,
                  (SELECT CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE')
                               THEN current_setting('primary_conninfo', true) END AS whom) f, pg_control_system() c, pg_control_checkpoint() p,
                  pg_control_recovery() k LEFT JOIN pg_stat_wal_receiver w ON true"
        ))
    };
}

const LOOK: LookSql = look_sql!("pg_get_wal_replay_pause_state()");
/// Servers older than 14 know pausing as yes or no.
const LOOK_BEFORE_14: LookSql = look_sql!("CASE WHEN pg_is_wal_replay_paused() THEN 'paused' ELSE 'not paused' END");

/// Which timeline the log at a place came along: the name of the segment that holds it says so. A standby whose
/// receiver has ended tells its timeline nowhere else until its next restart point.
const TIMELINE_AT: LookSql = LookSql(
    "SELECT max(('x' || left(w.name, 8))::bit(32)::int)::text
     FROM (SELECT pg_size_bytes(current_setting('wal_segment_size')) AS bytes) s,
          LATERAL (SELECT ((($1::pg_lsn - '0/0'::pg_lsn) - 1) / s.bytes)::numeric AS number) p,
          LATERAL (SELECT floor(p.number)::bigint AS segment, 4294967296 / s.bytes AS in_file) n,
          pg_ls_waldir() w
     WHERE right(w.name, 16) = upper(lpad(to_hex(n.segment / n.in_file), 8, '0') || lpad(to_hex(n.segment % n.in_file), 8, '0'))
       AND w.name ~ '^[0-9A-F]{24}$'",
);

const IN_RECOVERY: LookSql = LookSql("SELECT pg_is_in_recovery()::text");

/// Whether a server is in recovery, where nothing else of it matters.
pub async fn is_in_recovery(link: &Link) -> Result<bool, ActionError> {
    link.look(IN_RECOVERY, &[], LOOK_MAX).await.map(|rows| rows.is(0, 0))
}

/// A running server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub in_recovery: bool,
    pub system_identifier: String,
    /// When its postmaster began, in whole seconds since 1970.
    pub started: u64,
    /// 150004 for 15.4.
    pub version: u32,
    /// Where its log has got to: written, for a primary; received or replayed, whichever is further, for a standby.
    pub position: Lsn,
    pub received: Option<Lsn>,
    pub replayed: Option<Lsn>,
    pub timeline: u32,
    pub streaming: bool,
    /// Whom it receives from at this moment.
    pub sender: Option<String>,
    /// Whether it is told to follow somebody; `None` where we may not see that.
    pub told_to_follow: Option<bool>,
    /// The host that it is told to follow.
    pub leader: Option<String>,
    pub replay_paused: bool,
    /// How old what it replayed last is, while there is more to replay.
    pub replay_age_ms: Option<u64>,
    /// How far the sender has told it that the log goes.
    pub latest_end: Option<Lsn>,
    pub port: u16,
    /// When the last transaction that it replayed was committed, by the primary's clock.
    pub last_commit: Option<String>,
}

/// Asks a server how it stands.
pub async fn look(link: &Link) -> Result<Server, ActionError> {
    let sql = if link.major_version().await? < 14 { LOOK_BEFORE_14 } else { LOOK };
    let rows = link.look(sql, &[], LOOK_MAX).await?;
    let lsn = |column| rows.get::<Lsn>(0, column);
    let odd = || ActionError::refused("the server did not say who it is".to_owned());
    let (received, replayed) = (lsn(5), lsn(6));
    let position = lsn(4).or(received.max(replayed)).unwrap_or_default();
    let mut timeline: u32 = rows.get(0, 7).ok_or_else(odd)?;
    if rows.is(0, 0) && !rows.is(0, 8) && position > Lsn::default() {
        // Without the right to see this, what the control data says has to do.
        let at = link.look(TIMELINE_AT, &[&position.to_string()], LOOK_MAX).await.ok();
        timeline = at.and_then(|rows| rows.get(0, 0)).unwrap_or(timeline).max(timeline);
    }
    Ok(Server {
        in_recovery: rows.is(0, 0),
        system_identifier: rows.text(0, 1).ok_or_else(odd)?.to_owned(),
        started: rows.get(0, 2).ok_or_else(odd)?,
        version: rows.get(0, 3).ok_or_else(odd)?,
        position,
        received,
        replayed,
        timeline,
        streaming: rows.is(0, 8),
        sender: rows.text(0, 9).map(str::to_owned),
        told_to_follow: rows.text(0, 10).map(|_| rows.is(0, 10)),
        leader: rows.text(0, 11).map(str::to_owned),
        replay_paused: rows.text(0, 12).is_some_and(|state| state != "not paused"),
        replay_age_ms: rows.get(0, 13),
        latest_end: lsn(14),
        port: rows.get(0, 15).ok_or_else(odd)?,
        last_commit: rows.text(0, 16).map(str::to_owned),
    })
}

impl Server {
    /// What it knows of and has not replayed.
    pub fn lag_bytes(&self) -> Option<u64> {
        let known = self.received.max(self.latest_end)?;
        Some(known.since(self.replayed.unwrap_or_default()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One that follows nobody and has replayed all that it has.
    pub fn standby(timeline: u32, position: u64) -> Server {
        Server {
            in_recovery: true,
            system_identifier: "1".to_owned(),
            started: 1,
            version: 150_004,
            position: Lsn(position),
            received: None,
            replayed: Some(Lsn(position)),
            timeline,
            streaming: false,
            sender: None,
            told_to_follow: Some(false),
            leader: None,
            replay_paused: false,
            replay_age_ms: None,
            latest_end: None,
            port: 5432,
            last_commit: None,
        }
    }
}
