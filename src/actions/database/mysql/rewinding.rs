//! Taking back what only a member has. MariaDB's log keeps each row as it was before, so the changes can be undone, newest
//! first, and the member stands where the two parted.
//!
//! It is done while nobody but the host's own administrator can come in, in one transaction, and only after the
//! account of it was taken.

use std::time::Duration;

use super::keeping::{self, arguments};
use super::member::{Member, StartsAs};
use super::{following, programs, read_lock};
use crate::actions::database::port::Account;
use crate::engine::action::{ActionError, Evidence, Touch};

const LOOK_MAX: Duration = Duration::from_secs(120);
const REWIND_MAX: Duration = Duration::from_secs(3600);

/// Where the member's log stood before what only it has; or why that cannot be taken back.
pub async fn fork(member: &Member, stretches: &[String]) -> Result<Result<String, String>, ActionError> {
    let more: Vec<&str> = stretches.iter().map(String::as_str).collect();
    let output = member.look_script(&programs::REWINDABLE, &more, LOOK_MAX).await?;
    let text = output.stdout_or(&format!("{}: reading its log", member.name()))?;
    Ok(match text.trim().split_once('=') {
        Some(("fork", fork)) if !fork.is_empty() => Ok(fork.to_owned()),
        Some(("fork", _)) => Err("its log does not tell where it stood before them".to_owned()),
        Some((_, why)) => Err(why.to_owned()),
        None => Err("its log could not be read".to_owned()),
    })
}

/// Takes it back. Repeatable, whenever it was cut off: what is under way is written down on the host.
pub async fn take_back(member: &Member, leader: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    let disk = member.disk().await?;
    let arguments = match &disk.rewinding {
        Some(begun) => begun.split_whitespace().map(str::to_owned).collect(),
        None => to_take_back(member, leader, touch).await?,
    };
    if arguments.is_empty() {
        return Ok(Evidence::new("nothing is to be taken back"));
    }
    read_lock::let_go(member).await;
    let scheduler = disk.scheduler_before.unwrap_or(disk.scheduler);
    if !disk.is_sealed() || disk.running.is_none() {
        let sealed = member.starts_as(touch, StartsAs::Sealed, scheduler).await?;
        if !sealed.is_sealed() {
            return Err(ActionError::refused(format!(
                "{}: the server does not read {}, so it cannot be kept to itself",
                member.name(),
                member.estate.config_dir.display()
            )));
        }
        member.stop(touch).await?;
        member.enable(touch).await?;
        member.start(touch).await?;
    }
    let more: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = member.touch_script(touch, &programs::REWIND, &more, REWIND_MAX).await?;
    let stands = output.stdout_or(&format!("{}: taking back what only it has", member.name()))?;
    following::come_up(member, touch).await?;
    Ok(Evidence::new(format!("{} was taken back to {}", member.name(), stands.trim())))
}

/// Where to come to, and the transactions; saved first, whatever the runbook did. Nothing where there are none.
async fn to_take_back(member: &Member, leader: &Member, touch: &Touch) -> Result<Vec<String>, ActionError> {
    let errant = keeping::errant(member, leader).await?;
    if errant.is_empty() {
        return Ok(Vec::new());
    }
    if let Account::ToTake(_) = keeping::account(member, leader).await? {
        keeping::take_account(member, leader, touch).await?;
    }
    let stretches = arguments(&errant);
    let refused = |why| ActionError::refused(format!("{}: {why}", member.name()));
    let fork = fork(member, &stretches).await?.map_err(refused)?;
    Ok(std::iter::once(fork).chain(stretches).collect())
}
