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
mod scene;
mod semi_sync;
mod server;
mod versions;
mod way;

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::actions::context::RunContext;
use crate::actions::database::lock::MemberLock;
use crate::actions::database::port::{
    Account, Answer, Arrival, By, Eyes, Fence, Finding, Hands, Keepsake, Kin, Need, Part, Receipt, Role, Row, Scene,
    Settled, Settling, Standing, Table, Upkeep, Way,
};
use crate::actions::database::together::Together;
use crate::actions::ssh::Hosts;
use crate::base::name::{HostName, ServiceName};
use crate::engine::action::{ActionError, Evidence, Touch};
use crate::estate::model::{Estate, Kind};
use crate::runbook::bound::Mode;
use advisory::NamedLock;
pub use live::Canary;
use member::{Member, Rank};

/// One service's servers.
#[derive(Debug)]
pub struct Cluster {
    service: ServiceName,
    members: Vec<Member>,
    context: RunContext,
    together: Together,
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
            let host = hosts.get(&estate.host).map_err(|error| error.message)?;
            let beside = members.iter().any(|other| other.estate.site == estate.site);
            let rank = if beside { Rank::Sibling } else { Rank::First };
            members.push(Member::new(estate.clone(), host, format!("switchback/{}", context.run), rank));
        }
        Ok(Arc::new(Self {
            service: service.clone(),
            members,
            context: context.clone(),
            together: Together::default(),
        }))
    }

    fn member(&self, host: &HostName) -> Result<&Member, ActionError> {
        let found = self.members.iter().find(|member| &member.estate.host == host);
        found.ok_or_else(|| ActionError::refused(format!("`{}` has no member on {host}", self.service)))
    }

    async fn stands(&self, host: &HostName) -> Result<Standing, ActionError> {
        let member = self.member(host)?;
        match member.server().await {
            Ok(server) => Ok(judge::of_server(&server)),
            Err(error) => {
                let seen = member::Seen { disk: member.disk().await, server: Err(error) };
                judge::standing(member, &seen)
            }
        }
    }
}

impl Eyes<HostName> for Cluster {
    fn places(&self) -> Vec<HostName> {
        self.members.iter().map(|member| member.estate.host.clone()).collect()
    }
    fn standing<'a>(&'a self, host: &'a HostName) -> Answer<'a, Standing> {
        Box::pin(self.stands(host))
    }
    fn role<'a>(&'a self, host: &'a HostName) -> Answer<'a, Role> {
        Box::pin(async move {
            // Inside an outage: of one that takes writes nothing else is wanted.
            if self.member(host)?.is_seen_to_write().await {
                return Ok(Role::Primary);
            }
            self.stands(host).await.map(|standing| standing.role)
        })
    }
    fn fence_look<'a>(&'a self, host: &'a HostName) -> Answer<'a, Fence> {
        Box::pin(async move { fencing::look(self.member(host)?, self.context.mode).await })
    }
    fn arrival<'a>(&'a self, from: &'a HostName, to: &'a HostName) -> Answer<'a, Arrival> {
        Box::pin(async move { arrival::look(self.member(from)?, self.member(to)?, self.context.mode).await })
    }
    fn scene<'a>(&'a self, at: &'a HostName, from: Option<&'a HostName>) -> BoxFuture<'a, Scene<HostName>> {
        Box::pin(async move {
            let look = || scene::look(&self.members, at, from, &self.service, self.context.mode);
            self.together.look(at, from, look).await
        })
    }
    fn findings<'a>(&'a self, from: Option<&'a HostName>, to: &'a HostName, mode: Mode) -> Answer<'a, Vec<Finding>> {
        Box::pin(async move {
            let from = from.map(|host| self.member(host)).transpose()?;
            findings::look(from, self.member(to)?, mode).await
        })
    }
    fn way_to_follow<'a>(&'a self, host: &'a HostName, leader: &'a HostName, by: By) -> Answer<'a, Way> {
        Box::pin(async move { way::look(self.member(host)?, self.member(leader)?, by).await })
    }
    fn keepsake<'a>(&'a self, host: &'a HostName, leader: &'a HostName, label: &'a str) -> Answer<'a, Keepsake> {
        Box::pin(async move { keeping::look(self.member(host)?, self.member(leader)?, label).await })
    }
    fn lost_writes<'a>(&'a self, host: &'a HostName, leader: &'a HostName) -> Answer<'a, Account> {
        Box::pin(async move { keeping::account(self.member(host)?, self.member(leader)?).await })
    }
    fn tables<'a>(&'a self, host: &'a HostName, leader: &'a HostName) -> Answer<'a, Vec<Table>> {
        Box::pin(async move { comparing::tables(self.member(host)?, self.member(leader)?).await })
    }
    fn compare<'a>(
        &'a self,
        host: &'a HostName,
        leader: &'a HostName,
        table: &'a Table,
        from: Option<&'a str>,
    ) -> Answer<'a, Part> {
        Box::pin(async move { comparing::part(self.member(host)?, self.member(leader)?, table, from).await })
    }
    fn has_row<'a>(&'a self, host: &'a HostName, row: Row) -> Answer<'a, Option<Evidence>> {
        Box::pin(async move { rows::look(self.member(host)?, row).await })
    }
    fn promotion_rest<'a>(&'a self, host: &'a HostName, settling: Settling) -> Answer<'a, Option<String>> {
        Box::pin(async move { promotion::rest(self.member(host)?, settling).await })
    }
    fn doubt_that_it_followed<'a>(&'a self, host: &'a HostName) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let member = self.member(host)?;
            Ok(match member.server().await {
                Ok(server) => judge::may_have_been_promoted(&server),
                Err(_) => {
                    let standing = self.stands(host).await?;
                    (standing.role != Role::Standby).then_some(standing.summary)
                }
            })
        })
    }
    fn settled<'a>(&'a self, host: &'a HostName) -> Answer<'a, Settled> {
        Box::pin(async move { promotion::settled(self.member(host)?, &self.context).await })
    }
    fn leftovers(&self) -> Answer<'_, Vec<String>> {
        // Slots and the like are unknown here: a replica leaves nothing behind at whom it followed.
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl Kin for Cluster {
    fn sibling_findings<'a>(
        &'a self,
        sibling: &'a HostName,
        from: Option<&'a HostName>,
        to: &'a HostName,
        mode: Mode,
    ) -> Answer<'a, Vec<Finding>> {
        Box::pin(async move {
            let from = from.map(|host| self.member(host)).transpose()?;
            findings::of_sibling(self.member(sibling)?, from, self.member(to)?, mode).await
        })
    }
}

impl Hands<HostName> for Cluster {
    fn shorten<'a>(&'a self, _touch: &'a Touch, host: &'a HostName) -> Answer<'a, Evidence> {
        Box::pin(async move {
            let others: Vec<&Member> = self.members.iter().filter(|member| member.name() != host.as_str()).collect();
            promotion::shorten(self.member(host)?, &others).await
        })
    }
    fn fence<'a>(&'a self, touch: &'a Touch, host: &'a HostName, mode: Mode) -> Answer<'a, Fence> {
        Box::pin(async move { fencing::fence(self.member(host)?, touch, mode).await })
    }
    fn unfence<'a>(&'a self, touch: &'a Touch, host: &'a HostName) -> Answer<'a, Evidence> {
        Box::pin(async move { fencing::unfence(self.member(host)?, touch).await })
    }
    fn detach<'a>(&'a self, touch: &'a Touch, host: &'a HostName) -> Answer<'a, Evidence> {
        Box::pin(async move { promotion::detach(self.member(host)?, touch).await })
    }
    fn attach<'a>(&'a self, touch: &'a Touch, host: &'a HostName, leader: &'a HostName) -> Answer<'a, Evidence> {
        Box::pin(async move { promotion::attach(self.member(host)?, self.member(leader)?, touch).await })
    }
    fn promote<'a>(
        &'a self,
        touch: &'a Touch,
        from: Option<&'a HostName>,
        to: &'a HostName,
        settling: Settling,
    ) -> Answer<'a, Evidence> {
        Box::pin(async move {
            let from = from.map(|host| self.member(host)).transpose()?;
            promotion::promote((self.member(to)?, from), self.service.as_str(), settling, touch, &self.context).await
        })
    }
    fn settle<'a>(&'a self, touch: &'a Touch, host: &'a HostName) -> Answer<'a, Evidence> {
        Box::pin(async move { promotion::settle(self.member(host)?, touch).await })
    }
    fn write_row<'a>(
        &'a self,
        touch: &'a Touch,
        leader: &'a HostName,
        seen_at: &'a HostName,
        row: Row,
    ) -> Answer<'a, Evidence> {
        Box::pin(
            async move { rows::write(self.member(leader)?, self.member(seen_at)?, touch, row, &self.context).await },
        )
    }
    fn follow<'a>(
        &'a self,
        touch: &'a Touch,
        host: &'a HostName,
        leader: &'a HostName,
        way: &'a Way,
    ) -> Answer<'a, Evidence> {
        Box::pin(async move { following::follow(self.member(host)?, self.member(leader)?, way, touch).await })
    }
    fn keep<'a>(
        &'a self,
        touch: &'a Touch,
        host: &'a HostName,
        leader: &'a HostName,
        label: &'a str,
    ) -> Answer<'a, Evidence> {
        Box::pin(async move { keeping::keep(self.member(host)?, self.member(leader)?, label, touch).await })
    }
    fn take_account<'a>(&'a self, touch: &'a Touch, host: &'a HostName, leader: &'a HostName) -> Answer<'a, Evidence> {
        Box::pin(async move { keeping::take_account(self.member(host)?, self.member(leader)?, touch).await })
    }
    fn tidy<'a>(&'a self, _touch: &'a Touch) -> Answer<'a, Evidence> {
        Box::pin(async { Ok(Evidence::new("nothing was left over")) })
    }
}

impl Upkeep<HostName> for Cluster {
    fn locks(&self, estate: &str) -> Vec<Box<dyn MemberLock>> {
        let lock = |member: &Member| {
            Box::new(NamedLock::new(Arc::clone(&member.link), member.name().to_owned(), estate)) as Box<dyn MemberLock>
        };
        self.members.iter().map(lock).collect()
    }
    fn receipts<'a>(&'a self, host: &'a HostName) -> Answer<'a, Vec<Receipt>> {
        Box::pin(async move { rows::receipts(self.member(host)?).await })
    }
    fn needs<'a>(&'a self, host: &'a HostName) -> Answer<'a, Vec<Need>> {
        Box::pin(async move { preparation::needs(self.member(host)?).await })
    }
    fn prepare<'a>(&'a self, touch: &'a Touch, host: &'a HostName) -> Answer<'a, Vec<Need>> {
        Box::pin(async move {
            let member = self.member(host)?;
            let standing = self.stands(host).await?;
            if standing.role != Role::Primary {
                let sentence = format!("{} does not take writes: {}", member.name(), standing.summary);
                return Err(ActionError::refused(sentence));
            }
            preparation::make(member, touch).await
        })
    }
}
