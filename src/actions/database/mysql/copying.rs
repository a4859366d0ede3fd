//! Making a member anew, as a copy of the one that serves: where what only it has cannot be taken back, or the leader has not
//! kept what it lacks.
//!
//! The copy is a physical one (mariadb-backup), since a replica must be the same to the last digit, and goes from host to host
//! through us: the two know no way to each other but the servers' own. It lies beside the data directory until all of it is there
//! and made ready, so that half a copy is never started; what was there is kept. From the exchange on until its position
//! is set nobody can come in from outside. Each part is written down at its end, and goes on from there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::disk::Copying;
use super::member::{Member, StartsAs};
use super::{following, freezing, keeping, programs};
use crate::actions::database::port::Account;
use crate::actions::ssh::{self, End};
use crate::engine::action::{ActionError, Evidence, Touch};

/// The step's own time ends it before.
const COPY_MAX: Duration = Duration::from_secs(86_400);
const PUT_MAX: Duration = Duration::from_secs(14_400);
const POSITION_MAX: Duration = Duration::from_secs(60);
/// How long the leader may be asked to wait for a lock; whoever writes there would wait as long.
const LOCK_SECONDS: &str = "3";

/// Makes `member` a copy of `leader` that runs read-only and knows its position. Repeatable, wherever it was cut off.
pub async fn copy(member: &Member, leader: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    let copying = member.disk().await?.copying;
    if matches!(copying, None | Some(Copying::Received)) {
        // Whatever the runbook did: what is replaced is saved before.
        if let Account::ToTake(_) = keeping::account(member, leader).await? {
            keeping::take_account(member, leader, touch).await?;
        }
    }
    let mut received = String::new();
    if copying.is_none() {
        let bytes = receive(member, leader, touch).await?;
        received = format!(", {} MiB", bytes >> 20);
    }
    let label = if copying.is_none() { label(leader) } else { String::new() };
    let replaced = match copying {
        Some(Copying::Placed) => None,
        _ => Some(put(member, &label, touch).await?),
    };
    seal(member, touch).await?;
    member.enable(touch).await?;
    member.start(touch).await?;
    let output = member.touch_script(touch, &programs::POSITION, &[], POSITION_MAX).await?;
    let stands = output.stdout_or(&format!("{}: telling the copy its position", member.name()))?;
    following::come_up(member, touch).await?;
    let kept = replaced.map_or_else(String::new, |folder| format!("; what was there is kept in {folder}"));
    let (name, leader, stands) = (member.name(), leader.name(), stands.trim());
    Ok(Evidence::new(format!("{name} was copied anew from {leader}{received}, and stands at {stands}{kept}")))
}

/// Copies are told apart by when they came.
fn label(leader: &Member) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("{}-{now}", leader.name())
}

async fn receive(member: &Member, leader: &Member, touch: &Touch) -> Result<u64, ActionError> {
    let (here, there) = (member.places(), leader.places());
    let here: Vec<&str> = here.iter().map(String::as_str).collect();
    let there: Vec<&str> = there.iter().map(String::as_str).chain([LOCK_SECONDS]).collect();
    let from = End { host: &leader.host, script: &programs::BACKUP, arguments: &there, user: leader.owner() };
    let to = End { host: &member.host, script: &programs::RECEIVE, arguments: &here, user: member.owner() };
    ssh::pour(touch, from, to, COPY_MAX).await
}

/// The copy takes the place of what is there. Gives where that is kept.
async fn put(member: &Member, label: &str, touch: &Touch) -> Result<String, ActionError> {
    freezing::let_go(member).await;
    seal(member, touch).await?;
    member.stop(touch).await?;
    let output = member.touch_script(touch, &programs::PUT, &[label], PUT_MAX).await?;
    output.stdout_or(&format!("{}: putting the copy in its place", member.name())).map(|text| text.trim().to_owned())
}

/// Any start from now on lets nobody in from outside.
async fn seal(member: &Member, touch: &Touch) -> Result<(), ActionError> {
    let disk = member.disk().await?;
    let scheduler = disk.scheduler_before.unwrap_or(disk.scheduler);
    let sealed = member.starts_as(touch, StartsAs::Sealed, scheduler).await?;
    if sealed.is_sealed() {
        return Ok(());
    }
    Err(ActionError::refused(format!(
        "{}: the server does not read {}, so it cannot be kept to itself",
        member.name(),
        member.estate.config_dir.display()
    )))
}
