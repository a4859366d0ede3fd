//! Writes as a user of a web service does, to measure what a user sees: one request, to the address that the entrance
//! leads to now, under the entrance's name.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use reqwest::header::{CONTENT_LENGTH, HOST};
use reqwest::{Client, Method, Url};

use crate::actions::canary::port::{Place, Taken, Untaken, Writer};

/// Two sites have a few addresses each; what is more is begun anew.
const CLIENTS_MAX: usize = 8;
const BODY_BYTES_MAX: usize = 64 << 10;
const IDLE_MAX: Duration = Duration::from_secs(5);

/// A user.
#[derive(Debug)]
pub struct Canary {
    method: Method,
    url: Url,
    authority: String,
    port: u16,
    clients: HashMap<SocketAddr, Client>,
    now: Option<SocketAddr>,
}

impl Canary {
    /// Asks this URL with this method. The error is a sentence.
    pub fn new(method: &str, url: &str) -> Result<Self, String> {
        let parsed = Url::parse(url).map_err(|error| format!("url `{url}`: {error}"))?;
        let host = parsed.host_str().ok_or_else(|| format!("url `{url}` names no host"))?;
        let authority = parsed.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let port = parsed.port_or_known_default().ok_or_else(|| format!("url `{url}` has no port"))?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("`{method}` is no method of HTTP"))?;
        Ok(Self { method, url: parsed, authority, port, clients: HashMap::new(), now: None })
    }

    fn client(&self, address: SocketAddr) -> Result<Client, String> {
        // Whoever comes first sets the process's TLS provider; that somebody has is all that matters here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(1)
            .user_agent("switchback-canary");
        if let Some(name) = self.url.domain() {
            builder = builder.resolve(name, address);
        }
        builder.build().map_err(|error| format!("no HTTP client: {error}"))
    }
}

impl Writer for Canary {
    fn ready<'a>(&'a mut self, place: &'a Place) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let address = SocketAddr::new(place.address, self.port);
            if !self.clients.contains_key(&address) {
                let client = self.client(address)?;
                if self.clients.len() >= CLIENTS_MAX {
                    self.clients.clear();
                }
                self.clients.insert(address, client);
            }
            self.now = Some(address);
            Ok(())
        })
    }

    fn write(&mut self) -> BoxFuture<'_, Result<Taken, Untaken>> {
        Box::pin(async move {
            let Some(client) = self.now.and_then(|address| self.clients.get(&address)) else {
                return Err(Untaken::No("there is no connection".to_owned()));
            };
            let request = client.request(self.method.clone(), self.url.clone());
            let sent = request.header(HOST, &self.authority).header(CONTENT_LENGTH, 0).send().await;
            match sent {
                Ok(mut response) => {
                    let at = Instant::now();
                    // Read to its end, within reason, so that the connection can be used again.
                    let mut bytes = 0;
                    while let (true, Ok(Some(chunk))) = (bytes < BODY_BYTES_MAX, response.chunk().await) {
                        bytes += chunk.len();
                    }
                    let status = response.status();
                    if status.is_success() {
                        Ok(Taken { at, term: 0 })
                    } else {
                        Err(Untaken::No(format!("status {}", status.as_u16())))
                    }
                }
                Err(error) if error.is_connect() => Err(Untaken::No("no connection".to_owned())),
                Err(_) => Err(Untaken::Unknown("the connection was lost before the answer".to_owned())),
            }
        })
    }
}
