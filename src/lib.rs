//! Switchback carries out fail-over and fail-back runbooks for services that live at two sites.
//!
//! The modules are the floors of the house, from the ground up; an import goes down only, and a
//! test (`tests/it/house.rs`) holds it to that. `docs/architecture.md` is the map to read first.
//!
//! * floor 0, [`base`]: names, quantities, secrets, places in files and the problems found there
//! * floor 1, [`estate`]: `switchback.yaml` as written, with defaults filled in, and its checks
//! * floor 1, [`runbook`]: runbooks as written, their binding to an estate, and the checks of the result
//! * floor 2, [`engine`]: what an action is; the pure machine and the one loop that obeys it
//! * floor 3, [`actions`]: what can be done, a folder a family
//! * floor 3, [`notify`]: tells people and programs of a run, beside it
//! * floor 3, [`store`]: the journal and the lock, on disk
//! * floor 3, [`report`]: folds a run's events into something to read
//! * floor 4, [`cli`]: the command line; the only floor that prints

#![forbid(unsafe_code)]

pub mod base;
pub mod estate;
pub mod runbook;

pub mod engine;

pub mod actions;
pub mod notify;
pub mod report;
pub mod store;

pub mod cli;
