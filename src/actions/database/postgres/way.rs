//! How a member can be made to follow another: the decision, pure, and the looks that it rests on.
//!
//! The rules are those of Patroni's and repmgr's rejoin: one database has one system identifier; what a member
//! has past the place where the leader left its timeline is its own, and must be taken back before it follows.

use std::time::Duration;

use super::control_data::ClusterState;
use super::disk::{Cluster, Data, Disk, JobState};
use super::history::History;
use super::live::LookSql;
use super::lsn::Lsn;
use super::member::{Member, Seen};
use super::server::Server;
use super::{judge, programs, promotion};
use crate::actions::database::port::{By, Way};
use crate::engine::action::{ActionError, Evidence};

const SQL_MAX: Duration = Duration::from_secs(5);
const LOG_MAX: Duration = Duration::from_secs(120);

const FOLLOWERS: LookSql = LookSql(
    "SELECT r.application_name, s.slot_name::text FROM pg_stat_replication r
     LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE r.state = 'streaming'",
);
const SIZE: LookSql = LookSql("SELECT sum(pg_database_size(oid))::bigint::text FROM pg_database");

/// The one to follow, as far as the decision needs it.
#[derive(Debug, Clone)]
pub struct Leader {
    pub system_identifier: String,
    pub timeline: u32,
    pub position: Lsn,
    pub history: History,
}

/// What a member has.
#[derive(Debug, Clone, Copy)]
struct Own {
    timeline: u32,
    /// Where its log ends.
    end: Lsn,
    /// Whether the last who wrote its log was itself.
    was_primary: bool,
}

/// What is to be done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    Follow(String),
    Rewind(String),
    Copy(String),
    Never(String),
}

/// Decides. `end` is where the member's own log ends.
pub fn choose(cluster: &Cluster, server: Option<&Server>, end: Lsn, leader: &Leader) -> Choice {
    let control = &cluster.control;
    if control.system_identifier != leader.system_identifier {
        return Choice::Never(format!(
            "its system identifier is {}, the leader's is {}: they are two databases, and nothing of it may be overwritten",
            control.system_identifier, leader.system_identifier
        ));
    }
    let timeline = server.map_or(cluster.timeline(), |server| server.timeline);
    let was_primary = matches!(
        control.state,
        ClusterState::ShutDown
            | ClusterState::InProduction
            | ClusterState::ShuttingDown
            | ClusterState::InCrashRecovery
    );
    let own = Own { timeline, end, was_primary };
    let crashed = cluster.running.is_none() && was_primary && control.state != ClusterState::ShutDown;
    match by_timelines(own, leader) {
        Choice::Rewind(why) if !control.rewindable || !control.full_page_writes => Choice::Copy(format!(
            "{why}; pg_rewind needs data checksums or wal_log_hints, and full_page_writes, which it has not had"
        )),
        Choice::Follow(why) if crashed => {
            Choice::Rewind(format!("it crashed; {why}, once it has replayed its log in quarantine"))
        }
        other => other,
    }
}

fn by_timelines(own: Own, leader: &Leader) -> Choice {
    let Own { timeline, end, was_primary } = own;
    if timeline > leader.timeline {
        return Choice::Never(format!(
            "it is on timeline {timeline}, the leader on {}: it was promoted by somebody else; settle which of them is right; \
             when the leader is, stop it, write the reason into `<data_dir>.switchback/unusable` there and rejoin again: it is \
             copied anew, and its old directory is kept",
            leader.timeline
        ));
    }
    if timeline == leader.timeline {
        return match (was_primary, end <= leader.position) {
            (false, true) => Choice::Follow(format!("it is on the leader's timeline {timeline}, and has nothing more")),
            (false, false) => Choice::Copy(format!("it has more on timeline {timeline} than the leader")),
            (true, _) => {
                Choice::Copy(format!("it wrote to the leader's own timeline {timeline}, which no rewind can take back"))
            }
        };
    }
    let Some(fork) = leader.history.end_of(timeline) else {
        return Choice::Rewind(format!("its timeline {timeline} is not in the leader's past"));
    };
    let exact = if was_primary { end == fork } else { end <= fork };
    if exact {
        return Choice::Follow(format!("the leader left timeline {timeline} at {fork}, and it has nothing past that"));
    }
    if end <= fork {
        return Choice::Rewind(format!(
            "it ended at {end} as a primary, and timeline {timeline} goes on to {fork} without it"
        ));
    }
    Choice::Rewind(format!(
        "{} bytes of its own lie past {fork}, where the leader left timeline {timeline}",
        end.since(fork)
    ))
}

/// The way for a member to follow another; looks only.
pub async fn look(member: &Member, leader: &Member, by: By) -> Result<Way, ActionError> {
    let (seen, lead) = futures::join!(member.look(), leader.look());
    let (seen, lead) = (seen?, lead?);
    let disk = seen.disk.clone()?;
    let leading = of_leader(leader, &lead).await?;
    if disk.elsewhere.is_some() {
        return Ok(Way::Blocked(judge::why_no_cluster(member, &seen)));
    }
    if let Ok(server) = &seen.server {
        if !server.in_recovery {
            return Ok(Way::Blocked(format!("{} takes writes itself; fence it first", member.name())));
        }
        if follows_already(member, leader, server, &leading).await? {
            let summary = format!("{} streams from {} on timeline {}", member.name(), leader.name(), server.timeline);
            return Ok(Way::Already(Evidence::new(summary).with("timeline", server.timeline)));
        }
    }
    if let Some(job) = disk.job.as_ref().filter(|job| job.state == JobState::Running) {
        let evidence =
            Evidence::new(format!("a {} that was begun before is still under way at {}", job.name, member.name()));
        return Ok(if job.name == "copy" { Way::Copy(evidence) } else { Way::Rewind(evidence) });
    }
    let choice = decide(member, &seen, &disk, &leading).await?;
    let way = wanted(choice, by, member.name(), leader.name());
    match way {
        Way::Copy(evidence) => room_for_copy(member, leader, &disk, evidence).await,
        other => Ok(other),
    }
}

async fn decide(member: &Member, seen: &Seen, disk: &Disk, leader: &Leader) -> Result<Choice, ActionError> {
    if let Some(why) = &disk.unusable {
        return Ok(Choice::Copy(format!("{why}, so its directory must never be started")));
    }
    let cluster = match &disk.data {
        Data::Found(cluster) => cluster,
        Data::Missing | Data::Empty => return Ok(Choice::Copy("it has no cluster".to_owned())),
        Data::Unreadable => {
            return Ok(Choice::Never(format!("{} cannot be read; does `run_as` name its owner?", member.data_dir())));
        }
    };
    // What the control data of a fresh copy says is the leader's own.
    let made = disk.job.as_ref().is_some_and(|job| job.state == JobState::Done);
    let same = cluster.control.system_identifier == leader.system_identifier;
    if made && same && cluster.backup_label && cluster.standby_signal && cluster.running.is_none() {
        return Ok(Choice::Follow("it was copied or rewound, and not started yet".to_owned()));
    }
    let end = end_of_log(member, seen, cluster).await?;
    Ok(choose(cluster, seen.server.as_ref().ok(), end, leader))
}

/// Where a member's own log ends, also what it has received and not replayed: it would replay that when
/// it is started.
pub async fn end_of_log(member: &Member, seen: &Seen, cluster: &Cluster) -> Result<Lsn, ActionError> {
    if let Ok(server) = &seen.server {
        return Ok(server.position);
    }
    if let (ClusterState::ShutDown, Some(end)) = (cluster.control.state, cluster.end()) {
        return Ok(end);
    }
    let known = cluster.control.redo.max(cluster.control.min_recovery_end);
    let (timeline, from) = (cluster.timeline().to_string(), known.to_string());
    let output = member.look_script(&programs::ACCOUNT, &[&timeline, &from], LOG_MAX).await?;
    let text = output.stdout_or(&format!("{}: reading its log", member.name()))?;
    Ok(super::arrival::end_in(&text, cluster.control.segment_bytes).unwrap_or(known).max(known))
}

async fn of_leader(leader: &Member, seen: &Seen) -> Result<Leader, ActionError> {
    let server = seen.server.as_ref().map_err(Clone::clone)?;
    if server.in_recovery {
        return Err(ActionError::transient(format!(
            "{} is in recovery; there is nothing to follow yet",
            leader.name()
        )));
    }
    Ok(Leader {
        system_identifier: server.system_identifier.clone(),
        timeline: server.timeline,
        position: server.position,
        history: promotion::history(leader, server.timeline).await?,
    })
}

/// Seen at both ends: the member receives, and the leader sends to it.
pub async fn follows_already(
    member: &Member,
    leader: &Member,
    server: &Server,
    leading: &Leader,
) -> Result<bool, ActionError> {
    let receives = server.in_recovery && server.streaming && server.timeline == leading.timeline;
    let from_there = server.sender.as_deref().is_some_and(|sender| leader.is_reached_at(sender));
    Ok(receives && from_there && is_sent_to(member, leader).await?)
}

/// Whether the leader says that it streams to this member.
pub async fn is_sent_to(member: &Member, leader: &Member) -> Result<bool, ActionError> {
    let rows = leader.link.look(FOLLOWERS, &[], SQL_MAX).await?;
    let slot = member.estate.slot();
    Ok((0..rows.count())
        .any(|row| rows.text(row, 0) == Some(member.name()) || rows.text(row, 1) == Some(slot.as_str())))
}

fn wanted(choice: Choice, by: By, member: &str, leader: &str) -> Way {
    let say = |how: &str, why: &str| Evidence::new(format!("{member} {how}: {why}"));
    match (by, choice) {
        (_, Choice::Never(why)) => Way::Blocked(format!("{member} cannot be made to follow {leader}: {why}")),
        (By::Copy, Choice::Follow(why) | Choice::Rewind(why) | Choice::Copy(why)) => {
            Way::Copy(say(&format!("→ copied anew from {leader}, as asked"), &why))
        }
        (_, Choice::Follow(why)) => Way::Follow(say(&format!("→ follows {leader} as it is"), &why)),
        (By::Follow, Choice::Rewind(why) | Choice::Copy(why)) => {
            Way::Blocked(format!("{member} cannot follow {leader} as it is, which is all that was asked for: {why}"))
        }
        (By::Cheapest | By::Rewind, Choice::Rewind(why)) => {
            Way::Rewind(say(&format!("→ rewound to {leader}, then follows it"), &why))
        }
        (By::Rewind, Choice::Copy(why)) => {
            Way::Blocked(format!("{member} cannot be rewound to {leader}, as was asked for: {why}"))
        }
        (By::Cheapest, Choice::Copy(why)) => {
            Way::Copy(say(&format!("→ copied anew from {leader}, the old directory is kept"), &why))
        }
    }
}

/// What a look at the place for a copy found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub free_bytes: u64,
    pub needed_bytes: u64,
    /// The directory is a mount point, or its parent is not ours to write: it cannot be exchanged.
    pub cannot_exchange: bool,
    pub wal_elsewhere: bool,
}

/// Measures the place for a copy of the leader.
pub async fn room(member: &Member, leader: &Member) -> Result<Room, ActionError> {
    let data = member.data_dir();
    let arguments = [data.as_str()];
    let (space, size) = futures::join!(
        member.host.look(&programs::SPACE, &arguments, member.owner(), SQL_MAX),
        leader.link.look(SIZE, &[], SQL_MAX)
    );
    let text = space?.stdout_or(&format!("{}: looking for free space", member.name()))?;
    let has = |name: &str| text.lines().any(|line| line.starts_with(name));
    let free = text.lines().find_map(|line| line.strip_prefix("free_kib=")?.trim().parse::<u64>().ok()).unwrap_or(0);
    let size: u64 = size?.get(0, 0).unwrap_or(0);
    Ok(Room {
        free_bytes: free.saturating_mul(1024),
        // The databases, a tenth for what else there is, and a few segments of log.
        needed_bytes: size + size / 10 + (64 << 20),
        cannot_exchange: has("mounted=") || has("not_writable="),
        wal_elsewhere: has("wal_elsewhere="),
    })
}

async fn room_for_copy(member: &Member, leader: &Member, disk: &Disk, evidence: Evidence) -> Result<Way, ActionError> {
    let room = room(member, leader).await?;
    let (name, data) = (member.name(), member.data_dir());
    let blocked = |why: String| {
        Ok(Way::Blocked(format!("{name} would have to be copied anew ({}), but {why}", evidence.summary)))
    };
    if let Data::Found(Cluster { tablespaces: true, .. }) = &disk.data {
        return blocked(
            "it has tablespaces, whose places only a person can choose: make the standby by hand".to_owned(),
        );
    }
    if room.cannot_exchange || room.wal_elsewhere {
        return blocked(format!(
            "{data} cannot be exchanged for another directory (a mount point, a log elsewhere, or a parent that is not ours): make the standby by hand"
        ));
    }
    if room.free_bytes < room.needed_bytes {
        return blocked(format!(
            "{} MiB are free there and {} MiB are needed",
            room.free_bytes >> 20,
            room.needed_bytes >> 20
        ));
    }
    Ok(Way::Copy(evidence.with("needed_bytes", room.needed_bytes).with("free_bytes", room.free_bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::database::postgres::control_data::{self, ControlData};

    fn cluster(state: ClusterState, timeline: u32) -> Cluster {
        let mut control: ControlData = control_data::parse(control_data::tests::PRINTED).expect("control data");
        control.state = state;
        control.timeline = timeline;
        control.system_identifier = "1".to_owned();
        Cluster {
            version: 15,
            control,
            running: None,
            standby_signal: true,
            recovery_signal: false,
            backup_label: false,
            tablespaces: false,
            follows: None,
            checkpoint_bytes: Some(114),
        }
    }

    fn leader() -> Leader {
        Leader {
            system_identifier: "1".to_owned(),
            timeline: 3,
            position: Lsn(9000),
            history: History::parse("1 0/64 x\n2 0/C8 x\n"),
        }
    }

    #[test]
    fn the_table_of_ways() {
        use ClusterState::{InProduction, ShutDown, ShutDownInRecovery};
        for (state, timeline, end, expected) in [
            (ShutDown, 2, 200, "follow"),
            (ShutDown, 2, 208, "rewind"),
            (ShutDown, 2, 192, "rewind"),
            (ShutDown, 1, 100, "follow"),
            (ShutDownInRecovery, 2, 200, "follow"),
            (ShutDownInRecovery, 2, 100, "follow"),
            (ShutDownInRecovery, 2, 201, "rewind"),
            (InProduction, 2, 200, "rewind"),
            (InProduction, 2, 500, "rewind"),
            (ShutDownInRecovery, 3, 9000, "follow"),
            (ShutDownInRecovery, 3, 9001, "copy"),
            (ShutDown, 3, 100, "copy"),
            (ShutDown, 4, 100, "never"),
        ] {
            let found = match choose(&cluster(state, timeline), None, Lsn(end), &leader()) {
                Choice::Follow(_) => "follow",
                Choice::Rewind(_) => "rewind",
                Choice::Copy(_) => "copy",
                Choice::Never(_) => "never",
            };
            assert_eq!(found, expected, "{state:?} on {timeline} ending at {end}");
        }
    }

    #[test]
    fn another_database_is_never_overwritten() {
        let other = Leader { system_identifier: "2".to_owned(), ..leader() };
        let choice = choose(&cluster(ClusterState::ShutDown, 2), None, Lsn(200), &other);
        assert!(matches!(&choice, Choice::Never(_)));
        assert!(matches!(wanted(choice, By::Copy, "a", "b"), Way::Blocked(_)));
    }

    #[test]
    fn without_checksums_no_rewind() {
        let mut cluster = cluster(ClusterState::ShutDown, 2);
        cluster.control.rewindable = false;
        let choice = choose(&cluster, None, Lsn(300), &leader());
        assert!(matches!(&choice, Choice::Copy(_)));
        assert!(matches!(wanted(choice, By::Rewind, "a", "b"), Way::Blocked(_)));
    }

    #[test]
    fn a_timeline_that_the_leader_never_had() {
        let leader = Leader { history: History::parse("2 0/C8 x\n"), ..leader() };
        assert!(matches!(choose(&cluster(ClusterState::ShutDown, 1), None, Lsn(100), &leader), Choice::Rewind(_)));
    }
}
