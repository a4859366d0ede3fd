//! A host's `cut_off`: the estate's own commands, run where Switchback runs, that switch a host off and look
//! whether it is off.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::actions::ssh::RemoteHost;
use crate::engine::action::{ActionError, Evidence, Touch};
use crate::estate::model::CutOff;

const LOOK_MAX: Duration = Duration::from_secs(10);
const ACT_MAX: Duration = Duration::from_secs(60);
/// How long a host may take to be off once its command has ended.
const SETTLE_MAX: Duration = Duration::from_secs(30);
const PRINTS_BYTES_MAX: u64 = 64 * 1024;

/// Whether the host is off; `None` where the estate says no way to know.
pub async fn is_off(host: &RemoteHost) -> Option<Result<bool, String>> {
    match &host.estate().cut_off {
        Some(cut_off) => Some(looks_off(cut_off).await),
        None => None,
    }
}

/// Switches the host off, and waits until its own look says so.
pub async fn cut_off(host: &RemoteHost, touch: &Touch) -> Result<Evidence, ActionError> {
    let Some(cut_off) = &host.estate().cut_off else {
        return Err(ActionError::refused(format!("the estate names no `cut_off` for {}", host.name())));
    };
    touch.check().await?;
    run(&cut_off.act, ACT_MAX)
        .await
        .map_err(|why| ActionError::in_doubt(format!("cutting {} off: {why}", host.name())))?;
    let began = Instant::now();
    loop {
        let off = looks_off(cut_off).await;
        if off == Ok(true) {
            return Ok(
                Evidence::new(format!("{} was cut off, as its own check says", host.name())).with("how", "cut_off")
            );
        }
        if began.elapsed() >= SETTLE_MAX {
            let why = off.err().unwrap_or_else(|| format!("its look does not print `{}`", cut_off.off_prints));
            return Err(ActionError::in_doubt(format!(
                "{} was told to go off, and is not seen to be: {why}",
                host.name()
            )));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn looks_off(cut_off: &CutOff) -> Result<bool, String> {
    run(&cut_off.look, LOOK_MAX).await.map(|printed| printed.contains(&cut_off.off_prints))
}

/// What a command of this machine prints; no shell sees its words.
async fn run(argv: &[String], limit: Duration) -> Result<String, String> {
    let (program, arguments) = argv.split_first().ok_or("it is empty")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("`{program}` cannot be started: {error}"))?;
    let stdout = child.stdout.take();
    let ended = async {
        let mut bytes = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(PRINTS_BYTES_MAX).read_to_end(&mut bytes).await?;
        }
        child.wait().await.map(|status| (status, bytes))
    };
    match tokio::time::timeout(limit, ended).await {
        Ok(Ok((status, bytes))) if status.success() => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Ok(Ok((status, _))) => Err(format!("`{program}` ended with {status}")),
        Ok(Err(error)) => Err(format!("`{program}`: {error}")),
        Err(_) => Err(format!("`{program}` did not end within {} s", limit.as_secs())),
    }
}
