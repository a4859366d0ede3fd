//! Every host of the estate, each with its standing session.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::remote::RemoteHost;
use crate::base::name::HostName;
use crate::engine::action::ActionError;
use crate::estate::model::{Estate, Host};

/// The hosts of an estate. Sessions are opened on first use and kept until this is dropped.
#[derive(Debug)]
pub struct Hosts {
    hosts: BTreeMap<HostName, Arc<RemoteHost>>,
}

impl Hosts {
    /// Connects to nothing yet.
    pub fn new(estate: &Estate) -> Arc<Self> {
        Self::of(estate.hosts.values().cloned())
    }

    /// These hosts.
    pub fn of(hosts: impl IntoIterator<Item = Host>) -> Arc<Self> {
        let folder = ControlFolder::make().map(Arc::new);
        let remote = |host: Host| (host.name.clone(), Arc::new(RemoteHost::new(host, folder.clone())));
        Arc::new(Self { hosts: hosts.into_iter().map(remote).collect() })
    }

    /// One host. Refused when the estate has none of this name.
    pub fn get(&self, name: &HostName) -> Result<Arc<RemoteHost>, ActionError> {
        let found = self.hosts.get(name).cloned();
        found.ok_or_else(|| ActionError::refused(format!("the estate has no host `{name}`")))
    }

    /// Opens the sessions to these hosts, at once, so that the first call of the outage does not pay for it.
    /// Failures are kept for whoever calls next.
    pub async fn warm(&self, names: impl IntoIterator<Item = &HostName>) {
        let hosts: Vec<_> = names.into_iter().filter_map(|name| self.hosts.get(name)).collect();
        futures::future::join_all(hosts.iter().map(|host| host.connect())).await;
    }
}

/// Where the sockets of standing sessions lie: private, and short, because a socket's path must fit in
/// 107 bytes. Removed with the last session.
#[derive(Debug)]
pub struct ControlFolder(TempDir);

impl ControlFolder {
    fn make() -> Result<Self, String> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let base = runtime.filter(|path| path.is_absolute() && path.is_dir() && path.as_os_str().len() < 40);
        let base = base.unwrap_or_else(|| PathBuf::from("/tmp"));
        let made = tempfile::Builder::new().prefix("sb-").tempdir_in(&base);
        made.map(Self).map_err(|error| format!("no folder for ssh sockets can be made in {}: {error}", base.display()))
    }

    pub(super) fn path(&self) -> &std::path::Path {
        self.0.path()
    }
}
