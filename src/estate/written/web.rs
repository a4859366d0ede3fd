//! An HTTP service as written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::at::{At, Entries};
use crate::base::name::HostName;
use crate::base::quantity::Span;

/// An HTTP service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// As users write it; asked at each member's own address under this name.
    pub url: At<String>,
    /// What a good answer is.
    #[serde(default)]
    pub expect: Expect,
    /// The web servers, by host.
    pub members: At<Entries<HostName, WebMember>>,
}

/// One web server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebMember {
    /// ADDRESS or ADDRESS:PORT to connect to, where it is not the host's address and the URL's port.
    pub address: Option<At<String>>,
}

/// What a good answer is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// HTTP status; 200 where not given.
    pub status: Option<At<u16>>,
    /// Must stand somewhere in the body.
    pub body: Option<String>,
    /// Longest 95th percentile of the answer times.
    pub p95_max: Option<Span>,
}
