//! The items that loops go over, and which of them a step concerns.

use crate::base::name::{ServiceName, SiteName};
use crate::estate::Estate;
use crate::estate::model::{EntranceKind, Kind, Login, Service};
use crate::runbook::signature::Noun;

/// One thing of the estate that a loop may come to.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) noun: Noun,
    pub(super) name: String,
    /// Its wave; 0 for what has none.
    pub(super) priority: u32,
    /// postgres, mysql, web, dns.
    pub(super) kind: Option<&'static str>,
    /// Where a host stands, and a site itself.
    pub(super) site: Option<SiteName>,
    pub(super) login: Option<Login>,
    /// Services whose fate its steps belong to: a database itself; others what they need as well.
    pub(super) services: Vec<ServiceName>,
}

/// All items of an estate.
pub(super) struct Items<'a> {
    estate: &'a Estate,
}

impl<'a> Items<'a> {
    pub(super) fn of(estate: &'a Estate) -> Self {
        Self { estate }
    }

    /// Those of a noun: by priority, and within one by the order of the estate.
    pub(super) fn all(&self, noun: Noun) -> Vec<Item> {
        let mut items: Vec<Item> = match noun {
            Noun::Database => self.services(noun, |kind| kind.database_sites().is_some()),
            Noun::Web => self.services(noun, |kind| matches!(kind, Kind::Web(_))),
            Noun::Entrance => self.entrances(),
            Noun::Host => self.hosts(),
            Noun::Site => self.sites(),
        };
        items.sort_by_key(|item| item.priority);
        items
    }

    fn services(&self, noun: Noun, wanted: impl Fn(&Kind) -> bool) -> Vec<Item> {
        let item = |service: &Service| {
            let mut services = vec![service.name.clone()];
            if noun == Noun::Web {
                // A web service lives and falls with the databases that it needs.
                services.extend(self.needed(&service.needs).into_iter().filter(|name| self.is_database(name)));
            }
            Item {
                noun,
                name: service.name.as_str().to_owned(),
                priority: service.priority,
                kind: Some(service.kind.word()),
                site: None,
                login: None,
                services,
            }
        };
        self.estate.services.values().filter(|service| wanted(&service.kind)).map(item).collect()
    }

    /// An entrance moves in the wave of the slowest of its needs.
    fn entrances(&self) -> Vec<Item> {
        let entrance = |entrance: &crate::estate::model::Entrance| {
            let services = self.needed(&entrance.needs);
            let priorities = services.iter().filter_map(|name| self.estate.services.get(name));
            Item {
                noun: Noun::Entrance,
                name: entrance.name.as_str().to_owned(),
                priority: priorities.map(|service| service.priority).max().unwrap_or(1),
                kind: Some(match entrance.kind {
                    EntranceKind::Dns(_) => "dns",
                }),
                site: None,
                login: None,
                services,
            }
        };
        self.estate.entrances.values().map(entrance).collect()
    }

    fn hosts(&self) -> Vec<Item> {
        let host = |host: &crate::estate::model::Host| Item {
            noun: Noun::Host,
            name: host.name.as_str().to_owned(),
            priority: 0,
            kind: None,
            site: Some(host.site.clone()),
            login: Some(host.login),
            services: Vec::new(),
        };
        self.estate.hosts.values().map(host).collect()
    }

    fn sites(&self) -> Vec<Item> {
        let site = |site: &crate::estate::model::Site| Item {
            noun: Noun::Site,
            name: site.name.as_str().to_owned(),
            priority: 0,
            kind: None,
            site: Some(site.name.clone()),
            login: None,
            services: Vec::new(),
        };
        self.estate.serving_sites().map(site).collect()
    }

    /// Everything needed, at whatever remove, each once.
    fn needed(&self, needs: &[ServiceName]) -> Vec<ServiceName> {
        let mut all: Vec<ServiceName> = Vec::new();
        let mut todo: Vec<&ServiceName> = needs.iter().rev().collect();
        while let Some(next) = todo.pop() {
            if !all.contains(next) {
                all.push(next.clone());
                todo.extend(self.estate.services.get(next).into_iter().flat_map(|service| service.needs.iter().rev()));
            }
        }
        all
    }

    fn is_database(&self, name: &ServiceName) -> bool {
        self.estate.services.get(name).is_some_and(|service| service.kind.database_sites().is_some())
    }

    /// Whether a service has a member at a site.
    pub(super) fn has_member(&self, service: &ServiceName, site: &SiteName) -> bool {
        self.estate.services.get(service).is_some_and(|service| match &service.kind {
            Kind::Web(web) => web.members.iter().any(|member| &member.site == site),
            database => database.database_sites().is_some_and(|sites| sites.contains(&site)),
        })
    }

    /// Whether an item has a part in a run between these sites, which are those of `to` and `from`.
    /// A database that could not move must not be fenced, and an entrance must not move without it.
    pub(super) fn takes_part(&self, item: &Item, between: &[SiteName]) -> bool {
        let databases = item.services.iter().filter(|name| self.is_database(name));
        match item.noun {
            Noun::Database | Noun::Entrance => {
                databases.into_iter().all(|name| between.iter().all(|site| self.has_member(name, site)))
            }
            Noun::Web | Noun::Host | Noun::Site => true,
        }
    }

    /// Whether an item can be acted on at a site, or led there.
    pub(super) fn is_at(&self, item: &Item, argument: &str, site: &SiteName) -> bool {
        match (item.noun, argument) {
            (Noun::Database | Noun::Web, _) => item.services.first().is_some_and(|name| self.has_member(name, site)),
            // Never to a site where what it needs has no member.
            (Noun::Entrance, "to") => item.services.iter().all(|name| self.has_member(name, site)),
            (Noun::Entrance | Noun::Host | Noun::Site, _) => true,
        }
    }
}
