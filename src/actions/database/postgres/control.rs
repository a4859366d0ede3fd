//! Starting a server, and keeping one from starting, by whatever is in charge of it.

use std::time::Duration;

use super::disk::Data;
use super::member::Member;
use super::programs;
use crate::actions::ssh::{As, Output};
use crate::engine::action::{ActionError, Touch};
use crate::estate::model::Control;

/// How long a server may take to start and to be consistent, in seconds.
pub const START_SECONDS: u64 = 120;
const COMMAND_MAX: Duration = Duration::from_secs(30);

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|&word| word.to_owned()).collect()
}

impl Member {
    /// Starts it, unless it runs.
    pub async fn start(&self, touch: &Touch) -> Result<(), ActionError> {
        let limit = Duration::from_secs(START_SECONDS + 10);
        let what = format!("{}: starting the server", self.name());
        let output = match &self.estate.control {
            Control::PgCtl => self.touch_script(touch, &programs::START, &[&START_SECONDS.to_string()], limit).await?,
            Control::Systemd { unit } => {
                self.host.touch_argv(touch, &words(&["systemctl", "start", unit]), As::User("root"), limit).await?
            }
            Control::Commands(commands) => {
                // Many a command calls it a failure when the server runs already.
                if matches!(&self.disk().await?.data, Data::Found(cluster) if cluster.running.is_some()) {
                    return Ok(());
                }
                self.host.touch_argv(touch, &commands.start, As::Login, limit).await?
            }
        };
        output.stdout_or(&what).map(drop)
    }

    /// Keeps whatever is in charge of it from starting it. `Ok(None)` where nothing is that we know of.
    pub async fn disable(&self, touch: &Touch) -> Result<Option<String>, ActionError> {
        let output = match &self.estate.control {
            Control::PgCtl => return Ok(None),
            // A unit of the administrator's own cannot be masked. What proves the fence is that a start comes up
            // read-only, whoever starts it; the mask only keeps it from being tried.
            Control::Systemd { unit } => match self.as_root(touch, &["systemctl", "mask", unit]).await? {
                masked if masked.is_ok() => masked,
                refused => return Ok(Some(format!("`{unit}` is not masked: {}", refused.complaint()))),
            },
            Control::Commands(commands) => match &commands.disable {
                None => return Ok(None),
                Some(argv) => self.host.touch_argv(touch, argv, As::Login, COMMAND_MAX).await?,
            },
        };
        output.stdout_or(&format!("{}: keeping the service from starting", self.name()))?;
        Ok(Some(format!("{} is kept from starting", self.service())))
    }

    /// Takes `disable` back.
    pub async fn enable(&self, touch: &Touch) -> Result<(), ActionError> {
        let output = match &self.estate.control {
            Control::PgCtl => return Ok(()),
            Control::Systemd { unit } => self.as_root(touch, &["systemctl", "unmask", unit]).await?,
            Control::Commands(commands) => match &commands.enable {
                None => return Ok(()),
                Some(argv) => self.host.touch_argv(touch, argv, As::Login, COMMAND_MAX).await?,
            },
        };
        output.stdout_or(&format!("{}: letting the service start again", self.name())).map(drop)
    }

    /// Where stopping is somebody else's business, tells them; a supervisor would start again what we stop ourselves.
    pub async fn stop_by_command(&self, touch: &Touch) -> Result<(), ActionError> {
        let Control::Commands(commands) = &self.estate.control else { return Ok(()) };
        let output = self.host.touch_argv(touch, &commands.stop, As::Login, COMMAND_MAX).await?;
        output.stdout_or(&format!("{}: stopping the server", self.name())).map(drop)
    }

    /// Whether something else than Switchback stops it.
    pub fn is_stopped_by_command(&self) -> bool {
        matches!(self.estate.control, Control::Commands(_))
    }

    async fn as_root(&self, touch: &Touch, argv: &[&str]) -> Result<Output, ActionError> {
        self.host.touch_argv(touch, &words(argv), As::User("root"), COMMAND_MAX).await
    }

    fn service(&self) -> String {
        match &self.estate.control {
            Control::Systemd { unit } => format!("`{unit}`"),
            Control::PgCtl | Control::Commands(_) => "the service".to_owned(),
        }
    }
}
