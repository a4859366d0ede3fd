//! What people and programs see. Only this folder and the verbs print.
//!
//! * [`human`]: a run as a person watches it; `board` is what it looks like at one moment, `screen` where
//!   the moving lines stand.
//! * [`json`]: the same events for programs.
//! * [`junit`], [`metrics`]: what a run leaves for a CI system and for a collector of figures.
//! * [`page`]: the plan as a page one would sign.
//! * [`words`]: words, marks and colours, the same everywhere.

mod board;
pub mod human;
pub mod json;
pub mod junit;
pub mod metrics;
pub mod page;
mod screen;
pub mod words;
