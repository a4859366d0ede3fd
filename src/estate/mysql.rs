//! MariaDB and MySQL in the model; the rest of the program takes it from there.

use std::path::PathBuf;

use super::model::{Control, Tls};
use crate::base::name::{HostName, SiteName};
use crate::base::secret::SecretRef;

/// One MariaDB or MySQL instance at each member: what promotes as a whole.
#[derive(Debug, Clone)]
pub struct Mysql {
    /// In the order written.
    pub members: Vec<MysqlMember>,
}

/// One MariaDB or MySQL server, everything about it filled in.
#[derive(Debug, Clone)]
pub struct MysqlMember {
    pub host: HostName,
    pub site: SiteName,
    pub flavour: Flavour,
    pub port: u16,
    /// Databases of the instance; Switchback keeps its own beside them.
    pub databases: Vec<String>,
    pub user: String,
    pub password: SecretRef,
    pub tls: Tls,
    pub data_dir: PathBuf,
    /// A folder whose `.cnf` files the server reads after its others.
    pub config_dir: PathBuf,
    /// What the server is given as `--defaults-file`; `None` where it reads the usual places.
    pub config_file: Option<PathBuf>,
    /// Where its programs lie; `None` for the host's path.
    pub bin_dir: Option<PathBuf>,
    pub control: Control,
    /// Whom the server runs as; reached by `sudo -n -u` when it is not the login user.
    pub run_as: Option<String>,
    pub replication: MysqlReplication,
}

/// Which of the two a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    MariaDb,
    MySql,
}

/// How a MariaDB or MySQL member follows another.
#[derive(Debug, Clone)]
pub struct MysqlReplication {
    pub user: String,
    pub password: SecretRef,
    /// Address under which the *other* members reach this one, where it is not the host's.
    pub address: Option<String>,
    /// CA certificates, a path on the member; with it the other's certificate is verified.
    pub sslrootcert: Option<PathBuf>,
}
