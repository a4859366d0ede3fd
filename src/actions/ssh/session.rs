//! Opening a session and keeping it: many callers share one attempt, and its failure.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openssh::{ControlPersist, KnownHosts, Session, SessionBuilder};
use tokio::sync::Mutex;

use super::hosts::ControlFolder;
use super::refusal::refusal;
use crate::engine::action::ActionError;
use crate::estate::model::{Host, Login};

/// How long connecting may take: TCP and banner.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How often the connection is tried for life; three misses end it.
const ALIVE_EVERY: Duration = Duration::from_secs(2);
/// How long a host that could not be reached counts as such, so that the looks of one step after the other do
/// not each wait for it. Being unreachable proves nothing, so nothing rests on it.
const UNREACHABLE_FOR: Duration = Duration::from_secs(10);
/// The same of one that refused. To ask it costs some 20 ms of a program that is begun, which an emergency would pay at every
/// look while users wait; and whoever is about to come back is asked again soon enough.
const REFUSED_FOR: Duration = Duration::from_millis(500);
/// A failure that took this long was silence, not a refusal.
const SILENCE: Duration = Duration::from_secs(1);
/// A session that nobody uses outlives us by this much when we are killed, in seconds.
const IDLE_SECONDS: usize = 60;

/// The place where a host's session is kept.
#[derive(Debug)]
pub(super) struct SessionSlot {
    host: Host,
    /// Shared by all sessions and removed with the last.
    folder: Result<Arc<ControlFolder>, String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    session: Option<Arc<Session>>,
    failed: Option<Failed>,
}

/// The last attempt, which failed.
#[derive(Debug)]
struct Failed {
    ended: Instant,
    counts_for: Duration,
    error: ActionError,
}

impl SessionSlot {
    pub(super) fn new(host: Host, folder: Result<Arc<ControlFolder>, String>) -> Self {
        Self { host, folder, state: Mutex::new(State::default()) }
    }

    /// The session; opened when there is none, or when the one there was is dead.
    ///
    /// It is opened in a task of its own: a `connect` that is dropped half-way would leave its ssh
    /// process behind for ever.
    pub(super) async fn session(self: &Arc<Self>) -> Result<Arc<Session>, ActionError> {
        let slot = Arc::clone(self);
        let asked = Instant::now();
        let opened = tokio::spawn(async move { slot.open(asked).await }).await;
        opened.unwrap_or_else(|_| Err(ActionError::transient(format!("{}: connecting was cut off", self.host.name))))
    }

    /// Forgets a session that did not answer, so that the next caller opens another.
    pub(super) async fn forget(&self, dead: &Arc<Session>) {
        let mut state = self.state.lock().await;
        if state.session.as_ref().is_some_and(|session| Arc::ptr_eq(session, dead)) {
            state.session = None;
        }
    }

    async fn open(&self, asked: Instant) -> Result<Arc<Session>, ActionError> {
        let mut state = self.state.lock().await;
        if let Some(session) = &state.session {
            // Asks the local master only: well below a millisecond.
            if tokio::time::timeout(Duration::from_secs(1), session.check()).await.is_ok_and(|alive| alive.is_ok()) {
                return Ok(Arc::clone(session));
            }
            state.session = None;
        }
        if let Some(Failed { ended, counts_for, error }) = &state.failed {
            // Whoever waited while another tried gets the same answer.
            if *ended >= asked || ended.elapsed() < *counts_for {
                return Err(error.clone());
            }
            state.failed = None;
        }
        let began = Instant::now();
        match self.connect().await {
            Ok(session) => {
                let session = Arc::new(session);
                state.session = Some(Arc::clone(&session));
                state.failed = None;
                Ok(session)
            }
            Err(error) => {
                let counts_for = if began.elapsed() >= SILENCE { UNREACHABLE_FOR } else { REFUSED_FOR };
                state.failed = Some(Failed { ended: Instant::now(), counts_for, error: error.clone() });
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Session, ActionError> {
        let host = &self.host;
        if host.login == Login::None {
            return Err(ActionError::refused(format!("{}: the estate says that nobody can log in there", host.name)));
        }
        let folder = self.folder.as_ref().map_err(|why| ActionError::refused(why.clone()))?;
        let mut builder = SessionBuilder::default();
        builder
            .known_hosts_check(KnownHosts::Strict)
            .connect_timeout(CONNECT_MAX)
            .server_alive_interval(ALIVE_EVERY)
            .control_directory(folder.path())
            .control_persist(NonZeroUsize::new(IDLE_SECONDS).map_or(ControlPersist::Forever, ControlPersist::IdleFor));
        if let Some(user) = &host.user {
            builder.user(user.clone());
        }
        if let Some(port) = host.port {
            builder.port(port);
        }
        if let Some(key) = &host.key {
            builder.keyfile(plain(host, key)?);
        }
        if let Some(known_hosts) = &host.known_hosts {
            // The one path that may be a list of several: quoted, a space in it parts nothing.
            builder.user_known_hosts_file(format!("\"{}\"", plain(host, known_hosts)?));
        }
        if let Some(jump) = &host.jump {
            builder.jump_hosts([jump]);
        }
        // Longer than ssh's own limit, which does not cover the exchange of keys.
        match tokio::time::timeout(CONNECT_MAX * 3, builder.connect_mux(&host.address)).await {
            Ok(connected) => connected.map_err(|error| refusal(host, &error)),
            Err(_) => Err(ActionError::unreachable(format!("{}: logging in took longer than 15 s", host.name))),
        }
    }
}

/// A path that ssh reads as it is written: it would fill in `%d`, `${HOME}` and the like.
fn plain(host: &Host, path: &Path) -> Result<String, ActionError> {
    let bad = || {
        let sentence = format!(
            "{}: ssh cannot be told of `{}`: rename it without `${{`, quotes or `\\`",
            host.name,
            path.display()
        );
        ActionError::refused(sentence)
    };
    let text = path.to_str().ok_or_else(bad)?;
    let reads = text.contains("${") || text.contains(|c: char| matches!(c, '"' | '\'' | '\\') || c.is_control());
    if reads { Err(bad()) } else { Ok(text.replace('%', "%%")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::{HostName, SiteName};

    fn host() -> Host {
        Host {
            name: HostName::new("a-db").expect("a name"),
            site: SiteName::new("dallas").expect("a name"),
            address: "10.0.0.1".to_owned(),
            port: None,
            user: None,
            key: None,
            known_hosts: None,
            jump: None,
            sudo: false,
            login: Login::Ssh,
            cut_off: None,
        }
    }

    #[test]
    fn ssh_takes_a_path_for_one_file_or_is_not_told_of_it() {
        for path in ["/keys/known", "/my keys/known hosts", "/keys/%d/100%", "/~/x", "/ü#x", "/$HOME/(x)"] {
            let told = plain(&host(), Path::new(path)).expect("a path");
            // ssh's own reading of its options, without a connection.
            let output = std::process::Command::new("ssh")
                .args(["-G", "-F", "none", "-o", &format!("UserKnownHostsFile=\"{told}\""), "somewhere"])
                .output()
                .expect("ssh is there");
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            let line = |key: &str| {
                printed.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).map(str::to_owned)
            };
            assert_eq!(line("userknownhostsfile").as_deref(), Some(path), "{printed}");
        }
        for path in ["/${HOME}/x", "/a\"b", "/a'b", "/a\\b", "/a\nb"] {
            assert!(plain(&host(), Path::new(path)).is_err(), "{path}");
        }
    }
}
