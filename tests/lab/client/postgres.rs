//! The client's ledger in PostgreSQL.

use crate::report::Look;
use crate::run::{Ack, CONNECT_MAX, Failure, STATEMENT_MAX};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls, Statement};

const INSERT: &str = "INSERT INTO orders (id, site, at) VALUES ($1, current_setting('cluster_name'), now()) \
                      RETURNING site, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int";

pub struct Writer {
    config: Config,
    open: Option<Connection>,
}

struct Connection {
    address: Ipv4Addr,
    client: Client,
    insert: Statement,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Writer {
    pub fn new(database: &str, user: &str, password: &str, port: u16) -> Self {
        let mut config = Config::new();
        config.dbname(database).user(user).password(password).port(port).application_name("lab-client");
        Self { config, open: None }
    }

    pub async fn write(&mut self, address: Ipv4Addr, id: i64) -> Result<Ack, Failure> {
        if self.open.as_ref().is_some_and(|open| open.address != address || open.client.is_closed()) {
            self.open = None;
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(connect(&self.config, address).await.map_err(Failure::No)?),
        };
        let failure = match timeout(STATEMENT_MAX, open.client.query_one(&open.insert, &[&id])).await {
            Ok(Ok(row)) => {
                let timeline: i32 = row.get(1);
                return Ok(Ack { site: row.get(0), timeline: u32::try_from(timeline).unwrap_or(0) });
            }
            Ok(Err(error)) => judge(&error),
            Err(_) => Failure::Unknown("statement-timeout".to_owned()),
        };
        // A refusal leaves the connection as good as before; anything else does not.
        if matches!(failure, Failure::Unknown(_)) {
            self.open = None;
        }
        Err(failure)
    }
}

async fn connect(config: &Config, address: Ipv4Addr) -> Result<Connection, String> {
    let mut config = config.clone();
    config.hostaddr(address.into()).host(address.to_string());
    let opening = async {
        let (client, connection) = config.connect(NoTls).await?;
        let driver = tokio::spawn(async {
            // Its error reaches the client's own calls.
            drop(connection.await);
        });
        let insert = client.prepare(INSERT).await;
        insert.map(|insert| Connection { address, client, insert, driver })
    };
    match timeout(CONNECT_MAX, opening).await {
        Ok(Ok(open)) => Ok(open),
        Ok(Err(error)) => Err(match error.code() {
            Some(code) => format!("connect-{}", code.code()),
            None if is_refused(&error) => "connect-refused".to_owned(),
            None => "connect-error".to_owned(),
        }),
        Err(_) => Err("connect-timeout".to_owned()),
    }
}

/// An error that the server sent for the statement means that it did nothing, unless the server was going down
/// (class 57P: the commit may have been written before) or the connection was lost.
fn judge(error: &tokio_postgres::Error) -> Failure {
    match error.code() {
        Some(code) if code.code().starts_with("57P") || code.code().starts_with("08") => {
            Failure::Unknown(format!("sql-{}", code.code()))
        }
        Some(code) => Failure::No(format!("sql-{}", code.code())),
        None => Failure::Unknown("connection-lost".to_owned()),
    }
}

fn is_refused(error: &tokio_postgres::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(this) = cause {
        if this.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = this.source();
    }
    false
}

/// What the member at this address has of the ids from `first` to `last`.
pub async fn look(
    at: SocketAddr,
    (database, user, password): (&str, &str, &str),
    host: &str,
    (first, last): (i64, i64),
) -> anyhow::Result<Look> {
    let mut config = Config::new();
    config.dbname(database).user(user).password(password).port(at.port());
    config.hostaddr(at.ip()).host(at.ip().to_string()).connect_timeout(Duration::from_secs(2));
    let (client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    let writable = !client.query_one("SELECT pg_is_in_recovery()", &[]).await?.get::<_, bool>(0);
    let rows = client.query("SELECT id, site FROM orders WHERE id BETWEEN $1 AND $2", &[&first, &last]).await?;
    driver.abort();
    let site_of = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(Look { host: host.to_owned(), writable, site_of })
}
