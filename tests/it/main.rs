//! The integration tests, one binary: what belongs together links once.

mod bench;
mod engine;
mod estate;
mod house;
mod pair;
mod runbook;
mod store;
