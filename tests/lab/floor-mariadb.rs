//! The floor of a planned switch-over of MariaDB: what a person who knows it would write by hand, and nothing beyond. The same
//! fence (read-only, kept over a restart, a read lock, clients ended), the same positions, the same redirection as Switchback's
//! fail-over, over sessions that stand before the outage begins. No proofs, no journal, no way back: a yardstick, not a tool.
//!
//! `lab-floor-mariadb a-db|b-db`, whom to lead users to, with `lab env` exported; prints what each part took as one line of JSON.
//! The outage is what the client saw; `outage_ms` is the floor's own part of it.

#[path = "client/name.rs"]
mod name;

use anyhow::Context as _;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder, Row};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const LONGEST: Duration = Duration::from_secs(60);
/// Sessions of clients: neither the server's own, nor those of replicas, nor the floor's.
const CLIENTS: &str = "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND user <> substring_index(user(), '@', 1)
    AND command NOT LIKE 'Binlog Dump%' AND command NOT LIKE 'Slave%' AND command <> 'Daemon'
    AND user NOT IN ('system user', 'event_scheduler')";
const WRITERS: &str = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_rows_modified > 0";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let to = std::env::args().nth(1).context("whom to: a-db or b-db")?;
    tokio::time::timeout(LONGEST, switch_over(&to)).await.context("it did not end within a minute")?
}

async fn switch_over(to: &str) -> anyhow::Result<()> {
    let from = if to == "a-db" { "b-db" } else { "a-db" };
    let (mut old, mut old_look) = (session(from).await?, session(from).await?);
    let mut new = session(to).await?;
    let (mut old_host, mut new_host) = (Shell::on(from)?, Shell::on(to)?);
    let mut names = Names::open().await?;
    let to_address: Ipv4Addr = of_host(to, "")?.parse()?;

    // Before the outage: nobody is far behind, nobody is at it, and a restart would be read-only.
    let before = one(&mut old_look, "SELECT @@gtid_binlog_pos").await?;
    arrives(&mut new, &before).await?;
    while one(&mut old_look, WRITERS).await? != "0" {
        // InnoDB answers from a cache that is made anew only when nobody asked for 100 ms.
        tokio::time::sleep(Duration::from_millis(105)).await;
    }
    old_host.role("read_only = ON\nevent_scheduler = OFF", from)?;

    let mut parts = Parts(Instant::now(), Vec::new());
    old.query_drop("SET SESSION lock_wait_timeout = 3").await?;
    old.query_drop("SET GLOBAL event_scheduler = OFF").await?;
    old.query_drop("SET GLOBAL read_only = ON").await?;
    old.query_drop("FLUSH TABLES WITH READ LOCK").await?;
    for id in old.query::<u64, _>(CLIENTS).await? {
        // It may have gone by itself.
        let _ = old.query_drop(format!("KILL {id}")).await;
    }
    let end = stands_still(&mut old_look).await?;
    parts.end("freeze_ms");
    arrives(&mut new, &end).await?;
    parts.end("arrive_ms");
    new.query_drop("STOP SLAVE").await?;
    new.query_drop("RESET SLAVE ALL").await?;
    new.query_drop("SET GLOBAL read_only = OFF").await?;
    parts.end("promote_ms");
    new.query_drop("REPLACE INTO wiki.pages VALUES (-100, 'floor', 'a write test')").await?;
    parts.end("write_test_ms");
    names.lead_to(to_address).await?;
    parts.end("redirect_ms");
    parts.1.push(("outage_ms", parts.1.iter().map(|(_, ms)| ms).sum()));

    // Users are served; the old primary follows.
    new_host.role("read_only = OFF", to)?;
    old.query_drop("UNLOCK TABLES").await?;
    let password = std::fs::read_to_string(lab("MARIADB_REPLICATOR_PASSWORD")?)?;
    let follow = format!(
        "CHANGE MASTER TO MASTER_HOST = '{to_address}', MASTER_PORT = {}, MASTER_USER = 'replicator', MASTER_PASSWORD = '{}', \
         MASTER_CONNECT_RETRY = 1, MASTER_SSL = 1, MASTER_SSL_CA = '{}', MASTER_SSL_VERIFY_SERVER_CERT = 1, \
         MASTER_USE_GTID = slave_pos, MASTER_DEMOTE_TO_SLAVE = 1",
        lab("MARIADB_PORT")?,
        password.trim_end(),
        of_host(from, "_MARIADB")?.replace("/mariadb", "/tls/ca.pem"),
    );
    old.query_drop(follow).await?;
    old.query_drop("SET GLOBAL event_scheduler = ON").await?;
    old.query_drop("START SLAVE").await?;
    let marker = one(&mut new, "SELECT @@gtid_binlog_pos").await?;
    arrives(&mut old, &marker).await?;
    parts.end("follow_ms");
    let shown: serde_json::Map<_, _> = parts.1.into_iter().map(|(name, ms)| (name.to_owned(), ms.into())).collect();
    writeln!(std::io::stdout(), "{}", serde_json::Value::Object(shown))?;
    Ok(())
}

/// How long each part took, in milliseconds.
struct Parts(Instant, Vec<(&'static str, f64)>);

impl Parts {
    fn end(&mut self, part: &'static str) {
        self.1.push((part, (self.0.elapsed().as_secs_f64() * 10_000.0).round() / 10.0));
        self.0 = Instant::now();
    }
}

fn lab(name: &str) -> anyhow::Result<String> {
    std::env::var(format!("LAB_{name}")).with_context(|| format!("LAB_{name} is not set; eval `lab env`"))
}

fn of_host(host: &str, what: &str) -> anyhow::Result<String> {
    lab(&format!("{}{what}", host.to_ascii_uppercase().replace('-', "_")))
}

/// As the superuser: the server knows the user from the system.
async fn session(host: &str) -> anyhow::Result<Conn> {
    let socket = of_host(host, "_MARIADB_SOCKET")?;
    let user = String::from_utf8(Command::new("id").arg("-un").output()?.stdout)?;
    let options = OptsBuilder::from_opts(Opts::default()).socket(Some(socket)).user(Some(user.trim_end()));
    Ok(Conn::new(options).await?)
}

async fn one(session: &mut Conn, query: &str) -> anyhow::Result<String> {
    let row: Row = session.query_first(query).await?.with_context(|| format!("no answer to {query}"))?;
    mysql_async::from_value_opt::<String>(row[0].clone()).with_context(|| format!("the answer to {query} is no text"))
}

async fn arrives(session: &mut Conn, position: &str) -> anyhow::Result<()> {
    let waited = one(session, &format!("SELECT CAST(MASTER_GTID_WAIT('{position}', 20) AS CHAR)")).await?;
    anyhow::ensure!(waited == "0", "{position} does not arrive");
    Ok(())
}

/// The end of the log, the same three times.
async fn stands_still(session: &mut Conn) -> anyhow::Result<String> {
    let mut last = one(session, "SELECT @@gtid_binlog_pos").await?;
    let mut same = 1;
    while same < 3 {
        tokio::time::sleep(Duration::from_millis(3)).await;
        let now = one(session, "SELECT @@gtid_binlog_pos").await?;
        same = if now == last { same + 1 } else { 1 };
        last = now;
    }
    Ok(last)
}

/// A shell that stands on a host; a line in, a line out.
struct Shell {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Shell {
    fn on(host: &str) -> anyhow::Result<Self> {
        let known_hosts = format!("UserKnownHostsFile={}", lab("KNOWN_HOSTS")?);
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", &known_hosts]);
        ssh.args([
            "-i",
            &lab("KEY")?,
            "-p",
            &lab("SSH_PORT")?,
            &format!("{}@{}", lab("USER")?, of_host(host, "")?),
            "sh",
        ]);
        let mut child = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (to, from) = (child.stdin.take().context("piped")?, child.stdout.take().context("piped")?);
        let mut this = Self { child, to, from: BufReader::new(from) };
        this.run(":")?;
        Ok(this)
    }

    fn run(&mut self, command: &str) -> anyhow::Result<()> {
        writeln!(self.to, "{command} && echo done || echo failed")?;
        let mut answer = String::new();
        self.from.read_line(&mut answer)?;
        anyhow::ensure!(answer.trim_end() == "done", "`{command}` failed");
        Ok(())
    }

    /// What a restart of the server would be, on disk.
    fn role(&mut self, settings: &str, host: &str) -> anyhow::Result<()> {
        let file = format!("{}/conf.d/zz-floor.cnf", of_host(host, "_MARIADB")?);
        self.run(&format!("printf '[mariadbd]\\n{settings}\\n' >{file}.new && sync {file}.new && mv {file}.new {file}"))
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The name server: an `nsupdate` that stands, and a socket to ask whether it was done.
struct Names {
    update: Child,
    asker: name::Asker,
    name: String,
}

impl Names {
    async fn open() -> anyhow::Result<Self> {
        let (server, name) = (lab("BIND")?.parse::<SocketAddr>()?, lab("WIKI_NAME")?);
        let mut update = Command::new("nsupdate").args(["-k", &lab("TSIG_KEY")?]).stdin(Stdio::piped()).spawn()?;
        let input = update.stdin.as_mut().context("piped")?;
        writeln!(input, "server {} {}\nzone shop.internal", server.ip(), server.port())?;
        let asker = name::Asker::new(server, &name, false).await?;
        Ok(Self { update, asker, name })
    }

    async fn lead_to(&mut self, address: Ipv4Addr) -> anyhow::Result<()> {
        let input = self.update.stdin.as_mut().context("piped")?;
        let name = &self.name;
        writeln!(input, "update delete {name} A\nupdate add {name} 2 A {address}\nsend")?;
        while self.asker.ask().await != Ok(address) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        let _ = self.update.kill();
        let _ = self.update.wait();
    }
}
