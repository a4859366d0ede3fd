//! A mail.

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as SmtpTls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::notice::Notice;
use super::{ATTEMPT_MAX, Undelivered, read, words};
use crate::estate::notify::{Email, Tls};

/// The port on which TLS begins with the first byte.
const SUBMISSIONS: u16 = 465;

/// Hands the mail to the server; that it took it is the receipt.
pub(super) async fn send(email: &Email, notice: &Notice) -> Result<(), Undelivered> {
    // Whoever comes first sets the process's TLS provider; that somebody has is all that matters here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let message = message(email, notice)?;
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(email.host.as_str())
        .port(email.port)
        .timeout(Some(ATTEMPT_MAX))
        .tls(tls(email).await?);
    if let Some((user, password)) = &email.login {
        let password = read(password).await?;
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    match builder.build().send(message).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Undelivered { again: !error.is_permanent(), why: said(&error) }),
    }
}

/// In clear only where the estate says so; else a server without STARTTLS is refused.
async fn tls(email: &Email) -> Result<SmtpTls, Undelivered> {
    let Tls::Verified { ca } = &email.tls else { return Ok(SmtpTls::None) };
    let mut parameters = TlsParameters::builder(email.host.clone());
    if let Some(path) = ca {
        let text = tokio::fs::read(path)
            .await
            .map_err(|error| Undelivered::never(format!("{} cannot be read: {error}", path.display())))?;
        let bad = |_| Undelivered::never(format!("{} is no certificate in PEM", path.display()));
        parameters = parameters.add_root_certificate(Certificate::from_pem(&text).map_err(bad)?);
    }
    let parameters = parameters.build_rustls().map_err(|error| Undelivered::never(said(&error)))?;
    let wrapped = email.port == SUBMISSIONS;
    Ok(if wrapped { SmtpTls::Wrapper(parameters) } else { SmtpTls::Required(parameters) })
}

fn message(email: &Email, notice: &Notice) -> Result<Message, Undelivered> {
    let words = words::message(notice)?;
    let mut builder: MessageBuilder = Message::builder()
        .from(mailbox(&email.from)?)
        .subject(words.subject)
        // Mails of one run are one thread to a mail program.
        .references(format!("<{}.{}@switchback.invalid>", notice.run, notice.estate))
        .header(ContentType::TEXT_PLAIN);
    for to in &email.to {
        builder = builder.to(mailbox(to)?);
    }
    let unmade = |error: lettre::error::Error| Undelivered::never(format!("the mail cannot be made: {error}"));
    let mut message = builder.body(words.body + "\n").map_err(unmade)?;
    // RFC 3834: nobody's holiday answers this.
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    message.headers_mut().insert_raw(automatic);
    Ok(message)
}

fn mailbox(text: &str) -> Result<Mailbox, Undelivered> {
    let address: Address =
        text.parse().map_err(|error| Undelivered::never(format!("`{text}` is no address: {error}")))?;
    Ok(Mailbox::new(None, address))
}

/// The error with its cause. The library keeps credentials out of both.
fn said(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
