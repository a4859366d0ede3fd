//! The fence: a running server is frozen, one that does not answer is stopped; in both cases what a restart would be is
//! written down first. Proven by looking, taken back only by who may.

use std::time::Duration;

use super::super::cut_off;
use super::member::{Member, Seen, StartsAs};
use super::{freezing, judge, programs, read_lock, rows};
use crate::actions::database::port::Fence;
use crate::engine::action::{ActionError, Evidence, Fault, Touch};
use crate::runbook::bound::Mode;

/// How long a server that does not answer may take to end in order, in seconds.
const STOP_SECONDS: u64 = 8;

/// Whether a member is fenced.
pub async fn look(member: &Member, mode: Mode) -> Result<Fence, ActionError> {
    let (seen, held) = futures::join!(member.look(), freezing::holds_everybody(member));
    of(member, &seen, held, mode).await
}

/// The same of a member that was looked at a moment ago.
pub async fn of(member: &Member, seen: &Seen, held: bool, mode: Mode) -> Result<Fence, ActionError> {
    if let Some(fence) = judge::fence(member, seen, held)? {
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
    [server, disk].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Fences a member, and proves it.
pub async fn fence(member: &Member, touch: &Touch, mode: Mode) -> Result<Fence, ActionError> {
    let emergency = mode == Mode::Emergency;
    let error = match fence_server(member, touch, mode).await {
        Err(error) if emergency => error,
        other => return other,
    };
    // Its host does not answer, or is not the machine that we know: what is left is to cut it off.
    let is_silent = matches!(error.fault, Fault::Unreachable | Fault::InDoubt) || member.host.connect().await.is_err();
    if !is_silent || cut_off::is_off(&member.host).await.is_none() {
        return Err(error);
    }
    cut_off::cut_off(&member.host, touch).await.map(Fence::Proven)
}

async fn fence_server(member: &Member, touch: &Touch, mode: Mode) -> Result<Fence, ActionError> {
    let emergency = mode == Mode::Emergency;
    match member.server().await {
        Ok(server) => match Box::pin(freezing::freeze(member, &server, touch, mode)).await {
            Ok(evidence) => return Ok(Fence::Proven(evidence)),
            // What hangs there is not waited for when users wait.
            Err(_) if emergency => {}
            Err(error) => return Err(error),
        },
        Err(error) if !emergency => {
            return Err(ActionError::new(
                error.fault,
                format!("{error}; only `--mode emergency` fences a server that does not answer"),
            ));
        }
        Err(_) => {}
    }
    seal(member, touch).await
}

/// Any start is read-only and without a listener; then it is stopped, whatever it takes.
async fn seal(member: &Member, touch: &Touch) -> Result<Fence, ActionError> {
    read_lock::let_go(member).await;
    let disk = member.disk().await?;
    let scheduler = disk.scheduler_before.unwrap_or(disk.scheduler);
    member.starts_as(touch, StartsAs::Sealed, scheduler).await?;
    // A supervisor that is told nothing would start it again; read-only by now, but nobody should have to know that.
    let disabled = match member.disable(touch).await {
        Err(error) if error.fault == Fault::Refused => Some(error.to_string()),
        other => other?,
    };
    if member.disk().await?.running.is_some() {
        // What its own command cannot stop is ended below.
        let _ = member.stop_by_command(touch).await;
        let limit = Duration::from_secs(STOP_SECONDS + 10);
        let output = member.touch_script(touch, &programs::STOP, &[&STOP_SECONDS.to_string(), "yes"], limit).await?;
        output.stdout_or(&format!("{}: stopping a server that does not answer", member.name()))?;
    }
    let seen = Seen { disk: member.disk().await, server: Err(ActionError::unreachable("not asked")) };
    Ok(match judge::fence(member, &seen, false)? {
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

/// Takes the fence back: settings as they were, the server running, seen to take writes.
pub async fn unfence(member: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    let disk = member.disk().await?;
    if disk.running.is_none() || disk.starts_without_network {
        member.starts_as(touch, StartsAs::Fenced, disk.scheduler_before.unwrap_or(true)).await?;
        member.enable(touch).await?;
        member.restart(touch).await?;
    }
    let server = Box::pin(freezing::thaw(member, touch)).await?;
    // Not being read-only is no proof that it takes writes: whatever holds users up holds this up as well.
    rows::try_to_write(member, touch).await?;
    Ok(Evidence::new(format!("{} takes writes again, at {}", member.name(), server.position)))
}
