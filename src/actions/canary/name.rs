//! Where an entrance leads, as its own name servers say it now.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::port::Place;
use crate::actions::dns::{Answer, Asked, Records, Server, among, ask};
use crate::base::name::{EntranceName, SiteName};
use crate::estate::Estate;
use crate::estate::model::{EntranceKind, ProviderKind};

/// How long one server may take; then the next one is asked.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// An entrance, and whom to ask where it leads.
#[derive(Debug)]
pub struct Name {
    asked: String,
    servers: Vec<Server>,
    records: Vec<(SiteName, Records)>,
    /// Which server is asked next: a client meets them all in turn.
    next: AtomicUsize,
}

impl Name {
    /// Reads it from the estate; `None` where that has no such entrance.
    pub fn new(estate: &Estate, entrance: &EntranceName) -> Option<Self> {
        let EntranceKind::Dns(dns) = &estate.entrances.get(entrance)?.kind;
        let servers = match &estate.providers.get(&dns.provider)?.kind {
            ProviderKind::PowerDns(powerdns) => &powerdns.servers,
            ProviderKind::Rfc2136(rfc2136) => &rfc2136.servers,
        };
        Some(Self {
            asked: entrance.as_str().to_owned(),
            servers: Server::list(servers),
            records: dns.records.iter().map(|(site, records)| (site.clone(), records.clone())).collect(),
            next: AtomicUsize::new(0),
        })
    }

    /// Where it leads now: never empty. The error says why nobody knows.
    pub async fn leads(&self) -> Result<Vec<Place>, String> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut why = "the estate names no name server".to_owned();
        for turn in 0..self.servers.len() {
            let Some(server) = self.servers.get((first + turn) % self.servers.len()) else { break };
            let asked = ask(server, &self.asked, Asked::Authority { zone: None });
            match tokio::time::timeout(ANSWER_MAX, asked).await {
                Ok(Ok(answer)) => return self.places(server, &answer).await,
                Ok(Err(no)) => why = format!("name server {server}: {no}"),
                Err(_) => why = format!("name server {server} did not answer within {} ms", ANSWER_MAX.as_millis()),
            }
        }
        Err(why)
    }

    async fn places(&self, server: &Server, answer: &Answer) -> Result<Vec<Place>, String> {
        let site = self.site(&answer.records);
        let mut addresses = addresses(&answer.records);
        if let Some(target) = answer.records.cname.as_deref().filter(|_| addresses.is_empty()) {
            addresses = behind(server, target).await;
        }
        if addresses.is_empty() {
            return Err(format!("`{}` has no address", self.asked));
        }
        Ok(addresses.into_iter().map(|address| Place { address, site: site.clone() }).collect())
    }

    /// The one site that the records lead to.
    fn site(&self, answer: &Records) -> Option<SiteName> {
        let mut sites = self.records.iter().filter(|(_, records)| among(records, answer) != Records::default());
        match (sites.next(), sites.next()) {
            (Some((site, _)), None) => Some(site.clone()),
            _ => None,
        }
    }
}

fn addresses(records: &Records) -> Vec<IpAddr> {
    let a = records.a.iter().copied().map(IpAddr::from);
    a.chain(records.aaaa.iter().copied().map(IpAddr::from)).collect()
}

/// The addresses behind an alias: the same server knows them when they are in its zones, and else the system does.
async fn behind(server: &Server, target: &str) -> Vec<IpAddr> {
    let asked = ask(server, target, Asked::Authority { zone: None });
    if let Ok(Ok(answer)) = tokio::time::timeout(ANSWER_MAX, asked).await {
        let own = addresses(&answer.records);
        if !own.is_empty() {
            return own;
        }
    }
    let looked_up = tokio::net::lookup_host((target.trim_end_matches('.'), 0));
    match tokio::time::timeout(ANSWER_MAX, looked_up).await {
        Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}
