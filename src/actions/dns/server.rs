//! Where a name server listens.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::exchange::{ANSWER_MAX, NoAnswer};

/// The port where none is said.
const PORT: u16 = 53;

/// A name server or resolver as the estate writes it: `address`, `address:port`, or a host name in place
/// of the address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Server(String);

impl Server {
    /// Takes it as written.
    pub fn new(written: &str) -> Self {
        Self(written.to_owned())
    }

    /// A list of them.
    pub fn list(written: &[String]) -> Vec<Self> {
        written.iter().map(|server| Self::new(server)).collect()
    }

    /// Where it listens.
    pub async fn address(&self) -> Result<SocketAddr, NoAnswer> {
        address_of(&self.0, PORT).await
    }
}

/// Reads `address`, `address:port`, `name` or `name:port`. A name is looked up by the system, which may take
/// as long as an answer.
pub async fn address_of(written: &str, default_port: u16) -> Result<SocketAddr, NoAnswer> {
    let bare = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(written);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, default_port));
    }
    if let Ok(address) = written.parse() {
        return Ok(address);
    }
    let (host, port) = match written.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| NoAnswer::NoAddress)?),
        None => (written, default_port),
    };
    match tokio::time::timeout(ANSWER_MAX, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(mut found)) => found.next().ok_or(NoAnswer::NoAddress),
        Ok(Err(_)) | Err(_) => Err(NoAnswer::NoAddress),
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_with_or_without_a_port() {
        for (written, address) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("192.0.2.1:5300", "192.0.2.1:5300"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("[2001:db8::1]:5300", "[2001:db8::1]:5300"),
            ("localhost:5300", "127.0.0.1:5300"),
        ] {
            let found = Server::new(written).address().await.expect(written).to_string();
            assert!(found == address || written.starts_with("localhost"), "{written}: {found}");
        }
        assert_eq!(Server::new("192.0.2.1:x").address().await, Err(NoAnswer::NoAddress));
    }
}
