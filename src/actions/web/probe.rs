//! The requests themselves: a few, some of them at once, each with a limit.
//!
//! The URL is asked at an address of our choosing under its own name, so that a member is checked before any
//! user is led to it. Redirects are not followed: where they lead is not what is being checked.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use reqwest::header::HOST;
use reqwest::{Client, Url};
use tokio::time::Instant;

use crate::engine::action::ActionError;
use crate::estate::model::WebExpect;

/// Requests whose times count, after one that does not: it opens connections and fills caches.
const REQUESTS: usize = 20;
const AT_ONCE: usize = 4;
const CONNECT_MAX: Duration = Duration::from_secs(3);
const REQUEST_MAX: Duration = Duration::from_secs(5);
/// After this no new request is begun, so that a slow server cannot make one look last for ever.
const ALL_MAX: Duration = Duration::from_secs(15);
/// How much of a body is read, in bytes; what is expected must stand in it.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Asks one URL.
#[derive(Debug)]
pub struct Probe {
    url: Url,
    /// The URL's host and port, as the `Host` header has it.
    authority: String,
    status: u16,
    body: Option<String>,
    /// One for each address, kept between looks: making one reads the system's certificates.
    clients: Mutex<HashMap<SocketAddr, Client>>,
}

/// Why an answer is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    #[error("no answer within {seconds} s", seconds = REQUEST_MAX.as_secs())]
    Late,
    #[error("no connection ({0})")]
    NoConnection(ErrorKind),
    /// The certificate does not fit, the connection broke, it is no HTTP.
    #[error("{0}")]
    Broken(String),
    #[error("status {seen} where {expected} is expected{redirect}", redirect = if (300..400).contains(seen) { " (a redirect, which is not followed)" } else { "" })]
    Status { seen: u16, expected: u16 },
    #[error("the body does not hold `{0}`")]
    Body(String),
    #[error("the body is longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
}

/// What came of asking one address.
#[derive(Debug)]
pub struct Probed {
    pub times: Vec<Duration>,
    pub bad: Vec<Bad>,
}

impl Probe {
    /// Reads what is to be asked and expected. The error is a sentence.
    pub fn new(url: &str, expect: &WebExpect) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("url `{url}`: {error}"))?;
        let host = url.host_str().ok_or_else(|| format!("url `{url}` names no host"))?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let (status, body) = (expect.status, expect.body.clone());
        Ok(Self { authority, url, status, body, clients: Mutex::new(HashMap::new()) })
    }

    /// Asks an address once, and when that is answered well, as often as the figures need.
    pub async fn ask(&self, address: SocketAddr) -> Result<Probed, ActionError> {
        let client = self.client(address)?;
        let url = self.url_at(address);
        if let Err(bad) = self.once(&client, url.clone()).await {
            return Ok(Probed { times: Vec::new(), bad: vec![bad] });
        }
        let until = Instant::now() + ALL_MAX;
        let requests = stream::iter(0..REQUESTS)
            .map(|_| async { if Instant::now() < until { Some(self.once(&client, url.clone()).await) } else { None } });
        let answers: Vec<_> = requests.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
        let mut probed = Probed { times: Vec::with_capacity(answers.len()), bad: Vec::new() };
        for answer in answers {
            match answer {
                Ok(time) => probed.times.push(time),
                Err(bad) => probed.bad.push(bad),
            }
        }
        Ok(probed)
    }

    /// The URL with the address' port; with its host too where the URL names an address anyway.
    fn url_at(&self, address: SocketAddr) -> Url {
        let mut url = self.url.clone();
        // Neither can fail for a URL that has a host, which was seen when it was read.
        let _ = url.set_port(Some(address.port()));
        if url.domain().is_none() {
            let _ = url.set_ip_host(address.ip());
        }
        url
    }

    fn client(&self, address: SocketAddr) -> Result<Client, ActionError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&address) {
            return Ok(client.clone());
        }
        // Whoever comes first sets the process's TLS provider; that somebody has is all that matters here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_MAX)
            .timeout(REQUEST_MAX)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("switchback");
        if let Some(name) = self.url.domain() {
            builder = builder.resolve(name, address);
        }
        let client = builder.build().map_err(|error| ActionError::refused(format!("no HTTP client: {error}")))?;
        clients.insert(address, client.clone());
        Ok(client)
    }

    async fn once(&self, client: &Client, url: Url) -> Result<Duration, Bad> {
        let began = Instant::now();
        let mut response = client.get(url).header(HOST, &self.authority).send().await.map_err(|error| bad(&error))?;
        let seen = response.status().as_u16();
        if seen != self.status {
            return Err(Bad::Status { seen, expected: self.status });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| bad(&error))? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(Bad::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let took = began.elapsed();
        match &self.body {
            Some(text) if !holds(&body, text.as_bytes()) => Err(Bad::Body(text.clone())),
            _ => Ok(took),
        }
    }
}

fn holds(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

/// The typed reason at the end of a chain of errors; where there is none, its last words, which say most.
fn bad(error: &reqwest::Error) -> Bad {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut last = String::new();
    while let Some(one) = source {
        if let Some(io) = one.downcast_ref::<std::io::Error>()
            && io.get_ref().is_none()
            && error.is_connect()
        {
            return Bad::NoConnection(io.kind());
        }
        last = one.to_string();
        source = one.source();
    }
    if error.is_timeout() { Bad::Late } else { Bad::Broken(last) }
}
