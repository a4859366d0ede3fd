//! The shell that all families of actions share: one standing SSH session a host.
//!
//! What runs on a host is a fixed text ([`LookScript`], [`TouchScript`]) or a user's own argv; whatever
//! is dynamic is a positional argument, quoted in one place (openssh's own quoting). A look script only
//! reads; a touch script can only be run by who holds a [`Touch`](crate::engine::action::Touch).
//!
//! A standing shell a user takes the commands one after the other (`standing.rs`), several shells where several are
//! asked at once; what a shell cannot be told runs by itself.
//!
//! Every call has a limit that is kept on the host itself, by `timeout(1)` in `scripts/frame.sh`, so that
//! a command ends also when we are gone; and a second, slightly longer one here.

mod answer;
mod host_clock;
mod hosts;
#[cfg(test)]
mod on_lab;
#[cfg(test)]
mod on_sshd;
mod pour;
mod refusal;
mod remote;
mod session;
mod shells;
#[cfg(test)]
pub(in crate::actions) mod sshd_for_tests;
mod standing;

pub use answer::{OUTPUT_BYTES_MAX, Output};
pub use hosts::Hosts;
pub use pour::{End, pour};
pub use remote::{As, LookScript, RemoteHost, TouchScript};
