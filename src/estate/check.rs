//! What no type can say: references that lead nowhere, orders that contradict one another, one
//! server taken for two. Everything is told at once, at the place where it would be mended.

use std::collections::BTreeMap;

use super::fill::Filling;
use super::written::{Entrance, Estate, Login, Service};
use crate::base::at::At;
use crate::base::closest::did_you_mean;
use crate::base::name::{EntranceName, HostName, ProviderName, ServiceName, SiteName};
use crate::base::place::Extent;

/// Checks everything that spans more than one value.
pub(super) fn all(estate: &Estate, filling: &mut Filling<'_>) {
    sites(estate, filling);
    hosts(estate, filling);
    for (name, service) in estate.services.iter() {
        members(estate, name, service, filling);
        priority(estate, name, service, filling);
    }
    cycles(estate, filling);
    instances(estate, filling);
    for (name, entrance) in estate.entrances.iter() {
        entrance_needs(estate, name, entrance, filling);
        entrance_zone(estate, name, entrance, filling);
        entrance_sites(estate, name, entrance, filling);
    }
}

fn sites(estate: &Estate, filling: &mut Filling<'_>) {
    let preferred = || estate.sites.iter().filter(|(_, site)| site.preferred.value);
    for (_, second) in preferred().skip(1) {
        filling.problem(second.preferred.extent, "sites: more than one site is `preferred`");
    }
    for (name, site) in preferred().filter(|(_, site)| site.witness) {
        filling.problem(site.preferred.extent, format!("sites.{}: a witness cannot be preferred", name.value));
    }
    let serving = estate.sites.iter().filter(|(_, site)| !site.witness).count();
    if serving < 2 {
        let sentence = format!("sites: two sites that can serve are needed, and there is {serving}");
        filling.problem(estate.sites.extent, sentence);
    }
}

fn hosts(estate: &Estate, filling: &mut Filling<'_>) {
    for (name, host) in estate.hosts.iter() {
        if estate.sites.get(host.site.as_str()).is_none() {
            let slip = did_you_mean(host.site.as_str(), estate.sites.keys().map(SiteName::as_str));
            let sentence = format!("hosts.{}.site: no site `{}`{slip}", name.value, host.site.value);
            filling.problem(host.site.extent, sentence);
        }
    }
}

/// Members stand on hosts that exist, at sites that can serve; a database at more than one of them.
fn members(estate: &Estate, name: &At<ServiceName>, service: &Service, filling: &mut Filling<'_>) {
    let (kind, members): (_, Vec<&At<HostName>>) = match (&service.postgres, &service.mysql, &service.web) {
        (Some(postgres), ..) => ("postgres", postgres.members.iter().map(|(host, _)| host).collect()),
        (None, Some(mysql), _) => ("mysql", mysql.members.iter().map(|(host, _)| host).collect()),
        (None, None, Some(web)) => ("web", web.members.iter().map(|(host, _)| host).collect()),
        (None, None, None) => return,
    };
    let is_database = kind != "web";
    let about = format!("services.{}.{kind}.members", name.value);
    if members.is_empty() {
        filling.problem(name.extent, format!("{about}: at least one member is expected"));
    }
    let mut sites = Vec::new();
    for member in &members {
        let Some(host) = estate.hosts.get(member.as_str()) else {
            let slip = did_you_mean(member.as_str(), estate.hosts.keys().map(HostName::as_str));
            filling.problem(member.extent, format!("{about}: no host `{}`{slip}", member.value));
            continue;
        };
        if is_database && host.login == Login::None {
            let sentence = format!("{about}: `{}` has `login: none`, and a database is reached over SSH", member.value);
            filling.problem(member.extent, sentence);
        }
        let site = &host.site.value;
        if estate.sites.get(site.as_str()).is_some_and(|site| site.witness) {
            let sentence = format!("{about}: `{}` is at {site}, which is a witness and cannot serve", member.value);
            filling.problem(member.extent, sentence);
        }
        sites.push(site);
    }
    // Only where every member's site is known: a misspelt host must not be told as a second mistake.
    if is_database && sites.len() == members.len() {
        sites.dedup();
        if let [only] = sites.as_slice() {
            let sentence = format!("services.{}: all members are at {only}; it cannot fail over", name.value);
            filling.problem(name.extent, sentence);
        }
    }
}

/// What moves in waves must not move before what it needs.
fn priority(estate: &Estate, name: &At<ServiceName>, service: &Service, filling: &mut Filling<'_>) {
    let own = service.priority.value;
    if own == 0 {
        filling.problem(service.priority.extent, format!("services.{}.priority: 1 is the first", name.value));
    }
    for need in &service.needs {
        let Some(needed) = estate.services.get(need.as_str()) else {
            let slip = did_you_mean(need.as_str(), estate.services.keys().map(ServiceName::as_str));
            filling.problem(need.extent, format!("services.{}.needs: no service `{}`{slip}", name.value, need.value));
            continue;
        };
        let theirs = needed.priority.value;
        if own < theirs {
            let sentence = format!(
                "services.{}: priority {own} needs `{}` of priority {theirs}: it would move before what it needs",
                name.value, need.value
            );
            filling.problem(need.extent, sentence);
        }
    }
}

/// A service that needs itself, at whatever remove, could never move.
fn cycles(estate: &Estate, filling: &mut Filling<'_>) {
    for (name, service) in estate.services.iter() {
        for need in &service.needs {
            let mut seen: Vec<&ServiceName> = Vec::new();
            let mut todo = vec![&need.value];
            while let Some(next) = todo.pop() {
                if next == &name.value {
                    let sentence = if need.value == name.value {
                        format!("services.{}.needs: it needs itself", name.value)
                    } else {
                        format!("services.{}.needs: it needs itself by way of `{}`", name.value, need.value)
                    };
                    filling.problem(need.extent, sentence);
                    break;
                }
                if !seen.contains(&next) {
                    seen.push(next);
                    let further = estate.services.get(next.as_str()).map(|service| service.needs.iter());
                    todo.extend(further.into_iter().flatten().map(|need| &need.value));
                }
            }
        }
    }
}

/// Host and port are one server, and so is a data directory on a host.
fn instances(estate: &Estate, filling: &mut Filling<'_>) {
    let mut servers: BTreeMap<(&HostName, u16), &ServiceName> = BTreeMap::new();
    let mut told: Vec<&ServiceName> = Vec::new();
    for (name, service) in estate.services.iter() {
        for (host, port) in servers_of(service) {
            let first = *servers.entry((host, port)).or_insert(&name.value);
            if first != &name.value && !told.contains(&&name.value) {
                told.push(&name.value);
                let sentence = format!(
                    "services.{}: is the same instance as `{first}` ({host}:{port}); list its database there",
                    name.value
                );
                filling.problem(name.extent, sentence);
            }
        }
    }
}

/// Host and port of each of a database's servers.
fn servers_of(service: &Service) -> Vec<(&HostName, u16)> {
    let postgres = service.postgres.iter().flat_map(|postgres| {
        let port = |own: &Option<At<u16>>| own.as_ref().or(postgres.port.as_ref()).map_or(5432, |port| port.value);
        postgres.members.iter().map(move |(host, member)| (&host.value, port(&member.port)))
    });
    let mysql = service.mysql.iter().flat_map(|mysql| {
        let port = |own: &Option<At<u16>>| own.as_ref().or(mysql.port.as_ref()).map_or(3306, |port| port.value);
        mysql.members.iter().map(move |(host, member)| (&host.value, port(&member.port)))
    });
    postgres.chain(mysql).collect()
}

fn entrance_needs(estate: &Estate, name: &At<EntranceName>, entrance: &Entrance, filling: &mut Filling<'_>) {
    for need in entrance.needs.iter().filter(|need| estate.services.get(need.as_str()).is_none()) {
        let slip = did_you_mean(need.as_str(), estate.services.keys().map(ServiceName::as_str));
        filling.problem(need.extent, format!("entrances.{}.needs: no service `{}`{slip}", name.value, need.value));
    }
}

fn entrance_zone(estate: &Estate, name: &At<EntranceName>, entrance: &Entrance, filling: &mut Filling<'_>) {
    let Some(dns) = &entrance.dns else { return };
    let Some(wanted) = dns.provider.as_ref().or(estate.defaults.dns.provider.as_ref()) else { return };
    let Some(provider) = estate.providers.get(wanted.as_str()) else {
        let slip = did_you_mean(wanted.as_str(), estate.providers.keys().map(ProviderName::as_str));
        let sentence = format!("entrances.{}: no provider `{}`{slip}", name.value, wanted.value);
        // A default that leads nowhere is one mistake, however many entrances have it.
        let sentence = if dns.provider.is_some() {
            sentence
        } else {
            format!("defaults.dns.provider: no provider `{}`{slip}", wanted.value)
        };
        filling.problem(wanted.extent, sentence);
        return;
    };
    let powerdns = provider.powerdns.as_ref().map(|powerdns| &powerdns.zones);
    let Some(zones) = powerdns.or(provider.rfc2136.as_ref().map(|rfc2136| &rfc2136.zones)) else { return };
    let name_lower = name.as_str().to_ascii_lowercase();
    let inside = |zone: &str| {
        let zone = zone.to_ascii_lowercase();
        name_lower == zone || name_lower.strip_suffix(&zone).is_some_and(|rest| rest.ends_with('.'))
    };
    if !zones.iter().any(|zone| inside(zone)) {
        let zones: Vec<&str> = zones.iter().map(|zone| zone.as_str()).collect();
        let sentence =
            format!("entrances.{}: is in no zone of provider `{}` ({})", name.value, wanted.value, zones.join(", "));
        filling.problem(name.extent, sentence);
    }
}

/// Records are of sites that can serve.
fn entrance_sites(estate: &Estate, name: &At<EntranceName>, entrance: &Entrance, filling: &mut Filling<'_>) {
    let records = entrance.dns.iter().flat_map(|dns| dns.records.iter());
    for (site, _) in records {
        let mut wrong = |extent: Extent, what: String| {
            filling.problem(extent, format!("entrances.{}.dns.records: {what}", name.value));
        };
        match estate.sites.get(site.as_str()) {
            None => {
                let slip = did_you_mean(site.as_str(), estate.sites.keys().map(SiteName::as_str));
                wrong(site.extent, format!("no site `{}`{slip}", site.value));
            }
            Some(found) if found.witness => {
                wrong(site.extent, format!("`{}` is a witness, it cannot serve", site.value));
            }
            Some(_) => {}
        }
    }
}
