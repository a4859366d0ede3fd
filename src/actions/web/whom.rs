//! Which addresses are asked.

use std::net::{IpAddr, SocketAddr};

use futures::future::join_all;
use reqwest::Url;

use crate::actions::dns::{Answer, Asked, Records, Server, address_of, ask, same, shown};
use crate::base::name::SiteName;
use crate::engine::action::ActionError;
use crate::estate::model::{DnsEntrance, EntranceKind, Estate, ProviderKind, Web};

/// How a web service is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// Each member at its own address.
    #[default]
    Members,
    /// The public name, as its own name servers give it.
    Entrances,
}

/// Where one of the requests' addresses comes from, and the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub label: String,
    pub address: SocketAddr,
}

/// Whom to ask.
#[derive(Debug)]
pub enum Whom {
    /// (host, `address` or `address:port`), and the URL's port.
    Members { members: Vec<(String, String)>, port: u16 },
    /// A name of the estate: its own servers say where it leads, which must be the site.
    Entrance { host: String, port: u16, servers: Vec<Server>, records: Records, site: SiteName },
    /// A name that is no entrance of the estate: as this machine resolves it.
    Elsewhere { host: String, port: u16 },
}

/// What came of finding addresses.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Places(Vec<Place>),
    /// The name does not lead to the site; the sentence says where it leads.
    NotYet(String),
}

impl Whom {
    /// Reads it from the estate. The error is a sentence about the service.
    pub fn new(estate: &Estate, web: &Web, at: &SiteName, through: Through) -> Result<Self, String> {
        let url = Url::parse(&web.url).map_err(|error| format!("url `{}`: {error}", web.url))?;
        let host = url.host_str().ok_or_else(|| format!("url `{}` names no host", web.url))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| format!("url `{}` has no port", web.url))?;
        match through {
            Through::Members => {
                let here = web.members.iter().filter(|member| &member.site == at);
                let address = |member: &crate::estate::model::WebMember| {
                    let own = estate.hosts.get(&member.host).map(|host| host.address.clone());
                    let address = member.address.clone().or(own).unwrap_or_default();
                    (member.host.to_string(), address)
                };
                let members: Vec<_> = here.map(address).collect();
                if members.is_empty() {
                    return Err(format!("it has no member at {at}"));
                }
                Ok(Self::Members { members, port })
            }
            Through::Entrances => Ok(match entrance(estate, &host) {
                Some(dns) => {
                    let records = dns.records.get(at).cloned();
                    let records = records
                        .ok_or_else(|| format!("the estate does not say where `{host}` leads when {at} serves"))?;
                    Self::Entrance { servers: servers(estate, dns), records, site: at.clone(), host, port }
                }
                None => Self::Elsewhere { host, port },
            }),
        }
    }

    /// The word of the runbook.
    pub fn through(&self) -> &'static str {
        match self {
            Self::Members { .. } => "members",
            Self::Entrance { .. } | Self::Elsewhere { .. } => "entrances",
        }
    }

    /// Finds the addresses now.
    pub async fn find(&self) -> Result<Found, ActionError> {
        match self {
            Self::Members { members, port } => {
                let each = members.iter().map(|(label, address)| place(label, address, *port));
                join_all(each).await.into_iter().collect::<Result<_, _>>().map(Found::Places)
            }
            Self::Elsewhere { host, port } => {
                Ok(Found::Places(vec![place(&format!("{host}, no entrance of this estate"), host, *port).await?]))
            }
            Self::Entrance { host, port, servers, records, site } => {
                let said = answers(servers, host).await?;
                if let Some(other) = said.iter().find(|answer| !same(&answer.records, records)) {
                    return Ok(Found::NotYet(format!(
                        "`{host}` does not lead to {site}: it says {}",
                        shown(&other.records)
                    )));
                }
                let addresses = addresses(servers, records).await?;
                let place = |address: IpAddr| Place { label: host.clone(), address: SocketAddr::new(address, *port) };
                Ok(Found::Places(addresses.into_iter().map(place).collect()))
            }
        }
    }
}

/// The entrance that a name belongs to: its own, or the wildcard that covers it.
fn entrance<'a>(estate: &'a Estate, host: &str) -> Option<&'a DnsEntrance> {
    let host = host.trim_end_matches('.');
    let wildcard = host.split_once('.').map(|(_, rest)| format!("*.{rest}"));
    let find = |wanted: &str| {
        let found = estate.entrances.values().find(|entrance| entrance.name.as_str().eq_ignore_ascii_case(wanted))?;
        let EntranceKind::Dns(dns) = &found.kind;
        Some(dns)
    };
    find(host).or_else(|| find(&wildcard?))
}

fn servers(estate: &Estate, dns: &DnsEntrance) -> Vec<Server> {
    match estate.providers.get(&dns.provider).map(|provider| &provider.kind) {
        Some(ProviderKind::PowerDns(powerdns)) => Server::list(&powerdns.servers),
        Some(ProviderKind::Rfc2136(rfc2136)) => Server::list(&rfc2136.servers),
        None => Vec::new(),
    }
}

async fn place(label: &str, written: &str, port: u16) -> Result<Place, ActionError> {
    let address = address_of(written, port).await.map_err(|_| {
        ActionError::transient(format!("{label}: `{written}` has no address here; say `address` for the member"))
    })?;
    Ok(Place { label: label.to_owned(), address })
}

/// The answers of those servers that give one; at least one must.
async fn answers(servers: &[Server], name: &str) -> Result<Vec<Answer>, ActionError> {
    let asked = join_all(servers.iter().map(|server| ask(server, name, Asked::Authority { zone: None }))).await;
    let mut why = None;
    let mut said = Vec::new();
    for (server, answer) in servers.iter().zip(asked) {
        match answer {
            Ok(answer) => said.push(answer),
            Err(no) => why = Some(ActionError::new(no.fault(), format!("name server {server}: {no}"))),
        }
    }
    match (said.is_empty(), why) {
        (true, Some(why)) => Err(why),
        (true, None) => {
            Err(ActionError::refused(format!("the estate names no server that could say where `{name}` leads")))
        }
        (false, _) => Ok(said),
    }
}

/// The addresses behind records: their own, or those of the alias' target, which the same servers know when
/// it is in their zone, and else the system does.
async fn addresses(servers: &[Server], records: &Records) -> Result<Vec<IpAddr>, ActionError> {
    let of = |records: &Records| {
        let a = records.a.iter().copied().map(IpAddr::from);
        a.chain(records.aaaa.iter().copied().map(IpAddr::from)).collect::<Vec<_>>()
    };
    let Some(target) = &records.cname else { return Ok(of(records)) };
    let said = answers(servers, target).await.unwrap_or_default();
    let own = said.iter().map(|answer| of(&answer.records)).find(|addresses| !addresses.is_empty());
    match own {
        Some(addresses) => Ok(addresses),
        None => Ok(vec![place(target, target, 0).await?.address.ip()]),
    }
}
