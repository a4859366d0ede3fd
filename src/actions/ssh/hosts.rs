//! Every host of the estate, each with its standing session.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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

/// Folders are named for the process that made them: `sb-406-x7Yp2q`.
const PREFIX: &str = "sb-";
/// How old a folder must be before it is anybody's left-over: a process in another container cannot be seen.
const LEFT_OVER_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Where the sockets of standing sessions lie: private, and short, because a socket's path must fit in
/// 107 bytes. Removed with the last session.
#[derive(Debug)]
pub struct ControlFolder(TempDir);

impl ControlFolder {
    fn make() -> Result<Self, String> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let base = runtime.filter(|path| path.is_absolute() && path.is_dir() && path.as_os_str().len() < 40);
        let base = base.unwrap_or_else(|| PathBuf::from("/tmp"));
        clear_away(&base);
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let made = tempfile::Builder::new().prefix(&prefix).tempdir_in(&base);
        made.map(Self).map_err(|error| format!("no folder for ssh sockets can be made in {}: {error}", base.display()))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Removes what processes that were killed have left behind. What cannot be removed is not ours.
fn clear_away(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')?.0.parse::<u32>().ok());
        let Some(pid) = pid else { continue };
        let age = entry.metadata().and_then(|seen| seen.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > LEFT_OVER_AFTER) && !Path::new(&format!("/proc/{pid}")).exists() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_folders_of_dead_processes_are_cleared_away() {
        let base = tempfile::tempdir().expect("a folder");
        let make = |name: String, age: Duration| {
            let path = base.path().join(name);
            std::fs::create_dir(&path).expect("made");
            let folder = std::fs::File::open(&path).expect("opened");
            folder.set_modified(std::time::SystemTime::now() - age).expect("aged");
            path
        };
        // Process numbers end below 2^22.
        let (old, young) = (LEFT_OVER_AFTER * 2, Duration::from_secs(60));
        let gone = make("sb-4194999-a".to_owned(), old);
        let kept = [
            make("sb-4194999-b".to_owned(), young),
            make(format!("sb-{}-c", std::process::id()), old),
            make("sb-notes".to_owned(), old),
            make("other".to_owned(), old),
        ];
        clear_away(base.path());
        assert!(!gone.exists());
        assert!(kept.iter().all(|path| path.exists()));
    }
}
