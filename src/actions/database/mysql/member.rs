//! One member: the estate's words about it, its host, its server; and a look at both at once.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Mutex;

use super::disk::{self, Data, Disk};
use super::gtid::Gtids;
use super::live::{Link, Session};
use super::programs;
use super::read_lock::Held;
use super::server::{self, Server};
use crate::actions::ssh::{As, LookScript, Output, RemoteHost, TouchScript};
use crate::engine::action::{ActionError, Touch};
use crate::estate::model::{Control, MysqlMember};

const DISK_LOOK_MAX: Duration = Duration::from_secs(10);
const TAIL_MAX: Duration = Duration::from_secs(60);
const ROLE_MAX: Duration = Duration::from_secs(10);
/// How much later than its process a server may say that it began.
const START_SLACK_SECONDS: u64 = 120;

/// One server of the service.
#[derive(Debug)]
pub struct Member {
    pub estate: MysqlMember,
    pub host: Arc<RemoteHost>,
    pub link: Arc<Link>,
    pub rank: Rank,
    /// The read lock that a freeze of ours holds.
    pub held: Mutex<Option<Held>>,
    /// The session whose server was seen to be the one of this host.
    known: Mutex<Option<u32>>,
    /// Which groups of its files its server reads; a version of a server always reads the same.
    groups: OnceLock<String>,
    /// Whether our own tables were seen there.
    pub has_tables: AtomicBool,
}

/// Where a member stands among those of its site, by the estate's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// It leads when its site takes over.
    First,
    Sibling,
}

/// What a look at a member found. Either half may be missing.
#[derive(Debug, Clone)]
pub struct Seen {
    pub disk: Result<Disk, ActionError>,
    pub server: Result<Server, ActionError>,
}

/// What a start of a member is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartsAs {
    Primary,
    Follower,
    /// Read-only, without events.
    Fenced,
    /// That, and without a listener: nobody but the host's own administrator comes in.
    Sealed,
}

impl Member {
    pub fn new(estate: MysqlMember, host: Arc<RemoteHost>, program: String, rank: Rank) -> Self {
        let link = Arc::new(Link::new(estate.clone(), host.estate().address.clone(), program));
        let (held, known, groups) = (Mutex::new(None), Mutex::new(None), OnceLock::new());
        Self { estate, host, link, rank, held, known, groups, has_tables: AtomicBool::new(false) }
    }

    /// `a-db`
    pub fn name(&self) -> &str {
        self.estate.host.as_str()
    }

    /// As whom its files are read and its programs run.
    pub fn owner(&self) -> As<'_> {
        self.estate.run_as.as_deref().map_or(As::Login, As::User)
    }

    /// As whom the settings are written: those of a packaged server are root's.
    fn settler(&self) -> As<'_> {
        if matches!(self.estate.control, Control::Systemd { .. }) { As::User("root") } else { self.owner() }
    }

    /// What every script begins with.
    pub fn places(&self) -> [String; 4] {
        let path = |path: &std::path::Path| path.display().to_string();
        let estate = &self.estate;
        let or_nothing = |of: &Option<std::path::PathBuf>| of.as_deref().map(path).unwrap_or_default();
        [path(&estate.data_dir), path(&estate.config_dir), or_nothing(&estate.config_file), or_nothing(&estate.bin_dir)]
    }

    pub fn data_dir(&self) -> String {
        self.estate.data_dir.display().to_string()
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

    /// Runs a touch script as the server's owner; `more` follows on the places.
    pub async fn touch_script(
        &self,
        touch: &Touch,
        script: &TouchScript,
        more: &[&str],
        limit: Duration,
    ) -> Result<Output, ActionError> {
        self.touch_script_as(self.owner(), touch, script, more, limit).await
    }

    async fn touch_script_as(
        &self,
        user: As<'_>,
        touch: &Touch,
        script: &TouchScript,
        more: &[&str],
        limit: Duration,
    ) -> Result<Output, ActionError> {
        let places = self.places();
        let arguments: Vec<&str> = places.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.host.touch(touch, script, &arguments, user, limit).await
    }

    fn unit(&self) -> &str {
        match &self.estate.control {
            Control::Systemd { unit } => unit.as_str(),
            Control::PgCtl | Control::Commands(_) => "",
        }
    }

    /// Looks at the disk.
    pub async fn disk(&self) -> Result<Disk, ActionError> {
        let places = self.places();
        let arguments: Vec<&str> = places.iter().map(String::as_str).chain([self.unit(), self.groups()]).collect();
        let output = self.host.look_briefly(&programs::LOOK, &arguments, self.owner(), DISK_LOOK_MAX).await?;
        let text = output.stdout_or(&format!("{}: looking at {}", self.name(), self.data_dir()))?;
        self.read(&text)
    }

    fn groups(&self) -> &str {
        self.groups.get().map_or("", String::as_str)
    }

    fn read(&self, text: &str) -> Result<Disk, ActionError> {
        let disk = disk::parse(text)
            .map_err(|why| ActionError::refused(format!("{}: {}: {why}", self.name(), self.data_dir())))?;
        if let Some(groups) = &disk.groups {
            let _ = self.groups.set(groups.clone());
        }
        Ok(disk)
    }

    /// What is in the log on disk, without asking the server.
    pub async fn log_on_disk(&self) -> Result<Gtids, ActionError> {
        let what = format!("{}: reading the log of {}", self.name(), self.data_dir());
        let text = self.look_script(&programs::TAIL, &[], TAIL_MAX).await?.stdout_or(&what)?;
        Gtids::parse(self.estate.flavour, text.trim())
            .ok_or_else(|| ActionError::refused(format!("{what}: `{}` cannot be read", text.trim())))
    }

    /// Writes down what any start is to be; gives the look after it.
    pub async fn starts_as(&self, touch: &Touch, role: StartsAs, scheduler: bool) -> Result<Disk, ActionError> {
        self.read(&self.write_role(touch, &programs::ROLE, role, scheduler).await?)
    }

    /// Writes down that any start is to be a primary, while users wait; gives whether it would be read-only all the same.
    pub async fn starts_as_primary(&self, touch: &Touch) -> Result<bool, ActionError> {
        let said = self.write_role(touch, &programs::ROLE_IN_HASTE, StartsAs::Primary, false).await?;
        Ok(said.lines().any(|line| line == "starts_read_only=yes"))
    }

    async fn write_role(
        &self,
        touch: &Touch,
        script: &TouchScript,
        role: StartsAs,
        scheduler: bool,
    ) -> Result<String, ActionError> {
        let role = match role {
            StartsAs::Primary => "primary",
            StartsAs::Follower => "follower",
            StartsAs::Fenced => "fenced",
            StartsAs::Sealed => "sealed",
        };
        let option = super::versions::read_only_option(self.estate.flavour);
        let scheduler = if scheduler { "ON" } else { "OFF" };
        let more = [self.unit(), role, option, scheduler, self.groups()];
        let output = self.touch_script_as(self.settler(), touch, script, &more, ROLE_MAX).await?;
        output.stdout_or(&format!("{}: writing down that any start is to be a {role}", self.name()))
    }

    /// Looks at the server over SQL. The first look of a session sees as well that it is the server of this host: an
    /// address may lead elsewhere, but a session that stands stays where it is.
    pub async fn server(&self) -> Result<Server, ActionError> {
        let session = self.link.session().await?;
        let known = *self.known.lock().await == Some(session.id());
        if known {
            return match server::look(&session).await {
                Err(_) if !session.is_alive().await => Box::pin(self.fresh_server()).await,
                other => other,
            };
        }
        self.fresh_server().await
    }

    /// When its server began, by its host's clock, in seconds since 1970.
    pub async fn started(&self) -> Result<u64, ActionError> {
        self.server().await?;
        server::started(&*self.link.session().await?).await
    }

    /// A session of its own and what its server says, opened before an outage where that was done: that it answers shows that it lives.
    pub async fn apart(&self) -> Result<(Session, Server), ActionError> {
        while let Some(spare) = self.link.spare().await {
            if let Ok(server) = server::look(&spare).await {
                return Ok((spare, server));
            }
        }
        let session = self.link.apart().await?;
        let server = server::look(&session).await?;
        Ok((session, server))
    }

    /// Whether the server is seen to take writes, over a session that is known to be this host's; `false` where it is not, or not known.
    pub async fn is_seen_to_write(&self) -> bool {
        let Ok(session) = self.link.session().await else { return false };
        if *self.known.lock().await != Some(session.id()) {
            return false;
        }
        server::is_writable(&session).await.unwrap_or(false)
    }

    async fn fresh_server(&self) -> Result<Server, ActionError> {
        let session = self.link.session().await?;
        let asked = async { Ok((server::look(&session).await?, server::started(&session).await?)) };
        let (disk, asked) = futures::join!(self.disk(), asked);
        let (server, started) = asked?;
        // Where the host does not answer nothing can be compared; what is done there needs the host anyway.
        if let Ok(disk) = disk {
            self.identity(&disk, &server, started).map_err(ActionError::refused)?;
            *self.known.lock().await = Some(session.id());
        }
        Ok(server)
    }

    /// Looks at disk and server at once.
    pub async fn look(&self) -> Seen {
        let (disk, server) = futures::join!(self.disk(), self.server());
        Seen { disk, server }
    }

    fn identity(&self, disk: &Disk, server: &Server, began: u64) -> Result<(), String> {
        let place = format!("{} ({})", self.name(), self.data_dir());
        let Some(running) = disk.running.as_ref().filter(|_| disk.data == Data::Found) else {
            return Err(format!("a server answers at {}, but none runs in {place}", self.name()));
        };
        let late = began.checked_sub(running.started.saturating_sub(2));
        if late.is_none_or(|late| late > START_SLACK_SECONDS) || server.port != self.estate.port {
            return Err(format!(
                "the server that answers at {} began at {} on port {}, the one in {place} at {}: they are two",
                self.name(),
                began,
                server.port,
                running.started
            ));
        }
        Ok(())
    }

    /// Address and port under which others reach this member.
    pub fn reached_at(&self) -> (&str, u16) {
        let address = self.estate.replication.address.as_deref().unwrap_or(&self.host.estate().address);
        (address, self.estate.port)
    }
}
