//! Writes as a client does, to measure what a client sees: one row of our own, in a transaction of its own.
//!
//! Our account may write where clients may not: READ_ONLY ADMIN goes past `read_only`. So the statement itself asks the
//! server whether it takes writes, under the very lock that becoming read-only waits for, and writes nothing where it does
//! not: a transaction of ours on a server that follows would set it apart from the one that it follows.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts, OptsBuilder, SslOpts, Statement};

use super::fault::{ENDED, said};
use super::trust;
use crate::actions::canary::port::{Place, Taken, Untaken, Writer};
use crate::base::name::ServiceName;
use crate::base::secret::Secret;
use crate::estate::Estate;
use crate::estate::model::{Kind, MysqlMember};

/// Row by row in the log: by statement, one that writes nothing would stand there all the same.
const SETTINGS: &str = "SET SESSION autocommit = 1, binlog_format = 'ROW', wait_timeout = 60, lock_wait_timeout = 1, \
                        innodb_lock_wait_timeout = 1, sql_mode = 'NO_ENGINE_SUBSTITUTION'";
const WRITE: &str =
    "INSERT INTO switchback.client_write (id, run, number) SELECT 1, ?, ? FROM DUAL WHERE @@global.read_only = 0
                     ON DUPLICATE KEY UPDATE run = VALUES(run), number = VALUES(number), at = current_timestamp(3)";
const TERM: &str = "SELECT coalesce(max(term), 0) FROM switchback.receipt";
/// The server does not know the table.
const NO_TABLE: u16 = 1146;
/// A password may come from a command, which must not be run for every try of an outage. Read again when it may have been
/// changed.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// A client of one service.
pub struct Canary {
    members: Vec<(MysqlMember, String)>,
    entrance: String,
    run: String,
    number: u64,
    known: HashMap<String, (Instant, Known)>,
    open: Option<Open>,
}

#[derive(Clone)]
struct Known {
    password: Secret,
    tls: Option<SslOpts>,
}

struct Open {
    place: Place,
    conn: Conn,
    write: Statement,
    /// Known from the first write that was taken on.
    term: Option<u64>,
}

impl Canary {
    /// For a service of the estate that is MariaDB or MySQL; the run is named to the server.
    pub fn new(estate: &Estate, service: &ServiceName, entrance: &str, run: &str) -> Option<Self> {
        let Kind::Mysql(mysql) = &estate.services.get(service)?.kind else { return None };
        let with_address = |member: &MysqlMember| {
            let address = estate.hosts.get(&member.host).map(|host| host.address.clone()).unwrap_or_default();
            (member.clone(), address)
        };
        Some(Self {
            members: mysql.members.iter().map(with_address).collect(),
            entrance: entrance.to_owned(),
            run: run.to_owned(),
            number: 0,
            known: HashMap::new(),
            open: None,
        })
    }

    /// Whose server it is, and under which name its certificate is looked at: as for the member's own sessions; for a
    /// place that is no member's own (a virtual address), the entrance's.
    fn member(&self, place: &Place) -> Option<(MysqlMember, String)> {
        let is_there = |(member, address): &&(MysqlMember, String)| {
            Some(&member.site) == place.site.as_ref() || *address == place.address.to_string()
        };
        let found = self.members.iter().find(is_there).cloned();
        found.or_else(|| self.members.first().map(|(member, _)| (member.clone(), self.entrance.clone())))
    }

    async fn opts(&mut self, place: &Place) -> Result<Opts, String> {
        let (member, host) = self.member(place).ok_or("the service has no member")?;
        if self.known.is_empty() {
            // What the other side wants is read before there is an outage that it would be part of.
            for (member, host) in self.members.clone() {
                if let Ok(known) = read(member).await {
                    self.known.insert(host, (Instant::now(), known));
                }
            }
        }
        let known = match self.known.get(&host).filter(|(at, _)| at.elapsed() < KNOWN_FOR) {
            Some((_, known)) => known.clone(),
            None => {
                let known = read(member.clone()).await?;
                self.known.insert(host.clone(), (Instant::now(), known.clone()));
                known
            }
        };
        let opts = OptsBuilder::default()
            .ip_or_hostname(place.address.to_string())
            .tcp_port(member.port)
            .user(Some(member.user.as_str()))
            .pass(Some(known.password.expose()))
            .prefer_socket(false)
            .max_allowed_packet(Some(16 << 20))
            .wait_timeout(Some(60))
            .connect_attribute("program_name", format!("switchback canary {}", self.run))
            .setup(vec![SETTINGS])
            .ssl_opts(known.tls.map(|tls| tls.with_danger_tls_hostname_override(Some(host))));
        Ok(opts.into())
    }

    async fn connect(&mut self, place: &Place) -> Result<Open, String> {
        let opts = self.opts(place).await?;
        let mut conn = Conn::new(opts).await.map_err(|error| told(&error))?;
        let write = conn.prep(WRITE).await.map_err(|error| told(&error))?;
        Ok(Open { place: place.clone(), conn, write, term: None })
    }
}

impl Writer for Canary {
    fn ready<'a>(&'a mut self, place: &'a Place) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let kept = self.open.take().filter(|open| open.place == *place);
            self.open = Some(match kept {
                Some(open) => open,
                None => self.connect(place).await?,
            });
            Ok(())
        })
    }

    fn write(&mut self) -> BoxFuture<'_, Result<Taken, Untaken>> {
        Box::pin(async move {
            // Put back only after an answer: a session whose statement was given up would answer it later.
            let Some(mut open) = self.open.take() else {
                return Err(Untaken::No("there is no connection".to_owned()));
            };
            self.number += 1;
            match open.conn.exec_drop(&open.write, (self.run.as_str(), self.number)).await {
                Ok(()) if open.conn.affected_rows() > 0 => {
                    let at = Instant::now();
                    if open.term.is_none() {
                        open.term = open.conn.query_first::<u64, _>(TERM).await.ok().flatten();
                    }
                    let term = open.term.unwrap_or(0);
                    self.open = Some(open);
                    Ok(Taken { at, term })
                }
                Ok(()) => {
                    // It may be another's reign when it takes writes again.
                    open.term = None;
                    self.open = Some(open);
                    Err(Untaken::No("the server is read-only".to_owned()))
                }
                Err(error) => Err(match &error {
                    Error::Server(server) if !ENDED.contains(&server.code) => {
                        open.term = None;
                        self.open = Some(open);
                        Untaken::No(told(&error))
                    }
                    _ => Untaken::Unknown(told(&error)),
                }),
            }
        })
    }
}

fn told(error: &Error) -> String {
    match error {
        Error::Server(server) if server.code == NO_TABLE => {
            "it has no table `switchback.client_write`; make it with `switchback prepare --apply`".to_owned()
        }
        _ => said(error),
    }
}

/// Reading blocks.
async fn read(member: MysqlMember) -> Result<Known, String> {
    let read = tokio::task::spawn_blocking(move || {
        let password = member.password.read().map_err(|error| error.to_string())?;
        Ok(Known { password, tls: trust(&member.tls)? })
    });
    read.await.unwrap_or_else(|_| Err("reading its secret was cut off".to_owned()))
}
