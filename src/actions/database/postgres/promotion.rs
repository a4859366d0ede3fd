//! The short way from a standby to a primary, and what shortens it.

use std::time::{Duration, Instant};

use super::conninfo::config_quoted;
use super::disk::Data;
use super::history::History;
use super::live::LookSql;
use super::lsn::Lsn;
use super::member::Member;
use super::rows::{self, NewReceipt};
use super::{programs, server, slots, way};
use crate::actions::context::RunContext;
use crate::engine::action::{ActionError, Evidence, Fault, Touch};
use crate::runbook::bound::Mode;

const SQL_MAX: Duration = Duration::from_secs(5);
const CHECKPOINT_MAX: Duration = Duration::from_secs(1800);
const DETACH_MAX: Duration = Duration::from_secs(10);
/// How long a promotion may take: everything that was received is replayed first.
const PROMOTE_MAX: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(2);

const FOLLOWS_NOBODY: LookSql = LookSql(
    "SELECT (NOT EXISTS (SELECT FROM pg_stat_wal_receiver)
             AND coalesce(CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE')
                               THEN current_setting('primary_conninfo') = '' END, true))::text",
);
/// Promotes a standby that follows nobody, and no other; says what it found: whether it was in recovery, which system it is,
/// which timeline it was on at least, and whether it promoted. One statement: users wait. `$1`: what counts where the setting
/// is not for us to see.
const PROMOTE: &str = "SELECT r.recovering::text, c.system_identifier::text,
            CASE WHEN r.recovering THEN greatest(k.min_recovery_end_timeline, p.timeline_id)::text
                 ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int::text END,
            CASE WHEN r.recovering AND NOT EXISTS (SELECT FROM pg_stat_wal_receiver)
                      AND coalesce(CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE')
                                        THEN current_setting('primary_conninfo') = '' END, $1::boolean)
                 THEN pg_promote(false)::text END
     FROM (SELECT pg_is_in_recovery() AS recovering) r, pg_control_system() c, pg_control_checkpoint() p, pg_control_recovery() k";
const IS_OUT: LookSql = LookSql(
    "SELECT CASE WHEN pg_is_in_recovery() THEN NULL
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int::text END",
);

/// Two checkpoints: the first writes what has gathered, the second what has gathered meanwhile.
pub async fn shorten(member: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    let session = member.link.apart().await?;
    let began = Instant::now();
    for _ in 0..2 {
        match session.touch(touch, "CHECKPOINT", &[], CHECKPOINT_MAX).await {
            Ok(_) => {}
            // It only costs time later; `ready` has said that the right is missing.
            Err(error) if error.fault == Fault::Refused => {
                return Ok(Evidence::new(format!("not done, so the stop may take longer: {error}")));
            }
            Err(error) => return Err(error),
        }
    }
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Evidence::new(format!("two checkpoints at {} took {elapsed_ms} ms", member.name()))
        .with("checkpoints_ms", elapsed_ms))
}

/// Makes a standby follow nobody. Told over its files, which needs no right in the database and lasts over
/// a restart; seen over SQL.
pub async fn detach(member: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    let what = format!("{}: telling it to follow nobody", member.name());
    let output = member.touch_script(touch, &programs::TELL, &["nobody", "", ""], DETACH_MAX).await?;
    output.stdout_or(&what)?;
    let began = Instant::now();
    loop {
        if member.link.look(FOLLOWS_NOBODY, &[], SQL_MAX).await?.is(0, 0) {
            return Ok(Evidence::new(format!(
                "{} follows nobody: no receiver runs, and none can start",
                member.name()
            )));
        }
        if began.elapsed() >= DETACH_MAX {
            return Err(ActionError::transient(format!("{what}: it still receives after {} s", DETACH_MAX.as_secs())));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Makes a standby follow as it did before it was detached.
pub async fn attach(member: &Member, leader: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    let conninfo = config_quoted(member.conninfo_to(leader).as_str());
    let slot = config_quoted(&member.estate.slot());
    let output = member.touch_script(touch, &programs::TELL, &["before", &conninfo, &slot], DETACH_MAX).await?;
    output.stdout_or(&format!("{}: telling it to follow {} again", member.name(), leader.name()))?;
    let began = Instant::now();
    loop {
        let server = match server::look(&member.link).await {
            Ok(server) => server,
            Err(error) => return told_on_disk(member, leader).await.ok_or(error),
        };
        if server.told_to_follow != Some(false) {
            return Ok(Evidence::new(format!(
                "{} follows {} again, as soon as that serves",
                member.name(),
                leader.name()
            )));
        }
        if began.elapsed() >= DETACH_MAX {
            return Err(ActionError::transient(format!(
                "{} was told to follow {}, and does not say so",
                member.name(),
                leader.name()
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// One that does not run will follow when it is started: its settings say so, and there is no more to be had of it.
async fn told_on_disk(member: &Member, leader: &Member) -> Option<Evidence> {
    let disk = member.disk().await.ok()?;
    let Data::Found(cluster) = disk.data else { return None };
    (cluster.running.is_none() && cluster.starts_read_only() && cluster.follows.is_some()).then(|| {
        Evidence::new(format!("{} does not run; it follows {} again when it is started", member.name(), leader.name()))
    })
}

/// Promotes; proves that the new timeline left the old one where the old primary had ended; makes the others'
/// slots; leaves the receipt. The caller has seen the fence and the arrival a moment ago.
pub async fn promote(
    target: &Member,
    from: Option<&Member>,
    others: &[&Member],
    service: &str,
    touch: &Touch,
    context: &RunContext,
) -> Result<Evidence, ActionError> {
    // That this is the server of that host was seen a moment ago, with the fence.
    let began = Instant::now();
    let mut before = tell_to_promote(target, false, touch).await?;
    if before.in_recovery && !before.told {
        detach(target, touch).await?;
        before = tell_to_promote(target, true, touch).await?;
        if before.in_recovery && !before.told {
            return Err(ActionError::transient(format!("{} does not say that it follows nobody", target.name())));
        }
    }
    // Where the old primary ended is read meanwhile: it no longer moves.
    let (timeline, end) = futures::join!(out_of_recovery(target), end_of(from));
    let timeline = timeline?;
    let promoted_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    // One that follows already, when this finishes what was cut off, has a slot or needs none.
    let mut away = Vec::new();
    for other in others {
        if before.in_recovery || !way::is_sent_to(other, target).await? {
            away.push(*other);
        }
    }
    let (history, made) = futures::join!(history(target, timeline), slots::make(target, &away, touch));
    let (history, made) = (history?, made?);
    let fork = history.last();
    let proven =
        prove_lineage(target.name(), before.in_recovery.then_some(before.timeline), timeline, fork, end, context.mode)?;
    let receipt = NewReceipt {
        system_identifier: before.system_identifier.clone(),
        timeline,
        fork: fork.map(|(_, fork)| fork.to_string()).unwrap_or_default(),
        service: service.to_owned(),
        site: target.estate.site.to_string(),
        from_site: from.map(|from| from.estate.site.to_string()).unwrap_or_default(),
    };
    rows::write_receipt(target, touch, &receipt, context).await?;
    let forked = fork.map_or_else(String::new, |(old, fork)| format!(", which left timeline {old} at {fork}"));
    let exactly = if proven { ", exactly where the old primary had ended" } else { "" };
    let summary = format!("{} takes writes on timeline {timeline}{forked}{exactly}", target.name());
    Ok(Evidence::new(summary)
        .with("timeline", timeline)
        .with("fork", receipt.fork)
        .with("system_identifier", before.system_identifier)
        .with("promoted_ms", promoted_ms)
        .with("fork_proven", proven)
        .with("slots_made", made))
}

/// What a server was when it was told to promote.
struct Before {
    in_recovery: bool,
    system_identifier: String,
    /// At least this one.
    timeline: u32,
    told: bool,
}

async fn tell_to_promote(target: &Member, unseen: bool, touch: &Touch) -> Result<Before, ActionError> {
    let rows = target.link.touch(touch, PROMOTE, &[if unseen { "true" } else { "false" }], SQL_MAX).await?;
    let odd = || ActionError::refused(format!("{} did not say who it is", target.name()));
    Ok(Before {
        in_recovery: rows.is(0, 0),
        system_identifier: rows.text(0, 1).ok_or_else(odd)?.to_owned(),
        timeline: rows.get(0, 2).ok_or_else(odd)?,
        told: rows.is(0, 3),
    })
}

async fn out_of_recovery(target: &Member) -> Result<u32, ActionError> {
    let began = Instant::now();
    loop {
        let rows = target.link.look(IS_OUT, &[], SQL_MAX).await?;
        if let Some(timeline) = rows.get(0, 0) {
            return Ok(timeline);
        }
        if began.elapsed() >= PROMOTE_MAX {
            let seconds = PROMOTE_MAX.as_secs();
            return Err(ActionError::in_doubt(format!(
                "{} was told to take writes, and is in recovery after {seconds} s",
                target.name()
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Where the old primary ended, and on which timeline, where its disk can be read.
async fn end_of(from: Option<&Member>) -> Option<(u32, Lsn, u64)> {
    let disk = from?.disk().await.ok()?;
    let Data::Found(cluster) = disk.data else { return None };
    // Of one that crashed and was replayed in quarantine the end says nothing of what the standby should have.
    let clean = cluster.control.state == super::control_data::ClusterState::ShutDown;
    clean.then_some(())?;
    Some((cluster.timeline(), cluster.end()?, cluster.control.segment_bytes))
}

/// The history of a member's timeline.
pub async fn history(member: &Member, timeline: u32) -> Result<History, ActionError> {
    let file = format!("{timeline:08X}.history");
    let output = member.look_briefly(&programs::HISTORY, &[&file], SQL_MAX).await?;
    let text = output.stdout_or(&format!("{}: reading the history of timeline {timeline}", member.name()))?;
    Ok(History::parse(&text))
}

/// Whether the new timeline left the old one exactly where the old primary ended; false where that is not known.
/// In an emergency it may have left it earlier: what lies past that was counted, and accepted, before.
fn prove_lineage(
    name: &str,
    before: Option<u32>,
    timeline: u32,
    fork: Option<(u32, Lsn)>,
    end: Option<(u32, Lsn, u64)>,
    mode: Mode,
) -> Result<bool, ActionError> {
    if let Some(before) = before.filter(|before| timeline <= *before) {
        return Err(ActionError::refused(format!(
            "{name} takes writes on timeline {timeline}, and was on {before} before"
        )));
    }
    let (Some((old, fork)), Some((was, end, segment))) = (fork, end) else { return Ok(false) };
    if old == was && fork.past_header(segment) == end.past_header(segment) {
        return Ok(true);
    }
    if mode == Mode::Emergency {
        return Ok(false);
    }
    Err(ActionError::refused(format!(
        "{name} takes writes on timeline {timeline}, which left timeline {old} at {fork}, but the old primary ended at {end} on \
         timeline {was}: compare the two before users write to it"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_emergency_may_leave_the_old_timeline_before_its_end() {
        let end = Some((5, Lsn(0x58E_42F0), 16 << 20));
        let prove = |fork, mode| prove_lineage("b-db", Some(5), 6, Some(fork), end, mode);
        let (exact, short) = ((5, Lsn(0x58E_42F0)), (5, Lsn(0x58C_FED0)));
        assert_eq!(prove(exact, Mode::Planned), Ok(true));
        assert!(prove(short, Mode::Planned).is_err_and(|error| error.fault == Fault::Refused));
        assert_eq!(prove(short, Mode::Emergency), Ok(false));
        assert!(prove_lineage("b-db", Some(6), 6, Some(exact), end, Mode::Emergency).is_err());
    }
}
