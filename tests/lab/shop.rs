//! The shop: a small HTTP server that reads and writes the database of its own site.
//!
//! `GET /health` is 200 `ok site=…` when a read works, in whatever role the database is; `GET /orders` counts;
//! `POST /orders` inserts, which works only where the database is the primary. Anything else is 503 with a sentence.
#![expect(clippy::print_stderr, reason = "a program of the lab talks to its log")]

use anyhow::Context as _;
use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls, Row};

const DATABASE_MAX: Duration = Duration::from_secs(2);
const REQUEST_MAX: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 16 * 1024;
const BODY_BYTES_MAX: u64 = 64 * 1024;

#[derive(Parser)]
struct Shop {
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    #[arg(long)]
    site: String,
    #[arg(long, value_name = "ADDRESS:PORT")]
    database: SocketAddr,
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
}

struct Served {
    site: String,
    config: Config,
    /// The kept connection; the next request makes a new one when it is gone.
    client: Mutex<Option<Arc<Client>>>,
}

struct Answer {
    status: &'static str,
    body: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Shop::parse().serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab-shop: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Shop {
    async fn serve(self) -> anyhow::Result<()> {
        let password = std::fs::read_to_string(&self.password_file)
            .with_context(|| format!("{} cannot be read", self.password_file.display()))?;
        let mut config = Config::new();
        config.dbname("shop").user("shop").password(password.trim_end()).application_name("lab-shop");
        config.hostaddr(self.database.ip()).host(self.database.ip().to_string()).port(self.database.port());
        let served = Arc::new(Served { site: self.site, config, client: Mutex::new(None) });
        let listener = TcpListener::bind(self.listen).await.with_context(|| format!("{} is not free", self.listen))?;
        loop {
            let (stream, _) = listener.accept().await?;
            let served = Arc::clone(&served);
            tokio::spawn(async move {
                // A caller that goes away in the middle is not our trouble.
                drop(timeout(REQUEST_MAX, served.serve_one(stream)).await);
            });
        }
    }
}

impl Served {
    /// One request a connection: nginx in front keeps none open.
    async fn serve_one(&self, stream: TcpStream) -> anyhow::Result<()> {
        let mut stream = BufReader::new(stream);
        let (method, path) = read_request(&mut stream).await?;
        let done = timeout(DATABASE_MAX, self.answer(&method, &path)).await;
        let answer = match done {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                *self.client.lock().await = None;
                Answer { status: "503 Service Unavailable", body: format!("the database does not do it: {error:#}") }
            }
            Err(_) => {
                *self.client.lock().await = None;
                Answer { status: "503 Service Unavailable", body: "the database does not answer".to_owned() }
            }
        };
        let text = format!(
            "HTTP/1.1 {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nX-Site: {}\r\nConnection: close\r\n\r\n{}\n",
            answer.status,
            answer.body.len() + 1,
            self.site,
            answer.body
        );
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await?;
        Ok(())
    }

    async fn answer(&self, method: &str, path: &str) -> anyhow::Result<Answer> {
        let body = match (method, path) {
            ("GET" | "HEAD", "/health") => {
                self.ask("SELECT max(id) FROM orders", None).await?;
                format!("ok site={}", self.site)
            }
            ("GET", "/orders") => {
                let row = self.ask("SELECT count(*), max(id) FROM orders", None).await?;
                let (count, last): (i64, Option<i64>) = (row.get(0), row.get(1));
                format!("count={count} last={}", last.map_or("none".to_owned(), |id| id.to_string()))
            }
            ("POST", "/orders") => {
                let insert = "INSERT INTO orders (id, site) VALUES ($1, current_setting('cluster_name')) RETURNING id";
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let id = i64::try_from(since.as_micros()).context("the clock is far ahead")?;
                let row = self.ask(insert, Some(id)).await?;
                format!("order={}", row.get::<_, i64>(0))
            }
            _ => return Ok(Answer { status: "404 Not Found", body: "no such page".to_owned() }),
        };
        Ok(Answer { status: "200 OK", body })
    }

    async fn ask(&self, sql: &str, argument: Option<i64>) -> anyhow::Result<Row> {
        let client = self.connected().await?;
        Ok(match &argument {
            Some(argument) => client.query_one(sql, &[argument]).await,
            None => client.query_one(sql, &[]).await,
        }?)
    }

    async fn connected(&self) -> anyhow::Result<Arc<Client>> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let (client, connection) = self.config.connect(NoTls).await?;
        // Ends with the client, or with the server.
        tokio::spawn(connection);
        Ok(Arc::clone(kept.insert(Arc::new(client))))
    }
}

/// The method and path; headers and body are read and forgotten.
async fn read_request(stream: &mut BufReader<TcpStream>) -> anyhow::Result<(String, String)> {
    let mut first = String::new();
    let mut head_bytes = stream.read_line(&mut first).await?;
    let mut words = first.split_whitespace();
    let (method, path) = (words.next().context("no method")?, words.next().context("no path")?);
    let mut body_bytes = 0;
    loop {
        let mut header = String::new();
        head_bytes += stream.read_line(&mut header).await?;
        anyhow::ensure!(head_bytes <= HEAD_BYTES_MAX, "the request's head is too long");
        if header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            body_bytes = value.trim().parse::<u64>()?.min(BODY_BYTES_MAX);
        }
    }
    tokio::io::copy(&mut stream.take(body_bytes), &mut tokio::io::sink()).await?;
    Ok((method.to_owned(), path.split('?').next().unwrap_or_default().to_owned()))
}
