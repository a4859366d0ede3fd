//! `switchback.yaml` as people write it: nothing filled in, every value with its place.
//!
//! The doc comments here are what editors show: `switchback schema estate` is made of these types.

mod canary;
mod database;
mod entrance;
mod mysql;
mod notify;
mod people;
mod secret;
mod web;

use std::net::{Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::at::{At, Entries};
use crate::base::name::{EntranceName, HostName, OtherName, ProviderName, ServiceName, SiteName};
use crate::base::quantity::Span;

pub use canary::{Canary, Method};
pub use database::{Control, ControlKeys, Followers, Layout, Postgres, PostgresMember, Replication, Tls};
pub use entrance::{Dns, DnsDefaults, Entrance, PowerDns, Provider, Rfc2136, TsigKey};
pub use mysql::{Flavour, Mysql, MysqlMember, MysqlReplication};
pub use notify::{Email, Notify, Occasion, PagerDuty, Slack, Webhook};
pub use people::{Contact, Day, Window};
pub use secret::WrittenSecret;
pub use web::{Expect, Web, WebMember};

/// A command and its arguments; no shell sees them.
pub type Argv = At<Vec<String>>;

/// What exists: the sites, their hosts, what runs on them, and how users get in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estate {
    /// The version of this file's format: 1. A newer program refuses what it would read differently.
    pub format: At<u32>,
    /// The estate's name; the lock and the history are kept by it.
    pub estate: At<ServiceName>,
    /// What the owners want, for every service that does not say its own.
    #[serde(default)]
    pub objectives: Objectives,
    /// Places that can serve.
    pub sites: At<Entries<SiteName, Site>>,
    /// Written once for all; what a thing says itself wins whole.
    #[serde(default)]
    pub defaults: Defaults,
    /// Machines reached over SSH.
    #[serde(default)]
    pub hosts: Entries<HostName, Host>,
    /// What runs, with its members at the sites.
    #[serde(default)]
    pub services: Entries<ServiceName, Service>,
    /// How users get in.
    #[serde(default)]
    pub entrances: Entries<EntranceName, Entrance>,
    /// Who answers for entrances.
    #[serde(default)]
    pub providers: Entries<ProviderName, Provider>,
    /// Measures in planned runs what a client sees.
    pub canary: Option<Canary>,
    /// When live drills may be held.
    #[serde(default)]
    pub windows: Entries<OtherName, Window>,
    /// Who is told of a run, without a step.
    #[serde(default)]
    pub notify: Entries<OtherName, Notify>,
    /// Whom to call; for the written procedure.
    #[serde(default)]
    pub contacts: Entries<OtherName, Contact>,
}

/// What the owners of a service want.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objectives {
    /// Recovery time: from the order to the end of the outage.
    pub rto: Option<Span>,
    /// Recovery point: how much, in time, may be lost.
    pub rpo: Option<Span>,
    /// Longest write outage of a planned run; past it the run backs out while it still can.
    pub outage_max: Option<Span>,
}

/// A place that can serve.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Fail-back leads here unless told otherwise; at most one site.
    #[serde(default = "not_preferred")]
    pub preferred: At<bool>,
    /// Only looks on; never serves.
    #[serde(default)]
    pub witness: bool,
    /// Where users come in: what DNS entrances point to when this site serves.
    #[serde(default)]
    pub entry: Records,
}

/// DNS records of one name at one site.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// IPv4 addresses.
    #[serde(rename = "A", default)]
    pub a: Vec<Ipv4Addr>,
    /// IPv6 addresses, in quotes.
    #[serde(rename = "AAAA", default)]
    pub aaaa: Vec<Ipv6Addr>,
    /// A fully qualified name without the final dot; excludes the others.
    #[serde(rename = "CNAME")]
    pub cname: Option<At<EntranceName>>,
}

/// Written once for all; what a thing says itself wins whole.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// For every host.
    #[serde(default)]
    pub host: HostDefaults,
    /// For every DNS entrance.
    #[serde(default)]
    pub dns: DnsDefaults,
}

/// What hosts have in common.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostDefaults {
    /// Port of the SSH server; 22, or what the user's ssh_config says.
    pub port: Option<At<u16>>,
    /// Whom to log in as.
    pub user: Option<At<String>>,
    /// Private key file for SSH.
    pub key: Option<At<String>>,
    /// File of host keys; the user's own where not given. An unknown host key is always refused.
    pub known_hosts: Option<At<String>>,
    /// Host to jump through: an address, or an alias of the user's ssh_config.
    pub jump: Option<At<String>>,
    /// Whether commands that need another user go through `sudo -n`.
    pub sudo: Option<bool>,
}

/// A machine reached over SSH.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// The site it stands at.
    pub site: At<SiteName>,
    /// An address, a name, or an alias of the user's ssh_config; the host's own name where not given.
    pub address: Option<At<String>>,
    /// Port of the SSH server; 22, or what the user's ssh_config says.
    pub port: Option<At<u16>>,
    /// Whom to log in as.
    pub user: Option<At<String>>,
    /// Private key file for SSH.
    pub key: Option<At<String>>,
    /// File of host keys; the user's own where not given. An unknown host key is always refused.
    pub known_hosts: Option<At<String>>,
    /// Host to jump through: an address, or an alias of the user's ssh_config.
    pub jump: Option<At<String>>,
    /// Whether commands that need another user go through `sudo -n`.
    pub sudo: Option<bool>,
    /// `none` for a host that is only asked from outside.
    #[serde(default)]
    pub login: Login,
    /// How it is cut off from power or network, and how that is proven.
    pub cut_off: Option<CutOff>,
}

/// Whether one can log in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Login {
    /// Over SSH.
    #[default]
    Ssh,
    /// Nothing to log in to; it is only asked from outside.
    None,
}

/// How a host is cut off.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CutOff {
    /// Own commands, run where Switchback runs.
    pub command: CutOffCommand,
}

/// Own commands that cut a host off and look whether it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CutOffCommand {
    /// Switches it off; may be repeated.
    pub act: Argv,
    /// Looks; changes nothing.
    pub look: Argv,
    /// What `look` prints, somewhere, when the host is off and only then.
    pub off_prints: At<String>,
}

/// Something with members at the sites: exactly one kind, and what all kinds have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// 1 is first: all steps for 1, then all for 2, …
    pub priority: At<u32>,
    /// What must have moved before it.
    #[serde(default)]
    pub needs: Vec<At<ServiceName>>,
    /// What its owners want, where that differs from the estate's.
    #[serde(default)]
    pub objectives: Objectives,
    /// For people.
    pub note: Option<String>,
    /// One PostgreSQL instance (what promotes as a whole), a server at each site.
    pub postgres: Option<Postgres>,
    /// One MariaDB or MySQL instance, a server at each site.
    pub mysql: Option<Mysql>,
    /// An HTTP service.
    pub web: Option<Web>,
}

fn not_preferred() -> At<bool> {
    At { value: false, extent: crate::base::place::Extent::default() }
}
