//! What measures the outage that a client sees.

use super::Filling;
use crate::base::at::At;
use crate::base::closest::did_you_mean;
use crate::base::name::{EntranceName, ServiceName};
use crate::base::quantity::Span;
use crate::estate::canary::{Canary, Writes};
use crate::estate::written;

/// Fifty writes a second: little for a server, and finer than what a client notices.
const EVERY: Span = Span::from_millis(20);
const EVERY_MIN: Span = Span::from_millis(10);
/// More seldom than this it would measure itself.
const EVERY_MAX: Span = Span::from_secs(1);

pub(in crate::estate) fn canary(estate: &written::Estate, filling: &mut Filling<'_>) -> Option<Canary> {
    let written = estate.canary.as_ref()?;
    let every = every(written, filling);
    let name = &written.entrance;
    let Some((_, entrance)) = estate.entrances.iter().find(|(known, _)| known.value == name.value) else {
        let slip = did_you_mean(name.as_str(), estate.entrances.keys().map(EntranceName::as_str));
        filling.problem(name.extent, format!("canary.entrance: no entrance `{}`{slip}", name.value));
        return None;
    };
    if name.as_str().starts_with('*') {
        filling.problem(name.extent, "canary.entrance: a wildcard is no name that a client could ask for");
        return None;
    }
    let sees = all_needs(estate, entrance.needs.iter().map(|need| &need.value));
    let writes = match (&written.service, &written.url) {
        (Some(service), None) => {
            if let Some(method) = &written.method {
                filling.problem(method.extent, "canary.method: a database is written to by SQL; leave it out");
            }
            database(estate, service, name, &sees, filling)?
        }
        (None, Some(url)) => {
            http(url, name, filling)?;
            let method = written.method.as_ref().map(|method| method.value).unwrap_or_default();
            Writes::Http { url: url.value.clone(), method }
        }
        _ => {
            let hint = "`service` names a database of this estate, `url` is asked by HTTP";
            filling.problem_with_hint(name.extent, "canary: either `service` or `url` is expected", hint);
            return None;
        }
    };
    let sees = match &writes {
        Writes::Database(service) => vec![service.clone()],
        Writes::Http { .. } => sees,
    };
    Some(Canary { entrance: name.value.clone(), writes, every, sees })
}

fn every(written: &written::Canary, filling: &mut Filling<'_>) -> Span {
    let Some(every) = &written.every else { return EVERY };
    if every.value < EVERY_MIN || every.value > EVERY_MAX {
        filling.problem(every.extent, format!("canary.every: {EVERY_MIN} to {EVERY_MAX} are expected"));
    }
    every.value
}

fn database(
    estate: &written::Estate,
    service: &At<ServiceName>,
    entrance: &At<EntranceName>,
    sees: &[ServiceName],
    filling: &mut Filling<'_>,
) -> Option<Writes> {
    let Some(found) = estate.services.get(service.as_str()) else {
        let slip = did_you_mean(service.as_str(), estate.services.keys().map(ServiceName::as_str));
        filling.problem(service.extent, format!("canary.service: no service `{}`{slip}", service.value));
        return None;
    };
    if found.postgres.is_none() && found.mysql.is_none() {
        let sentence = format!("canary.service: `{}` is no database", service.value);
        filling.problem_with_hint(service.extent, sentence, "a web service is written to with `url`");
        return None;
    }
    if !sees.contains(&service.value) {
        let sentence = format!("canary.service: users of `{}` do not come in by `{}`", service.value, entrance.value);
        let hint = format!("`needs: [{}]` at the entrance says that they do", service.value);
        filling.problem_with_hint(service.extent, sentence, &hint);
        return None;
    }
    Some(Writes::Database(service.value.clone()))
}

fn http(url: &At<String>, entrance: &At<EntranceName>, filling: &mut Filling<'_>) -> Option<()> {
    super::web::http_url(url, "canary.url", filling);
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    // A URL with a user in it is told already.
    if !authority.contains('@') && !host.eq_ignore_ascii_case(entrance.as_str()) {
        let sentence = format!("canary.url: its host is `{host}`, and the entrance is `{}`", entrance.value);
        filling.problem(url.extent, sentence);
    }
    Some(())
}

/// These services and all that they need, at whatever remove.
fn all_needs<'a>(estate: &'a written::Estate, first: impl Iterator<Item = &'a ServiceName>) -> Vec<ServiceName> {
    let mut seen: Vec<ServiceName> = Vec::new();
    let mut todo: Vec<&ServiceName> = first.collect();
    while let Some(next) = todo.pop() {
        if !seen.contains(next) {
            seen.push(next.clone());
            let needs = estate.services.get(next.as_str()).into_iter().flat_map(|service| &service.needs);
            todo.extend(needs.map(|need| &need.value));
        }
    }
    seen
}
