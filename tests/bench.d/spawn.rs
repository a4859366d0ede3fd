//! How long a program takes from being asked for to its end, over and over.
//!
//! A shell would add its own fork to each figure, which is more than what is measured here. What is left beside the program itself is
//! what the system takes to start any program; `/bin/true`, measured in turn, shows how much that is.

use anyhow::{Context as _, ensure};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

#[derive(clap::Args)]
pub struct Spawn {
    #[arg(long, default_value_t = 11)]
    rounds: u32,
    /// The program and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Spawn {
    /// One line a round: milliseconds of the program, and of one that does nothing.
    pub fn run(self) -> anyhow::Result<()> {
        let nothing = ["/bin/true".to_owned()];
        // The first finds nothing of the program in memory, and is not counted.
        took(&self.command)?;
        took(&nothing)?;
        let mut out = std::io::stdout().lock();
        for _ in 0..self.rounds {
            writeln!(out, "{:.3} {:.3}", took(&self.command)?, took(&nothing)?)?;
        }
        Ok(())
    }
}

fn took(command: &[String]) -> anyhow::Result<f64> {
    let (program, arguments) = command.split_first().context("no program")?;
    let mut asked = Command::new(program);
    asked.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let ended = asked.status().with_context(|| format!("`{program}` does not start"))?;
    let took = began.elapsed();
    ensure!(ended.success(), "`{}`: {ended}", command.join(" "));
    Ok(took.as_secs_f64() * 1_000.0)
}
