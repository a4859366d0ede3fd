//! Who is told of a run.

use super::Filling;
use crate::base::at::At;
use crate::base::name::OtherName;
use crate::estate::notify::{Email, Occasion, Receiver, Tls, Url, Way};
use crate::estate::written;

/// Where PagerDuty takes events.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

pub(in crate::estate) fn receivers(written: &written::Estate, filling: &mut Filling<'_>) -> Vec<Receiver> {
    let mut receivers = Vec::new();
    for (name, one) in written.notify.iter() {
        let about = format!("notify.{}", name.value);
        let events = events(&about, one.events.as_ref(), filling);
        if let Some(way) = way(&about, name, one, filling) {
            receivers.push(Receiver { name: name.value.to_string(), events, way });
        }
    }
    receivers
}

fn events(about: &str, written: Option<&At<Vec<At<Occasion>>>>, filling: &mut Filling<'_>) -> Vec<Occasion> {
    let Some(written) = written else { return Occasion::ALL.to_vec() };
    if written.is_empty() {
        filling.problem(written.extent, format!("{about}.events: at least one event is expected"));
    }
    let mut events: Vec<Occasion> = Vec::new();
    for event in &written.value {
        if events.contains(&event.value) {
            filling.problem(event.extent, format!("{about}.events: `{}` stands here twice", event.word()));
        }
        events.push(event.value);
    }
    events
}

fn way(about: &str, name: &At<OtherName>, written: &written::Notify, filling: &mut Filling<'_>) -> Option<Way> {
    match (&written.slack, &written.webhook, &written.pagerduty, &written.email, &written.command) {
        (Some(slack), None, None, None, None) => {
            Some(Way::Slack { webhook: filling.secret(&slack.webhook, &format!("{about}.slack.webhook")) })
        }
        (None, Some(webhook), None, None, None) => self::webhook(about, name, webhook, filling),
        (None, None, Some(pagerduty), None, None) => {
            let about = format!("{about}.pagerduty");
            if let Some(url) = &pagerduty.url {
                super::web::http_url(url, &format!("{about}.url"), filling);
            }
            let url = pagerduty.url.as_ref().map_or_else(|| PAGERDUTY.to_owned(), |url| url.value.clone());
            let routing_key = filling.secret(&pagerduty.routing_key, &format!("{about}.routing_key"));
            Some(Way::PagerDuty { url, routing_key })
        }
        (None, None, None, Some(email), None) => self::email(about, email, filling),
        (None, None, None, None, Some(argv)) => Some(Way::Command(filling.argv(argv, &format!("{about}.command")))),
        _ => {
            let sentence = format!("{about}: exactly one way is expected: slack, webhook, pagerduty, email or command");
            filling.problem(name.extent, sentence);
            None
        }
    }
}

fn webhook(about: &str, name: &At<OtherName>, written: &written::Webhook, filling: &mut Filling<'_>) -> Option<Way> {
    let about = format!("{about}.webhook");
    let token = written.token.as_ref().map(|token| filling.secret(token, &format!("{about}.token")));
    let url = match (&written.url, &written.url_from) {
        (Some(url), None) => {
            super::web::http_url(url, &format!("{about}.url"), filling);
            Url::Plain(url.value.clone())
        }
        (None, Some(secret)) => Url::Secret(filling.secret(secret, &format!("{about}.url_from"))),
        _ => {
            filling.problem(name.extent, format!("{about}: either `url` or `url_from` is expected"));
            return None;
        }
    };
    Some(Way::Webhook { url, token })
}

fn email(about: &str, written: &written::Email, filling: &mut Filling<'_>) -> Option<Way> {
    let about = format!("{about}.email");
    let tls = match written.tls.as_ref().map(|tls| tls.with(&tls.value)) {
        None => Tls::Verified { ca: None },
        Some(tls) => match tls.value {
            written::Tls::System => Tls::Verified { ca: None },
            written::Tls::Off => Tls::Off,
            written::Tls::Ca(path) => {
                let path = filling.local(&tls.with(path.as_str()), &format!("{about}.tls.ca"));
                Tls::Verified { ca: Some(path) }
            }
        },
    };
    let login = match (&written.user, &written.password) {
        (None, None) => None,
        (Some(user), Some(password)) => {
            if tls == Tls::Off {
                filling.problem_with_hint(
                    password.extent,
                    format!("{about}.password: it would be sent in clear, since `tls` is off"),
                    "leave `tls: off` out",
                );
            }
            Some((user.value.clone(), filling.secret(password, &format!("{about}.password"))))
        }
        (Some(user), None) => {
            filling.problem(user.extent, format!("{about}: a `user` needs a `password`"));
            None
        }
        (None, Some(password)) => {
            filling.problem(password.extent, format!("{about}: a `password` needs a `user`"));
            None
        }
    };
    if written.to.is_empty() {
        filling.problem(written.to.extent, format!("{about}.to: at least one address is expected"));
    }
    for (key, address) in written.to.iter().map(|to| ("to", to)).chain([("from", &written.from)]) {
        if !is_mail_address(address) {
            filling.problem(address.extent, format!("{about}.{key}: an address is expected: dr@shop.test"));
        }
    }
    let (host, port) = match written.server.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().ok().filter(|port| *port != 0)),
        None => (written.server.as_str(), None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let named = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || "/@".contains(c));
    let Some(port) = port.filter(|_| named) else {
        filling.problem(written.server.extent, format!("{about}.server: SERVER:PORT is expected: smtp.shop.test:587"));
        return None;
    };
    let to = written.to.iter().map(|to| to.value.clone()).collect();
    Some(Way::Email(Box::new(Email { host: host.to_owned(), port, from: written.from.value.clone(), to, login, tls })))
}

/// As much of an address as makes a slip visible; the library that sends it parses it whole.
fn is_mail_address(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "<>,;\"()".contains(c);
    !text.contains(bad)
        && text.rsplit_once('@').is_some_and(|(user, host)| {
            !user.is_empty()
                && !user.contains('@')
                && !host.is_empty()
                && !host.starts_with('.')
                && !host.ends_with('.')
        })
}
