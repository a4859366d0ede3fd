//! One host: looks and touches, each one round trip.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use openssh::{Session, Stdio};
use tokio::sync::Semaphore;

use super::answer::{Ending, Output, ending, read_all};
use super::hosts::ControlFolder;
use super::session::SessionSlot;
use crate::base::name::HostName;
use crate::engine::action::{ActionError, Fault, Touch};
use crate::estate::model::Host;

/// A POSIX sh text that only reads. What is dynamic is a positional argument.
#[derive(Debug, Clone, Copy)]
pub struct LookScript {
    /// What it is for; shown in messages and in the host's process list.
    pub name: &'static str,
    pub text: &'static str,
}

/// A POSIX sh text that changes something; see [`LookScript`].
#[derive(Debug, Clone, Copy)]
pub struct TouchScript {
    pub name: &'static str,
    pub text: &'static str,
}

/// As whom something runs on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As<'a> {
    /// Whoever we log in as.
    Login,
    /// This user: by `sudo -n -u` where we log in as somebody else and the estate allows it.
    User(&'a str),
}

/// A host and its session, opened on first use and kept.
#[derive(Debug)]
pub struct RemoteHost {
    host: Host,
    slot: Arc<SessionSlot>,
    /// Below sshd's default of ten sessions a connection.
    places: Semaphore,
}

const FRAME: &str = include_str!("scripts/frame.sh");
const AT_ONCE: usize = 8;
/// How much longer than the host we wait for its answer.
const GRACE: Duration = Duration::from_secs(3);

/// Whether an answer that is lost leaves anything in doubt.
#[derive(Debug, Clone, Copy)]
enum Hand<'a> {
    Looks,
    Touches(&'a Touch),
}

impl Hand<'_> {
    fn touches(self) -> bool {
        matches!(self, Self::Touches(_))
    }
}

impl RemoteHost {
    pub(super) fn new(host: Host, folder: Result<Arc<ControlFolder>, String>) -> Self {
        let slot = Arc::new(SessionSlot::new(host.clone(), folder));
        Self { host, slot, places: Semaphore::new(AT_ONCE) }
    }

    /// The host's name.
    pub fn name(&self) -> &HostName {
        &self.host.name
    }

    /// The host as the estate describes it.
    pub fn estate(&self) -> &Host {
        &self.host
    }

    /// Logs in, if that has not been done. Many callers share one attempt and its outcome.
    pub async fn connect(&self) -> Result<(), ActionError> {
        self.slot.session().await.map(drop)
    }

    /// Runs a look script. Repeated once by itself when the session was lost.
    pub async fn look(
        &self,
        script: &LookScript,
        arguments: &[&str],
        user: As<'_>,
        limit: Duration,
    ) -> Result<Output, ActionError> {
        let argv = script_argv(script.name, script.text, arguments);
        self.run_look(&argv, script.name, user, limit).await
    }

    /// Runs a touch script.
    pub async fn touch(
        &self,
        touch: &Touch,
        script: &TouchScript,
        arguments: &[&str],
        user: As<'_>,
        limit: Duration,
    ) -> Result<Output, ActionError> {
        let argv = script_argv(script.name, script.text, arguments);
        self.run(&argv, script.name, user, limit, Hand::Touches(touch)).await
    }

    /// Runs a user's own look command; no shell sees its words. That it only looks is the user's word.
    pub async fn look_argv(&self, argv: &[String], user: As<'_>, limit: Duration) -> Result<Output, ActionError> {
        let words: Vec<Cow<'_, str>> = argv.iter().map(|word| Cow::Borrowed(word.as_str())).collect();
        self.run_look(&words, program(argv), user, limit).await
    }

    /// Runs a user's own command; no shell sees its words.
    pub async fn touch_argv(
        &self,
        touch: &Touch,
        argv: &[String],
        user: As<'_>,
        limit: Duration,
    ) -> Result<Output, ActionError> {
        let words: Vec<Cow<'_, str>> = argv.iter().map(|word| Cow::Borrowed(word.as_str())).collect();
        self.run(&words, program(argv), user, limit, Hand::Touches(touch)).await
    }

    async fn run_look(
        &self,
        argv: &[Cow<'_, str>],
        name: &str,
        user: As<'_>,
        limit: Duration,
    ) -> Result<Output, ActionError> {
        match self.run(argv, name, user, limit, Hand::Looks).await {
            Err(error) if error.fault == Fault::Transient => self.run(argv, name, user, limit, Hand::Looks).await,
            other => other,
        }
    }

    async fn run(
        &self,
        argv: &[Cow<'_, str>],
        name: &str,
        user: As<'_>,
        limit: Duration,
        hand: Hand<'_>,
    ) -> Result<Output, ActionError> {
        if argv.iter().any(|word| word.contains('\0')) {
            return Err(ActionError::refused(format!("{}: `{name}`: a word holds a null byte", self.host.name)));
        }
        let _place = self.places.acquire().await;
        let session = self.slot.session().await?;
        let call = Box::pin(self.call(&session, argv, name, user, limit, hand));
        if let Ok(answer) = tokio::time::timeout(limit + GRACE, call).await {
            return answer;
        }
        // The host keeps the limit itself; that it does not even say so means that it is gone or frozen.
        self.slot.forget(&session).await;
        let fault = if hand.touches() { Fault::InDoubt } else { Fault::Unreachable };
        let message = format!("{}: `{name}`: no answer within {} s", self.host.name, (limit + GRACE).as_secs());
        Err(ActionError::new(fault, message))
    }

    async fn call(
        &self,
        session: &Arc<Session>,
        argv: &[Cow<'_, str>],
        name: &str,
        user: As<'_>,
        limit: Duration,
        hand: Hand<'_>,
    ) -> Result<Output, ActionError> {
        let place = format!("{}: `{name}`", self.host.name);
        let user = match user {
            As::User(user) if self.host.user.as_deref() != Some(user) => user,
            As::User(_) | As::Login => "",
        };
        let seconds = limit.as_secs().max(1).to_string();
        let sudo = if self.host.sudo { "yes" } else { "no" };
        let mut command = session.command("sh");
        command.args(["-c", FRAME, "frame", &seconds, user, sudo]);
        for word in argv {
            command.arg(word.as_ref());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Hand::Touches(touch) = hand {
            touch.check().await?;
        }
        let mut child = match command.spawn().await {
            Ok(child) => child,
            Err(error) => {
                drop(command);
                return Err(self.not_begun(session, &place, &error, hand).await);
            }
        };
        let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
        let (stdout, stderr) = futures::join!(read_all(stdout, false), read_all(stderr, true));
        // How it ended is in the frame's last words; the status that comes through the session says less.
        drop(child);
        let (ending, stderr) = ending(&stderr);
        match ending {
            Ending::Ended(code @ (124 | 137)) => {
                let fault = if hand.touches() { Fault::InDoubt } else { Fault::Unreachable };
                let message = format!("{place} did not end within {seconds} s and was stopped (exit code {code})");
                Err(ActionError::new(fault, message))
            }
            Ending::Ended(code) => Ok(Output { code, stdout, stderr }),
            Ending::WrongUser(login) => Err(ActionError::refused(format!(
                "{place} must run as `{user}`, and we log in as `{login}`; say `sudo: true` for the host, or log in as `{user}`"
            ))),
            Ending::SudoRefused => {
                let said = Output { code: 1, stdout, stderr };
                Err(ActionError::refused(format!("{place}: sudo to `{user}` was refused: {}", said.complaint())))
            }
            Ending::Unknown => {
                self.slot.forget(session).await;
                let fault = if hand.touches() { Fault::InDoubt } else { Fault::Transient };
                Err(ActionError::new(fault, format!("{place}: the connection was lost before the command ended")))
            }
        }
    }

    /// The command was perhaps not begun: the session died as we spoke to it.
    async fn not_begun(
        &self,
        session: &Arc<Session>,
        place: &str,
        error: &openssh::Error,
        hand: Hand<'_>,
    ) -> ActionError {
        self.slot.forget(session).await;
        let fault = match error {
            // The session was seen alive a moment ago, so the request may have got through.
            openssh::Error::Disconnected | openssh::Error::ChildIo(_) if hand.touches() => Fault::InDoubt,
            openssh::Error::InvalidCommand => Fault::Refused,
            _ => Fault::Transient,
        };
        ActionError::new(fault, format!("{place} could not be begun: {error}"))
    }
}

fn script_argv<'a>(name: &'a str, text: &'a str, arguments: &[&'a str]) -> Vec<Cow<'a, str>> {
    let head = ["sh", "-c", text, name];
    head.into_iter().chain(arguments.iter().copied()).map(Cow::Borrowed).collect()
}

fn program(argv: &[String]) -> &str {
    argv.first().map_or("", String::as_str)
}
