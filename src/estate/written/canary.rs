//! The canary as written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::at::At;
use crate::base::name::{EntranceName, ServiceName};
use crate::base::quantity::Span;

/// Measures in planned runs what a client sees, by writing through an entrance: to a database, or by HTTP.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// By which it comes in; its own name servers are asked anew for each write.
    pub entrance: At<EntranceName>,
    /// The database that it writes to, as that service's user.
    pub service: Option<At<ServiceName>>,
    /// The URL that it writes to; its host is the entrance. Any status from 200 to 299 says that the write was taken.
    pub url: Option<At<String>>,
    /// How it asks for the URL: POST where not given.
    pub method: Option<At<Method>>,
    /// How often it writes: 20ms where not given.
    pub every: Option<At<Span>>,
}

/// Methods of HTTP that write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
#[schemars(inline)]
pub enum Method {
    #[default]
    Post,
    Put,
}
