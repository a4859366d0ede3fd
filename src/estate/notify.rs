//! Who is told of a run, in the model.

pub use super::model::Tls;
pub use super::written::Occasion;
use crate::base::secret::SecretRef;

/// Somebody, or something, that is told.
#[derive(Debug, Clone)]
pub struct Receiver {
    pub name: String,
    /// What is told; never empty.
    pub events: Vec<Occasion>,
    pub way: Way,
}

/// How it is told.
#[derive(Debug, Clone)]
pub enum Way {
    /// The incoming webhook's URL.
    Slack {
        webhook: SecretRef,
    },
    Webhook {
        url: Url,
        token: Option<SecretRef>,
    },
    PagerDuty {
        url: String,
        routing_key: SecretRef,
    },
    Email(Box<Email>),
    /// An argv, run where Switchback runs.
    Command(Vec<String>),
}

/// Where to.
#[derive(Debug, Clone)]
pub enum Url {
    Plain(String),
    Secret(SecretRef),
}

/// A mail.
#[derive(Debug, Clone)]
pub struct Email {
    pub host: String,
    pub port: u16,
    pub from: String,
    pub to: Vec<String>,
    /// Whom to log in as, with the password.
    pub login: Option<(String, SecretRef)>,
    pub tls: Tls,
}

impl Occasion {
    /// All there are, in the order in which a run meets them.
    pub const ALL: [Self; 7] =
        [Self::Started, Self::Waiting, Self::NoReturn, Self::GoingBack, Self::Stopped, Self::Failed, Self::Done];

    /// As the estate writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Waiting => "waiting",
            Self::NoReturn => "no_return",
            Self::GoingBack => "going_back",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }
}

impl Way {
    /// As the estate writes it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Slack { .. } => "slack",
            Self::Webhook { .. } => "webhook",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Email(_) => "email",
            Self::Command(_) => "command",
        }
    }
}
