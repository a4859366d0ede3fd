//! DNS by hand: PowerDNS's API with curl, dynamic updates with nsupdate, looks with dig.

use super::shell::{with_variables, words};
use super::{ByHand, Hand, text};
use crate::base::name::SiteName;
use crate::base::quantity::Span;
use crate::estate::Estate;
use crate::estate::model::{DnsEntrance, Entrance, EntranceKind, PowerDns, ProviderKind, Records, Rfc2136, TsigKey};
use crate::runbook::bound::BoundAction;

const KINDS: [&str; 3] = ["A", "AAAA", "CNAME"];

/// A name, what is to be answered for it, and for how long it may be kept.
struct Wanted<'a> {
    name: &'a str,
    values: Vec<(&'static str, String)>,
    ttl_seconds: u64,
}

impl<'a> Wanted<'a> {
    fn at(name: &'a str, dns: &DnsEntrance, site: Option<&SiteName>, ttl: Span) -> Self {
        let records = site.and_then(|site| dns.records.get(site)).cloned().unwrap_or_default();
        Self { name, values: values(&records), ttl_seconds: ttl.millis() / 1_000 }
    }

    fn list(&self) -> String {
        let list: Vec<String> = self.values.iter().map(|(kind, value)| format!("`{kind} {value}`")).collect();
        list.join(", ")
    }
}

pub(super) fn by_hand(
    action: &BoundAction,
    entrance: &Entrance,
    site: Option<&SiteName>,
    from: Option<&SiteName>,
    estate: &Estate,
) -> Option<ByHand> {
    let EntranceKind::Dns(dns) = &entrance.kind;
    let kind = &estate.providers.get(&dns.provider)?.kind;
    let name = entrance.name.as_str();
    let there = Wanted::at(name, dns, site, dns.ttl);
    // Before anything is moved, a name leads to where it is served.
    let sites = || dns.records.keys();
    let now = from.filter(|from| Some(*from) != site).or_else(|| sites().find(|other| Some(*other) != site));
    let here = Wanted::at(name, dns, now, dns.ttl);
    let set = |wanted: &Wanted<'_>| match kind {
        ProviderKind::PowerDns(found) => powerdns(wanted, found),
        ProviderKind::Rfc2136(found) => rfc2136(wanted, found),
    };
    let asked = |expect: String| asked(name, kind, &expect);
    Some(match action.name.as_str() {
        "entrance.point" => ByHand {
            steps: [set(&there)].into_iter().chain(asked(format!("{}, and nothing else", there.list()))).collect(),
            back: vec![set(&here)],
        },
        "entrance.ttl" => {
            let ttl = text(action, "ttl").and_then(|ttl| ttl.parse().ok()).unwrap_or(dns.ttl);
            let short = Wanted { ttl_seconds: ttl.millis() / 1_000, ..Wanted::at(name, dns, now, dns.ttl) };
            let expect = format!("a time to live of {} s; wait as long as the one before was", short.ttl_seconds);
            ByHand { steps: [set(&short)].into_iter().chain(asked(expect)).collect(), back: vec![set(&here)] }
        }
        "entrance.avoids" => asked(format!("nothing of {}", there.list())).into(),
        "entrance.seen" => asked(format!("{}; wait as long as the time to live before was", there.list())).into(),
        "entrance.ready" => asked("the same answer from every server".to_owned()).into(),
        _ => return None,
    })
}

fn values(records: &Records) -> Vec<(&'static str, String)> {
    let a = records.a.iter().map(|address| ("A", address.to_string()));
    let aaaa = records.aaaa.iter().map(|address| ("AAAA", address.to_string()));
    let cname = records.cname.iter().map(|name| ("CNAME", format!("{name}.")));
    a.chain(aaaa).chain(cname).collect()
}

fn asked(name: &str, kind: &ProviderKind, expect: &str) -> Vec<Hand> {
    let (servers, resolvers) = match kind {
        ProviderKind::PowerDns(found) => (&found.servers, &found.resolvers),
        ProviderKind::Rfc2136(found) => (&found.servers, &found.resolvers),
    };
    let one = |server: &String| {
        let (address, port) = split(server);
        let at = format!("@{address}");
        let command = words(["dig", at.as_str(), "-p", port, "+noall", "+answer", name, "A", name, "AAAA"]);
        Hand::anywhere(command, expect)
    };
    servers.iter().chain(resolvers).map(one).collect()
}

/// An address and a port, of `address`, `address:port` or `[address]:port`.
fn split(server: &str) -> (&str, &str) {
    match server.rsplit_once(':') {
        Some((address, port)) if !address.contains(':') || address.ends_with(']') => {
            (address.trim_matches(['[', ']']), port)
        }
        _ => (server.trim_matches(['[', ']']), "53"),
    }
}

fn powerdns(wanted: &Wanted<'_>, found: &PowerDns) -> Hand {
    let set = |kind: &&str| {
        let own = wanted.values.iter().filter(|(is, _)| is == kind);
        let records: Vec<serde_json::Value> =
            own.map(|(_, value)| serde_json::json!({"content": value, "disabled": false})).collect();
        let changetype = if records.is_empty() { "DELETE" } else { "REPLACE" };
        serde_json::json!({
            "name": format!("{}.", wanted.name), "type": kind, "ttl": wanted.ttl_seconds, "changetype": changetype, "records": records,
        })
    };
    let body = serde_json::json!({"rrsets": KINDS.iter().map(set).collect::<Vec<_>>()}).to_string();
    let url = format!("{}/api/v1/servers/localhost/zones/{}.", found.url, zone(wanted.name, &found.zones));
    let command = words(["curl", "-sS", "-f", "-X", "PATCH", "--data", body.as_str(), url.as_str()]);
    let command = format!("{command} -H {}", with_variables("X-API-Key: $KEY"));
    Hand::anywhere(command, "nothing is printed, and it ends without an error").secret("KEY", &found.key)
}

fn rfc2136(wanted: &Wanted<'_>, found: &Rfc2136) -> Hand {
    let Wanted { name, values, ttl_seconds } = wanted;
    let (address, port) = found.update_at.first().map_or(("", "53"), |server| split(server));
    let mut lines = vec![format!("server {address} {port}"), format!("zone {}.", zone(name, &found.zones))];
    lines.extend(KINDS.iter().map(|kind| format!("update delete {name}. {kind}")));
    lines.extend(values.iter().map(|(kind, value)| format!("update add {name}. {ttl_seconds} {kind} {value}")));
    lines.push("send".to_owned());
    let script = words(lines.iter().map(String::as_str));
    let expect = "nothing is printed, and it ends without an error";
    match &found.key {
        TsigKey::File(path) => {
            let key = words(["-k", &*path.to_string_lossy()]);
            Hand::anywhere(format!("printf '%s\\n' {script} | nsupdate {key}"), expect)
        }
        TsigKey::Parts { name, algorithm, secret } => {
            let key = with_variables(&format!("{algorithm}:{name}:$KEY"));
            Hand::anywhere(format!("printf '%s\\n' {script} | nsupdate -y {key}"), expect).secret("KEY", secret)
        }
    }
}

/// The longest zone that the name lies in.
fn zone<'a>(name: &'a str, zones: &'a [String]) -> &'a str {
    let inside = zones.iter().filter(|zone| name == zone.as_str() || name.ends_with(&format!(".{zone}")));
    inside.max_by_key(|zone| zone.len()).map_or(name, String::as_str)
}
