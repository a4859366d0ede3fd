//! How one write is made.

use std::net::IpAddr;
use std::time::Instant;

use futures::future::BoxFuture;

use crate::base::name::SiteName;

/// Where the entrance led when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub address: IpAddr,
    /// The site whose records these are; `None` where they are no site's, or more than one's.
    pub site: Option<SiteName>,
}

/// A write that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// When the answer was there.
    pub at: Instant,
    /// What rises with every promotion; 0 where it cannot be seen.
    pub term: u64,
}

/// A write that was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untaken {
    /// It was refused, or never sent.
    No(String),
    /// The answer was lost: it may have been taken.
    Unknown(String),
}

/// Writes as a client does, by one connection at a time.
pub trait Writer: Send {
    /// Has a connection to this place: the one that it has, or a new one. Dropped half-way it has none.
    fn ready<'a>(&'a mut self, place: &'a Place) -> BoxFuture<'a, Result<(), String>>;
    /// Writes once, in a transaction of its own. Whoever calls it has asked the touch. Dropped half-way it gives its
    /// connection up: what was sent may have been taken.
    fn write(&mut self) -> BoxFuture<'_, Result<Taken, Untaken>>;
}
