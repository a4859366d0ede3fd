//! The HTTP of it, and what its codes mean.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use crate::base::secret::SecretRef;
use crate::engine::action::{ActionError, Fault, Touch};

const CONNECT_MAX: Duration = Duration::from_secs(3);
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes: a zone of some hundred thousand records.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How much of the server's own words is passed on, in characters.
const WORDS_MAX: usize = 200;

/// The API of one server.
#[derive(Debug)]
pub struct Api {
    url: String,
    reference: SecretRef,
    /// Read at the first use and kept.
    key: OnceCell<HeaderValue>,
    client: Client,
}

impl Api {
    /// `url` up to and without `/api`.
    pub fn new(url: &str, reference: SecretRef) -> Result<Self, String> {
        // Whoever comes first sets the process's TLS provider; that somebody has is all that matters here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(CONNECT_MAX)
            .timeout(REQUEST_MAX)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| format!("no HTTP client for `{url}`: {error}"))?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), reference, key: OnceCell::new(), client })
    }

    /// Reads a zone.
    pub async fn get<T: DeserializeOwned>(&self, zone: &str, query: &str) -> Result<T, ActionError> {
        let request = self.client.request(Method::GET, format!("{}?{query}", self.zone_url(zone)));
        let response = self.send(request).await.map_err(|error| self.unreachable(&error))?;
        let (status, body) = self.body(response).await;
        let body = body.map_err(|why| self.error(Fault::Unreachable, &why))?;
        if !status.is_success() {
            return Err(self.declined(zone, status, &body));
        }
        serde_json::from_slice(&body)
            .map_err(|_| self.error(Fault::Refused, &format!("its answer for zone `{zone}` is not PowerDNS's")))
    }

    /// Changes a zone.
    pub async fn patch(&self, touch: &Touch, zone: &str, change: &impl Serialize) -> Result<(), ActionError> {
        let request = self.client.request(Method::PATCH, self.zone_url(zone)).json(change);
        self.key().await?;
        touch.check().await?;
        let response = match self.send(request).await {
            Ok(response) => response,
            Err(Sent::Not(error)) => return Err(error),
            Err(Sent::Http(error)) if error.is_connect() => return Err(self.unreachable(&Sent::Http(error))),
            Err(Sent::Http(_)) => return Err(self.error(Fault::InDoubt, "the answer to a change did not come")),
        };
        let (status, body) = self.body(response).await;
        if status.is_success() {
            return Ok(());
        }
        let mut error = self.declined(zone, status, &body.unwrap_or_default());
        if error.fault == Fault::Transient {
            // Whoever had the trouble may have had it after the change was made.
            error.fault = Fault::InDoubt;
        }
        Err(error)
    }

    fn zone_url(&self, zone: &str) -> String {
        // Zone names hold nothing that a URL would read otherwise; `localhost` is the API's one server.
        format!("{}/api/v1/servers/localhost/zones/{}.", self.url, zone.trim_end_matches('.'))
    }

    /// The API key, as a header that no log shows.
    pub async fn key(&self) -> Result<&HeaderValue, ActionError> {
        let read = || async {
            let reference = self.reference.clone();
            let read = tokio::task::spawn_blocking(move || reference.read()).await;
            let key = read
                .map_err(|_| self.error(Fault::Transient, "reading the API key was broken off"))?
                .map_err(|bad| self.error(Fault::Refused, &format!("there is no API key: {bad}")))?;
            let mut key = HeaderValue::from_str(key.expose().trim())
                .map_err(|_| self.error(Fault::Refused, "the API key holds what a header cannot"))?;
            key.set_sensitive(true);
            Ok(key)
        };
        self.key.get_or_try_init(read).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Sent> {
        let key = self.key().await.map_err(Sent::Not)?;
        request.header(HeaderName::from_static("x-api-key"), key.clone()).send().await.map_err(Sent::Http)
    }

    async fn body(&self, mut response: Response) -> (StatusCode, Result<Vec<u8>, String>) {
        let status = response.status();
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => body.extend_from_slice(&chunk),
                Ok(Some(_)) => return (status, Err(format!("its answer is longer than {ANSWER_BYTES_MAX} bytes"))),
                Ok(None) => return (status, Ok(body)),
                Err(_) => return (status, Err("its answer broke off".to_owned())),
            }
        }
    }

    fn declined(&self, zone: &str, status: StatusCode, body: &[u8]) -> ActionError {
        let words = words(body);
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.error(Fault::Refused, &format!("it does not accept our API key ({})", status.as_u16()))
            }
            StatusCode::NOT_FOUND => self.error(Fault::Refused, &format!("it has no zone `{zone}` (404)")),
            _ if status.is_server_error() => {
                self.error(Fault::Transient, &format!("it has trouble of its own ({}){words}", status.as_u16()))
            }
            _ => self.error(Fault::Refused, &format!("it answers {} for zone `{zone}`{words}", status.as_u16())),
        }
    }

    fn unreachable(&self, sent: &Sent) -> ActionError {
        match sent {
            Sent::Not(error) => error.clone(),
            Sent::Http(error) if error.is_timeout() => {
                self.error(Fault::Unreachable, &format!("it did not answer within {} s", REQUEST_MAX.as_secs()))
            }
            Sent::Http(error) => {
                // The chain's end says most ("connection refused"); none of it holds a header.
                let mut last: &dyn std::error::Error = error;
                while let Some(source) = last.source() {
                    last = source;
                }
                self.error(Fault::Unreachable, &format!("it cannot be reached: {last}"))
            }
        }
    }

    fn error(&self, fault: Fault, why: &str) -> ActionError {
        ActionError::new(fault, format!("PowerDNS at `{}`: {why}", self.url))
    }
}

/// Why a request has no response.
enum Sent {
    /// It was not sent.
    Not(ActionError),
    Http(reqwest::Error),
}

/// The server's own words, shortened: `{"error": "…"}`.
fn words(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Words {
        error: String,
    }
    match serde_json::from_slice::<Words>(body) {
        Ok(Words { error }) => {
            let shown: String = error.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
            format!(": {shown}")
        }
        Err(_) => String::new(),
    }
}
