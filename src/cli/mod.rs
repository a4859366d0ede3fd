//! The command line: reads what is asked, wires what is needed, prints what came of it.

mod aftermath;
pub mod args;
mod bell;
mod broken;
mod canary;
mod clock;
mod conceal;
mod drill;
mod ending;
mod error;
pub mod exit;
mod experience;
mod guarded;
mod last_seen;
mod leave;
mod locking;
mod order;
mod owner;
mod past;
mod present;
mod problems;
mod prompt;
mod refusing;
mod session;
mod stakes;
mod verbs;
mod view;
mod wire;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Color, Common, Format, Verb};
use error::Failure;
use exit::Exit;
use view::words::{Paint, lay_out};

/// Runs the program.
pub fn main() -> ExitCode {
    // The one TLS provider of the process; a second call would be a bug, and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            if !error.use_stderr() {
                return Exit::Done.into();
            }
            if asks_for_json(std::env::args_os()) {
                tell_programs(&usage(&error));
            }
            return Exit::Usage.into();
        }
    };
    let common = cli.common.clone();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return told(&common, &Failure::new(Exit::Internal, format!("no threads could be started: {error}")));
        }
    };
    let exit = runtime.block_on(dispatch(cli));
    // Looks that nobody waits for any more must not keep the program from ending.
    runtime.shutdown_background();
    match exit {
        Ok(exit) => exit.into(),
        Err(failure) => told(&common, &failure),
    }
}

/// Whether the words ask for lines of JSON, where they could not be read as a whole.
fn asks_for_json(words: impl Iterator<Item = std::ffi::OsString>) -> bool {
    let words: Vec<_> = words.collect();
    let two = words.windows(2).any(|two| matches!(two, [flag, format] if flag == "--format" && format == "json"));
    two || words.iter().any(|word| word == "--format=json")
}

/// What is wrong with the words, as a failure.
fn usage(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let sentence = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    lines.fold(Failure::new(Exit::Usage, sentence), Failure::detail)
}

async fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let Cli { common, verb } = cli;
    match verb {
        Verb::Check { runbooks } => verbs::check::run(&common, &runbooks),
        Verb::Init(said) => verbs::init::run(&common, &said).await,
        Verb::Prepare { service, apply } => verbs::prepare::run(&common, service.as_deref(), apply).await,
        Verb::Plan { runbook, order, accept, out } => {
            verbs::plan::run(&common, &runbook, &order, &accept, out.as_deref()).await
        }
        Verb::Failover { order, accept, consent, dry_run, plan } => {
            verbs::carry_out::run(&common, Some("failover"), &order, &accept, &consent, dry_run, plan.as_deref()).await
        }
        Verb::Failback { order, accept, consent, dry_run, plan } => {
            verbs::carry_out::run(&common, Some("failback"), &order, &accept, &consent, dry_run, plan.as_deref()).await
        }
        Verb::Run { runbook, order, accept, consent, dry_run, plan } => {
            verbs::carry_out::run(&common, runbook.as_deref(), &order, &accept, &consent, dry_run, plan.as_deref())
                .await
        }
        Verb::Resume { run, accept, consent } => {
            verbs::resume::run(&common, run.as_deref(), &accept, &consent, verbs::resume::Direction::Forward).await
        }
        Verb::Rollback { run, accept, consent } => {
            verbs::resume::run(&common, run.as_deref(), &accept, &consent, verbs::resume::Direction::Back).await
        }
        Verb::Resolve { run, step, verdict, reason } => verbs::resolve::run(&common, &run, &step, verdict, &reason),
        Verb::Status { watch } => match watch {
            Some(every) => verbs::watch::run(&common, every).await,
            None => verbs::status::run(&common).await,
        },
        Verb::Runs { verify, head } => verbs::runs::run(&common, verify, &head),
        Verb::Show { run, events } => verbs::show::run(&common, run.as_deref(), events),
        Verb::Report { run, form, json } => verbs::report::run(&common, run.as_deref(), &form, json),
        Verb::Drill { runbook, order, accept, consent, trial } => {
            verbs::drill::run(&common, &runbook, &order, &accept, &consent, &trial).await
        }
        Verb::Docs { runbook, order, form } => verbs::docs::run(&common, &runbook, &order, &form).await,
        Verb::History { runbook, most } => verbs::history::run(&common, runbook.as_deref(), most),
        Verb::Actions { name } => verbs::actions::run(&common, name.as_deref()),
        Verb::Schema { what } => verbs::schema::run(&common, what),
        Verb::Completions { shell } => {
            // Into memory first: what writes it takes a reader that went away for a panic.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "switchback", &mut script);
            session::say(String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Done)
        }
        Verb::Man => verbs::man::run(),
    }
}

/// How to paint on standard error (`true`) or standard output.
fn paint(common: &Common, stderr: bool) -> Paint {
    let terminal = if stderr { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
    let color = match common.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    let size = if stderr { console::Term::stderr().size_checked() } else { console::Term::stdout().size_checked() };
    let width = size.map_or(100, |(_, columns)| usize::from(columns)).clamp(40, 160);
    Paint { color, width }
}

/// Prints a failure and gives its exit code.
fn told(common: &Common, failure: &Failure) -> ExitCode {
    if common.format == Format::Json {
        tell_programs(failure);
    }
    let paint = paint(common, true);
    let mut text = format!("{} {}\n", paint.bad("✗"), lay_out(&failure.sentence, paint.width, 2));
    for line in &failure.details {
        text.push_str(&format!("  {}\n", lay_out(line, paint.width, 4)));
    }
    for line in &failure.hints {
        text.push_str(&format!("  {} {}\n", paint.good("→"), lay_out(line, paint.width, 4)));
    }
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    failure.exit.into()
}

/// A failure as the last line of those that programs read.
fn tell_programs(failure: &Failure) {
    view::json::print(&serde_json::json!({
        "schema": "switchback/failure/1",
        "exit": failure.exit as u8,
        "sentence": failure.sentence,
        "details": failure.details,
        "hints": failure.hints,
    }));
}
