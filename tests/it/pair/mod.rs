//! A simulated pair of sites under the real machine, driver and database actions; only the port is simulated.
//!
//! Whatever dies, and whichever call goes wrong: never two writable members, no acknowledged write lost in
//! planned mode, a lost one announced in an emergency.

mod database;
mod plans;
mod refusals;
mod seeds;
mod sweeps;
mod world;
