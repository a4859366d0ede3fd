//! SQL over standing sessions. The only folder that names the driver.
//!
//! The driver may hand the answer of a query that was given up to whoever asks next, so a session whose query
//! did not come back in time is never used again: it is dropped, and ended at the server from another one. What
//! waits at the server for a lock would otherwise wait on, and hold up everybody else.

mod canary;
mod fault;
mod rows;
mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};
use tokio::sync::Mutex;

use super::versions;
use crate::base::secret::Secret;
use crate::engine::action::{ActionError, Fault, Touch};
use crate::estate::model::{MysqlMember, Tls};
use fault::{connect_fault, failure, said};

pub use canary::Canary;
pub use rows::{LookSql, Rows};
pub use session::Session;

const ALIVE: LookSql = LookSql("SELECT 1");
/// How long connecting may take, all of it.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a server that could not be reached counts as such, so that the looks of one step after the other
/// do not each wait for it. Being unreachable proves nothing, so nothing rests on it.
const UNREACHABLE_FOR: Duration = Duration::from_secs(10);
/// A failure that took this long was silence, not a refusal.
const SILENCE: Duration = Duration::from_secs(1);
/// `wait_timeout`: what a machine that vanished held is let go of by the server. Nobody waits long for a lock.
const SETTINGS: &str = "SET SESSION wait_timeout = 600, lock_wait_timeout = 5, innodb_lock_wait_timeout = 5, \
                        sql_mode = 'NO_ENGINE_SUBSTITUTION'";
/// Where distributions keep the certificates that the system trusts.
const SYSTEM_CERTIFICATES: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// The way to one member's server: a standing session, opened on first use.
#[derive(Debug)]
pub struct Link {
    member: MysqlMember,
    address: String,
    /// Whose sessions these are, where the server shows it.
    program: String,
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    session: Option<Arc<Session>>,
    failed: Option<(Instant, ActionError)>,
    /// Opened before an outage for what will want a session of its own inside it.
    spare: Vec<Session>,
}

impl Link {
    pub fn new(member: MysqlMember, address: String, program: String) -> Self {
        Self { member, address, program, slot: Mutex::new(Slot::default()) }
    }

    /// Looks; once more by itself when the kept session turns out to be dead.
    pub async fn look(&self, sql: LookSql, parameters: &[&str], limit: Duration) -> Result<Rows, ActionError> {
        let session = self.session().await?;
        match session.run(sql.0, parameters, limit, None).await {
            Err(error) if error.fault == Fault::Transient && !session.is_alive().await => {
                self.session().await?.run(sql.0, parameters, limit, None).await
            }
            other => other,
        }
    }

    /// Changes something. An answer that is lost leaves it in doubt.
    pub async fn touch(
        &self,
        touch: &Touch,
        sql: &str,
        parameters: &[&str],
        limit: Duration,
    ) -> Result<Rows, ActionError> {
        // Seen to be alive first: a session that was lost while nobody spoke must not leave anything in doubt.
        if !self.session().await?.has_just_answered() {
            self.look(ALIVE, &[], limit).await?;
        }
        self.session().await?.run(sql, parameters, limit, Some(touch)).await
    }

    /// A session of its own, closed when dropped: for what lasts, and for what must not share one.
    pub async fn apart(&self) -> Result<Session, ActionError> {
        let asked = Instant::now();
        let known = self.slot.lock().await.silence(asked);
        match known {
            Some(error) => Err(error),
            None => Box::pin(self.connect()).await,
        }
    }

    /// Opens what the next minutes will want, so that they do not wait for it: the standing session and this many spare ones.
    /// That they cannot be had is for whoever needs them to say.
    pub async fn warm(&self, spare: usize) {
        let _ = self.session().await;
        let there = self.slot.lock().await.spare.len();
        for _ in there..spare {
            let Ok(session) = self.apart().await else { return };
            self.slot.lock().await.spare.push(session);
        }
    }

    /// A spare session, where there is one; it may have been lost since it was opened.
    pub async fn spare(&self) -> Option<Session> {
        self.slot.lock().await.spare.pop()
    }

    /// A spare session that lives, where there is one; else as [`Self::apart`].
    pub async fn spare_or_apart(&self) -> Result<Session, ActionError> {
        loop {
            let Some(session) = self.spare().await else { return self.apart().await };
            if session.look(ALIVE, &[], CONNECT_MAX).await.is_ok() {
                return Ok(session);
            }
        }
    }

    /// The standing session, opened if there is none.
    pub async fn session(&self) -> Result<Arc<Session>, ActionError> {
        let asked = Instant::now();
        let mut slot = self.slot.lock().await;
        if let Some(session) = &slot.session {
            if session.is_alive().await {
                return Ok(Arc::clone(session));
            }
            slot.session = None;
        }
        // Whoever waited while another tried gets the same answer.
        if let Some(error) = slot.silence(asked) {
            return Err(error);
        }
        let began = Instant::now();
        match Box::pin(self.connect()).await {
            Ok(session) => {
                let session = Arc::new(session);
                slot.session = Some(Arc::clone(&session));
                slot.failed = None;
                Ok(session)
            }
            Err(error) => {
                // An answer that came at once may be another the next time: it costs nothing to ask again.
                if began.elapsed() >= SILENCE {
                    slot.failed = Some((Instant::now(), error.clone()));
                }
                Err(error)
            }
        }
    }

    /// Forgets that it could not be reached: whoever has just started it must not be told so.
    pub async fn forget_silence(&self) {
        self.slot.lock().await.failed = None;
    }

    /// Whether another account may log in; what the server says when not.
    pub async fn lets_in(&self, user: &str, password: &Secret) -> Result<(), String> {
        let opts = self.opts().await?;
        let opts = OptsBuilder::from_opts(opts).user(Some(user)).pass(Some(password.expose()));
        match tokio::time::timeout(CONNECT_MAX, Conn::new(opts)).await {
            Ok(Ok(conn)) => {
                let _ = tokio::time::timeout(CONNECT_MAX, conn.disconnect()).await;
                Ok(())
            }
            Ok(Err(error)) => Err(said(&error)),
            Err(_) => Err(format!("no answer within {} s", CONNECT_MAX.as_secs())),
        }
    }

    async fn connect(&self) -> Result<Session, ActionError> {
        let kind = versions::name(self.member.flavour);
        let place = format!("{kind} at {} ({}:{})", self.member.host, self.address, self.member.port);
        let opts = self.opts().await.map_err(|why| ActionError::refused(format!("{place}: {why}")))?;
        let mut conn = match tokio::time::timeout(CONNECT_MAX, Conn::new(opts.clone())).await {
            Ok(Ok(conn)) => conn,
            Ok(Err(error)) => {
                let fault = connect_fault(&error);
                return Err(failure(fault, &error, format!("{place}: no session: {}", said(&error))));
            }
            Err(_) => {
                let sentence = format!("{place} did not answer within {} s", CONNECT_MAX.as_secs());
                return Err(ActionError::unreachable(sentence));
            }
        };
        let version: Option<String> = match tokio::time::timeout(CONNECT_MAX, conn.query_first("SELECT @@version"))
            .await
        {
            Ok(Ok(version)) => version,
            Ok(Err(error)) => {
                return Err(failure(connect_fault(&error), &error, format!("{place}: no session: {}", said(&error))));
            }
            Err(_) => return Err(ActionError::unreachable(format!("{place} does not say its version"))),
        };
        let words = versions::words(self.member.flavour, &version.unwrap_or_default())
            .map_err(|why| ActionError::refused(format!("{place}: {why}")))?;
        Ok(Session::new(conn, opts, place, words))
    }

    /// Where and as whom to log in. The secret and the trust anchors are read anew for each session; both may block.
    async fn opts(&self) -> Result<Opts, String> {
        let (secret, tls) = (self.member.password.clone(), self.member.tls.clone());
        let read = tokio::task::spawn_blocking(move || {
            let password = secret.read().map_err(|error| error.to_string())?;
            Ok::<_, String>((password, trust(&tls)?))
        });
        let (password, tls) = read.await.unwrap_or_else(|_| Err("reading its secret was cut off".to_owned()))?;
        let opts = OptsBuilder::default()
            .ip_or_hostname(self.address.as_str())
            .tcp_port(self.member.port)
            .user(Some(self.member.user.as_str()))
            .pass(Some(password.expose()))
            // It would move from the address that was named to a socket of this machine, silently.
            .prefer_socket(false)
            .tcp_keepalive(Some(Duration::from_secs(5)))
            // Known beforehand, so that they are not asked for.
            .max_allowed_packet(Some(16 << 20))
            .wait_timeout(Some(600))
            .connect_attribute("program_name", self.program.as_str())
            .setup(vec![SETTINGS])
            .ssl_opts(tls);
        Ok(opts.into())
    }
}

impl Slot {
    /// The failure that still counts for who asks now.
    fn silence(&mut self, asked: Instant) -> Option<ActionError> {
        let fresh = |(at, _): &(Instant, ActionError)| *at >= asked || at.elapsed() < UNREACHABLE_FOR;
        self.failed = self.failed.take().filter(fresh);
        self.failed.as_ref().map(|(_, error)| error.clone())
    }
}

/// Whom an encrypted connection trusts. Chain and name are verified.
fn trust(tls: &Tls) -> Result<Option<SslOpts>, String> {
    let file = match tls {
        Tls::Off => return Ok(None),
        Tls::Verified { ca: Some(file) } => file.clone(),
        Tls::Verified { ca: None } => {
            let found = SYSTEM_CERTIFICATES.iter().find(|file| Path::new(file).exists());
            PathBuf::from(
                found.ok_or("the system's certificates are in none of the usual files; name one: `tls: {ca: FILE}`")?,
            )
        }
    };
    // The driver would trust its built-in authorities as well, which nobody asked for.
    Ok(Some(SslOpts::default().with_root_certs(vec![file.into()]).with_disable_built_in_roots(true)))
}
