//! Tells people and programs of a run, beside it.
//!
//! * [`notice`]: what is said, folded from the run's events; pure.
//! * `words`: how it reads, by the template `templates/message.txt`.
//! * [`bell`]: a queue for each receiver, on a thread of its own.
//! * `mail`, `http`, `command`: the ways.
//!
//! Whoever is told has no hold on the run: ringing the bell never waits, every attempt has a deadline, a queue that
//! is full drops, and the end of the program waits no longer than [`bell::FLUSH_MAX`]. What could not be delivered
//! is said at the end and kept beside the run (docs/decisions/0015).

pub mod bell;
mod command;
mod http;
mod mail;
pub mod notice;
mod words;

use std::time::Duration;

use crate::base::secret::{Secret, SecretRef};
use crate::estate::notify::{Url, Way};
use notice::Notice;

/// How long one attempt may take, from the first look at a secret to the answer.
const ATTEMPT_MAX: Duration = Duration::from_secs(8);

/// Why an attempt came to nothing. Holds no secret: no URL, no key, no password.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Undelivered {
    why: String,
    /// Whether another attempt may fare better.
    again: bool,
}

impl Undelivered {
    fn again(why: impl Into<String>) -> Self {
        Self { why: why.into(), again: true }
    }
    fn never(why: impl Into<String>) -> Self {
        Self { why: why.into(), again: false }
    }
}

/// One attempt, by whatever way.
async fn attempt(way: &Way, notice: &Notice) -> Result<(), Undelivered> {
    let sending = async {
        match way {
            Way::Email(email) => mail::send(email, notice).await,
            Way::Command(argv) => command::run(argv, notice).await,
            Way::Slack { webhook } => http::post(read(webhook).await?.expose(), None, &words::slack(notice)?).await,
            Way::PagerDuty { url, routing_key } => {
                let key = read(routing_key).await?;
                http::post(url, None, &words::pagerduty(notice, key.expose().trim())?).await
            }
            Way::Webhook { url, token } => {
                let token = match token {
                    Some(token) => Some(read(token).await?),
                    None => None,
                };
                let url = match url {
                    Url::Plain(url) => Secret::new(url.clone()),
                    Url::Secret(secret) => read(secret).await?,
                };
                http::post(url.expose(), token.as_ref(), &words::json(notice)?).await
            }
        }
    };
    match tokio::time::timeout(ATTEMPT_MAX, sending).await {
        Ok(sent) => sent,
        Err(_) => Err(Undelivered::again(format!("no answer within {} s", ATTEMPT_MAX.as_secs()))),
    }
}

/// Reading blocks: a secret may come from a command.
async fn read(secret: &SecretRef) -> Result<Secret, Undelivered> {
    let secret = secret.clone();
    match tokio::task::spawn_blocking(move || secret.read()).await {
        Ok(read) => read.map_err(|bad| Undelivered::never(bad.to_string())),
        Err(_) => Err(Undelivered::again("reading the secret was broken off")),
    }
}
