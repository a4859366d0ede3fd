//! An entrance with everything known of it: where it may lead, who answers for it, who can change it.

use std::sync::Arc;

use indexmap::IndexMap;

use super::look::Seen;
use super::port::{Change, Provider};
use super::powerdns::PowerDnsApi;
use super::rfc2136::SignedUpdates;
use crate::actions::dns::{Asked, Records, Server, same};
use crate::base::name::{EntranceName, SiteName};
use crate::base::quantity::Span;
use crate::engine::action::ActionError;
use crate::estate::model::{EntranceKind, Estate, ProviderKind};

/// A DNS name, its provider, and where it may lead.
#[derive(Debug, Clone)]
pub struct Target {
    pub name: EntranceName,
    pub zone: String,
    pub provider: Arc<dyn Provider>,
    /// Every authoritative server.
    pub servers: Vec<Server>,
    /// Recursive resolvers that users ask.
    pub resolvers: Vec<Server>,
    /// The TTL when the estate is at rest, in seconds.
    pub ttl_s: u32,
    /// What it points to when a site serves.
    pub records: IndexMap<SiteName, Records>,
}

/// A TTL in whole seconds, as DNS has it.
pub fn seconds(span: Span) -> u32 {
    u32::try_from(span.duration().as_secs()).unwrap_or(u32::MAX)
}

impl Target {
    /// Looks an entrance up in the estate.
    pub fn new(estate: &Estate, name: &EntranceName) -> Result<Self, String> {
        let entrance = estate.entrances.get(name).ok_or_else(|| format!("there is no entrance `{name}`"))?;
        let EntranceKind::Dns(dns) = &entrance.kind;
        let provider = estate
            .providers
            .get(&dns.provider)
            .ok_or_else(|| format!("entrances.{name}: there is no provider `{}`", dns.provider))?;
        let (zones, servers, resolvers) = match &provider.kind {
            ProviderKind::PowerDns(powerdns) => (&powerdns.zones, &powerdns.servers, &powerdns.resolvers),
            ProviderKind::Rfc2136(rfc2136) => (&rfc2136.zones, &rfc2136.servers, &rfc2136.resolvers),
        };
        let zone = zone_of(name.as_str(), zones).ok_or_else(|| {
            format!("entrances.{name}: is in no zone of provider `{}` ({})", dns.provider, zones.join(", "))
        })?;
        Ok(Self {
            name: name.clone(),
            zone: zone.trim_end_matches('.').to_owned(),
            servers: Server::list(servers),
            resolvers: Server::list(resolvers),
            ttl_s: seconds(dns.ttl),
            records: dns.records.clone(),
            provider: match &provider.kind {
                ProviderKind::PowerDns(powerdns) => Arc::new(PowerDnsApi::new(powerdns)?),
                ProviderKind::Rfc2136(rfc2136) => Arc::new(SignedUpdates::new(rfc2136)),
            },
        })
    }

    /// What it points to when this site serves.
    pub fn records_at(&self, site: &SiteName) -> Result<&Records, ActionError> {
        let known = self.records.get(site).filter(|records| !same(records, &Records::default()));
        known.ok_or_else(|| {
            ActionError::refused(format!("the estate does not say where `{}` leads when {site} serves", self.name))
        })
    }

    /// The site whose records these are.
    pub fn site_of(&self, records: &Records) -> Option<&SiteName> {
        self.records.iter().find(|(_, own)| same(own, records)).map(|(site, _)| site)
    }

    /// Asks every authoritative server, all at once.
    pub async fn look(&self) -> Seen {
        Seen::ask(&self.servers, self.name.as_str(), Asked::Authority { zone: Some(&self.zone) }).await
    }

    /// Asks the resolvers that users ask, all at once.
    pub async fn look_at_resolvers(&self) -> Seen {
        Seen::ask(&self.resolvers, self.name.as_str(), Asked::Resolver).await
    }

    /// The change from what is seen to these records.
    pub fn change(&self, seen: &Seen, records: &Records, ttl_s: u32) -> Change {
        let (zone, name) = (self.zone.clone(), self.name.as_str().to_owned());
        Change { zone, name, expected: seen.distinct(), records: records.clone(), ttl_s }
    }
}

/// The longest of the zones that a name lies in.
fn zone_of<'a>(name: &str, zones: &'a [String]) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let holds = |zone: &&str| {
        let rest = name.strip_suffix(zone.trim_end_matches('.').to_ascii_lowercase().as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    zones.iter().map(String::as_str).filter(holds).max_by_key(|zone| zone.trim_end_matches('.').len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_zone_holds_a_name() {
        let zones = ["shop.test".to_owned(), "eu.Shop.test.".to_owned()];
        for (name, zone) in [
            ("www.eu.shop.test", Some("eu.Shop.test.")),
            ("SHOP.test", Some("shop.test")),
            ("*.shop.test", Some("shop.test")),
            ("webshop.test", None),
            ("shop.test.example", None),
        ] {
            assert_eq!(zone_of(name, &zones), zone, "{name}");
        }
    }
}
