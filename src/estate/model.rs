//! The estate as the rest of the program sees it: defaults filled in, references resolved, every
//! number with its unit. Made only by the loader of this floor, so that whoever holds an
//! [`Estate`] need not check it again.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use indexmap::IndexMap;

pub use super::window::Window;
use crate::base::name::{EntranceName, HostName, ProviderName, ServiceName, SiteName};
use crate::base::quantity::Span;
use crate::base::secret::SecretRef;

pub use super::mysql::{Flavour, Mysql, MysqlMember, MysqlReplication};

/// Everything described in `switchback.yaml`.
#[derive(Debug, Clone)]
pub struct Estate {
    /// The estate's name; the lock and the history are kept by it.
    pub name: String,
    /// SHA-256 of the file as read, in hex.
    pub digest: String,
    /// The folder that the file lies in; relative paths in it start here.
    pub folder: PathBuf,
    pub objectives: Objectives,
    pub sites: IndexMap<SiteName, Site>,
    pub hosts: IndexMap<HostName, Host>,
    pub services: IndexMap<ServiceName, Service>,
    pub entrances: IndexMap<EntranceName, Entrance>,
    pub providers: IndexMap<ProviderName, Provider>,
    /// Measures in planned runs what a client sees.
    pub canary: Option<super::canary::Canary>,
    /// When live drills may be held.
    pub windows: Vec<Window>,
    /// Who is told of a run.
    pub notify: Vec<super::notify::Receiver>,
    pub contacts: Vec<Contact>,
}

/// Somebody to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub name: String,
    /// What they do in a fail-over.
    pub role: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

/// What the owners of a service want: each `None` where nobody said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Objectives {
    /// Recovery time: from the order to the end of the outage.
    pub rto: Option<Span>,
    /// Recovery point: how much, in time, may be lost.
    pub rpo: Option<Span>,
    /// Longest write outage of a planned run; past it the run backs out while it still can.
    pub outage_max: Option<Span>,
}

/// A place that can serve.
#[derive(Debug, Clone)]
pub struct Site {
    pub name: SiteName,
    /// Fail-back leads here unless told otherwise; at most one.
    pub preferred: bool,
    /// Only looks on; never serves.
    pub witness: bool,
    /// Where users come in.
    pub entry: Records,
}

/// DNS records of one name at one site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    pub a: Vec<Ipv4Addr>,
    pub aaaa: Vec<Ipv6Addr>,
    /// Fully qualified, without the final dot; excludes the others.
    pub cname: Option<String>,
}

/// A machine reached over SSH.
#[derive(Debug, Clone)]
pub struct Host {
    pub name: HostName,
    pub site: SiteName,
    /// An address, a name, or an alias of the user's ssh_config.
    pub address: String,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub key: Option<PathBuf>,
    pub known_hosts: Option<PathBuf>,
    /// Alias or address of the host to jump through.
    pub jump: Option<String>,
    /// Whether commands that need another user go through `sudo -n`.
    pub sudo: bool,
    pub login: Login,
    /// How this host is cut off from power or network, and how that is proven.
    pub cut_off: Option<CutOff>,
}

/// Whether one can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    Ssh,
    /// Nothing to log in to; it is only asked from outside.
    None,
}

/// Commands run where Switchback runs that switch a host off and look whether it is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOff {
    /// Switches it off; may be repeated.
    pub act: Vec<String>,
    /// Looks; changes nothing.
    pub look: Vec<String>,
    /// What `look` prints, somewhere, when the host is off and only then.
    pub off_prints: String,
}

/// Something with members at the sites.
#[derive(Debug, Clone)]
pub struct Service {
    pub name: ServiceName,
    /// 1 is first.
    pub priority: u32,
    pub needs: Vec<ServiceName>,
    pub objectives: Objectives,
    pub note: Option<String>,
    pub kind: Kind,
}

/// What kind of service it is, with what that kind needs to be known.
#[derive(Debug, Clone)]
pub enum Kind {
    Postgres(Postgres),
    Mysql(Mysql),
    Web(Web),
}

/// One PostgreSQL instance at each member: what promotes as a whole.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// In the order written: the first at a site leads there.
    pub members: Vec<PostgresMember>,
}

/// One PostgreSQL server, everything about it filled in.
#[derive(Debug, Clone)]
pub struct PostgresMember {
    pub host: HostName,
    pub site: SiteName,
    pub port: u16,
    /// Databases of the instance; Switchback keeps its own schema in the first.
    pub databases: Vec<String>,
    pub user: String,
    pub password: SecretRef,
    pub tls: Tls,
    pub data_dir: PathBuf,
    /// Where postgresql.conf and pg_hba.conf lie; the data directory where not given.
    pub config_dir: PathBuf,
    pub bin_dir: PathBuf,
    pub control: Control,
    /// Whom the server runs as; reached by `sudo -n -u` when it is not the login user.
    pub run_as: Option<String>,
    pub replication: Replication,
}

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Chain and name are verified, against this CA file or the system's store.
    Verified { ca: Option<PathBuf> },
    /// No TLS; only where the estate says `tls: off` in so many words.
    Off,
}

/// How a server is started, stopped and kept from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// A systemd unit.
    Systemd { unit: String },
    /// `pg_ctl` of the member's `bin_dir`; nothing starts it at boot that Switchback knows of.
    PgCtl,
    /// Own commands, each an argv run on the member's host.
    Commands(Box<ControlCommands>),
}

/// Own commands for control of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlCommands {
    pub start: Vec<String>,
    pub stop: Vec<String>,
    /// Keeps it from starting at boot or by a supervisor; with `enable` and `is_enabled`, or none of them.
    pub disable: Option<Vec<String>>,
    pub enable: Option<Vec<String>>,
    /// Exit code 0: it may start by itself.
    pub is_enabled: Option<Vec<String>>,
}

/// How a member follows another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication {
    pub user: String,
    pub auth: ReplicationAuth,
    /// Address under which the *other* members reach this one, where it is not the host's.
    pub address: Option<String>,
    /// `sslmode` and `sslrootcert` (a path on the member) of the replication connection.
    pub sslmode: String,
    pub sslrootcert: Option<PathBuf>,
}

/// Where a member finds the password of the replication user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicationAuth {
    /// A libpq password file that lies on the member.
    Passfile(PathBuf),
    /// Nothing: peers, certificates or trust.
    None,
}

/// An HTTP service.
#[derive(Debug, Clone)]
pub struct Web {
    /// As users write it; asked at each member's own address under this name.
    pub url: String,
    pub expect: WebExpect,
    /// Host and site of each member.
    pub members: Vec<WebMember>,
}

/// One web server.
#[derive(Debug, Clone)]
pub struct WebMember {
    pub host: HostName,
    pub site: SiteName,
    /// Address and port to connect to, where it is not the host's address and the URL's port.
    pub address: Option<String>,
}

/// What a good answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebExpect {
    pub status: u16,
    /// Must stand somewhere in the body.
    pub body: Option<String>,
    /// 95th percentile of the answer times.
    pub p95_max: Option<Span>,
}

/// How users get in.
#[derive(Debug, Clone)]
pub struct Entrance {
    pub name: EntranceName,
    /// It moves in the wave of the slowest of these.
    pub needs: Vec<ServiceName>,
    pub kind: EntranceKind,
}

/// What kind of entrance it is.
#[derive(Debug, Clone)]
pub enum EntranceKind {
    Dns(DnsEntrance),
}

/// A DNS name.
#[derive(Debug, Clone)]
pub struct DnsEntrance {
    pub provider: ProviderName,
    /// What the record's TTL is when the estate is at rest.
    pub ttl: Span,
    /// What the name points to when a site serves; filled from the site's `entry` where not written.
    pub records: IndexMap<SiteName, Records>,
}

/// Who answers for entrances.
#[derive(Debug, Clone)]
pub struct Provider {
    pub name: ProviderName,
    pub kind: ProviderKind,
}

/// Kinds of provider.
#[derive(Debug, Clone)]
pub enum ProviderKind {
    PowerDns(PowerDns),
    Rfc2136(Rfc2136),
}

/// PowerDNS's HTTP API.
#[derive(Debug, Clone)]
pub struct PowerDns {
    /// Up to and without `/api`.
    pub url: String,
    /// Without final dots.
    pub zones: Vec<String>,
    pub key: SecretRef,
    /// Every authoritative server, as `address` or `address:port` (53 where not given).
    pub servers: Vec<String>,
    /// Recursive resolvers that users ask, by address; `entrance.seen` waits for them too.
    pub resolvers: Vec<String>,
}

/// Dynamic update (RFC 2136) signed with TSIG.
#[derive(Debug, Clone)]
pub struct Rfc2136 {
    pub zones: Vec<String>,
    /// Tried in order: the primary name server, `address` or `address:port`.
    pub update_at: Vec<String>,
    pub key: TsigKey,
    pub servers: Vec<String>,
    pub resolvers: Vec<String>,
}

/// A TSIG key.
#[derive(Debug, Clone)]
pub enum TsigKey {
    /// A file as `tsig-keygen` writes it; others must not be able to read it.
    File(PathBuf),
    /// Name, algorithm (`hmac-sha256`, …) and the secret in base64.
    Parts { name: String, algorithm: String, secret: SecretRef },
}

impl Estate {
    /// The sites that can serve, in the order written.
    pub fn serving_sites(&self) -> impl Iterator<Item = &Site> {
        self.sites.values().filter(|site| !site.witness)
    }

    /// The other of two sites; `None` where there are not exactly two that can serve.
    pub fn other_site(&self, site: &SiteName) -> Option<&SiteName> {
        let mut others = self.serving_sites().filter(|other| &other.name != site);
        let first = others.next()?;
        others.next().is_none().then_some(&first.name)
    }

    /// The service's member that leads at a site, for databases.
    pub fn postgres_leader(&self, service: &ServiceName, site: &SiteName) -> Option<&PostgresMember> {
        match &self.services.get(service)?.kind {
            Kind::Postgres(postgres) => postgres.members.iter().find(|member| &member.site == site),
            Kind::Mysql(_) | Kind::Web(_) => None,
        }
    }
}

impl Kind {
    /// As the estate calls it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::Mysql(_) => "mysql",
            Self::Web(_) => "web",
        }
    }

    /// The sites of a database's members, each once, in the order written; `None` for what is no database.
    pub fn database_sites(&self) -> Option<Vec<&SiteName>> {
        let mut sites = Vec::new();
        for (site, _) in self.database_members()? {
            if !sites.contains(&site) {
                sites.push(site);
            }
        }
        Some(sites)
    }

    /// Site and host of a database's members, in the order written; `None` for what is no database.
    pub fn database_members(&self) -> Option<Vec<(&SiteName, &HostName)>> {
        match self {
            Self::Postgres(postgres) => {
                Some(postgres.members.iter().map(|member| (&member.site, &member.host)).collect())
            }
            Self::Mysql(mysql) => Some(mysql.members.iter().map(|member| (&member.site, &member.host)).collect()),
            Self::Web(_) => None,
        }
    }
}

impl PostgresMember {
    /// The replication slot that holds WAL for this member at whoever leads it.
    pub fn slot(&self) -> String {
        let mut slot = String::from("switchback_");
        slot.extend(self.host.as_str().chars().map(|c| match c {
            'a'..='z' | '0'..='9' => c,
            'A'..='Z' => c.to_ascii_lowercase(),
            _ => '_',
        }));
        slot
    }
}
