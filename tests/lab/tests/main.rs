//! What Switchback does on two real sites. Run by `tests/lab/run-tests`, which brings them up.

mod bad_days;
mod kills;
mod lab;
mod looks;
mod round_trips;
mod secrets;
