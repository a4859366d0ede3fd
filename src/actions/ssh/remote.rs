//! One host: looks and touches, each one round trip.

use std::sync::Arc;
use std::time::Duration;

use openssh::{Command, Session, Stdio};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::answer::{Ending, Output, ending, read_all};
use super::hosts::ControlFolder;
use super::session::SessionSlot;
use super::shells::Shells;
use super::standing::{Begins, Heard, NoShell, Shell, What};
use crate::actions::moment::Moment;
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
    shells: Shells,
    /// Below sshd's default of ten sessions a connection.
    places: Semaphore,
}

const FRAME: &str = include_str!("scripts/frame.sh");
const AT_ONCE: usize = 8;
/// How much longer than the host we wait for its answer.
const GRACE: Duration = Duration::from_secs(3);

/// What a command by itself reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Nothing,
    /// What we send it.
    Poured,
}

/// Whether an answer that is lost leaves anything in doubt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hand<'a> {
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
        Self { host, slot, shells: Shells::default(), places: Semaphore::new(AT_ONCE) }
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
        let what = What::Script { name: script.name, text: script.text, arguments };
        self.run_look(what, user, limit).await
    }

    /// Runs a look script that begins few programs, all of which end by themselves at once: inside an outage. A
    /// standing shell runs it in a child of its own, without `timeout`; a disk that hangs would keep that waiting, too.
    pub async fn look_briefly(
        &self,
        script: &LookScript,
        arguments: &[&str],
        user: As<'_>,
        limit: Duration,
    ) -> Result<Output, ActionError> {
        let what = What::Brief { name: script.name, text: script.text, arguments };
        self.run_look(what, user, limit).await
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
        let what = What::Script { name: script.name, text: script.text, arguments };
        self.run(what, user, limit, Hand::Touches(touch)).await
    }

    /// Runs a user's own look command; no shell sees its words. That it only looks is the user's word.
    pub async fn look_argv(&self, argv: &[String], user: As<'_>, limit: Duration) -> Result<Output, ActionError> {
        self.run_look(What::Look(argv), user, limit).await
    }

    /// Runs a user's own command; no shell sees its words.
    pub async fn touch_argv(
        &self,
        touch: &Touch,
        argv: &[String],
        user: As<'_>,
        limit: Duration,
    ) -> Result<Output, ActionError> {
        self.run(What::Act(argv), user, limit, Hand::Touches(touch)).await
    }

    async fn run_look(&self, what: What<'_>, user: As<'_>, limit: Duration) -> Result<Output, ActionError> {
        match self.run(what, user, limit, Hand::Looks).await {
            Err(error) if error.fault == Fault::Transient => self.run(what, user, limit, Hand::Looks).await,
            other => other,
        }
    }

    async fn run(&self, what: What<'_>, user: As<'_>, limit: Duration, hand: Hand<'_>) -> Result<Output, ActionError> {
        let call = Call { place: format!("{}: `{}`", self.host.name, what.name()), what, limit, hand };
        if what.words().iter().any(|word| word.contains('\0')) {
            return Err(ActionError::refused(format!("{}: a word holds a null byte", call.place)));
        }
        let user = self.other(user);
        let _place = self.places.acquire().await;
        match self.shell(user).await? {
            Some(shell) => match self.tell(shell, &call).await? {
                Some(output) => Ok(output),
                // It stood still before the order, or we did: nothing is lost by asking without it.
                None => self.run_alone(&call, user).await,
            },
            None => self.run_alone(&call, user).await,
        }
    }

    /// A shell that stands as this user and was heard a moment ago. `None` where none comes to stand.
    async fn shell(&self, user: &str) -> Result<Option<Shell>, ActionError> {
        if let Some(mut shell) = self.shells.take(user)
            && shell.answers().await
        {
            return Ok(Some(shell));
        }
        let session = self.slot.session().await?;
        // Our own place is among those that are taken.
        self.shells.at_most(self.places.available_permits());
        match Shell::open(&session, user, self.host.sudo).await {
            Ok(shell) => Ok(Some(shell)),
            Err(NoShell::Refused(ending, said)) => Err(self.not_let_in(ending, user, said)),
            Err(NoShell::Failed) => {
                // Perhaps the server allows fewer channels.
                self.shells.at_most(0);
                Ok(None)
            }
        }
    }

    /// Tells a shell. `None` where it was not begun.
    async fn tell(&self, mut shell: Shell, call: &Call<'_>) -> Result<Option<Output>, ActionError> {
        let begins = if call.hand.touches() { Begins::SoonAfter(Moment::now()) } else { Begins::Whenever };
        let Some(order) = shell.order(call.what, call.limit, begins) else { return Ok(None) };
        if let Hand::Touches(touch) = call.hand {
            touch.check().await?;
        }
        let heard = tokio::time::timeout(call.limit + GRACE, Box::pin(shell.send(order))).await;
        match heard {
            // We stood still after we had asked: whether the locks are still ours is asked anew.
            Ok(Heard::Late) => {
                self.shells.put_back(shell);
                Ok(None)
            }
            Ok(Heard::Ended { code, stdout, stderr }) => {
                self.shells.put_back(shell);
                call.ended(Output { code, stdout, stderr }).map(Some)
            }
            Ok(Heard::Silent) if !call.hand.touches() => Ok(None),
            Ok(Heard::Lost) => {
                let session = Arc::clone(shell.session());
                self.forget(&session).await;
                Err(call.lost())
            }
            Ok(Heard::Silent) | Err(_) => {
                let session = Arc::clone(shell.session());
                self.forget(&session).await;
                Err(call.no_answer())
            }
        }
    }

    /// Runs it by itself, on a channel of its own.
    async fn run_alone(&self, call: &Call<'_>, user: &str) -> Result<Output, ActionError> {
        let session = self.slot.session().await?;
        let alone = Box::pin(self.alone(&session, call, user));
        if let Ok(answer) = tokio::time::timeout(call.limit + GRACE, alone).await {
            return answer;
        }
        // The host keeps the limit itself; that it does not even say so means that it is gone or frozen.
        self.forget(&session).await;
        Err(call.no_answer())
    }

    async fn alone(&self, session: &Arc<Session>, call: &Call<'_>, user: &str) -> Result<Output, ActionError> {
        let mut command = self.framed(session, call, user, Input::Nothing);
        if let Hand::Touches(touch) = call.hand {
            touch.check().await?;
        }
        let mut child = match command.spawn().await {
            Ok(child) => child,
            Err(error) => {
                drop(command);
                self.forget(session).await;
                return Err(call.not_begun(&error));
            }
        };
        let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
        let (stdout, stderr) = futures::join!(read_all(stdout, false), read_all(stderr, true));
        // How it ended is in the frame's last words; the status that comes through the session says less.
        drop(child);
        self.told(session, call, user, stdout, &stderr).await
    }

    /// The user that we have to become; empty where we are.
    pub(super) fn other<'a>(&self, user: As<'a>) -> &'a str {
        match user {
            As::User(user) if self.host.user.as_deref() != Some(user) => user,
            As::User(_) | As::Login => "",
        }
    }

    /// A place among those that may speak at once, and the session.
    pub(super) async fn ready(&self) -> Result<(Option<SemaphorePermit<'_>>, Arc<Session>), ActionError> {
        let place = self.places.acquire().await.ok();
        // A shell that stands idle has a channel, too.
        self.shells.at_most(self.places.available_permits());
        Ok((place, self.slot.session().await?))
    }

    /// A command by itself in its frame, its outputs piped to us.
    pub(super) fn framed<'s>(&self, session: &'s Session, call: &Call<'_>, user: &str, input: Input) -> Command<'s> {
        let seconds = call.limit.as_secs().max(1).to_string();
        let sudo = if self.host.sudo { "yes" } else { "no" };
        let (word, stdin) = match input {
            Input::Nothing => ("nothing", Stdio::null()),
            Input::Poured => ("poured", Stdio::piped()),
        };
        let mut command = session.command("sh");
        command.args(["-c", FRAME, "frame", &seconds, user, sudo, word]);
        command.args(call.what.words());
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// How a command by itself ended, by the frame's last words.
    pub(super) async fn told(
        &self,
        session: &Arc<Session>,
        call: &Call<'_>,
        user: &str,
        stdout: String,
        stderr: &str,
    ) -> Result<Output, ActionError> {
        let (ending, stderr) = ending(stderr);
        match ending {
            Ending::Ended(code) => call.ended(Output { code, stdout, stderr }),
            Ending::Unknown => {
                self.forget(session).await;
                Err(call.lost())
            }
            refused => Err(self.not_let_in(refused, user, stderr)),
        }
    }

    /// What did not answer, or was lost, is not used again.
    pub(super) async fn forget(&self, session: &Arc<Session>) {
        self.shells.forget(session);
        self.slot.forget(session).await;
    }

    /// The login user is another one, or sudo refused.
    fn not_let_in(&self, ending: Ending, user: &str, stderr: String) -> ActionError {
        let name = &self.host.name;
        if let Ending::WrongUser(login) = ending {
            return ActionError::refused(format!(
                "{name}: this must run as `{user}`, and we log in as `{login}`; say `sudo: true` for the host, or log in as `{user}`"
            ));
        }
        let said = Output { code: 1, stdout: String::new(), stderr };
        ActionError::refused(format!("{name}: sudo to `{user}` was refused: {}", said.complaint()))
    }
}

/// One command, and how its ends are told.
pub(super) struct Call<'a> {
    /// Host and command, as messages begin.
    pub(super) place: String,
    pub(super) what: What<'a>,
    pub(super) limit: Duration,
    pub(super) hand: Hand<'a>,
}

impl Call<'_> {
    fn ended(&self, output: Output) -> Result<Output, ActionError> {
        let code @ (124 | 137) = output.code else { return Ok(output) };
        let (place, seconds) = (&self.place, self.limit.as_secs().max(1));
        let message = format!("{place} did not end within {seconds} s and was stopped (exit code {code})");
        Err(ActionError::new(self.unless_touched(Fault::Unreachable), message))
    }

    fn lost(&self) -> ActionError {
        let message = format!("{}: the connection was lost before the command ended", self.place);
        ActionError::new(self.unless_touched(Fault::Transient), message)
    }

    fn no_answer(&self) -> ActionError {
        let message = format!("{}: no answer within {} s", self.place, (self.limit + GRACE).as_secs());
        ActionError::new(self.unless_touched(Fault::Unreachable), message)
    }

    /// The command was perhaps not begun: the session died as we spoke to it.
    pub(super) fn not_begun(&self, error: &openssh::Error) -> ActionError {
        let fault = match error {
            // The session was seen alive a moment ago, so the request may have got through.
            openssh::Error::Disconnected | openssh::Error::ChildIo(_) => self.unless_touched(Fault::Transient),
            openssh::Error::InvalidCommand => Fault::Refused,
            _ => Fault::Transient,
        };
        ActionError::new(fault, format!("{} could not be begun: {error}", self.place))
    }

    /// An act whose answer is lost is in doubt, whatever the reason.
    fn unless_touched(&self, fault: Fault) -> Fault {
        if self.hand.touches() { Fault::InDoubt } else { fault }
    }
}
