//! Hashes that chain events: each covers its event and the hash before it.
//!
//! Whoever kept the last hash of a run (it is printed at the end and stands in reports) can tell whether
//! anything in the run's journal was changed since; without it, at least damage shows.

use sha2::{Digest, Sha256};

/// A link of the chain.
pub type Hash = [u8; 32];

/// Where the chain of a run begins.
pub fn root(run: &str) -> Hash {
    Sha256::new().chain_update(b"switchback journal 1\0").chain_update(run.as_bytes()).finalize().into()
}

/// The link after `before` for an event's text.
pub fn link(before: &Hash, body: &str) -> Hash {
    Sha256::new().chain_update(before).chain_update(body.as_bytes()).finalize().into()
}

/// In hex.
pub fn hex(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::with_capacity(hash.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
