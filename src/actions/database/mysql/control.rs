//! Starting a server, and keeping one from starting, by whatever is in charge of it.

use std::time::{Duration, Instant};

use super::member::Member;
use super::programs;
use crate::actions::ssh::As;
use crate::engine::action::{ActionError, Touch};
use crate::estate::model::Control;

/// How long a server may take to start: what it crashed out of is gone through first.
const START_MAX: Duration = Duration::from_secs(300);
/// How long it may take to answer after its start has returned.
const ANSWER_MAX: Duration = Duration::from_secs(60);
const STOP_SECONDS: u64 = 60;
const COMMAND_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|&word| word.to_owned()).collect()
}

impl Member {
    /// Starts it, unless it runs.
    pub async fn start(&self, touch: &Touch) -> Result<(), ActionError> {
        let disk = self.disk().await?;
        if disk.running.is_some() {
            return Ok(());
        }
        if let Some(why) = disk.unusable {
            return Err(ActionError::refused(format!(
                "{}: {} must not be started: {why}",
                self.name(),
                self.data_dir()
            )));
        }
        let argv = match &self.estate.control {
            Control::Systemd { unit } => words(&["systemctl", "start", unit]),
            Control::Commands(commands) => commands.start.clone(),
            Control::PgCtl => return Err(ActionError::refused("`pg_ctl` starts no server of this kind")),
        };
        let output = self.host.touch_argv(touch, &argv, self.commander(), START_MAX).await?;
        output.stdout_or(&format!("{}: starting the server", self.name())).map(drop)?;
        self.link.forget_silence().await;
        Ok(())
    }

    /// Starts it anew, and waits until it answers.
    pub async fn restart(&self, touch: &Touch) -> Result<(), ActionError> {
        self.stop(touch).await?;
        self.start(touch).await?;
        self.answers().await
    }

    /// Waits until it answers over SQL.
    pub async fn answers(&self) -> Result<(), ActionError> {
        let began = Instant::now();
        loop {
            self.link.forget_silence().await;
            match self.server().await {
                Ok(_) => return Ok(()),
                Err(error) if began.elapsed() >= ANSWER_MAX => {
                    return Err(ActionError::new(
                        error.fault,
                        format!("{} was started and does not answer: {error}; its log says why", self.name()),
                    ));
                }
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Stops it in order. Never used on one that takes writes.
    pub async fn stop(&self, touch: &Touch) -> Result<(), ActionError> {
        if self.disk().await?.running.is_none() {
            return Ok(());
        }
        match &self.estate.control {
            Control::Systemd { unit } => {
                let argv = words(&["systemctl", "stop", unit]);
                let output = self.host.touch_argv(touch, &argv, As::User("root"), START_MAX).await?;
                output.stdout_or(&format!("{}: stopping the server", self.name())).map(drop)
            }
            Control::Commands(_) => self.stop_by_command(touch).await,
            Control::PgCtl => Ok(()),
        }?;
        let limit = Duration::from_secs(STOP_SECONDS + 10);
        let output = self.touch_script(touch, &programs::STOP, &[&STOP_SECONDS.to_string(), "no"], limit).await?;
        output.stdout_or(&format!("{}: stopping the server", self.name())).map(drop)
    }

    /// Where stopping is somebody else's business, tells them; a supervisor would start again what we stop ourselves.
    pub async fn stop_by_command(&self, touch: &Touch) -> Result<(), ActionError> {
        let Control::Commands(commands) = &self.estate.control else { return Ok(()) };
        let output = self.host.touch_argv(touch, &commands.stop, As::Login, COMMAND_MAX).await?;
        output.stdout_or(&format!("{}: stopping the server", self.name())).map(drop)
    }

    /// Keeps whatever is in charge of it from starting it. `Ok(None)` where nothing is that we know of.
    pub async fn disable(&self, touch: &Touch) -> Result<Option<String>, ActionError> {
        let (argv, service) = match &self.estate.control {
            Control::Systemd { unit } => (words(&["systemctl", "mask", unit]), format!("`{unit}`")),
            Control::Commands(commands) => match &commands.disable {
                Some(argv) => (argv.clone(), "the service".to_owned()),
                None => return Ok(None),
            },
            Control::PgCtl => return Ok(None),
        };
        self.command(touch, &argv, "keeping the service from starting").await?;
        Ok(Some(format!("{service} is kept from starting")))
    }

    /// Takes `disable` back.
    pub async fn enable(&self, touch: &Touch) -> Result<(), ActionError> {
        let argv = match &self.estate.control {
            Control::Systemd { unit } => words(&["systemctl", "unmask", unit]),
            Control::Commands(commands) => match &commands.enable {
                Some(argv) => argv.clone(),
                None => return Ok(()),
            },
            Control::PgCtl => return Ok(()),
        };
        self.command(touch, &argv, "letting the service start again").await
    }

    async fn command(&self, touch: &Touch, argv: &[String], what: &str) -> Result<(), ActionError> {
        let output = self.host.touch_argv(touch, argv, self.commander(), COMMAND_MAX).await?;
        output.stdout_or(&format!("{}: {what}", self.name())).map(drop)
    }

    fn commander(&self) -> As<'_> {
        if matches!(self.estate.control, Control::Systemd { .. }) { As::User("root") } else { As::Login }
    }
}
