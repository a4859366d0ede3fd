//! Which servers run on a host, for whoever writes an estate about them. Only looks, and needs no estate's
//! word about the server: that is what it finds out.

use std::time::Duration;

use crate::actions::ssh::{As, LookScript, RemoteHost};
use crate::engine::action::ActionError;

const DISCOVER: LookScript = LookScript { name: "discover", text: include_str!("scripts/discover.sh") };
const DISCOVER_MAX: Duration = Duration::from_secs(30);

/// A server as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovered {
    /// Whom it runs as, and whom we log in as.
    pub user: String,
    pub login: String,
    pub data_dir: String,
    pub bin_dir: String,
    /// The file, where it is not in the data directory.
    pub config_file: Option<String>,
    pub port: u16,
    pub listens: Vec<String>,
    pub ssl: bool,
    /// It was started as a standby.
    pub recovery: bool,
    pub systemd: bool,
    pub cluster_name: String,
    /// How it follows another, where that was ever set.
    pub conninfo: Vec<(String, String)>,
    /// Largest first.
    pub databases: Vec<String>,
    /// Whether the role that Switchback is to log in as is there.
    pub role: bool,
}

/// The servers of a host.
pub async fn discover(host: &RemoteHost, role: &str) -> Result<Vec<Discovered>, ActionError> {
    let output = host.look(&DISCOVER, &[role], As::Login, DISCOVER_MAX).await?;
    Ok(read(&output.stdout_or("looking for PostgreSQL")?))
}

fn read(text: &str) -> Vec<Discovered> {
    let mut all: Vec<Discovered> = Vec::new();
    for line in text.lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        if key == "server" {
            all.push(Discovered { port: 5432, ..Discovered::default() });
            continue;
        }
        let Some(server) = all.last_mut() else { continue };
        let text = value.trim().to_owned();
        match key {
            "user" => server.user = text,
            "login" => server.login = text,
            "data" => server.data_dir = text,
            "bin" => server.bin_dir = text,
            "config" => server.config_file = (!text.is_empty()).then_some(text),
            "port" => server.port = text.parse().unwrap_or(server.port),
            "listen_addresses" => server.listens = text.split(',').map(|one| one.trim().to_owned()).collect(),
            "ssl" => server.ssl = text == "on",
            "cluster_name" => server.cluster_name = text,
            "recovery" => server.recovery = true,
            "systemd" => server.systemd = true,
            "primary_conninfo" => server.conninfo = pairs(&text),
            "database" => server.databases.push(text),
            "role" => server.role = true,
            _ => {}
        }
    }
    // A child that was forked a moment ago still looks like the server that it comes from.
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|server| seen.insert(server.data_dir.clone()));
    all
}

/// The words of a connection string, `key=value` or `key='value'`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text.trim();
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap_or((quoted, "")),
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        pairs.push((key.trim().to_owned(), value.to_owned()));
        rest = left.trim_start();
    }
    pairs
}

impl Discovered {
    /// Whether it answers at this address.
    pub fn listens_at(&self, address: &str) -> bool {
        self.listens.iter().any(|own| own == "*" || own == "0.0.0.0" || own == "::" || own == address)
    }

    /// One word of how it follows another.
    pub fn conninfo(&self, key: &str) -> Option<&str> {
        self.conninfo.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// What it is called where it is known by a name: the one that its primary sees, or its cluster's own.
    pub fn called(&self) -> Option<&str> {
        let own = Some(self.cluster_name.as_str()).filter(|name| !name.is_empty());
        self.conninfo("application_name").filter(|name| self.recovery && *name != "walreceiver").or(own)
    }

    /// `VERSION/CLUSTER`, when it lies where Debian's packages put it and systemd keeps it.
    pub fn debian(&self) -> Option<&str> {
        let cluster = self.data_dir.strip_prefix("/var/lib/postgresql/")?;
        let (version, name) = cluster.split_once('/')?;
        let bin = format!("/usr/lib/postgresql/{version}/bin");
        (self.systemd && self.bin_dir == bin && !name.contains('/')).then_some(cluster)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_was_just_forked_is_no_server_of_its_own() {
        let one = "server\nuser postgres\ndata /data/a\nport 5432\n";
        let other = "server\nuser postgres\ndata /data/b\nport 5433\n";
        let found = read(&format!("{one}{other}{one}"));
        assert_eq!(found.iter().map(|server| server.port).collect::<Vec<_>>(), [5432, 5433]);
    }

    #[test]
    fn servers_are_read_as_they_are_told() {
        let text = "server\nuser postgres\nlogin deploy\ndata /var/lib/postgresql/15/main\nbin /usr/lib/postgresql/15/bin\n\
                    config /etc/postgresql/15/main/postgresql.conf\nport 5433\nlisten_addresses localhost, 192.0.2.1\nssl on\n\
                    primary_conninfo user=replicator passfile='/var/lib/postgresql/.pgpass' host=192.0.2.2\nrecovery yes\nsystemd yes\n\
                    database shop\nrole yes\nserver\ndata /srv/other\n";
        let all = read(text);
        assert_eq!(all.len(), 2);
        let server = &all[0];
        assert_eq!((server.port, server.ssl, server.recovery, server.role), (5433, true, true, true));
        assert!(server.listens_at("192.0.2.1") && !server.listens_at("192.0.2.9"));
        assert_eq!(server.conninfo("passfile"), Some("/var/lib/postgresql/.pgpass"));
        assert_eq!(server.debian(), Some("15/main"));
        assert_eq!((all[1].debian(), all[1].port), (None, 5432));
    }
}
