//! A person's session that has begun something and is idle: what a freeze must wait for, end, or refuse.

use anyhow::Context as _;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

#[derive(clap::Args)]
pub struct Session {
    /// MariaDB's Unix socket; who one is there, the server knows from the system.
    #[arg(long, value_name = "FILE")]
    socket: PathBuf,
    #[arg(long)]
    user: String,
    /// Statements to begin with, one after the other.
    #[arg(long, value_name = "SQL")]
    first: Vec<String>,
    /// The statement to end with.
    #[arg(long, value_name = "SQL")]
    last: String,
    /// How long it is idle between the two.
    #[arg(long, default_value_t = 120)]
    idle_s: u64,
}

impl Session {
    /// Prints the session's number when it has begun.
    pub async fn run(self) -> anyhow::Result<()> {
        let socket = self.socket.to_str().context("the socket's path is no text")?;
        let options = OptsBuilder::from_opts(Opts::default()).socket(Some(socket)).user(Some(self.user));
        let mut session = Conn::new(options).await?;
        for statement in &self.first {
            session.query_drop(statement).await?;
        }
        writeln!(std::io::stdout(), "{}", session.id())?;
        tokio::time::sleep(Duration::from_secs(self.idle_s)).await;
        session.query_drop(&self.last).await?;
        Ok(())
    }
}
