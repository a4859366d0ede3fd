//! The integration tests, one binary: what belongs together links once.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bad_files;
mod bench;
mod cli;
mod composed;
mod coverage;
mod dependencies;
mod documents;
mod engine;
mod estate;
mod formats;
mod hostile;
mod house;
mod journal;
mod mistakes;
mod notify;
mod pair;
mod procedure;
mod runbook;
mod scheduling;
mod schemas;
mod snippets;
mod store;
mod terminal;
