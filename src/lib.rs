//! Switchback carries out fail-over and fail-back runbooks for services that live at two sites.
//!
//! The modules are the floors of the house, from the ground up; an import goes down only, and a
//! test (`tests/it/house.rs`) holds it to that. `docs/architecture.md` is the map to read first.

#![forbid(unsafe_code)]

/// Floor 3: what can be done, a folder a family.
pub mod actions;
/// Floor 0: names, quantities, secrets, places in files and the problems found there.
pub mod base;
/// Floor 4: the command line; the only floor that prints.
pub mod cli;
/// Floor 2: what an action is; the pure machine and the one loop that obeys it.
pub mod engine;
/// Floor 1: `switchback.yaml` as written, with defaults filled in, and its checks.
pub mod estate;
/// Floor 3: folds a run's events into something to read.
pub mod report;
/// Floor 1: runbooks as written, their binding to an estate, and the checks of the result.
pub mod runbook;
/// Floor 3: the journal and the lock, on disk.
pub mod store;
