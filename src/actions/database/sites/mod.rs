//! Several members at one site ("siblings"), whatever kind of database they are of.
//!
//! The engine and the actions talk of sites, an adapter of servers. Here a site becomes one member: the one that leads
//! there, with its siblings behind it. What that means is the same for every kind:
//!
//! * who *leads* at a site is found by looking: the one that takes writes; where none does, the first of the estate's order;
//! * a site is *fenced* when every member at it is; a promotion looks at those beside the target too;
//! * all has *arrived* when nobody at the old site has what the target lacks, nor anybody beside the target;
//! * who *follows* are all members of the two sites but the leader; what would be discarded at one of them is kept and
//!   accounted for at that one.
//!
//! Where every site has one member nothing is added, and nothing is asked twice.

mod hands;
mod merge;

use std::sync::Arc;

use futures::future::{BoxFuture, join_all};

use super::port::{
    Account, Answer, Arrival, By, Eyes, Fence, Finding, Keepsake, Kin, Need, Part, Receipt, Role, Row, Scene, Settled,
    Settling, Severity, Standing, Table, Upkeep, Way,
};
use crate::actions::context::RunContext;
use crate::actions::database::lock::MemberLock;
use crate::base::name::{HostName, ServiceName, SiteName};
use crate::engine::action::{ActionError, Evidence, Touch};
use crate::runbook::bound::Mode;
pub use merge::by_site;
use merge::{Of, Seen};

/// A service's sites, made of an adapter's members.
#[derive(Debug)]
pub struct Sites {
    service: ServiceName,
    kin: Arc<dyn Kin>,
    all: Vec<Site>,
    context: RunContext,
}

/// A site and its members, in the estate's order; never none.
#[derive(Debug)]
struct Site {
    name: SiteName,
    hosts: Vec<HostName>,
}

impl Sites {
    /// Groups members by site; each in the estate's order.
    pub fn new(
        service: ServiceName,
        kin: Arc<dyn Kin>,
        members: impl IntoIterator<Item = (SiteName, HostName)>,
        context: RunContext,
    ) -> Self {
        let mut sites: Vec<Site> = Vec::new();
        for (name, host) in members {
            match sites.iter_mut().find(|site| site.name == name) {
                Some(site) => site.hosts.push(host),
                None => sites.push(Site { name, hosts: vec![host] }),
            }
        }
        Self { service, kin, all: sites, context }
    }

    /// Every member by its site and host, in the estate's order of sites.
    pub fn members(&self) -> impl Iterator<Item = (&SiteName, &HostName)> {
        self.all.iter().flat_map(|site| site.hosts.iter().map(move |host| (&site.name, host)))
    }

    /// The members one by one.
    pub fn by_member(&self) -> &dyn Kin {
        self.kin.as_ref()
    }

    /// Where a member stands, as people are told: its host is named where it is not the only one at its site.
    pub fn place(&self, site: &SiteName, host: &HostName) -> String {
        if self.siblings(site).is_empty() { site.to_string() } else { format!("{site} ({host})") }
    }

    fn hosts(&self, site: &SiteName) -> Result<&[HostName], ActionError> {
        let found = self.all.iter().find(|found| &found.name == site);
        let found = found.ok_or_else(|| ActionError::refused(format!("`{}` has no member at {site}", self.service)))?;
        Ok(&found.hosts)
    }

    /// Whether every site is one member.
    fn is_plain(&self) -> bool {
        self.all.iter().all(|site| site.hosts.len() == 1)
    }

    async fn stand(&self, site: &SiteName) -> Result<Vec<Seen<'_>>, ActionError> {
        let looks = self.hosts(site)?.iter().map(|host| async move { (host, self.kin.standing(host).await) });
        Ok(join_all(looks).await)
    }

    /// Who leads at a site now, or would.
    async fn leading(&self, site: &SiteName) -> Result<&HostName, ActionError> {
        match self.hosts(site)? {
            [only] => Ok(only),
            _ => {
                let seen = self.stand(site).await?;
                let at = merge::leads(&self.service, &seen)?;
                Ok(seen[at].0)
            }
        }
    }

    /// Who leads at a site, or led there before it was fenced.
    async fn led(&self, site: &SiteName) -> Result<&HostName, ActionError> {
        match self.hosts(site)? {
            [only] => Ok(only),
            _ => {
                let seen = self.stand(site).await?;
                let at = merge::led(&self.service, &seen)?;
                at.map(|at| seen[at].0)
                    .ok_or_else(|| ActionError::refused(merge::nobody_led(&self.service, site, &seen)))
            }
        }
    }

    /// Whose part an answer about `site` is when the one at `leader` takes writes: everybody at the two but the leader.
    async fn followers(&self, site: &SiteName, leader: &SiteName) -> Result<(&HostName, Vec<&HostName>), ActionError> {
        let leads = self.leading(leader).await?;
        let own = self.hosts(site)?.iter();
        let beside = self.hosts(leader)?.iter().filter(|_| site != leader);
        Ok((leads, own.chain(beside).filter(|host| *host != leads).collect()))
    }

    /// The same question for each of them, all at once; the first failure is the answer.
    async fn each<'a, T>(
        &'a self,
        hosts: impl IntoIterator<Item = &'a HostName>,
        ask: impl Fn(&'a HostName) -> Answer<'a, T>,
    ) -> Result<Vec<Of<'a, T>>, ActionError> {
        let asked = hosts.into_iter().map(|host| {
            let answer = ask(host);
            async move { answer.await.map(|answer| (host, answer)) }
        });
        join_all(asked).await.into_iter().collect()
    }

    async fn fence_of<'a>(
        &'a self,
        site: &'a SiteName,
        hosts: impl IntoIterator<Item = &'a HostName>,
    ) -> Result<Fence, ActionError> {
        let looks = self.each(hosts, |host| self.kin.fence_look(host)).await?;
        Ok(merge::fences(looks, self.context.accepted.unfenced.contains_key(site)))
    }

    /// What the old site has and the target lacks, and what those beside the target have.
    async fn arrived(&self, from: &SiteName, at: &SiteName) -> Result<Arrival, ActionError> {
        let target = self.leading(at).await?;
        let old = self.each(self.hosts(from)?, |host| self.kin.arrival(host, target));
        let beside = self.hosts(at)?.iter().filter(|host| *host != target);
        let beside = join_all(beside.map(|host| async move { (host, self.kin.arrival(host, target).await) }));
        let (old, beside) = futures::join!(old, beside);
        // Of one beside the target that cannot be asked nothing more can be known than the old site tells.
        let beside = beside.into_iter().filter_map(|(host, arrival)| Some((host, arrival.ok()?)));
        Ok(merge::arrivals(old?, beside.collect()))
    }

    async fn all_around(&self, at: &SiteName, from: Option<&SiteName>) -> Scene {
        let others = self.all.iter().filter(|site| &site.name != at || site.hosts.len() > 1);
        let fences = join_all(others.map(|site| async move {
            let fence = if &site.name == at {
                match self.leading(at).await {
                    Ok(target) => self.fence_of(at, site.hosts.iter().filter(|host| *host != target)).await,
                    Err(error) => Err(error),
                }
            } else {
                self.fence_of(&site.name, &site.hosts).await
            };
            (site.name.clone(), fence)
        }));
        let arrival = async {
            match from {
                Some(from) => Some(self.arrived(from, at).await),
                None => None,
            }
        };
        let (standing, fences, arrival) = futures::join!(self.standing(at), fences, arrival);
        Scene { standing, fences, arrival }
    }
}

impl Eyes for Sites {
    fn places(&self) -> Vec<SiteName> {
        self.all.iter().map(|site| site.name.clone()).collect()
    }
    fn siblings(&self, site: &SiteName) -> Vec<HostName> {
        self.hosts(site).map(|hosts| hosts.iter().skip(1).cloned().collect()).unwrap_or_default()
    }
    fn standing<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Standing> {
        Box::pin(async move {
            match self.hosts(site)? {
                [only] => self.kin.standing(only).await,
                _ => merge::standing(&self.service, site, &self.stand(site).await?),
            }
        })
    }
    fn fence_look<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Fence> {
        Box::pin(async move { self.fence_of(site, self.hosts(site)?).await })
    }
    fn arrival<'a>(&'a self, from: &'a SiteName, to: &'a SiteName) -> Answer<'a, Arrival> {
        Box::pin(self.arrived(from, to))
    }
    fn scene<'a>(&'a self, at: &'a SiteName, from: Option<&'a SiteName>) -> BoxFuture<'a, Scene> {
        Box::pin(async move {
            let host = |site| self.hosts(site).ok().and_then(|hosts| hosts.first());
            let (true, Some(target)) = (self.is_plain(), host(at)) else { return self.all_around(at, from).await };
            let scene = self.kin.scene(target, from.and_then(host)).await;
            let site = |host: &HostName| self.members().find(|(_, own)| *own == host).map(|(site, _)| site.clone());
            let fences = scene.fences.into_iter().filter_map(|(host, fence)| Some((site(&host)?, fence))).collect();
            Scene { standing: scene.standing, fences, arrival: scene.arrival }
        })
    }
    fn role<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Role> {
        Box::pin(async move {
            match self.hosts(site)? {
                [only] => self.kin.role(only).await,
                _ => self.standing(site).await.map(|standing| standing.role),
            }
        })
    }
    fn findings<'a>(&'a self, from: Option<&'a SiteName>, to: &'a SiteName, mode: Mode) -> Answer<'a, Vec<Finding>> {
        Box::pin(async move {
            let from_host = match from {
                Some(site) => Some(self.leading(site).await?),
                None => None,
            };
            let to_host = self.leading(to).await?;
            let others =
                self.members().map(|(_, host)| host).filter(|host| *host != to_host && Some(*host) != from_host);
            let others = self.each(others, |host| self.kin.sibling_findings(host, from_host, to_host, mode));
            let (findings, others) = futures::join!(self.kin.findings(from_host, to_host, mode), others);
            let mut findings = findings?;
            findings.extend(others?.into_iter().flat_map(|(_, findings)| findings));
            if let (Some(from), Some(leads)) = (from, from_host)
                && let Some(first) = self.hosts(from)?.first().filter(|first| *first != leads)
            {
                let sentence = format!(
                    "{leads} leads at {from}, and the estate names {first} first: when users come back there, {first} takes over"
                );
                findings.push(Finding { severity: Severity::Warns, sentence });
            }
            Ok(findings)
        })
    }
    fn way_to_follow<'a>(&'a self, site: &'a SiteName, leader: &'a SiteName, by: By) -> Answer<'a, Way> {
        Box::pin(async move {
            let (leads, followers) = self.followers(site, leader).await?;
            // What a runbook asks for in so many words is meant for the one that leads at the site.
            let own = self.hosts(site)?.iter().find(|host| *host != leads);
            let by = |host| if Some(host) == own { by } else { By::Cheapest };
            let ways = self.each(followers, |host| self.kin.way_to_follow(host, leads, by(host))).await?;
            Ok(merge::ways(ways))
        })
    }
    fn keepsake<'a>(&'a self, site: &'a SiteName, leader: &'a SiteName, label: &'a str) -> Answer<'a, Keepsake> {
        Box::pin(async move {
            let (leads, followers) = self.followers(site, leader).await?;
            Ok(merge::keepsakes(self.each(followers, |host| self.kin.keepsake(host, leads, label)).await?))
        })
    }
    fn lost_writes<'a>(&'a self, site: &'a SiteName, leader: &'a SiteName) -> Answer<'a, Account> {
        Box::pin(async move {
            let (leads, followers) = self.followers(site, leader).await?;
            Ok(merge::accounts(self.each(followers, |host| self.kin.lost_writes(host, leads)).await?))
        })
    }
    fn tables<'a>(&'a self, site: &'a SiteName, leader: &'a SiteName) -> Answer<'a, Vec<Table>> {
        Box::pin(async move { self.kin.tables(self.leading(site).await?, self.leading(leader).await?).await })
    }
    fn compare<'a>(
        &'a self,
        site: &'a SiteName,
        leader: &'a SiteName,
        table: &'a Table,
        from: Option<&'a str>,
    ) -> Answer<'a, Part> {
        Box::pin(
            async move { self.kin.compare(self.leading(site).await?, self.leading(leader).await?, table, from).await },
        )
    }
    fn has_row<'a>(&'a self, site: &'a SiteName, row: Row) -> Answer<'a, Option<Evidence>> {
        Box::pin(async move {
            let hosts = match (row, self.hosts(site)?) {
                (Row::Marker, hosts) => hosts.iter().collect(),
                (Row::WriteTest, _) => vec![self.leading(site).await?],
            };
            let rows = self.each(hosts, |host| self.kin.has_row(host, row)).await?;
            let rows: Option<Vec<_>> = rows.into_iter().map(|(host, row)| Some((host, row?))).collect();
            Ok(rows.map(merge::evidences))
        })
    }
    fn promotion_rest<'a>(&'a self, site: &'a SiteName, settling: Settling) -> Answer<'a, Option<String>> {
        Box::pin(async move { self.kin.promotion_rest(self.leading(site).await?, settling).await })
    }
    fn settled<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Settled> {
        Box::pin(async move { self.kin.settled(self.leading(site).await?).await })
    }
    fn doubt_that_it_followed<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let doubts = self.each(self.hosts(site)?, |host| self.kin.doubt_that_it_followed(host)).await?;
            Ok(doubts.into_iter().find_map(|(_, doubt)| doubt))
        })
    }
    fn leftovers(&self) -> Answer<'_, Vec<String>> {
        self.kin.leftovers()
    }
}

impl Upkeep for Sites {
    fn locks(&self, estate: &str) -> Vec<Box<dyn MemberLock>> {
        self.kin.locks(estate)
    }
    fn receipts<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Vec<Receipt>> {
        Box::pin(async move { self.kin.receipts(self.leading(site).await?).await })
    }
    fn needs<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Vec<Need>> {
        Box::pin(async move { self.kin.needs(self.leading(site).await?).await })
    }
    fn prepare<'a>(&'a self, touch: &'a Touch, site: &'a SiteName) -> Answer<'a, Vec<Need>> {
        Box::pin(async move { self.kin.prepare(touch, self.leading(site).await?).await })
    }
}

#[cfg(test)]
mod tests;
