//! The writing. One write at a time, each with an id that no write had before: what failed is not tried again.

use crate::log::{Line, now_us};
use crate::name::Asker;
use anyhow::Context as _;
use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::{Client, Config, NoTls, Statement};

const CONNECT_MAX: Duration = Duration::from_millis(500);
const STATEMENT_MAX: Duration = Duration::from_secs(1);
const INSERT: &str = "INSERT INTO orders (id, site, at) VALUES ($1, current_setting('cluster_name'), now()) \
                      RETURNING site, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int";

#[derive(clap::Args)]
pub struct Run {
    /// The name server.
    #[arg(long, value_name = "ADDRESS:PORT")]
    dns: SocketAddr,
    /// The name of the database.
    #[arg(long)]
    name: String,
    #[arg(long, default_value_t = 5432)]
    port: u16,
    #[arg(long)]
    database: String,
    #[arg(long)]
    user: String,
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    #[arg(long, default_value_t = 10)]
    interval_ms: u64,
    /// The first id; every write takes the next.
    #[arg(long, default_value_t = 1)]
    first_id: i64,
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// Written when the client is ready to begin.
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Keep an answer of the name server for its time to live.
    #[arg(long)]
    keep_ttl: bool,
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

/// How a write failed, in one word, and whether it may have happened all the same.
enum Failure {
    No(String),
    Unknown(String),
}

impl Run {
    pub async fn run(self) -> anyhow::Result<()> {
        let password = std::fs::read_to_string(&self.password_file)
            .with_context(|| format!("{} cannot be read", self.password_file.display()))?;
        let mut config = Config::new();
        config.dbname(&self.database).user(&self.user).password(password.trim_end()).port(self.port);
        config.application_name("lab-client");
        let mut log = File::create(&self.log).with_context(|| format!("{} cannot be made", self.log.display()))?;
        let mut asker = Asker::new(self.dns, &self.name, self.keep_ttl).await?;
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        if let Some(file) = &self.pid_file {
            std::fs::write(file, format!("{}\n", std::process::id()))?;
        }
        let mut ticks = interval(Duration::from_millis(self.interval_ms.max(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut connection = None;
        let mut id = self.first_id;
        loop {
            // A write in hand is finished first: a signal is only looked at between two.
            tokio::select! {
                biased;
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = ticks.tick() => {}
            }
            let line = match write(&config, &mut asker, &mut connection, id).await {
                Ok((site, address, timeline)) => Line::Ok { id, at_us: now_us(), site, address, timeline },
                Err(Failure::No(kind)) => Line::No { id, at_us: now_us(), kind },
                Err(Failure::Unknown(kind)) => Line::Unknown { id, at_us: now_us(), kind },
            };
            writeln!(log, "{line}")?;
            id += 1;
        }
        writeln!(log, "{}", Line::End { at_us: now_us() })?;
        Ok(())
    }
}

async fn write(
    config: &Config,
    asker: &mut Asker,
    connection: &mut Option<Connection>,
    id: i64,
) -> Result<(String, Ipv4Addr, u32), Failure> {
    let address = asker.ask().await.map_err(Failure::No)?;
    if connection.as_ref().is_some_and(|open| open.address != address || open.client.is_closed()) {
        *connection = None;
    }
    let open = match connection {
        Some(open) => open,
        None => connection.insert(connect(config, address).await.map_err(Failure::No)?),
    };
    let failure = match timeout(STATEMENT_MAX, open.client.query_one(&open.insert, &[&id])).await {
        Ok(Ok(row)) => {
            let timeline: i32 = row.get(1);
            return Ok((row.get(0), address, u32::try_from(timeline).unwrap_or(0)));
        }
        Ok(Err(error)) => judge(&error),
        Err(_) => Failure::Unknown("statement-timeout".to_owned()),
    };
    // A refusal leaves the connection as good as before; anything else does not.
    if matches!(failure, Failure::Unknown(_)) {
        *connection = None;
    }
    Err(failure)
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
