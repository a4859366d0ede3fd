//! A PostgreSQL instance as written. What a member says itself beats what the service says.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::{Argv, WrittenSecret};
use crate::base::at::{At, Entries};
use crate::base::name::HostName;

/// One PostgreSQL instance: what promotes as a whole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// Its databases. Switchback keeps its own schema, `switchback`, in the first.
    pub databases: At<Vec<String>>,
    /// One server a host; the first at a site leads there.
    pub members: At<Entries<HostName, PostgresMember>>,
    /// Fills in directories, unit and user as a distribution lays them out.
    pub layout: Option<Layout>,
    /// Port of the server; 5432 where not given.
    pub port: Option<At<u16>>,
    /// Role that Switchback logs in as.
    pub user: Option<At<String>>,
    /// That role's password.
    pub password: Option<At<WrittenSecret>>,
    /// `{ca: FILE}`, `system` (the system's certificate store; so where not given) or `off`.
    pub tls: Option<At<Tls>>,
    /// Data directory, on the host.
    pub data_dir: Option<At<String>>,
    /// Where postgresql.conf lies, on the host; the data directory where not given.
    pub config_dir: Option<At<String>>,
    /// Where pg_ctl lies, on the host.
    pub bin_dir: Option<At<String>>,
    /// How the server is started, stopped and kept from starting.
    pub control: Option<At<Control>>,
    /// Whom the server runs as.
    pub run_as: Option<At<String>>,
    /// How a member follows another.
    pub replication: Option<Replication>,
    /// Whom members follow: `of_primary`, all of them the one that serves; so where not given.
    pub followers: Option<At<Followers>>,
}

/// Whom the members of a service follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(inline)]
pub enum Followers {
    OfPrimary,
    PerSite,
}

/// One server; what it says beats what the service says.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresMember {
    /// Fills in directories, unit and user as a distribution lays them out.
    pub layout: Option<Layout>,
    /// Port of the server.
    pub port: Option<At<u16>>,
    /// Role that Switchback logs in as.
    pub user: Option<At<String>>,
    /// That role's password.
    pub password: Option<At<WrittenSecret>>,
    /// `{ca: FILE}`, `system` or `off`.
    pub tls: Option<At<Tls>>,
    /// Data directory, on the host.
    pub data_dir: Option<At<String>>,
    /// Where postgresql.conf lies, on the host.
    pub config_dir: Option<At<String>>,
    /// Where pg_ctl lies, on the host.
    pub bin_dir: Option<At<String>>,
    /// How the server is started, stopped and kept from starting.
    pub control: Option<At<Control>>,
    /// Whom the server runs as.
    pub run_as: Option<At<String>>,
    /// How this member follows another.
    pub replication: Option<Replication>,
}

/// How a distribution lays a cluster out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Debian's VERSION/CLUSTER, as `pg_lsclusters` shows it: 15/main.
    pub debian: At<String>,
}

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tls {
    /// No TLS.
    Off,
    /// Chain and name are verified against the system's certificate store.
    System,
    /// Chain and name are verified against this file.
    Ca(String),
}

impl JsonSchema for Tls {
    fn schema_name() -> Cow<'static, str> {
        "Tls".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Chain and name are always verified, unless it is `off`.",
            "type": ["string", "object"],
            // A constraint on texts only: an object passes it.
            "pattern": "^(off|system)$",
            "examples": ["off", "system"],
            "properties": {"ca": {"type": "string", "description": "A file of CA certificates."}},
            "required": ["ca"], "additionalProperties": false
        })
    }
}

/// How a member follows another.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replication {
    /// The role that members log in as at one another.
    pub user: At<String>,
    /// A libpq password file that lies on the member; none where peers, certificates or trust do.
    pub passfile: Option<At<String>>,
    /// Address under which the other members reach this one, where it is not the host's.
    pub address: Option<At<String>>,
    /// libpq's sslmode; verify-full where the member's `tls` is verified, else prefer.
    pub sslmode: Option<At<SslMode>>,
    /// File of CA certificates on the member, for verify-ca and verify-full.
    pub sslrootcert: Option<At<String>>,
}

/// libpq's sslmode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(inline)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    /// As libpq spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// How a server is started, stopped and kept from starting: `pg_ctl`, a unit, or own commands.
#[derive(Debug, Clone)]
pub enum Control {
    PgCtl,
    Keys(Box<ControlKeys>),
}

/// Either `systemd`, or own commands.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlKeys {
    /// A systemd unit.
    pub systemd: Option<At<String>>,
    /// Starts the server.
    pub start: Option<Argv>,
    /// Stops it.
    pub stop: Option<Argv>,
    /// Keeps it from starting by itself, at boot or by a supervisor.
    pub disable: Option<Argv>,
    /// Lets it start by itself again.
    pub enable: Option<Argv>,
    /// Exit code 0: it may start by itself.
    pub is_enabled: Option<Argv>,
}

impl<'de> Deserialize<'de> for Control {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ControlVisitor)
    }
}

struct ControlVisitor;

impl<'de> Visitor<'de> for ControlVisitor {
    type Value = Control;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`pg_ctl`, {systemd: UNIT} or {start: …, stop: …}")
    }
    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Control, E> {
        match word {
            "pg_ctl" => Ok(Control::PgCtl),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Control, A::Error> {
        ControlKeys::deserialize(MapAccessDeserializer::new(map)).map(|keys| Control::Keys(Box::new(keys)))
    }
}

impl JsonSchema for Control {
    fn schema_name() -> Cow<'static, str> {
        "Control".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = ControlKeys::json_schema(generator);
        schema.insert("type".to_owned(), serde_json::json!(["string", "object"]));
        // A constraint on texts only: an object passes it.
        schema.insert("pattern".to_owned(), "^pg_ctl$".into());
        schema.insert(
            "description".to_owned(),
            "`pg_ctl`, {systemd: UNIT}, or own commands {start, stop, disable, enable, is_enabled}.".into(),
        );
        schema
    }
}
