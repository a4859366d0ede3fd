//! The writing. One write at a time, each with an id that no write had before: what failed is not tried again.

use crate::log::{Line, now_us};
use crate::name::Asker;
use crate::{Kind, mariadb, postgres};
use anyhow::Context as _;
use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

pub const CONNECT_MAX: Duration = Duration::from_millis(500);
pub const STATEMENT_MAX: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub struct Run {
    /// What kind of database it is.
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// The name server.
    #[arg(long, value_name = "ADDRESS:PORT")]
    dns: SocketAddr,
    /// The name of the database.
    #[arg(long)]
    name: String,
    #[arg(long)]
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

/// What a database says of a write that it took.
pub struct Ack {
    pub site: String,
    pub timeline: u32,
}

/// How a write failed, in one word, and whether it may have happened all the same.
pub enum Failure {
    No(String),
    Unknown(String),
}

/// One connection at a time, to whom the name led last.
enum Writer {
    Postgres(Box<postgres::Writer>),
    Mariadb(Box<mariadb::Writer>),
}

impl Run {
    pub async fn run(self) -> anyhow::Result<()> {
        let password = std::fs::read_to_string(&self.password_file)
            .with_context(|| format!("{} cannot be read", self.password_file.display()))?;
        let mut writer = match self.kind {
            Kind::Postgres => {
                let writer = postgres::Writer::new(&self.database, &self.user, password.trim_end(), self.port);
                Writer::Postgres(Box::new(writer))
            }
            Kind::Mariadb => {
                let writer = mariadb::Writer::new(&self.database, &self.user, password.trim_end(), self.port);
                Writer::Mariadb(Box::new(writer))
            }
        };
        let mut log = File::create(&self.log).with_context(|| format!("{} cannot be made", self.log.display()))?;
        let mut asker = Asker::new(self.dns, &self.name, self.keep_ttl).await?;
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        if let Some(file) = &self.pid_file {
            std::fs::write(file, format!("{}\n", std::process::id()))?;
        }
        let mut ticks = interval(Duration::from_millis(self.interval_ms.max(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut id = self.first_id;
        loop {
            // A write in hand is finished first: a signal is only looked at between two.
            tokio::select! {
                biased;
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = ticks.tick() => {}
            }
            let line = match write(&mut writer, &mut asker, id).await {
                Ok((Ack { site, timeline }, address)) => Line::Ok { id, at_us: now_us(), site, address, timeline },
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

async fn write(writer: &mut Writer, asker: &mut Asker, id: i64) -> Result<(Ack, Ipv4Addr), Failure> {
    let address = asker.ask().await.map_err(Failure::No)?;
    let ack = match writer {
        Writer::Postgres(writer) => writer.write(address, id).await,
        Writer::Mariadb(writer) => writer.write(address, id).await,
    }?;
    Ok((ack, address))
}
