//! Making a member follow: as it is, after a rewind, or as a new copy. Each can be cut off anywhere and
//! begun again: what lasts runs on the host under a lock, and is adopted by whoever comes next.

use std::time::{Duration, Instant};

use super::conninfo::config_quoted;
use super::control_data::ClusterState;
use super::disk::{Data, Disk, JobState};
use super::member::Member;
use super::{fencing, programs, server, slots, way};
use crate::actions::database::port::{By, Way};
use crate::engine::action::{ActionError, Evidence, Fault, Touch};

const TELL_MAX: Duration = Duration::from_secs(10);
const STOP_SECONDS: u64 = 60;
const CHECKPOINT_MAX: Duration = Duration::from_secs(1800);
/// How long a member may take to stream once it was told to.
const STREAM_MAX: Duration = Duration::from_secs(120);
/// How long the leader may take to see what the member sees.
const POLL: Duration = Duration::from_millis(10);
/// How often something long is looked at.
const JOB_POLL: Duration = Duration::from_millis(250);

/// Makes `member` follow `leader` in this way, until both see it stream.
pub async fn follow(member: &Member, leader: &Member, way: &Way, touch: &Touch) -> Result<Evidence, ActionError> {
    // Before anything: the leader must keep its log from now on.
    slots::make(leader, &[member], touch).await?;
    let was_under_way = job_state(&member.disk().await?) == Some(JobState::Running);
    let ended = job_state(&wait_for_job(member).await?);
    let way = match way {
        Way::Already(evidence) => return Ok(evidence.clone()),
        Way::Blocked(why) => return Err(ActionError::refused(why.clone())),
        // What was begun before us and ended well is not done twice.
        Way::Copy(evidence) if !(was_under_way && ended == Some(JobState::Done)) => Way::Copy(evidence.clone()),
        Way::Copy(_) | Way::Follow(_) | Way::Rewind(_) => settled_way(member, leader, touch).await?,
    };
    let (how, detail) = match way {
        Way::Already(evidence) => return Ok(evidence),
        Way::Blocked(why) => return Err(ActionError::refused(why)),
        Way::Follow(evidence) => {
            tell(member, leader, touch).await?;
            ("followed as it was", evidence.summary)
        }
        Way::Rewind(evidence) => rewind_or_copy(member, leader, touch, evidence).await?,
        Way::Copy(evidence) => {
            copy(member, leader, touch).await?;
            ("copied anew", evidence.summary)
        }
    };
    member.enable(touch).await?;
    member.start(touch).await?;
    let took_ms = streams(member, leader).await?;
    let summary = format!("{} streams from {}, {how}", member.name(), leader.name());
    Ok(Evidence::new(summary).with("how", how).with("why", detail).with("streaming_after_ms", took_ms))
}

/// The way, once a server that crashed has been brought to an end in order.
async fn settled_way(member: &Member, leader: &Member, touch: &Touch) -> Result<Way, ActionError> {
    let disk = member.disk().await?;
    if let (Data::Found(cluster), None) = (&disk.data, &disk.unusable) {
        let control = &cluster.control;
        let crashed = cluster.running.is_none() && !control.state.is_shut_down() && !cluster.backup_label;
        if crashed && control.state != ClusterState::InArchiveRecovery {
            match fencing::settle(member, touch).await {
                // Its log cannot be replayed: then nothing of it is of use but what is kept aside.
                Err(error) if error.fault == Fault::Refused => {
                    return way::look(member, leader, By::Copy).await;
                }
                other => drop(other?),
            }
        }
    }
    way::look(member, leader, By::Cheapest).await
}

/// Tells it whom to follow; a server that runs reads it at once.
async fn tell(member: &Member, leader: &Member, touch: &Touch) -> Result<(), ActionError> {
    // One that may have been started to recover to a point in time would follow nobody; its signal goes while it is down.
    if matches!(&member.disk().await?.data, Data::Found(cluster) if cluster.recovery_signal) {
        stop(member, touch).await?;
    }
    let [conninfo, slot] = lines(member, leader);
    let output = member.touch_script(touch, &programs::TELL, &["leader", &conninfo, &slot], TELL_MAX).await?;
    output.stdout_or(&format!("{}: telling it to follow {}", member.name(), leader.name())).map(drop)
}

/// Connection string and slot, as lines of a configuration file want them.
fn lines(member: &Member, leader: &Member) -> [String; 2] {
    [config_quoted(member.conninfo_to(leader).as_str()), config_quoted(&member.estate.slot())]
}

async fn rewind_or_copy(
    member: &Member,
    leader: &Member,
    touch: &Touch,
    evidence: Evidence,
) -> Result<(&'static str, String), ActionError> {
    stop(member, touch).await?;
    // Before PostgreSQL 16 pg_rewind takes the leader's timeline from its last checkpoint.
    let session = leader.link.apart().await?;
    session.touch(touch, "CHECKPOINT", &[], CHECKPOINT_MAX).await?;
    let source = member.conninfo_to(leader).with("dbname", "postgres");
    let [conninfo, slot] = lines(member, leader);
    begin(member, touch, "rewind", programs::REWIND, &[source.as_str(), &conninfo, &slot]).await?;
    let disk = wait_for_job(member).await?;
    if job_state(&disk) == Some(JobState::Done) {
        return Ok(("rewound", evidence.summary));
    }
    let said = last_words(member).await;
    let why = format!("pg_rewind did not work ({said})");
    match way::look(member, leader, By::Copy).await? {
        Way::Copy(_) => {
            copy(member, leader, touch).await?;
            Ok(("copied anew", why))
        }
        Way::Blocked(blocked) => Err(ActionError::refused(format!("{}: {why}, and {blocked}", member.name()))),
        Way::Already(_) | Way::Follow(_) | Way::Rewind(_) => Err(ActionError::transient(why)),
    }
}

async fn copy(member: &Member, leader: &Member, touch: &Touch) -> Result<(), ActionError> {
    stop(member, touch).await?;
    let source = member.conninfo_to(leader);
    let [conninfo, slot] = lines(member, leader);
    // Copies are told apart by when the old directory was replaced.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let label = format!("{}-{now}", leader.name());
    let more = [source.as_str(), &conninfo, &slot, &member.estate.slot(), &label];
    begin(member, touch, "copy", programs::COPY, &more).await?;
    let disk = wait_for_job(member).await?;
    if job_state(&disk) == Some(JobState::Done) {
        return Ok(());
    }
    let said = last_words(member).await;
    Err(ActionError::transient(format!("{}: copying {} anew did not work: {said}", member.name(), leader.name())))
}

/// A standby must not run while its directory is changed. A primary is never stopped by this.
async fn stop(member: &Member, touch: &Touch) -> Result<(), ActionError> {
    let disk = member.disk().await?;
    if !matches!(&disk.data, Data::Found(cluster) if cluster.running.is_some()) {
        return Ok(());
    }
    if member.is_stopped_by_command() {
        return member.stop_by_command(touch).await;
    }
    let limit = Duration::from_secs(STOP_SECONDS + 10);
    let output = member.touch_script(touch, &programs::STOP, &[&STOP_SECONDS.to_string()], limit).await?;
    output.stdout_or(&format!("{}: stopping the standby", member.name())).map(drop)
}

pub async fn begin(member: &Member, touch: &Touch, name: &str, text: &str, more: &[&str]) -> Result<(), ActionError> {
    let mut arguments = vec![name, text];
    arguments.extend_from_slice(more);
    let output = member.touch_script(touch, &programs::JOB, &arguments, TELL_MAX).await?;
    output.stdout_or(&format!("{}: beginning a {name}", member.name())).map(drop)
}

/// Waits until nothing long of ours is under way there; the step's own time limit ends it.
pub async fn wait_for_job(member: &Member) -> Result<Disk, ActionError> {
    loop {
        let disk = member.disk().await?;
        if job_state(&disk) != Some(JobState::Running) {
            return Ok(disk);
        }
        tokio::time::sleep(JOB_POLL).await;
    }
}

pub fn job_state(disk: &Disk) -> Option<JobState> {
    disk.job.as_ref().map(|job| job.state)
}

pub async fn last_words(member: &Member) -> String {
    let data = member.data_dir();
    match member.host.look(&programs::JOB_LOG, &[&data], member.owner(), TELL_MAX).await {
        Ok(output) => {
            let lines: Vec<&str> = output.stdout.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            lines.join("; ").chars().take(500).collect()
        }
        Err(error) => error.to_string(),
    }
}

/// Waits until both ends see it stream; gives the milliseconds that it took.
async fn streams(member: &Member, leader: &Member) -> Result<u64, ActionError> {
    let began = Instant::now();
    loop {
        let now = server::look(&member.link).await;
        if let Ok(server) = &now {
            if !server.in_recovery {
                return Err(ActionError::refused(format!("{} came up as a primary; stop it", member.name())));
            }
            if server.streaming && way::is_sent_to(member, leader).await? {
                return Ok(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
            }
        }
        if began.elapsed() >= STREAM_MAX {
            let how = now.map_or_else(
                |error| error.to_string(),
                |server| format!("it is in recovery at {} on timeline {}", server.position, server.timeline),
            );
            return Err(ActionError::transient(format!(
                "{} does not stream from {} after {} s: {how}; its log says why",
                member.name(),
                leader.name(),
                STREAM_MAX.as_secs()
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}
