//! Words that every other floor uses; nothing here knows what a runbook is.

pub mod at;
pub mod closest;
pub mod decode;
pub mod name;
pub mod place;
pub mod problem;
pub mod quantity;
pub mod schema;
pub mod secret;
pub mod tree;
pub mod yaml;
