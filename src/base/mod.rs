//! Words that every other floor uses; nothing here knows what a runbook is.

pub mod name;
pub mod quantity;
pub mod secret;
