//! The fence: written to disk before the stop, proven by the control data, taken back only by who may.

use std::time::Duration;

use super::super::cut_off;
use super::disk::{self, Data, Disk};
use super::member::{Member, Seen};
use super::{judge, programs, server};
use crate::actions::database::port::Fence;
use crate::engine::action::{ActionError, Evidence, Fault, Touch};
use crate::runbook::bound::Mode;

/// How long a stop may take before it is left to itself (planned) or killed (emergency), in seconds. The
/// step's own time limit is usually shorter; a stop that is under way goes on without us.
const STOP_SECONDS: u64 = 25;
const STOP_EMERGENCY_SECONDS: u64 = 8;
/// How long a crashed server may take to replay its log, in seconds.
const QUARANTINE_SECONDS: u64 = 300;

/// Whether a member is fenced.
pub async fn look(member: &Member, mode: Mode) -> Result<Fence, ActionError> {
    of(member, &member.look().await?, mode).await
}

/// The same of a member that was looked at a moment ago.
pub async fn of(member: &Member, seen: &Seen, mode: Mode) -> Result<Fence, ActionError> {
    if let Some(fence) = judge::fence(member, seen)? {
        return Ok(fence);
    }
    let silent = silence(seen);
    match cut_off::is_off(&member.host).await {
        None => Ok(Fence::Unprovable(format!("{silent}; the estate names no `cut_off` that could prove it off"))),
        Some(Ok(true)) => Ok(Fence::Proven(
            Evidence::new(format!("{} is cut off, as its own check says", member.name())).with("how", "cut_off"),
        )),
        Some(Ok(false)) if mode == Mode::Emergency => {
            Ok(Fence::Open(Evidence::new(format!("{silent} → its host is cut off"))))
        }
        Some(Ok(false)) => Ok(Fence::Unprovable(silent)),
        Some(Err(why)) => Ok(Fence::Unprovable(format!("{silent}; its `cut_off` cannot be looked at: {why}"))),
    }
}

fn silence(seen: &Seen) -> String {
    let disk = seen.disk.as_ref().err().map(ToString::to_string);
    let server = seen.server.as_ref().err().map(ToString::to_string);
    [disk, server].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Fences a member, and proves it.
pub async fn fence(member: &Member, touch: &Touch, mode: Mode) -> Result<Fence, ActionError> {
    let emergency = mode == Mode::Emergency;
    let error = match fence_server(member, touch, emergency).await {
        Err(error) if emergency => error,
        // Its own log cannot prove it. Whoever names a way to cut its host off has said what is to be done then.
        Ok(Fence::Unproven(evidence)) if emergency && cut_off::is_off(&member.host).await.is_some() => {
            return Ok(match cut_off::cut_off(&member.host, touch).await {
                Ok(proof) => Fence::Proven(proof),
                Err(error) => Fence::Unproven(Evidence::new(format!("{}; {error}", evidence.summary))),
            });
        }
        other => return other,
    };
    // Its host does not answer, or is not the machine that we know: what is left is to cut it off.
    let is_silent = matches!(error.fault, Fault::Unreachable | Fault::InDoubt) || member.host.connect().await.is_err();
    if !is_silent || cut_off::is_off(&member.host).await.is_none() {
        return Err(error);
    }
    cut_off::cut_off(&member.host, touch).await.map(Fence::Proven)
}

async fn fence_server(member: &Member, touch: &Touch, emergency: bool) -> Result<Fence, ActionError> {
    // A service that is kept from starting while it still runs does not come back in the moment after the stop.
    let disabled = match member.disable(touch).await {
        Err(error) if emergency && error.fault == Fault::Refused => Some(format!("{error}")),
        other => other?,
    };
    if member.is_stopped_by_command() {
        let prevented = stop(member, touch, 0, false).await?;
        if is_running(&prevented) {
            match member.stop_by_command(touch).await {
                Err(error) if !emergency => return Err(error),
                _ => {}
            }
        }
    }
    let seconds = if emergency { STOP_EMERGENCY_SECONDS } else { STOP_SECONDS };
    let mut disk = stop(member, touch, seconds, emergency).await?;
    if has_crashed(&disk) {
        if !emergency {
            return Err(ActionError::refused(format!(
                "{}: the server ended without having been shut down; only `--mode emergency` deals with that",
                member.name()
            )));
        }
        disk = match quarantine(member, touch).await {
            Ok(disk) => disk,
            Err(error) => return unreplayed(member, error).await,
        };
    }
    let seen = Seen { disk: Ok(disk), server: Err(ActionError::unreachable("not asked")) };
    Ok(match judge::fence(member, &seen)? {
        Some(Fence::Proven(mut evidence)) => {
            if let Some(disabled) = disabled {
                evidence.summary = format!("{}; {disabled}", evidence.summary);
            }
            Fence::Proven(evidence)
        }
        Some(other) => other,
        None => Fence::Unprovable(format!("{} was not looked at", member.name())),
    })
}

/// A crashed server did not come up in quarantine: its disk is full, or its files are damaged. What of the fence stands all
/// the same is seen at the disk.
async fn unreplayed(member: &Member, error: ActionError) -> Result<Fence, ActionError> {
    let Ok(disk) = member.disk().await else { return Err(error) };
    let seen = Seen { disk: Ok(disk), server: Err(ActionError::unreachable("not asked")) };
    match judge::fence(member, &seen)? {
        Some(proven @ Fence::Proven(_)) => Ok(proven),
        Some(Fence::Unproven(_)) => Ok(Fence::Unproven(Evidence::new(format!(
            "nothing proves that it takes no writes, though any start of it comes up read-only: {error}"
        )))),
        _ => Err(error),
    }
}

async fn stop(member: &Member, touch: &Touch, seconds: u64, force: bool) -> Result<Disk, ActionError> {
    let force = if force { "yes" } else { "no" };
    let limit = Duration::from_secs(seconds + 10);
    let output =
        member.touch_script(touch, &programs::FENCE, &[&member.listens(), &seconds.to_string(), force], limit).await?;
    read(member, &output.stdout_or(&format!("{}: fencing {}", member.name(), member.data_dir()))?)
}

async fn quarantine(member: &Member, touch: &Touch) -> Result<Disk, ActionError> {
    let limit = Duration::from_secs(QUARANTINE_SECONDS * 2);
    let output = member
        .touch_script(touch, &programs::QUARANTINE, &[&member.listens(), &QUARANTINE_SECONDS.to_string()], limit)
        .await?;
    read(member, &output.stdout_or(&format!("{}: replaying the log of a crashed server", member.name()))?)
}

/// Brings a crashed member that is fenced to an end in order, so that it can be rewound.
pub async fn settle(member: &Member, touch: &Touch) -> Result<Disk, ActionError> {
    let disk = stop(member, touch, STOP_SECONDS, true).await?;
    if has_crashed(&disk) { quarantine(member, touch).await } else { Ok(disk) }
}

fn read(member: &Member, text: &str) -> Result<Disk, ActionError> {
    disk::parse(text).map_err(|why| ActionError::in_doubt(format!("{}: {why}", member.name())))
}

fn is_running(disk: &Disk) -> bool {
    matches!(&disk.data, Data::Found(cluster) if cluster.running.is_some())
}

fn has_crashed(disk: &Disk) -> bool {
    disk.elsewhere.is_none()
        && matches!(&disk.data, Data::Found(cluster) if cluster.running.is_none() && !cluster.control.state.is_shut_down())
}

/// Takes the fence back: settings as they were, the service enabled, the server started, seen to take writes.
pub async fn unfence(member: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    let what = format!("{}: taking the fence back", member.name());
    let output = member.touch_script(touch, &programs::UNFENCE, &[&member.listens()], Duration::from_secs(40)).await?;
    output.stdout_or(&what)?;
    member.enable(touch).await?;
    member.start(touch).await?;
    let server = server::look(&member.link).await?;
    if server.in_recovery {
        return Err(ActionError::refused(format!("{what}: it came up in recovery, not as the primary that it was")));
    }
    Ok(Evidence::new(format!(
        "{} takes writes again, on timeline {} at {}",
        member.name(),
        server.timeline,
        server.position
    )))
}
