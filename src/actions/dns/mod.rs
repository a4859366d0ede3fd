//! Asking name servers, one by one and directly: what a resolver remembers is not what they say.
//!
//! Shared by the families that need it, as `ssh` is. Messages are made and read by hickory-proto. The two
//! transports are ours, because a client library hides what matters here: a UDP socket that is connected
//! learns at once that nobody listens, where an open one waits for its whole time; a request that was lost
//! before it was sent differs from one whose answer was lost; and what a signature's refusal says
//! (RFC 8945) reaches the caller as a type and not as a text.

mod answer;
mod exchange;
mod records;
mod server;
#[cfg(test)]
pub(in crate::actions) mod servers_for_tests;

pub use answer::{Answer, Asked, ask, fqdn};
pub use exchange::{ANSWER_MAX, Lost, NoAnswer, connect, exchange, over_tcp};
pub use records::{Records, among, same, shown, sorted};
pub use server::{Server, address_of};
