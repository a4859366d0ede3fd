//! The floor: a script written by hand for these two hosts alone.
//!
//! It has every session open before the outage begins (SSH by the native multiplexer, SQL with TLS, HTTP, and an nsupdate that only
//! waits for `send`), fences as Switchback does (on disk, synced, before the stop), compares positions before it promotes, and polls
//! every few milliseconds. It has no journal, proves nothing again, and knows no way back: what it takes is what the servers
//! themselves take.

use anyhow::{Context as _, bail, ensure};
use openssh::{KnownHosts, Session, SessionBuilder};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

const POLL: Duration = Duration::from_millis(2);
const EACH_MAX: Duration = Duration::from_secs(20);
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Stops a primary so that any start of it is read-only, and says where its last checkpoint begins.
const FENCE: &str = r#"data=$1 bin=$2
: >"$data/standby.signal" && sync "$data/standby.signal" "$data" || exit 1
grep -v '^ *primary_\(conninfo\|slot_name\)' "$data/postgresql.auto.conf" >"$data/auto.new"
echo "primary_conninfo = ''" >>"$data/auto.new"
sync "$data/auto.new" && mv "$data/auto.new" "$data/postgresql.auto.conf" && sync "$data" || exit 1
read -r pid <"$data/postmaster.pid" && kill -INT "$pid" || exit 1
n=0
while [ "$n" -lt 2000 ]; do
    control=$("$bin/pg_controldata" -D "$data") || exit 1
    case $control in *'state:               shut down'*) break ;; esac
    n=$((n + 1))
    sleep 0.005
done
printf '%s\n' "$control" | sed -n 's/^Latest checkpoint location: *//p'"#;

#[derive(clap::Args)]
pub struct Floor {
    /// The site to move to: `a` or `b`.
    #[arg(long)]
    to: char,
    /// The other site is lost: what cannot be reached is passed over.
    #[arg(long)]
    emergency: bool,
}

/// One site of the lab, as its environment describes it.
struct Site {
    database: String,
    web: String,
    data: String,
}

impl Site {
    fn of(letter: char) -> anyhow::Result<Self> {
        let letter = letter.to_ascii_uppercase();
        Ok(Self {
            database: lab(&format!("{letter}_DB"))?,
            web: lab(&format!("{letter}_WEB"))?,
            data: lab(&format!("{letter}_DB_DATA"))?,
        })
    }
}

fn lab(name: &str) -> anyhow::Result<String> {
    std::env::var(format!("LAB_{name}"))
        .with_context(|| format!("LAB_{name} is not set; `eval \"$(tests/lab/lab env)\"`"))
}

/// What stands open before the outage begins.
struct Standing {
    old: Option<Session>,
    _new: Session,
    sql: Client,
    nsupdate: tokio::process::Child,
    http: TcpStream,
    request: String,
}

impl Floor {
    pub async fn run(self) -> anyhow::Result<()> {
        ensure!(matches!(self.to, 'a' | 'b'), "--to is a or b");
        let (to, from) = (Site::of(self.to)?, Site::of(if self.to == 'a' { 'b' } else { 'a' })?);
        let standing = self.prepare(&from, &to).await?;
        let began = Instant::now();
        self.move_over(standing, &from).await?;
        writeln!(std::io::stdout(), "{:.1}", began.elapsed().as_secs_f64() * 1_000.0)?;
        Ok(())
    }

    async fn prepare(&self, from: &Site, to: &Site) -> anyhow::Result<Standing> {
        let (old, new, old_sql, sql, http) = tokio::join!(
            ssh(&from.database),
            ssh(&to.database),
            sql(&from.database),
            sql(&to.database),
            TcpStream::connect(lab("PDNS_URL")?.trim_start_matches("http://").to_owned())
        );
        let old = match old {
            Err(_) if self.emergency => None,
            other => Some(other?),
        };
        if !self.emergency {
            let old_sql = old_sql?;
            for _ in 0..2 {
                old_sql.batch_execute("CHECKPOINT").await.ok();
            }
        }
        let http = http?;
        http.set_nodelay(true)?;
        Ok(Standing { old, _new: new?, sql: sql?, nsupdate: nsupdate(to).await?, http, request: patch(to)? })
    }

    async fn move_over(&self, mut standing: Standing, from: &Site) -> anyhow::Result<()> {
        let began = Instant::now();
        if let Some(old) = &standing.old {
            let fenced = old.command("sh").args(["-c", FENCE, "fence", &from.data, &lab("PG_BIN")?]).output().await?;
            let end = String::from_utf8_lossy(&fenced.stdout).trim().to_owned();
            ensure!(
                fenced.status.success() && !end.is_empty(),
                "the fence failed: {}",
                String::from_utf8_lossy(&fenced.stderr)
            );
            // The checkpoint's record begins there; past it means that all of it is here.
            until(&standing.sql, &format!("SELECT pg_last_wal_receive_lsn() > '{end}'::pg_lsn")).await?;
        } else if !self.emergency {
            bail!("there is nobody to fence");
        }
        standing.sql.simple_query("SELECT pg_promote(false)").await?;
        until(&standing.sql, "SELECT NOT pg_is_in_recovery()").await?;
        let mut input = standing.nsupdate.stdin.take().context("nsupdate has no input")?;
        let names = async {
            input.write_all(b"send\nquit\n").await?;
            drop(input);
            let ended = standing.nsupdate.wait().await?;
            ensure!(ended.success(), "nsupdate: {ended}");
            anyhow::Ok(())
        };
        let http = async {
            let mut answer = asked(&mut standing.http, &standing.request).await.unwrap_or_default();
            if answer.is_empty() {
                // A server hangs up on who is silent for some seconds.
                answer = asked(
                    &mut TcpStream::connect(lab("PDNS_URL")?.trim_start_matches("http://")).await?,
                    &standing.request,
                )
                .await?;
            }
            ensure!(answer.starts_with("HTTP/1.1 204"), "PowerDNS: {answer}");
            anyhow::Ok(())
        };
        tokio::try_join!(names, http)?;
        ensure!(began.elapsed() < EACH_MAX * 3, "it took too long to be a figure");
        Ok(())
    }
}

/// The beginning of an answer; nothing where the other side has hung up.
async fn asked(http: &mut TcpStream, request: &str) -> anyhow::Result<String> {
    http.write_all(request.as_bytes()).await?;
    let mut answer = [0; 512];
    let length = http.read(&mut answer).await?;
    Ok(String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned())
}

async fn ssh(address: &str) -> anyhow::Result<Session> {
    let port: u16 = lab("SSH_PORT")?.parse()?;
    let mut builder = SessionBuilder::default();
    builder
        .known_hosts_check(KnownHosts::Strict)
        .connect_timeout(CONNECT_MAX)
        .user(lab("USER")?)
        .port(port)
        .keyfile(lab("KEY")?)
        .user_known_hosts_file(lab("KNOWN_HOSTS")?);
    let session = builder.connect_mux(address).await?;
    // The first command of a connection is slower than those that follow.
    session.command("true").status().await?;
    Ok(session)
}

async fn sql(address: &str) -> anyhow::Result<Client> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(PathBuf::from(lab("CA")?))? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut config = tokio_postgres::Config::new();
    config
        .host(address)
        .port(lab("PG_PORT")?.parse()?)
        .user("switchback")
        .password(std::fs::read_to_string(lab("PASSWORD")?)?.trim_end())
        .dbname("shop")
        .connect_timeout(CONNECT_MAX)
        .ssl_mode(tokio_postgres::config::SslMode::Require);
    let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
    tokio::spawn(async move {
        // Its error reaches the client's own calls.
        drop(connection.await);
    });
    client.simple_query("SELECT pg_is_in_recovery()").await?;
    Ok(client)
}

/// An nsupdate that has been told everything and waits for `send`.
async fn nsupdate(to: &Site) -> anyhow::Result<tokio::process::Child> {
    let bind: SocketAddr = lab("BIND")?.parse()?;
    let mut child = tokio::process::Command::new("nsupdate")
        .args(["-k", &lab("TSIG_KEY")?])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("nsupdate")?;
    let name = lab("DATABASE_NAME")?;
    let text = format!(
        "server {} {}\nzone shop.internal\nupdate delete {name} A\nupdate add {name} 2 A {}\n",
        bind.ip(),
        bind.port(),
        to.database
    );
    let input = child.stdin.as_mut().context("nsupdate has no input")?;
    input.write_all(text.as_bytes()).await?;
    input.flush().await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(child)
}

fn patch(to: &Site) -> anyhow::Result<String> {
    let (host, key) = (lab("PDNS_URL")?, std::fs::read_to_string(lab("PDNS_KEY")?)?);
    let body = serde_json::json!({"rrsets": [{"name": format!("{}.", lab("ENTRY_NAME")?), "type": "A", "ttl": 2,
        "changetype": "REPLACE", "records": [{"content": to.web, "disabled": false}]}]})
    .to_string();
    Ok(format!(
        "PATCH /api/v1/servers/localhost/zones/shop.test. HTTP/1.1\r\nHost: {}\r\nX-API-Key: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        host.trim_start_matches("http://"),
        key.trim(),
        body.len()
    ))
}

async fn until(sql: &Client, question: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    let question = format!("{question} AS so");
    loop {
        let said = sql.simple_query(&question).await?;
        let so = said.iter().any(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
            _ => false,
        });
        if so {
            return Ok(());
        }
        ensure!(began.elapsed() < EACH_MAX, "not so after {} s: {question}", EACH_MAX.as_secs());
        tokio::time::sleep(POLL).await;
    }
}
