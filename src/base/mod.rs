//! Words that every other floor uses; nothing here knows what a runbook is.

pub mod at;
pub mod closest;
pub mod decode;
pub mod name;
pub mod place;
pub mod problem;
pub mod quantity;
pub mod schema;
pub mod secret;
pub mod tree;
pub mod yaml;

/// Bytes in hex, as digests are written.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
