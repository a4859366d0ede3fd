//! SQL over standing sessions. The only folder that names the driver.
//!
//! A look is a constant text ([`LookSql`]); whatever is dynamic is a parameter. Every value comes back as
//! text: the queries cast, so that no driver type leaks out of here.

mod fault;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

pub use self::fault::said;
use self::fault::{connect_fault, fault};
use super::tls;
use crate::base::secret::pgpass::Connection;
use crate::engine::action::{ActionError, Fault, Touch};
use crate::estate::model::{PostgresMember, Tls};

/// How long connecting may take, all of it.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a server that could not be reached counts as such, so that the looks of one step after the other
/// do not each wait for it. Being unreachable proves nothing, so nothing rests on it.
const UNREACHABLE_FOR: Duration = Duration::from_secs(10);
/// A failure that took this long was silence, not a refusal.
const SILENCE: Duration = Duration::from_secs(1);
/// `synchronous_commit=local`: a standby that is gone must not make our own writes wait for it.
/// The keepalives are the server's: it lets go of what a machine that vanished held, within some ten seconds.
const OPTIONS: &str = "-c synchronous_commit=local -c lock_timeout=5s -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 \
                       -c tcp_keepalives_count=3 -c idle_in_transaction_session_timeout=30s \
                       -c search_path=pg_catalog -c client_min_messages=warning -c datestyle=ISO";

/// An SQL text that only reads.
#[derive(Debug, Clone, Copy)]
pub struct LookSql(pub &'static str);

/// What a query gave, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows(Vec<Vec<Option<String>>>);

impl Rows {
    /// One value; `None` where it is null, or where there is no such row or column.
    pub fn text(&self, row: usize, column: usize) -> Option<&str> {
        self.0.get(row)?.get(column)?.as_deref()
    }
    /// A value as something else.
    pub fn get<T: std::str::FromStr>(&self, row: usize, column: usize) -> Option<T> {
        self.text(row, column)?.parse().ok()
    }
    /// Whether a value is true.
    pub fn is(&self, row: usize, column: usize) -> bool {
        matches!(self.text(row, column), Some("true" | "t" | "on"))
    }
    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
    /// The first column of every row.
    pub fn first_column(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|row| row.first()?.as_deref())
    }
}

/// Which session of this process it is.
pub type SessionNumber = u64;

static SESSIONS: AtomicU64 = AtomicU64::new(0);

/// One session.
pub struct Session {
    number: SessionNumber,
    client: Client,
    tls: Option<MakeRustlsConnect>,
    place: String,
    /// The server's major version, as it said when the session began.
    version: u32,
}

/// The way to one member's server: a standing session, opened on first use.
#[derive(Debug)]
pub struct Link {
    member: PostgresMember,
    address: String,
    /// `application_name`: whose sessions these are.
    application: String,
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    session: Option<Arc<Session>>,
    failed: Option<(Instant, ActionError)>,
    /// Opened before an outage for what will want a session of its own inside it.
    spare: Option<Session>,
}

impl Slot {
    /// The failure that still counts for who asks now.
    fn silence(&mut self, asked: Instant) -> Option<ActionError> {
        let fresh = |(at, _): &(Instant, ActionError)| *at >= asked || at.elapsed() < UNREACHABLE_FOR;
        self.failed = self.failed.take().filter(fresh);
        self.failed.as_ref().map(|(_, error)| error.clone())
    }
}

impl Link {
    pub fn new(member: PostgresMember, address: String, application: String) -> Self {
        Self { member, address, application, slot: Mutex::new(Slot::default()) }
    }

    /// Looks; once more by itself when the kept session turns out to be dead.
    pub async fn look(&self, sql: LookSql, parameters: &[&str], limit: Duration) -> Result<Rows, ActionError> {
        let session = self.session().await?;
        match session.run(sql.0, parameters, limit, None).await {
            Err(error) if error.fault == Fault::Transient && session.client.is_closed() => {
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
        self.session().await?.run(sql, parameters, limit, Some(touch)).await
    }

    /// A session of its own, closed when dropped: for what lasts, and for what must not share one.
    pub async fn apart(&self) -> Result<Session, ActionError> {
        let asked = Instant::now();
        let known = self.slot.lock().await.silence(asked);
        match known {
            Some(error) => Err(error),
            None => Box::pin(self.connect(self.first_database())).await,
        }
    }

    /// Opens what the next minutes will want, so that they do not wait for it: the standing session and a spare.
    /// That it cannot be had is for whoever needs it to say.
    pub async fn warm(&self) {
        let _ = self.session().await;
        if self.slot.lock().await.spare.as_ref().is_none_or(|spare| spare.client.is_closed())
            && let Ok(session) = self.apart().await
        {
            self.slot.lock().await.spare = Some(session);
        }
    }

    /// The spare session where there is one that lives; else as [`Self::apart`].
    pub async fn spare_or_apart(&self) -> Result<Session, ActionError> {
        let spare = self.slot.lock().await.spare.take().filter(|spare| !spare.client.is_closed());
        match spare {
            Some(spare) => Ok(spare),
            None => self.apart().await,
        }
    }

    /// A session of its own to another database of the server.
    pub async fn apart_to(&self, database: &str) -> Result<Session, ActionError> {
        Box::pin(self.connect(database)).await
    }

    /// Which session stands at this moment; none is opened.
    pub async fn standing_session(&self) -> Option<SessionNumber> {
        let slot = self.slot.lock().await;
        slot.session.as_ref().filter(|session| !session.client.is_closed()).map(|session| session.number)
    }

    /// The server's major version.
    pub async fn major_version(&self) -> Result<u32, ActionError> {
        self.session().await.map(|session| session.version)
    }

    fn first_database(&self) -> &str {
        self.member.databases.first().map_or("postgres", String::as_str)
    }

    async fn session(&self) -> Result<Arc<Session>, ActionError> {
        let asked = Instant::now();
        let mut slot = self.slot.lock().await;
        if let Some(session) = &slot.session {
            if !session.client.is_closed() {
                return Ok(Arc::clone(session));
            }
            slot.session = None;
        }
        // Whoever waited while another tried gets the same answer.
        if let Some(error) = slot.silence(asked) {
            return Err(error);
        }
        let began = Instant::now();
        match Box::pin(self.connect(self.first_database())).await {
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

    async fn connect(&self, database: &str) -> Result<Session, ActionError> {
        let place = format!("PostgreSQL at {} ({}:{})", self.member.host, self.address, self.member.port);
        let (password, tls) =
            self.prepared(database).await.map_err(|why| ActionError::refused(format!("{place}: {why}")))?;
        let mut config = Config::new();
        config
            .host(self.address.as_str())
            .port(self.member.port)
            .user(self.member.user.as_str())
            .password(password.expose())
            .dbname(database)
            .application_name(self.application.as_str())
            .options(OPTIONS)
            .connect_timeout(CONNECT_MAX)
            .keepalives_idle(Duration::from_secs(5))
            .tcp_user_timeout(Duration::from_secs(10))
            .ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        let connecting = async {
            match tls.clone() {
                Some(tls) => config.connect(tls).await.map(|(client, connection)| (client, spawn(connection))),
                None => config.connect(NoTls).await.map(|(client, connection)| (client, spawn(connection))),
            }
        };
        match tokio::time::timeout(CONNECT_MAX, connecting).await {
            Ok(Ok((client, version))) => {
                let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
                Ok(Session { number, client, tls, place, version })
            }
            Ok(Err(error)) => {
                let fault = connect_fault(&error);
                Err(ActionError::new(fault, format!("{place}: no session: {}", said(&error))))
            }
            Err(_) => {
                Err(ActionError::unreachable(format!("{place} did not answer within {} s", CONNECT_MAX.as_secs())))
            }
        }
    }

    /// The password and the trust anchors, read anew for each session. Both may block.
    async fn prepared(
        &self,
        database: &str,
    ) -> Result<(crate::base::secret::Secret, Option<MakeRustlsConnect>), String> {
        let (secret, tls) = (self.member.password.clone(), self.member.tls.clone());
        let (host, port) = (self.address.clone(), self.member.port);
        let (database, user) = (database.to_owned(), self.member.user.clone());
        let read = tokio::task::spawn_blocking(move || {
            let asked = Connection { host: &host, port, database: &database, user: &user };
            let password = secret.read_for(&asked).map_err(|error| error.to_string())?;
            let tls = match tls {
                Tls::Off => None,
                Tls::Verified { ca } => Some(MakeRustlsConnect::new(tls::config(ca.as_deref())?)),
            };
            Ok((password, tls))
        });
        read.await.unwrap_or_else(|_| Err("reading its secret was cut off".to_owned()))
    }
}

/// Lets the connection's own half run, and says the server's major version.
fn spawn<S, T>(connection: tokio_postgres::Connection<S, T>) -> u32
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let version = connection.parameter("server_version").unwrap_or_default();
    let major: String = version.chars().take_while(char::is_ascii_digit).collect();
    // Ends with the session; what it ends with is said to whoever asks next.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    major.parse().unwrap_or_default()
}

impl Session {
    /// Looks.
    pub async fn look(&self, sql: LookSql, parameters: &[&str], limit: Duration) -> Result<Rows, ActionError> {
        self.run(sql.0, parameters, limit, None).await
    }

    /// Changes something.
    pub async fn touch(
        &self,
        touch: &Touch,
        sql: &str,
        parameters: &[&str],
        limit: Duration,
    ) -> Result<Rows, ActionError> {
        self.run(sql, parameters, limit, Some(touch)).await
    }

    async fn run(
        &self,
        sql: &str,
        parameters: &[&str],
        limit: Duration,
        touch: Option<&Touch>,
    ) -> Result<Rows, ActionError> {
        let typed: Vec<(&(dyn ToSql + Sync), Type)> =
            parameters.iter().map(|value| (value as &(dyn ToSql + Sync), Type::TEXT)).collect();
        if let Some(touch) = touch {
            touch.check().await?;
        }
        match tokio::time::timeout(limit, self.client.query_typed(sql, &typed)).await {
            Ok(Ok(rows)) => Ok(Rows(rows.iter().map(texts).collect())),
            Ok(Err(error)) => {
                Err(ActionError::new(fault(&error, touch.is_some()), format!("{}: {}", self.place, said(&error))))
            }
            Err(_) => {
                // A dropped query runs on at the server, and the next would wait behind it.
                let cancel = self.client.cancel_token();
                let tls = self.tls.clone();
                tokio::spawn(async move {
                    let cancelled = async {
                        match tls {
                            Some(tls) => cancel.cancel_query(tls).await,
                            None => cancel.cancel_query(NoTls).await,
                        }
                    };
                    let _ = tokio::time::timeout(CONNECT_MAX, cancelled).await;
                });
                let fault = if touch.is_some() { Fault::InDoubt } else { Fault::Unreachable };
                Err(ActionError::new(fault, format!("{}: no answer within {} ms", self.place, limit.as_millis())))
            }
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("place", &self.place).finish_non_exhaustive()
    }
}

fn texts(row: &tokio_postgres::Row) -> Vec<Option<String>> {
    // A column that is no text is a query of ours that forgot to cast; the tests on the lab run them all.
    (0..row.len()).map(|column| row.try_get::<_, Option<String>>(column).ok().flatten()).collect()
}
