//! The load on the lab, and what it saw.
//!
//! `run` writes an increasing id every few milliseconds through the database's DNS name, resolved afresh before each write,
//! and logs one line per outcome. `report` reads that log and holds it against what the databases have now. `session` is somebody
//! else who is at work on a database.
#![expect(clippy::print_stderr, reason = "a program of the lab talks to the terminal")]

#[path = "client/log.rs"]
mod log;
#[path = "client/mariadb.rs"]
mod mariadb;
#[path = "client/name.rs"]
mod name;
#[path = "client/postgres.rs"]
mod postgres;
#[path = "client/report.rs"]
mod report;
#[path = "client/run.rs"]
mod run;
#[path = "client/session.rs"]
mod session;

use clap::Parser;
use std::process::ExitCode;

/// Kinds of database that a ledger can lie in.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Kind {
    #[default]
    Postgres,
    Mariadb,
}

#[derive(Parser)]
enum Command {
    /// Write until SIGTERM or SIGINT.
    Run(run::Run),
    /// Compare a log with the databases.
    Report(report::Report),
    /// Begin something in MariaDB, and be idle.
    Session(session::Session),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Run(run) => run.run().await,
        Command::Report(report) => report.run().await,
        Command::Session(session) => session.run().await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab-client: {error:#}");
            ExitCode::FAILURE
        }
    }
}
