//! What measures the outage that a client sees, in the model.

pub use super::written::Method;
use crate::base::name::{EntranceName, ServiceName};
use crate::base::quantity::Span;

/// Writes through an entrance, again and again, in planned runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    pub entrance: EntranceName,
    pub writes: Writes,
    pub every: Span,
    /// The services whose outage shows there: what it writes to, and what that needs.
    pub sees: Vec<ServiceName>,
}

/// What it writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writes {
    /// A database.
    Database(ServiceName),
    Http {
        url: String,
        method: Method,
    },
}

impl Method {
    /// As HTTP has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}
