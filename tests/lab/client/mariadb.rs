//! The client's ledger in MariaDB, or in MySQL.
//!
//! Neither has no timeline that a promotion raises, so the client counts reigns itself. When a server other than the last one
//! takes a write, it is asked for the first write of the reign before. It has it: it followed, and a new reign begins, also
//! where later writes were lost. It does not have it although it reigned before: it never learnt that it was succeeded, and
//! its old reign goes on beside the new one, which is what the report looks for.

use crate::report::Look;
use crate::run::{Ack, CONNECT_MAX, Failure, STATEMENT_MAX};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder, Params, Statement};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::time::timeout;

const INSERT: &str = "INSERT INTO orders (id, site) VALUES (?, @@report_host)";

/// Errors of a server that is going down, or that ended the session while it may have been committing:
/// shutdown in progress, query interrupted, connection killed, and four of a broken connection; MySQL's own for
/// a session that was ended.
const UNCERTAIN: &[u16] = &[1053, 1317, 1927, 3169, 1158, 1159, 1160, 1161];

pub struct Writer {
    options: OptsBuilder,
    open: Option<Connection>,
    reigns: Reigns,
}

struct Connection {
    address: Ipv4Addr,
    session: Conn,
    insert: Statement,
    /// What the server calls itself.
    site: String,
    timeline: u32,
}

/// Who took writes so far.
#[derive(Default)]
struct Reigns {
    /// Address and first id of the reign that goes on.
    now: Option<(Ipv4Addr, i64)>,
    /// The last reign of each server.
    last_of: HashMap<Ipv4Addr, u32>,
    highest: u32,
}

impl Reigns {
    /// The reign under which a server writes; `has_first` says whether it has the first write of the reign that goes on.
    fn of(&self, address: Ipv4Addr, has_first: bool) -> u32 {
        match (&self.now, self.last_of.get(&address)) {
            (Some((now, _)), Some(last)) if *now == address || !has_first => *last,
            _ => self.highest + 1,
        }
    }

    fn wrote(&mut self, address: Ipv4Addr, id: i64, timeline: u32) {
        if self.now.is_none_or(|(now, _)| now != address) {
            self.now = Some((address, id));
        }
        self.last_of.insert(address, timeline);
        self.highest = self.highest.max(timeline);
    }
}

impl Writer {
    pub fn new(database: &str, user: &str, password: &str, port: u16) -> Self {
        Self { options: options(database, user, password, port), open: None, reigns: Reigns::default() }
    }

    pub async fn write(&mut self, address: Ipv4Addr, id: i64) -> Result<Ack, Failure> {
        if self.open.as_ref().is_some_and(|open| open.address != address) {
            self.open = None;
        }
        // Taken out, and put back only after an answer: a session whose query was given up would answer it later.
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.connect(address).await.map_err(Failure::No)?,
        };
        let asked = open.session.exec_drop(&open.insert, (id,));
        match timeout(STATEMENT_MAX, asked).await {
            Ok(Ok(())) => {
                let (site, timeline) = (open.site.clone(), open.timeline);
                self.reigns.wrote(address, id, timeline);
                self.open = Some(open);
                Ok(Ack { site, timeline })
            }
            Ok(Err(error)) => {
                let failure = judge(&error);
                if matches!(failure, Failure::No(_)) {
                    self.open = Some(open);
                }
                Err(failure)
            }
            Err(_) => Err(Failure::Unknown("statement-timeout".to_owned())),
        }
    }

    async fn connect(&self, address: Ipv4Addr) -> Result<Connection, String> {
        let opening = async {
            let mut session = Conn::new(self.options.clone().ip_or_hostname(address.to_string())).await?;
            let insert = session.prep(INSERT).await?;
            let site = session.query_first("SELECT @@report_host").await?.unwrap_or_default();
            let has_first = match self.reigns.now {
                Some((now, first)) if now != address => has(&mut session, first).await?,
                _ => true,
            };
            Ok(Connection { address, session, insert, site, timeline: self.reigns.of(address, has_first) })
        };
        match timeout(CONNECT_MAX, opening).await {
            Ok(Ok(open)) => Ok(open),
            Ok(Err(Error::Server(error))) => Err(format!("connect-{}", error.code)),
            Ok(Err(Error::Io(mysql_async::IoError::Io(error))))
                if error.kind() == std::io::ErrorKind::ConnectionRefused =>
            {
                Err("connect-refused".to_owned())
            }
            Ok(Err(_)) => Err("connect-error".to_owned()),
            Err(_) => Err("connect-timeout".to_owned()),
        }
    }
}

async fn has(session: &mut Conn, id: i64) -> Result<bool, Error> {
    Ok(session.exec_first::<i64, _, _>("SELECT id FROM orders WHERE id = ?", (id,)).await?.is_some())
}

/// An error that the server sent for the statement means that it did nothing, but for those that end the session.
fn judge(error: &Error) -> Failure {
    match error {
        Error::Server(error) if UNCERTAIN.contains(&error.code) => Failure::Unknown(format!("sql-{}", error.code)),
        Error::Server(error) => Failure::No(format!("sql-{}", error.code)),
        _ => Failure::Unknown("connection-lost".to_owned()),
    }
}

/// Without `prefer_socket` an address of this machine would silently become the server's Unix socket.
fn options(database: &str, user: &str, password: &str, port: u16) -> OptsBuilder {
    let options = OptsBuilder::from_opts(Opts::default()).db_name(Some(database)).user(Some(user));
    options.pass(Some(password)).tcp_port(port).prefer_socket(false)
}

/// What the member at this address has of the ids from `first` to `last`.
pub async fn look(
    at: SocketAddr,
    (database, user, password): (&str, &str, &str),
    host: &str,
    (first, last): (i64, i64),
) -> anyhow::Result<Look> {
    let mut session =
        Conn::new(options(database, user, password, at.port()).ip_or_hostname(at.ip().to_string())).await?;
    let read_only: Option<bool> = session.query_first("SELECT @@read_only").await?;
    let rows: Vec<(i64, String)> =
        session.exec("SELECT id, site FROM orders WHERE id BETWEEN ? AND ?", Params::from((first, last))).await?;
    session.disconnect().await?;
    Ok(Look { host: host.to_owned(), writable: read_only == Some(false), site_of: rows.into_iter().collect() })
}
