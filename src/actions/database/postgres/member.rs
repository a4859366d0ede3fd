//! One member: the estate's words about it, its host, its server; and a look at both at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use super::conninfo::Conninfo;
use super::disk::{self, Cluster, Data, Disk};
use super::live::{Link, SessionNumber};
use super::lsn::Lsn;
use super::server::{self, Server};
use crate::actions::ssh::{As, LookScript, Output, RemoteHost, TouchScript};
use crate::engine::action::{ActionError, Touch};
use crate::estate::model::{Control, PostgresMember, ReplicationAuth};

/// How long a look at the disk may take.
pub const DISK_LOOK_MAX: Duration = Duration::from_secs(10);
/// How much later than its pid file a postmaster may say that it began: it makes its shared memory in between.
const START_SLACK_SECONDS: u64 = 120;

/// One server of the service.
#[derive(Debug)]
pub struct Member {
    pub estate: PostgresMember,
    pub host: Arc<RemoteHost>,
    pub link: Arc<Link>,
    /// The shutdown checkpoint that was measured last: what stands at a place of a timeline's log does not change.
    measured: Mutex<Option<Measured>>,
    /// When the server that answers was last seen to be the one in the directory, and over which session.
    identified: Mutex<Option<(Instant, SessionNumber)>>,
}

/// How long it counts that a server was seen to work in its directory. Whoever moves a cluster needs longer.
const IDENTIFIED_FOR: Duration = Duration::from_secs(60);

/// Timeline, place and length in bytes of the record of a shutdown checkpoint.
type Measured = (u32, Lsn, u64);

/// What a look at a member found. Either half may be missing.
#[derive(Debug, Clone)]
pub struct Seen {
    pub disk: Result<Disk, ActionError>,
    pub server: Result<Server, ActionError>,
}

impl Member {
    pub fn new(estate: PostgresMember, host: Arc<RemoteHost>, application: String) -> Self {
        let link = Arc::new(Link::new(estate.clone(), host.estate().address.clone(), application));
        Self { estate, host, link, measured: Mutex::new(None), identified: Mutex::new(None) }
    }

    /// `a-db`
    pub fn name(&self) -> &str {
        self.estate.host.as_str()
    }

    /// As whom its files are read and its programs run.
    pub fn owner(&self) -> As<'_> {
        self.estate.run_as.as_deref().map_or(As::Login, As::User)
    }

    /// Data directory, configuration directory, directory of the programs: the first arguments of every script.
    fn places(&self) -> [String; 3] {
        [&self.estate.data_dir, &self.estate.config_dir, &self.estate.bin_dir].map(|path| path.display().to_string())
    }

    /// Its data directory as text.
    pub fn data_dir(&self) -> String {
        self.estate.data_dir.display().to_string()
    }

    /// Where its server listens, for a look that must see whether another listens there; nothing where it was seen a moment ago
    /// that the server there is the one of the directory. As an expression over the places in `/proc/net/tcp`.
    pub fn listens(&self) -> String {
        // To walk all connections of a host takes longer than the rest of a look, and users may be waiting.
        if self.recently_identified().is_some() {
            return String::new();
        }
        disk::listens(&self.host.estate().address, self.estate.port)
    }

    /// Runs a look script as the server's owner; `more` follows on the places.
    pub async fn look_script(
        &self,
        script: &LookScript,
        more: &[&str],
        limit: Duration,
    ) -> Result<Output, ActionError> {
        let places = self.places();
        let arguments: Vec<&str> = places.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.host.look(script, &arguments, self.owner(), limit).await
    }

    /// The same for a script that ends by itself at once; see [`RemoteHost::look_briefly`].
    pub async fn look_briefly(
        &self,
        script: &LookScript,
        more: &[&str],
        limit: Duration,
    ) -> Result<Output, ActionError> {
        let places = self.places();
        let arguments: Vec<&str> = places.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.host.look_briefly(script, &arguments, self.owner(), limit).await
    }

    /// Runs a touch script as the server's owner; `more` follows on the places.
    pub async fn touch_script(
        &self,
        touch: &Touch,
        script: &TouchScript,
        more: &[&str],
        limit: Duration,
    ) -> Result<Output, ActionError> {
        let places = self.places();
        let arguments: Vec<&str> = places.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.host.touch(touch, script, &arguments, self.owner(), limit).await
    }

    /// Looks at the disk.
    pub fn disk(&self) -> BoxFuture<'_, Result<Disk, ActionError>> {
        Box::pin(self.disk_look())
    }

    async fn disk_look(&self) -> Result<Disk, ActionError> {
        let unit = match &self.estate.control {
            Control::Systemd { unit } => unit.as_str(),
            Control::PgCtl | Control::Commands(_) => "",
        };
        let known = *self.measured();
        let known = known.map_or_else(String::new, |(timeline, place, bytes)| format!("{timeline} {place} {bytes}"));
        let output = self.look_briefly(&disk::LOOK, &[unit, &self.listens(), &known], DISK_LOOK_MAX).await?;
        let text = output.stdout_or(&format!("{}: looking at {}", self.name(), self.data_dir()))?;
        let disk = disk::parse(&text)
            .map_err(|why| ActionError::refused(format!("{}: {}: {why}", self.name(), self.data_dir())))?;
        if let Data::Found(Cluster { control, checkpoint_bytes: Some(bytes), .. }) = &disk.data {
            *self.measured() = Some((control.timeline, control.checkpoint, *bytes));
        }
        Ok(disk)
    }

    fn measured(&self) -> MutexGuard<'_, Option<Measured>> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at disk and server at once. Refused when they are not of one another: then the address leads
    /// to another server than the one on this host, and nothing may be done to either.
    pub fn look(&self) -> BoxFuture<'_, Result<Seen, ActionError>> {
        Box::pin(self.both_looks())
    }

    async fn both_looks(&self) -> Result<Seen, ActionError> {
        let first = match self.one_look().await {
            (seen, Ok(())) => return Ok(seen),
            (_, Err(why)) => why,
        };
        // A server that starts or stops between the two looks is not another server: look again.
        let (seen, identity) = self.one_look().await;
        identity.map_err(|_| ActionError::refused(first))?;
        Ok(seen)
    }

    async fn one_look(&self) -> (Seen, Result<(), String>) {
        let before = self.link.standing_session().await;
        let (disk, server) = futures::join!(self.disk(), server::look(&self.link));
        let seen = Seen { disk, server };
        let identity = self.identity(&seen);
        let both = identity.is_ok() && seen.disk.is_ok() && seen.server.is_ok();
        if let (true, Some(session)) = (both, before)
            && self.link.standing_session().await == Some(session)
        {
            *self.identified.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), session));
        }
        (seen, identity)
    }

    fn recently_identified(&self) -> Option<SessionNumber> {
        let identified = self.identified.lock().unwrap_or_else(PoisonError::into_inner);
        identified.filter(|(at, _)| at.elapsed() < IDENTIFIED_FOR).map(|(_, session)| session)
    }

    /// Looks at the server alone, where it was seen a moment ago over this very session that it is the one of the directory: a
    /// session ends with its server, and does not move to another. Else at both.
    pub fn look_at_server(&self) -> BoxFuture<'_, Result<Seen, ActionError>> {
        Box::pin(async {
            let session = self.recently_identified();
            if session.is_some() && self.link.standing_session().await == session {
                let server = server::look(&self.link).await;
                if server.is_ok() && self.link.standing_session().await == session {
                    let disk = Err(ActionError::transient(format!("the disk of {} was not looked at", self.name())));
                    return Ok(Seen { disk, server });
                }
            }
            self.both_looks().await
        })
    }

    fn identity(&self, seen: &Seen) -> Result<(), String> {
        let (Ok(disk), Ok(server)) = (&seen.disk, &seen.server) else { return Ok(()) };
        let place = format!("{} ({})", self.name(), self.data_dir());
        let Data::Found(cluster) = &disk.data else {
            return Err(format!("a server answers at {}, but there is no cluster to be read in {place}", self.name()));
        };
        if cluster.control.system_identifier != server.system_identifier {
            return Err(format!(
                "the server that answers at {} has system identifier {}, the cluster in {place} has {}: they are two",
                self.name(),
                server.system_identifier,
                cluster.control.system_identifier
            ));
        }
        let Some(running) = &cluster.running else {
            return Err(format!("a server answers at {}, but none runs in {place}", self.name()));
        };
        let late = server.started.checked_sub(running.started.saturating_sub(1));
        if running.port != server.port || late.is_none_or(|late| late > START_SLACK_SECONDS) {
            return Err(format!(
                "the server that answers at {} began at {} on port {}, the one in {place} at {} on port {}: they are two",
                self.name(),
                server.started,
                server.port,
                running.started,
                running.port
            ));
        }
        Ok(())
    }

    /// How this member reaches another to follow it or to copy from it.
    pub fn conninfo_to(&self, leader: &Member) -> Conninfo {
        let address = leader.estate.replication.address.as_deref().unwrap_or(&leader.host.estate().address);
        let own = &self.estate.replication;
        let mut info = Conninfo::default()
            .with("host", address)
            .with("port", &leader.estate.port.to_string())
            .with("user", &own.user)
            .with("application_name", self.name())
            .with("sslmode", &own.sslmode);
        if let Some(root) = &own.sslrootcert {
            info = info.with("sslrootcert", &root.display().to_string());
        }
        if let ReplicationAuth::Passfile(path) = &own.auth {
            info = info.with("passfile", &path.display().to_string());
        }
        info.with("connect_timeout", "5")
    }

    /// Whether an address is this member's, as others are told to reach it.
    pub fn is_reached_at(&self, address: &str) -> bool {
        let addresses = [Some(self.host.estate().address.as_str()), self.estate.replication.address.as_deref()];
        addresses.contains(&Some(address))
    }
}

impl Seen {
    /// The cluster on disk, where it could be read and is the one whose server would answer.
    pub fn cluster(&self) -> Option<&Cluster> {
        match self.disk.as_ref().ok()? {
            Disk { data: Data::Found(cluster), elsewhere: None, .. } => Some(cluster),
            _ => None,
        }
    }
}
