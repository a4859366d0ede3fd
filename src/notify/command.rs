//! An own command; it reads the notice as JSON from its standard input.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::notice::Notice;
use super::{Undelivered, words};

/// Runs it; exit code 0 is the receipt. Whoever gives up on this future ends the command.
pub(super) async fn run(argv: &[String], notice: &Notice) -> Result<(), Undelivered> {
    let Some((program, arguments)) = argv.split_first() else { return Err(Undelivered::never("no command")) };
    let line = format!("{}\n", words::json(notice)?);
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        // What it prints could be anything, and belongs between no lines of ours.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        // A Ctrl-C at the terminal is for the run, and the run tells of it.
        .process_group(0)
        .spawn()
        .map_err(|error| Undelivered::never(format!("`{program}` cannot be started: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        // A command that reads nothing is content with being called.
        let _ = input.write_all(line.as_bytes()).await;
    }
    match child.wait().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Undelivered::again(format!("`{program}` ended with {status}"))),
        Err(error) => Err(Undelivered::again(format!("`{program}` cannot be waited for: {error}"))),
    }
}
