//! What `tests/bench` measures with: the hand-written script that Switchback is held against, the engine without a world, the
//! start of a program, and the table. `tests/bench` itself is the order in which they are called.
#![expect(clippy::print_stderr, reason = "a program of the bench talks to the terminal")]

mod engine;
mod floor;
mod spawn;
mod table;

use clap::Parser;
use std::process::ExitCode;

#[derive(Parser)]
enum Command {
    /// Moves the lab's database and its names to a site, with everything opened before: what a careful script would do.
    Floor(floor::Floor),
    /// Carries out steps that do nothing, with a journal on disk.
    Engine(engine::Engine),
    /// Starts a program over and over, and says how long each took.
    Spawn(spawn::Spawn),
    /// Reads figures, one a line, and prints medians, ranges and ratios.
    Table(table::Table),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Floor(floor) => floor.run().await,
        Command::Engine(engine) => engine.run().await,
        Command::Spawn(spawn) => spawn.run(),
        Command::Table(table) => table.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
