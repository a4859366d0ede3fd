//! Who is told of a run, as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Argv, Tls, WrittenSecret};
use crate::base::at::At;

/// Somebody, or something, that is told of runs, without a step: exactly one way.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// What is told; everything where not given.
    pub events: Option<At<Vec<At<Occasion>>>>,
    /// A channel of Slack, or of what understands its incoming webhooks.
    pub slack: Option<Slack>,
    /// A JSON object by POST.
    pub webhook: Option<Webhook>,
    /// PagerDuty's Events API v2.
    pub pagerduty: Option<PagerDuty>,
    /// A mail.
    pub email: Option<Email>,
    /// An own command, run where Switchback runs; it reads a JSON object from its standard input.
    pub command: Option<Argv>,
}

/// What is told of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Occasion {
    /// It was begun, or somebody goes on with it.
    Started,
    /// It waits for an answer.
    Waiting,
    /// The point of no return is passed.
    NoReturn,
    /// It takes back what it did.
    GoingBack,
    /// It ended before its end: somebody must resume it, take it back, or look.
    Stopped,
    /// It came to nothing: it refused, was declined, or everything is where it was.
    Failed,
    /// It is done.
    Done,
}

/// A channel of Slack.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The incoming webhook's URL, which is a secret.
    pub webhook: At<WrittenSecret>,
}

/// A JSON object by POST.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to, when the URL is no secret.
    pub url: Option<At<String>>,
    /// Where to, when the URL is one.
    pub url_from: Option<At<WrittenSecret>>,
    /// Sent as `Authorization: Bearer …`.
    pub token: Option<At<WrittenSecret>>,
}

/// PagerDuty's Events API v2.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PagerDuty {
    /// The integration's routing key.
    pub routing_key: At<WrittenSecret>,
    /// Where to; PagerDuty's own `https://events.pagerduty.com/v2/enqueue` where not given.
    pub url: Option<At<String>>,
}

/// A mail.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// The server that takes it, SERVER:PORT: 587 with STARTTLS, 465 with TLS from the first byte.
    pub server: At<String>,
    /// The sender's address.
    pub from: At<String>,
    /// The addresses of those who are told.
    pub to: At<Vec<At<String>>>,
    /// Whom to log in as.
    pub user: Option<At<String>>,
    /// Their password.
    pub password: Option<At<WrittenSecret>>,
    /// `{ca: FILE}`, `system` (the system's certificate store; so where not given) or `off`.
    pub tls: Option<At<Tls>>,
}
