//! HTTP services.

use super::Filling;
use crate::base::at::At;
use crate::base::name::ServiceName;
use crate::estate::model::{Web, WebExpect, WebMember};
use crate::estate::written;

pub(super) fn web(
    name: &At<ServiceName>,
    web: &written::Web,
    estate: &written::Estate,
    filling: &mut Filling<'_>,
) -> Option<Web> {
    let about = format!("services.{}.web", name.value);
    http_url(&web.url, &format!("{about}.url"), filling);
    if let Some(status) = &web.expect.status
        && !(100..=599).contains(&status.value)
    {
        filling.problem(status.extent, format!("{about}.expect.status: {} is not an HTTP status", status.value));
    }
    let expect = WebExpect {
        status: web.expect.status.as_ref().map_or(200, |status| status.value),
        body: web.expect.body.clone(),
        p95_max: web.expect.p95_max,
    };
    let mut members = Vec::new();
    for (host, member) in web.members.iter() {
        if let Some(address) = &member.address
            && !super::entrance::is_server(address)
        {
            let sentence = format!("{about}.members.{}.address: ADDRESS or ADDRESS:PORT is expected", host.value);
            filling.problem(address.extent, sentence);
        }
        // A host that does not exist is told by the check of references.
        let site = estate.hosts.get(host.as_str())?.site.value.clone();
        let address = member.address.as_ref().map(|address| address.value.clone());
        members.push(WebMember { host: host.value.clone(), site, address });
    }
    Some(Web { url: web.url.value.clone(), expect, members })
}

/// Checks as much of a URL as makes a slip visible; the client that asks it parses it whole.
pub(super) fn http_url(url: &At<String>, about: &str, filling: &mut Filling<'_>) {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('@') {
        filling.problem(url.extent, format!("{about}: a user or password has no place in a URL"));
    } else if host.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        filling.problem(url.extent, format!("{about}: a URL that begins with http:// or https:// is expected"));
    }
}
