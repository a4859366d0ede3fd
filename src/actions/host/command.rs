//! `host.command`: run a user's own command on a host.

use std::time::Duration;

use futures::future::BoxFuture;

use super::Reach;
use crate::actions::ssh::{As, Output};
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, Fault, Observed, Touch};

/// How long the command may run on the host when the step's own time does not end before: a bound for what
/// nobody waits for any more.
const RUN_MAX: Duration = Duration::from_secs(3_600);
/// How long a look may take.
const LOOK_MAX: Duration = Duration::from_secs(30);

/// What the runbook says.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    run: Vec<String>,
    look: Option<Look>,
    undo: Option<Vec<String>>,
    #[serde(default)]
    repeat: Repeat,
}

/// How to see that it is done.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    run: Vec<String>,
    #[serde(default)]
    exit: i32,
    /// Must stand somewhere in what it prints.
    prints: Option<String>,
}

/// Whether running it twice is as running it once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Repeat {
    Safe,
    #[default]
    Once,
}

/// Runs a command on a host.
#[derive(Debug)]
pub struct Command {
    reach: Reach,
    arguments: Arguments,
}

impl Command {
    pub fn new(reach: Reach, arguments: Arguments) -> Result<Self, String> {
        let argvs = [Some(&arguments.run), arguments.look.as_ref().map(|look| &look.run), arguments.undo.as_ref()];
        for argv in argvs.into_iter().flatten() {
            if argv.first().is_none_or(String::is_empty) {
                return Err("`host.command`: a command has no program".to_owned());
            }
        }
        Ok(Self { reach, arguments })
    }

    /// Whether the look command says that it is done, with what it said; `None` without a look command.
    async fn done(&self) -> Result<Option<(bool, String)>, ActionError> {
        let Some(look) = &self.arguments.look else { return Ok(None) };
        let host = self.reach.hosts.get(&self.reach.name)?;
        let output = host.look_argv(&look.run, As::Login, LOOK_MAX).await?;
        let program = program(&look.run);
        if cannot_run(&output) && look.exit != output.code {
            let why = output.complaint();
            return Err(ActionError::refused(format!(
                "{}: the look command `{program}` cannot be run: {why}",
                self.reach.name
            )));
        }
        let held = look.prints.as_ref().is_none_or(|text| output.stdout.contains(text.as_str()));
        let sentence = match (&look.prints, held) {
            (Some(text), false) => format!("`{program}` ends with {} and does not print `{text}`", output.code),
            (Some(text), true) => format!("`{program}` ends with {} and prints `{text}`", output.code),
            (None, _) => format!("`{program}` ends with {}", output.code),
        };
        Ok(Some((held && output.code == look.exit, sentence)))
    }

    async fn observe_it(&self) -> Result<Observed, ActionError> {
        if let Some(skipped) = self.reach.skipped() {
            return Ok(Observed::Satisfied(skipped));
        }
        let name = &self.reach.name;
        Ok(match self.done().await? {
            Some((true, said)) => Observed::Satisfied(Evidence::new(format!("done at `{name}`: {said}"))),
            Some((false, said)) => Observed::Pending(Evidence::new(format!("to be done at `{name}`: {said}"))),
            None => Observed::Unknown(format!("no `look` says how to see at `{name}` whether it is done")),
        })
    }

    async fn run(&self, touch: &Touch) -> Result<Applied, ActionError> {
        if let Some(skipped) = self.reach.skipped() {
            return Ok(Applied::Proven(skipped));
        }
        let (name, program) = (&self.reach.name, program(&self.arguments.run));
        let host = self.reach.hosts.get(name)?;
        let output = host.touch_argv(touch, &self.arguments.run, As::Login, RUN_MAX).await?;
        let looked = self.done().await;
        if !output.is_ok() && !matches!(looked, Ok(Some((true, _)))) {
            let again = self.arguments.repeat == Repeat::Safe && !cannot_run(&output);
            let fault = if again { Fault::Transient } else { Fault::Refused };
            return Err(ActionError::new(fault, format!("{name}: `{program}` failed: {}", output.complaint())));
        }
        let ran = format!("`{program}` ended with {} at `{name}`", output.code);
        let evidence = |said: &str| Evidence::new(format!("{ran}: {said}")).with("exit", output.code);
        Ok(match looked {
            Ok(Some((true, said))) => Applied::Proven(evidence(&said)),
            Ok(Some((false, said))) => Applied::Unproven(evidence(&said)),
            Ok(None) => Applied::Proven(evidence("its exit code is all there is to see")),
            Err(error) => Applied::Unproven(evidence(&error.message)),
        })
    }

    async fn take_back(&self, touch: &Touch) -> Result<Evidence, ActionError> {
        if let Some(skipped) = self.reach.skipped() {
            return Ok(skipped);
        }
        let (name, run) = (&self.reach.name, program(&self.arguments.run));
        let Some(undo) = &self.arguments.undo else {
            return Err(ActionError::refused(format!(
                "{name}: the runbook gives no `undo` for `{run}`; take it back by hand"
            )));
        };
        let program = program(undo);
        let output = self.reach.hosts.get(name)?.touch_argv(touch, undo, As::Login, RUN_MAX).await?;
        if !output.is_ok() {
            let fault = if cannot_run(&output) { Fault::Refused } else { Fault::Transient };
            return Err(ActionError::new(fault, format!("{name}: `{program}` failed: {}", output.complaint())));
        }
        match self.done().await? {
            Some((true, said)) => {
                Err(ActionError::transient(format!("{name}: `{program}` ended with 0, and it is still done: {said}")))
            }
            Some((false, said)) => Ok(Evidence::new(format!("taken back at `{name}`: {said}"))),
            None => Ok(Evidence::new(format!("`{program}` ended with 0 at `{name}`"))),
        }
    }
}

/// Only the program is named in sentences: arguments are where people put what nobody should read.
fn program(argv: &[String]) -> &str {
    argv.first().map_or("", String::as_str)
}

/// Whether the program could not be started at all, by the shell's convention.
fn cannot_run(output: &Output) -> bool {
    matches!(output.code, 126 | 127)
}

impl Action for Command {
    fn summary(&self) -> String {
        format!("run `{}` at `{}`", program(&self.arguments.run), self.reach.name)
    }
    fn effect(&self) -> Effect {
        match self.arguments.repeat {
            Repeat::Safe => Effect::Idempotent,
            Repeat::Once => Effect::Once,
        }
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(self.observe_it())
    }
    fn apply<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(self.run(touch))
    }
    fn undo<'a>(&'a self, touch: &'a Touch, _before: &'a Evidence) -> BoxFuture<'a, Result<Evidence, ActionError>> {
        Box::pin(self.take_back(touch))
    }
}
