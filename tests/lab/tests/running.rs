//! A run that a test watches event by event: to kill it, hold it, or break something at a moment of its choice.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::lab::{Lab, Said};

/// A run under way, its events read as they come.
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub events: Vec<Value>,
}

impl Running {
    pub fn begin(lab: &Lab, arguments: &[&str]) -> Self {
        let mut all = vec!["--format", "json"];
        all.extend_from_slice(arguments);
        let mut child =
            lab.command(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("switchback runs");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines, events: Vec::new() }
    }

    fn next(&mut self) -> Option<Value> {
        let line = self.lines.next()?.ok()?;
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        self.events.push(event.clone());
        Some(event)
    }

    /// Reads on until an event of a step whose id holds `step`; says whether it came.
    pub fn until(&mut self, step: &str, event: &str) -> bool {
        while let Some(next) = self.next() {
            let of_step = next["step_id"].as_str().is_some_and(|id| id.contains(step));
            if next["event"] == event && of_step {
                return true;
            }
        }
        false
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Holds the process where it is, or lets it go on.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill runs");
        assert!(told.success(), "kill -{name} {pid}");
    }

    /// The end that nobody can catch. What it said before is read to the end.
    pub fn kill(mut self) -> Vec<Value> {
        self.child.kill().expect("killed");
        while self.next().is_some() {}
        self.child.wait().expect("gone");
        std::mem::take(&mut self.events)
    }

    /// Whether it has ended by itself.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_some()
    }

    /// Reads to its end.
    pub fn ends(mut self) -> (Said, Vec<Value>) {
        while self.next().is_some() {}
        let output = self.child.wait_with_output().expect("ended");
        let said = Said {
            code: output.status.code().unwrap_or(-1),
            stdout: self.events.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        (said, self.events)
    }
}

/// Whether an event is one of a step whose id holds these words.
pub fn is_of(event: &Value, step: &str) -> bool {
    event["step_id"].as_str().is_some_and(|id| id.contains(step))
}
