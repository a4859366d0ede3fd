//! Writes as a client does, to measure what a client sees: one message in the log, in a transaction of its own. It needs
//! no table and no right; a standby, and whoever is told to read only, does not take it.
//!
//! Not by the member's standing session: that one keeps out of what slows clients down, and knows for some time that a
//! server could not be reached, where a client tries again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::live::said;
use super::tls;
use crate::actions::canary::port::{Place, Taken, Untaken, Writer};
use crate::base::name::ServiceName;
use crate::base::secret::Secret;
use crate::base::secret::pgpass::Connection;
use crate::estate::Estate;
use crate::estate::model::{Kind, PostgresMember, Tls};

/// Gives the timeline that it was written on. The condition is looked at before the message is made, so that a standby
/// answers with no row, and fills no log with errors.
const WRITE: &str =
    "SELECT ('x' || left(pg_walfile_name(pg_logical_emit_message(true, 'switchback', $1::text)), 8))::bit(32)::bigint
                     WHERE NOT current_setting('transaction_read_only')::boolean";
const OPTIONS: &str = "-c lock_timeout=1s -c statement_timeout=2s -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 \
                       -c tcp_keepalives_count=3 -c search_path=pg_catalog -c client_min_messages=warning";
/// A password may come from a command, which must not be run for every try of an outage. Read again when it may have been
/// changed.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// A client of one service.
#[derive(Debug)]
pub struct Canary {
    members: Vec<(PostgresMember, String)>,
    entrance: String,
    application: String,
    /// What was written, so that two messages differ.
    number: u64,
    known: HashMap<String, (Instant, Known)>,
    open: Option<Open>,
}

/// What a connection needs beside the place.
#[derive(Clone)]
struct Known {
    password: Secret,
    tls: Option<MakeRustlsConnect>,
}

struct Open {
    place: Place,
    client: Client,
    write: Statement,
}

impl Canary {
    /// For a service of the estate that is PostgreSQL; the run is named to the server.
    pub fn new(estate: &Estate, service: &ServiceName, entrance: &str, run: &str) -> Option<Self> {
        let Kind::Postgres(postgres) = &estate.services.get(service)?.kind else { return None };
        let with_address = |member: &PostgresMember| {
            let address = estate.hosts.get(&member.host).map(|host| host.address.clone()).unwrap_or_default();
            (member.clone(), address)
        };
        Some(Self {
            members: postgres.members.iter().map(with_address).collect(),
            entrance: entrance.to_owned(),
            application: format!("switchback canary {run}"),
            number: 0,
            known: HashMap::new(),
            open: None,
        })
    }

    /// Whose server it is, and under which name its certificate is looked at: as for the member's own sessions; for a
    /// place that is no member's own (a virtual address), the entrance's.
    fn member(&self, place: &Place) -> Option<(PostgresMember, String)> {
        let is_there = |(member, address): &&(PostgresMember, String)| {
            Some(&member.site) == place.site.as_ref() || *address == place.address.to_string()
        };
        let found = self.members.iter().find(is_there).cloned();
        found.or_else(|| self.members.first().map(|(member, _)| (member.clone(), self.entrance.clone())))
    }

    async fn known(&mut self, member: &PostgresMember, host: &str) -> Result<Known, String> {
        if let Some((at, known)) = self.known.get(host)
            && at.elapsed() < KNOWN_FOR
        {
            return Ok(known.clone());
        }
        let known = read(member.clone(), host.to_owned()).await?;
        self.known.insert(host.to_owned(), (Instant::now(), known.clone()));
        Ok(known)
    }

    async fn connect(&mut self, place: &Place) -> Result<Open, String> {
        let (member, host) = self.member(place).ok_or("the service has no member")?;
        if self.known.is_empty() {
            // What the other side wants is read before there is an outage that it would be part of.
            for (member, host) in self.members.clone() {
                let _ = self.known(&member, &host).await;
            }
        }
        let Known { password, tls } = self.known(&member, &host).await?;
        let mut config = Config::new();
        config
            .host(host.as_str())
            .hostaddr(place.address)
            .port(member.port)
            .user(member.user.as_str())
            .password(password.expose())
            .dbname(database(&member))
            .application_name(self.application.as_str())
            .options(OPTIONS)
            .ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        // The connection's own half ends with the client.
        let connected = match tls {
            Some(tls) => config.connect(tls).await.map(|(client, connection)| {
                tokio::spawn(connection);
                client
            }),
            None => config.connect(NoTls).await.map(|(client, connection)| {
                tokio::spawn(connection);
                client
            }),
        };
        let client = connected.map_err(|error| said(&error))?;
        let write = client.prepare(WRITE).await.map_err(|error| said(&error))?;
        Ok(Open { place: place.clone(), client, write })
    }
}

impl Writer for Canary {
    fn ready<'a>(&'a mut self, place: &'a Place) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let kept = self.open.take().filter(|open| open.place == *place && !open.client.is_closed());
            self.open = Some(match kept {
                Some(open) => open,
                None => self.connect(place).await?,
            });
            Ok(())
        })
    }

    fn write(&mut self) -> BoxFuture<'_, Result<Taken, Untaken>> {
        Box::pin(async move {
            let Some(open) = self.open.take() else { return Err(Untaken::No("there is no connection".to_owned())) };
            self.number += 1;
            let text = self.number.to_string();
            match open.client.query_opt(&open.write, &[&text]).await {
                Ok(Some(row)) => {
                    let at = Instant::now();
                    let timeline = row.try_get::<_, i64>(0).ok().and_then(|timeline| u64::try_from(timeline).ok());
                    self.open = Some(open);
                    Ok(Taken { at, term: timeline.unwrap_or(0) })
                }
                Ok(None) => {
                    self.open = Some(open);
                    Err(Untaken::No("the server is read-only".to_owned()))
                }
                Err(error) => Err(match error.code() {
                    // It was going down, and may have committed before.
                    Some(code) if is_end(code) => Untaken::Unknown(said(&error)),
                    Some(_) => {
                        self.open = Some(open);
                        Untaken::No(said(&error))
                    }
                    None => Untaken::Unknown(said(&error)),
                }),
            }
        })
    }
}

fn is_end(code: &SqlState) -> bool {
    [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(code)
}

fn database(member: &PostgresMember) -> &str {
    member.databases.first().map_or("postgres", String::as_str)
}

/// Reading blocks.
async fn read(member: PostgresMember, host: String) -> Result<Known, String> {
    let read = tokio::task::spawn_blocking(move || {
        let asked = Connection { host: &host, port: member.port, database: database(&member), user: &member.user };
        let password = member.password.read_for(&asked).map_err(|error| error.to_string())?;
        let ca: Option<Option<PathBuf>> = match &member.tls {
            Tls::Off => None,
            Tls::Verified { ca } => Some(ca.clone()),
        };
        let tls = ca.map(|ca| tls::config(ca.as_deref())).transpose()?.map(MakeRustlsConnect::new);
        Ok(Known { password, tls })
    });
    read.await.unwrap_or_else(|_| Err("reading its secret was cut off".to_owned()))
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Known")
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("place", &self.place).finish_non_exhaustive()
    }
}
