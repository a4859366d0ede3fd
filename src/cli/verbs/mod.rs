//! One file a verb.

pub mod actions;
pub mod carry_out;
pub mod check;
pub mod docs;
mod draft;
pub mod drill;
pub mod history;
pub mod init;
pub mod man;
pub mod plan;
pub mod prepare;
pub mod report;
pub mod resolve;
pub mod resume;
pub mod runs;
pub mod schema;
pub mod show;
pub mod status;
pub mod watch;
