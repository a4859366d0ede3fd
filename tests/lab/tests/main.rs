//! What Switchback does on two real sites. Run by `tests/lab/run-tests`, which brings them up.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says how far it came"
)]
#![expect(clippy::unused_self, reason = "only who holds a lab may ask its servers")]
#![expect(clippy::zombie_processes, reason = "a test that fails ends with all that it began")]

mod accounts;
mod asked;
mod bad_days;
mod both;
mod browser;
mod by_hand;
mod canary;
mod composed;
mod debian;
mod editor;
mod evidence;
mod first_steps;
mod hard_days;
mod hosts;
mod kills;
mod lab;
mod looks;
mod lost_replies;
mod mariadb;
mod mariadb_deaths;
mod mysql;
mod notices;
mod operators;
mod person;
mod random_kills;
mod readers;
mod resizing;
mod round_trips;
mod running;
mod secrets;
mod siblings;
mod turns;
