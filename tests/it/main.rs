//! The integration tests, one binary: what belongs together links once.

mod engine;
mod house;
mod store;
