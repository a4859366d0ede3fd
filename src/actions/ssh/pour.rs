//! What a command on one host prints, a command on another reads: hosts of two sites know no way to each other but the
//! one that their servers use, and both know us.

use std::sync::Arc;
use std::time::{Duration, Instant};

use openssh::Session;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::answer::{Output, read_all};
use super::remote::{As, Call, Hand, Input, RemoteHost, TouchScript};
use super::standing::What;
use crate::engine::action::{ActionError, Fault, Touch};

/// Large, for it goes through two connections.
const BLOCK_BYTES: usize = 256 * 1024;
/// How often it is asked meanwhile whether we may go on.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How much longer than the hosts we wait.
const GRACE: Duration = Duration::from_secs(10);

/// One of the two ends.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    pub host: &'a RemoteHost,
    pub script: &'a TouchScript,
    pub arguments: &'a [&'a str],
    pub user: As<'a>,
}

impl End<'_> {
    fn place(&self) -> String {
        format!("{}: `{}`", self.host.name(), self.script.name)
    }
}

impl<'a> End<'a> {
    fn call(&self, touch: &'a Touch, limit: Duration) -> Call<'a> {
        let TouchScript { name, text } = self.script;
        let what = What::Script { name, text, arguments: self.arguments };
        Call { place: self.place(), what, limit, hand: Hand::Touches(touch) }
    }
}

/// Lets `to` read what `from` prints, until both have ended well. Gives the bytes. A failure leaves at `to` what it had
/// read by then, and says so by being one: nothing there may be believed before this has returned well.
pub async fn pour(touch: &Touch, from: End<'_>, to: End<'_>, limit: Duration) -> Result<u64, ActionError> {
    let pouring = Box::pin(poured(touch, from, to, limit));
    match tokio::time::timeout(limit + GRACE, pouring).await {
        Ok(ended) => ended,
        Err(_) => {
            let sentence = format!("{}: no end within {} s", from.place(), (limit + GRACE).as_secs());
            Err(ActionError::transient(sentence))
        }
    }
}

async fn poured(touch: &Touch, from: End<'_>, to: End<'_>, limit: Duration) -> Result<u64, ActionError> {
    let (_its_place, source) = from.host.ready().await?;
    let (_place, sink) = to.host.ready().await?;
    let (writes, reads) = (from.call(touch, limit), to.call(touch, limit));
    let mut reader = begun(to, &sink, &reads, Input::Poured, touch).await?;
    let mut writer = begun(from, &source, &writes, Input::Nothing, touch).await?;
    let (from_out, from_err) = (writer.stdout().take(), writer.stderr().take());
    let (to_in, to_out, to_err) = (reader.stdin().take(), reader.stdout().take(), reader.stderr().take());
    let ((bytes, given_up), from_err, to_out, to_err) = futures::join!(
        carry(touch, from_out, to_in),
        read_all(from_err, true),
        read_all(to_out, false),
        read_all(to_err, true)
    );
    drop((reader, writer));
    let sent = from.host.told(&source, &writes, from.host.other(from.user), String::new(), &from_err).await;
    let read = to.host.told(&sink, &reads, to.host.other(to.user), to_out, &to_err).await;
    if let Some(error) = given_up {
        return Err(error);
    }
    // Who reads and fails makes the one who prints fail, and knows why.
    well(&reads, read)?;
    well(&writes, sent)?;
    Ok(bytes)
}

async fn begun<'s>(
    end: End<'_>,
    session: &'s Arc<Session>,
    call: &Call<'_>,
    input: Input,
    touch: &Touch,
) -> Result<openssh::Child<&'s Session>, ActionError> {
    let mut command = end.host.framed(session, call, end.host.other(end.user), input);
    touch.check().await?;
    match command.spawn().await {
        Ok(child) => Ok(child),
        Err(error) => {
            end.host.forget(session).await;
            Err(call.not_begun(&error))
        }
    }
}

/// Gives how much was carried, and why it was given up, where it was. Whoever reads sees the end in both cases.
async fn carry(
    touch: &Touch,
    from: Option<impl AsyncRead + Unpin>,
    to: Option<impl AsyncWrite + Unpin>,
) -> (u64, Option<ActionError>) {
    let (Some(mut from), Some(mut to)) = (from, to) else { return (0, None) };
    let mut block = vec![0_u8; BLOCK_BYTES];
    let mut bytes = 0_u64;
    let mut checked = Instant::now();
    loop {
        if checked.elapsed() >= CHECK_EVERY {
            if let Err(error) = touch.check().await {
                return (bytes, Some(error));
            }
            checked = Instant::now();
        }
        let read = match from.read(&mut block).await {
            Ok(count) => block.get(..count).unwrap_or_default(),
            Err(_) => return (bytes, None),
        };
        if read.is_empty() {
            // What is in our hands yet must be in the other's before it sees the end.
            let _ = to.shutdown().await;
            return (bytes, None);
        }
        if to.write_all(read).await.is_err() {
            return (bytes, None);
        }
        bytes += u64::try_from(read.len()).unwrap_or(0);
    }
}

/// Nothing is in doubt when it did not end well: what came in by then counts for nothing.
fn well(call: &Call<'_>, ended: Result<Output, ActionError>) -> Result<(), ActionError> {
    match ended {
        Ok(output) if output.is_ok() => Ok(()),
        Ok(output) => Err(ActionError::transient(format!("{}: {}", call.place, output.complaint()))),
        Err(error) if error.fault == Fault::Refused => Err(error),
        Err(error) => Err(ActionError::transient(error.message)),
    }
}
