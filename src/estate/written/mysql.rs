//! A MariaDB or MySQL instance as written. What a member says itself beats what the service says.

use schemars::JsonSchema;
use serde::Deserialize;

use super::WrittenSecret;
use super::database::{ControlKeys, Followers, Tls};
use crate::base::at::{At, Entries};
use crate::base::name::HostName;

/// One MariaDB or MySQL instance: what promotes as a whole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mysql {
    /// `mariadb` (10.11 and newer) or `mysql` (8.0 and newer).
    pub flavour: At<Flavour>,
    /// Its databases. Switchback keeps its own, `switchback`, beside them.
    pub databases: At<Vec<String>>,
    /// One server a host; the first at a site leads there, the others there are its siblings.
    pub members: At<Entries<HostName, MysqlMember>>,
    /// Port of the server; 3306 where not given.
    pub port: Option<At<u16>>,
    /// Account that Switchback logs in as.
    pub user: Option<At<String>>,
    /// That account's password.
    pub password: Option<At<WrittenSecret>>,
    /// `{ca: FILE}`, `system` (the system's certificate store; so where not given) or `off`.
    pub tls: Option<At<Tls>>,
    /// Data directory, on the host; /var/lib/mysql where not given.
    pub data_dir: Option<At<String>>,
    /// A folder on the host whose `.cnf` files the server reads last; Switchback keeps its fence there.
    pub config_dir: Option<At<String>>,
    /// The file given to the server as `--defaults-file`, where it is started so.
    pub config_file: Option<At<String>>,
    /// Where the programs lie, on the host, where they are not on its path.
    pub bin_dir: Option<At<String>>,
    /// How the server is started, stopped and kept from starting.
    pub control: Option<At<ControlKeys>>,
    /// Whom the server runs as.
    pub run_as: Option<At<String>>,
    /// How a member follows another.
    pub replication: Option<MysqlReplication>,
    /// Whom members follow: `of_primary`, all of them the one that serves; so where not given.
    pub followers: Option<At<Followers>>,
}

/// One server; what it says beats what the service says.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MysqlMember {
    /// Port of the server.
    pub port: Option<At<u16>>,
    /// Account that Switchback logs in as.
    pub user: Option<At<String>>,
    /// That account's password.
    pub password: Option<At<WrittenSecret>>,
    /// `{ca: FILE}`, `system` or `off`.
    pub tls: Option<At<Tls>>,
    /// Data directory, on the host.
    pub data_dir: Option<At<String>>,
    /// A folder on the host whose `.cnf` files the server reads last; Switchback keeps its fence there.
    pub config_dir: Option<At<String>>,
    /// The file given to the server as `--defaults-file`, where it is started so.
    pub config_file: Option<At<String>>,
    /// Where the programs lie, on the host, where they are not on its path.
    pub bin_dir: Option<At<String>>,
    /// How the server is started, stopped and kept from starting.
    pub control: Option<At<ControlKeys>>,
    /// Whom the server runs as.
    pub run_as: Option<At<String>>,
    /// How this member follows another.
    pub replication: Option<MysqlReplication>,
}

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(inline)]
pub enum Flavour {
    Mariadb,
    Mysql,
}

/// How a member follows another.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MysqlReplication {
    /// The account that members log in as at one another.
    pub user: At<String>,
    /// That account's password; the member that follows keeps it, as the server does.
    pub password: At<WrittenSecret>,
    /// Address under which the other members reach this one, where it is not the host's.
    pub address: Option<At<String>>,
    /// File of CA certificates on the member; with it the other's certificate and name are verified.
    pub sslrootcert: Option<At<String>>,
}
