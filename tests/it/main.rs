//! The integration tests, one binary: what belongs together links once.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bench;
mod cli;
mod engine;
mod estate;
mod house;
mod pair;
mod runbook;
mod store;
