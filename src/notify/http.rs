//! A JSON object by POST.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::Undelivered;
use crate::base::secret::Secret;

const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How much of the other's own words is passed on, in characters.
const WORDS_MAX: usize = 120;

/// Sends it; a 2xx is a receipt. A redirection is followed nowhere: it would lead a secret to somebody else.
pub(super) async fn post(url: &str, token: Option<&Secret>, body: &Value) -> Result<(), Undelivered> {
    // Whoever comes first sets the process's TLS provider; that somebody has is all that matters here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .connect_timeout(CONNECT_MAX)
        .redirect(Policy::none())
        .user_agent(concat!("switchback/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(failed)?;
    let mut request = client.post(url.trim()).json(body);
    if let Some(token) = token {
        request = request.bearer_auth(token.expose().trim());
    }
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let words = response.chunk().await.ok().flatten().unwrap_or_default();
    let words: String = String::from_utf8_lossy(&words).chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
    let why = format!("it answers {}{}{words}", status.as_u16(), if words.is_empty() { "" } else { ": " });
    let busy = status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT;
    Err(Undelivered { why, again: busy || status.is_server_error() })
}

/// The chain's end says most ("connection refused"); none of it holds the URL, which may be a secret.
fn failed(error: reqwest::Error) -> Undelivered {
    let never = error.is_builder();
    let error = error.without_url();
    let mut last: &dyn std::error::Error = &error;
    while let Some(source) = last.source() {
        last = source;
    }
    Undelivered { why: last.to_string(), again: !never }
}
