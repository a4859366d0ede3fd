//! Entrances and their providers as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Records, WrittenSecret};
use crate::base::at::{At, Entries};
use crate::base::name::{ProviderName, ServiceName, SiteName};
use crate::base::quantity::Span;

/// How users get in; it moves when everything that it needs has moved.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entrance {
    /// The services that users reach through it.
    #[serde(default)]
    pub needs: Vec<At<ServiceName>>,
    /// A DNS name.
    pub dns: Option<Dns>,
}

/// A DNS name.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// Who answers for it; `defaults.dns.provider` where not given.
    pub provider: Option<At<ProviderName>>,
    /// The record's TTL when the estate is at rest; `defaults.dns.ttl` where not given.
    pub ttl: Option<At<Span>>,
    /// What it points to, by the site that serves; a site's `entry` where not given.
    #[serde(default)]
    pub records: Entries<SiteName, Records>,
}

/// What DNS entrances have in common.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsDefaults {
    /// Who answers for them.
    pub provider: Option<At<ProviderName>>,
    /// The records' TTL when the estate is at rest.
    pub ttl: Option<At<Span>>,
}

/// Who answers for entrances: exactly one kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// PowerDNS's HTTP API.
    pub powerdns: Option<PowerDns>,
    /// Dynamic update (RFC 2136) signed with TSIG: BIND, Knot and others.
    pub rfc2136: Option<Rfc2136>,
}

/// PowerDNS's HTTP API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerDns {
    /// Where the API is, up to and without `/api`.
    pub url: At<String>,
    /// The zones that it may change, without final dots.
    pub zones: At<Vec<At<String>>>,
    /// The API key.
    pub key: At<WrittenSecret>,
    /// Every authoritative server, as ADDRESS or ADDRESS:PORT.
    pub servers: At<Vec<At<String>>>,
    /// Recursive resolvers that users ask; a run waits until they answer alike too.
    #[serde(default)]
    pub resolvers: Vec<At<String>>,
}

/// Dynamic update (RFC 2136) signed with TSIG.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rfc2136 {
    /// The zones that it may change, without final dots.
    pub zones: At<Vec<At<String>>>,
    /// Servers that take updates, tried in order, as ADDRESS or ADDRESS:PORT.
    pub update_at: At<Vec<At<String>>>,
    /// The TSIG key.
    pub key: At<TsigKey>,
    /// Every authoritative server, as ADDRESS or ADDRESS:PORT.
    pub servers: At<Vec<At<String>>>,
    /// Recursive resolvers that users ask; a run waits until they answer alike too.
    #[serde(default)]
    pub resolvers: Vec<At<String>>,
}

/// A TSIG key: a file, or name, algorithm and secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TsigKey {
    /// A file as `tsig-keygen` writes it; others must not be able to read it.
    pub tsig_file: Option<At<String>>,
    /// The key's name.
    pub name: Option<At<String>>,
    /// hmac-sha256 where not given.
    pub algorithm: Option<At<Algorithm>>,
    /// The secret, in base64.
    pub secret: Option<At<WrittenSecret>>,
}

/// TSIG algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(inline)]
pub enum Algorithm {
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

impl Algorithm {
    /// As DNS spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }
}
