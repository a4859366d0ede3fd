//! Entrances and who answers for them.

use std::net::{IpAddr, SocketAddr};

use indexmap::IndexMap;

use super::{Filling, records};
use crate::base::at::At;
use crate::base::name::{EntranceName, ProviderName, SiteName};
use crate::base::quantity::Span;
use crate::estate::model::{
    DnsEntrance, Entrance, EntranceKind, PowerDns, Provider, ProviderKind, Records, Rfc2136, TsigKey,
};
use crate::estate::written;

/// The longest TTL: beyond a day nobody can wait for it to run out.
const TTL_MAX: Span = Span::from_secs(24 * 3600);

pub(in crate::estate) fn entrances(
    written: &written::Estate,
    filling: &mut Filling<'_>,
) -> IndexMap<EntranceName, Entrance> {
    let mut entrances = IndexMap::new();
    for (name, entrance) in written.entrances.iter() {
        let Some(dns) = &entrance.dns else {
            filling.problem(name.extent, format!("entrances.{}: a kind is expected: dns", name.value));
            continue;
        };
        let Some(dns) = self::dns(name, dns, written, filling) else { continue };
        let needs = entrance.needs.iter().map(|need| need.value.clone()).collect();
        let filled = Entrance { name: name.value.clone(), needs, kind: EntranceKind::Dns(dns) };
        entrances.insert(name.value.clone(), filled);
    }
    entrances
}

fn dns(
    name: &At<EntranceName>,
    dns: &written::Dns,
    estate: &written::Estate,
    filling: &mut Filling<'_>,
) -> Option<DnsEntrance> {
    let about = format!("entrances.{}.dns", name.value);
    let defaults = &estate.defaults.dns;
    let provider = dns.provider.as_ref().or(defaults.provider.as_ref());
    let ttl = dns.ttl.as_ref().or(defaults.ttl.as_ref());
    for (key, missing) in [("provider", provider.is_none()), ("ttl", ttl.is_none())] {
        if missing {
            filling.problem(name.extent, format!("{about}: `{key}` is missing, and `defaults.dns` does not say it"));
        }
    }
    if let Some(ttl) = ttl {
        let whole_seconds = ttl.millis().is_multiple_of(1000) && ttl.millis() > 0;
        if !whole_seconds || ttl.value > TTL_MAX {
            filling.problem(ttl.extent, format!("{about}.ttl: whole seconds are expected, from 1s to {TTL_MAX}"));
        }
    }
    let records = per_site(name, dns, estate, filling);
    Some(DnsEntrance { provider: provider?.value.clone(), ttl: ttl?.value, records })
}

/// What the name points to when each site serves: its own records, or the site's entry.
fn per_site(
    name: &At<EntranceName>,
    dns: &written::Dns,
    estate: &written::Estate,
    filling: &mut Filling<'_>,
) -> IndexMap<SiteName, Records> {
    let mut all = IndexMap::new();
    for (site, place) in estate.sites.iter().filter(|(_, site)| !site.witness) {
        let own = dns.records.get(site.as_str());
        let about = format!("entrances.{}.dns.records.{}", name.value, site.value);
        let one = records(&name.with(about), own.unwrap_or(&place.entry), filling);
        if one == Records::default() {
            let sentence = match own {
                Some(_) => format!("entrances.{}.dns.records.{}: no record", name.value, site.value),
                None => format!(
                    "entrances.{}: leads nowhere when {} serves: the site has no `entry`, and the entrance no `records` for it",
                    name.value, site.value
                ),
            };
            filling.problem(name.extent, sentence);
        }
        all.insert(site.value.clone(), one);
    }
    all
}

pub(in crate::estate) fn providers(
    written: &written::Estate,
    filling: &mut Filling<'_>,
) -> IndexMap<ProviderName, Provider> {
    let mut providers = IndexMap::new();
    for (name, provider) in written.providers.iter() {
        let about = format!("providers.{}", name.value);
        let kind = match (&provider.powerdns, &provider.rfc2136) {
            (Some(powerdns), None) => ProviderKind::PowerDns(self::powerdns(&about, powerdns, filling)),
            (None, Some(rfc2136)) => {
                let Some(filled) = self::rfc2136(&about, rfc2136, filling) else { continue };
                ProviderKind::Rfc2136(filled)
            }
            _ => {
                filling.problem(name.extent, format!("{about}: exactly one kind is expected: powerdns or rfc2136"));
                continue;
            }
        };
        providers.insert(name.value.clone(), Provider { name: name.value.clone(), kind });
    }
    providers
}

fn powerdns(about: &str, written: &written::PowerDns, filling: &mut Filling<'_>) -> PowerDns {
    let about = format!("{about}.powerdns");
    super::web::http_url(&written.url, &format!("{about}.url"), filling);
    PowerDns {
        url: written.url.trim_end_matches('/').to_owned(),
        zones: zones(&about, &written.zones, filling),
        key: filling.secret(&written.key, &format!("{about}.key")),
        servers: servers(&format!("{about}.servers"), &written.servers, filling),
        resolvers: servers_of(&format!("{about}.resolvers"), &written.resolvers, filling),
    }
}

fn rfc2136(about: &str, written: &written::Rfc2136, filling: &mut Filling<'_>) -> Option<Rfc2136> {
    let about = format!("{about}.rfc2136");
    Some(Rfc2136 {
        zones: zones(&about, &written.zones, filling),
        update_at: servers(&format!("{about}.update_at"), &written.update_at, filling),
        servers: servers(&format!("{about}.servers"), &written.servers, filling),
        resolvers: servers_of(&format!("{about}.resolvers"), &written.resolvers, filling),
        key: tsig_key(&format!("{about}.key"), &written.key, filling)?,
    })
}

fn tsig_key(about: &str, key: &At<written::TsigKey>, filling: &mut Filling<'_>) -> Option<TsigKey> {
    match (&key.tsig_file, &key.name, &key.secret, &key.algorithm) {
        (Some(file), None, None, None) => {
            let path = filling.local(&file.with(file.value.as_str()), about);
            // It holds a secret, so it is judged as a file of one.
            if let Err(bad) = crate::base::secret::SecretRef::File(path.clone()).look() {
                filling.problem(file.extent, format!("{about}: {bad}"));
            }
            Some(TsigKey::File(path))
        }
        (None, Some(name), Some(secret), algorithm) => Some(TsigKey::Parts {
            name: filling.word(name, &format!("{about}.name")),
            algorithm: algorithm.as_ref().map_or("hmac-sha256", |algorithm| algorithm.as_str()).to_owned(),
            secret: filling.secret(secret, &format!("{about}.secret")),
        }),
        _ => {
            let sentence = format!("{about}: {{tsig_file: FILE}} or {{name: …, secret: …}} is expected");
            filling.problem(key.extent, sentence);
            None
        }
    }
}

fn zones(about: &str, zones: &At<Vec<At<String>>>, filling: &mut Filling<'_>) -> Vec<String> {
    if zones.is_empty() {
        filling.problem(zones.extent, format!("{about}.zones: at least one zone is expected"));
    }
    for zone in &zones.value {
        if EntranceName::new(zone.as_str()).is_err() || zone.ends_with('.') || zone.starts_with('*') {
            filling.problem(zone.extent, format!("{about}.zones: a zone's name without the final dot is expected"));
        }
    }
    zones.iter().map(|zone| zone.value.clone()).collect()
}

fn servers(about: &str, servers: &At<Vec<At<String>>>, filling: &mut Filling<'_>) -> Vec<String> {
    if servers.is_empty() {
        filling.problem(servers.extent, format!("{about}: at least one server is expected"));
    }
    servers_of(about, &servers.value, filling)
}

fn servers_of(about: &str, servers: &[At<String>], filling: &mut Filling<'_>) -> Vec<String> {
    for server in servers.iter().filter(|server| !is_server(server)) {
        let sentence = format!("{about}: ADDRESS or ADDRESS:PORT is expected (IPv6 with a port as \"[ADDRESS]:PORT\")");
        filling.problem(server.extent, sentence);
    }
    servers.iter().map(|server| server.value.clone()).collect()
}

/// Addresses only: who asks name servers in order to move a name must not depend on one.
pub(super) fn is_server(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok_and(|address| address.port() != 0)
}
