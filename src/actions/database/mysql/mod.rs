//! MariaDB 10.11 and newer, MySQL 8.0 and newer: what *fenced*, *arrived* and *follows* mean for them, and how each is proven.
//!
//! A clean stop loses nothing for PostgreSQL; here it loses what was not sent yet. So the old primary is frozen and
//! goes on running (`freezing`), the other side is waited for (`arrival`), and only then promoted. What a member has is a
//! set of transactions (`gtid`), and everything is decided from those. What differs between the two kinds of server and
//! their versions is one table (`versions`).

mod advisory;
mod arrival;
mod comparing;
mod control;
mod copying;
mod disk;
mod events;
mod fencing;
mod findings;
mod following;
mod freezing;
mod gtid;
mod hidden;
mod judge;
mod keeping;
mod live;
mod member;
#[cfg(test)]
mod on_scripts;
mod place;
mod preparation;
mod programs;
mod promotion;
mod read_lock;
mod rewinding;
mod rows;
mod semi_sync;
mod server;
mod versions;
mod way;

use std::sync::Arc;

use crate::actions::context::RunContext;
use crate::actions::database::lock::MemberLock;
use crate::actions::database::port::{
    Account, Answer, Arrival, By, Eyes, Fence, Finding, Hands, Keepsake, Need, Part, Receipt, Role, Row, Standing,
    Table, Upkeep, Way,
};
use crate::actions::ssh::Hosts;
use crate::base::name::{ServiceName, SiteName};
use crate::engine::action::{ActionError, Evidence, Touch};
use crate::estate::model::{Estate, Kind};
use crate::runbook::bound::Mode;
use advisory::NamedLock;
pub use live::Canary;
use member::Member;

/// One service's servers: one at each site.
#[derive(Debug)]
pub struct Cluster {
    service: ServiceName,
    members: Vec<Member>,
    context: RunContext,
}

impl Cluster {
    /// Connects to nothing yet.
    pub fn new(
        estate: &Estate,
        service: &ServiceName,
        hosts: &Hosts,
        context: &RunContext,
    ) -> Result<Arc<Self>, String> {
        let Some(Kind::Mysql(mysql)) = estate.services.get(service).map(|service| &service.kind) else {
            return Err(format!("`{service}` is no MariaDB or MySQL service"));
        };
        let mut members: Vec<Member> = Vec::new();
        for estate in &mysql.members {
            if let Some(other) = members.iter().find(|other| other.estate.site == estate.site) {
                return Err(format!(
                    "`{service}` has two members at {}, {} and {}; one a site is what can be moved so far",
                    estate.site,
                    other.name(),
                    estate.host
                ));
            }
            let host = hosts.get(&estate.host).map_err(|error| error.message)?;
            members.push(Member::new(estate.clone(), host, format!("switchback/{}", context.run)));
        }
        Ok(Arc::new(Self { service: service.clone(), members, context: context.clone() }))
    }

    fn member(&self, site: &SiteName) -> Result<&Member, ActionError> {
        let found = self.members.iter().find(|member| &member.estate.site == site);
        found.ok_or_else(|| ActionError::refused(format!("`{}` has no member at {site}", self.service)))
    }

    async fn stands(&self, site: &SiteName) -> Result<Standing, ActionError> {
        let member = self.member(site)?;
        match member.server().await {
            Ok(server) => Ok(judge::of_server(&server)),
            Err(error) => {
                let seen = member::Seen { disk: member.disk().await, server: Err(error) };
                judge::standing(member, &seen)
            }
        }
    }
}

impl Eyes for Cluster {
    fn sites(&self) -> Vec<SiteName> {
        self.members.iter().map(|member| member.estate.site.clone()).collect()
    }
    fn standing<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Standing> {
        Box::pin(self.stands(site))
    }
    fn fence_look<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Fence> {
        Box::pin(async move { fencing::look(self.member(site)?, self.context.mode).await })
    }
    fn arrival<'a>(&'a self, from: &'a SiteName, to: &'a SiteName) -> Answer<'a, Arrival> {
        Box::pin(async move { arrival::look(self.member(from)?, self.member(to)?, self.context.mode).await })
    }
    fn findings<'a>(&'a self, from: Option<&'a SiteName>, to: &'a SiteName, mode: Mode) -> Answer<'a, Vec<Finding>> {
        Box::pin(async move {
            let from = from.map(|site| self.member(site)).transpose()?;
            findings::look(from, self.member(to)?, mode).await
        })
    }
    fn way_to_follow<'a>(&'a self, site: &'a SiteName, leader: &'a SiteName, by: By) -> Answer<'a, Way> {
        Box::pin(async move { way::look(self.member(site)?, self.member(leader)?, by).await })
    }
    fn keepsake<'a>(&'a self, site: &'a SiteName, leader: &'a SiteName, label: &'a str) -> Answer<'a, Keepsake> {
        Box::pin(async move { keeping::look(self.member(site)?, self.member(leader)?, label).await })
    }
    fn lost_writes<'a>(&'a self, site: &'a SiteName, leader: &'a SiteName) -> Answer<'a, Account> {
        Box::pin(async move { keeping::account(self.member(site)?, self.member(leader)?).await })
    }
    fn tables<'a>(&'a self, site: &'a SiteName, leader: &'a SiteName) -> Answer<'a, Vec<Table>> {
        Box::pin(async move { comparing::tables(self.member(site)?, self.member(leader)?).await })
    }
    fn compare<'a>(
        &'a self,
        site: &'a SiteName,
        leader: &'a SiteName,
        table: &'a Table,
        from: Option<&'a str>,
    ) -> Answer<'a, Part> {
        Box::pin(async move { comparing::part(self.member(site)?, self.member(leader)?, table, from).await })
    }
    fn has_row<'a>(&'a self, site: &'a SiteName, row: Row) -> Answer<'a, Option<Evidence>> {
        Box::pin(async move { rows::look(self.member(site)?, row).await })
    }
    fn promotion_rest<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Option<String>> {
        Box::pin(async move { promotion::rest(self.member(site)?).await })
    }
    fn leftovers(&self) -> Answer<'_, Vec<String>> {
        // Slots and the like are unknown here: a replica leaves nothing behind at whom it followed.
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl Hands for Cluster {
    fn shorten<'a>(&'a self, _touch: &'a Touch, site: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(async move {
            let others: Vec<&Member> = self.members.iter().filter(|member| &member.estate.site != site).collect();
            promotion::shorten(self.member(site)?, &others).await
        })
    }
    fn fence<'a>(&'a self, touch: &'a Touch, site: &'a SiteName, mode: Mode) -> Answer<'a, Fence> {
        Box::pin(async move { fencing::fence(self.member(site)?, touch, mode).await })
    }
    fn unfence<'a>(&'a self, touch: &'a Touch, site: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(async move { fencing::unfence(self.member(site)?, touch).await })
    }
    fn detach<'a>(&'a self, touch: &'a Touch, site: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(async move { promotion::detach(self.member(site)?, touch).await })
    }
    fn attach<'a>(&'a self, touch: &'a Touch, site: &'a SiteName, leader: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(async move { promotion::attach(self.member(site)?, self.member(leader)?, touch).await })
    }
    fn promote<'a>(&'a self, touch: &'a Touch, from: Option<&'a SiteName>, to: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(async move {
            let from = from.map(|site| self.member(site)).transpose()?;
            promotion::promote(self.member(to)?, from, self.service.as_str(), touch, &self.context).await
        })
    }
    fn write_row<'a>(
        &'a self,
        touch: &'a Touch,
        leader: &'a SiteName,
        seen_at: &'a SiteName,
        row: Row,
    ) -> Answer<'a, Evidence> {
        Box::pin(
            async move { rows::write(self.member(leader)?, self.member(seen_at)?, touch, row, &self.context).await },
        )
    }
    fn follow<'a>(
        &'a self,
        touch: &'a Touch,
        site: &'a SiteName,
        leader: &'a SiteName,
        way: &'a Way,
    ) -> Answer<'a, Evidence> {
        Box::pin(async move { following::follow(self.member(site)?, self.member(leader)?, way, touch).await })
    }
    fn keep<'a>(
        &'a self,
        touch: &'a Touch,
        site: &'a SiteName,
        leader: &'a SiteName,
        label: &'a str,
    ) -> Answer<'a, Evidence> {
        Box::pin(async move { keeping::keep(self.member(site)?, self.member(leader)?, label, touch).await })
    }
    fn take_account<'a>(&'a self, touch: &'a Touch, site: &'a SiteName, leader: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(async move { keeping::take_account(self.member(site)?, self.member(leader)?, touch).await })
    }
    fn tidy<'a>(&'a self, _touch: &'a Touch) -> Answer<'a, Evidence> {
        Box::pin(async { Ok(Evidence::new("nothing was left over")) })
    }
}

impl Upkeep for Cluster {
    fn locks(&self, estate: &str) -> Vec<Box<dyn MemberLock>> {
        let lock = |member: &Member| {
            Box::new(NamedLock::new(Arc::clone(&member.link), member.name().to_owned(), estate)) as Box<dyn MemberLock>
        };
        self.members.iter().map(lock).collect()
    }
    fn receipts<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Vec<Receipt>> {
        Box::pin(async move { rows::receipts(self.member(site)?).await })
    }
    fn needs<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Vec<Need>> {
        Box::pin(async move { preparation::needs(self.member(site)?).await })
    }
    fn prepare<'a>(&'a self, touch: &'a Touch, site: &'a SiteName) -> Answer<'a, Vec<Need>> {
        Box::pin(async move {
            let member = self.member(site)?;
            let standing = self.stands(site).await?;
            if standing.role != Role::Primary {
                let sentence = format!("{} does not take writes: {}", member.name(), standing.summary);
                return Err(ActionError::refused(sentence));
            }
            preparation::make(member, touch).await
        })
    }
}
