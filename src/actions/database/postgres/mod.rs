//! PostgreSQL, 13 and newer: what *fenced*, *arrived* and *follows* mean for it, and how each is proven.
//!
//! A member is seen from two sides: its server over SQL (`live`, `server`), its directory over the host's
//! shell (`disk`, `scripts/`). What the two say must be of one another (`member`), and what they mean is
//! decided without IO (`judge`, `way`).

mod accounting;
mod advisory;
mod arrival;
mod canary;
mod comparing;
mod conninfo;
mod control;
mod control_data;
pub mod discovery;
mod disk;
mod fencing;
mod findings;
mod following;
mod history;
mod judge;
mod keeping;
mod live;
mod lsn;
mod member;
#[cfg(test)]
mod on_lab;
#[cfg(test)]
mod on_log;
#[cfg(test)]
mod on_scripts;
mod preparation;
mod programs;
mod promotion;
mod rows;
mod scene;
mod server;
mod slots;
mod survey;
mod tls;
mod way;

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::actions::context::RunContext;
use crate::actions::database::lock::MemberLock;
use crate::actions::database::port::{
    Account, Answer, Arrival, By, Eyes, Fence, Finding, Hands, Keepsake, Kin, Need, Part, Receipt, Role, Row, Scene,
    Settling, Standing, Table, Upkeep, Way,
};
use crate::actions::database::together::Together;
use crate::actions::ssh::Hosts;
use crate::base::name::{HostName, ServiceName};
use crate::engine::action::{ActionError, Evidence, Touch};
use crate::estate::model::{Estate, Kind};
use crate::runbook::bound::Mode;
use advisory::AdvisoryLock;
pub use canary::Canary;
use member::Member;

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
        let Some(Kind::Postgres(postgres)) = estate.services.get(service).map(|service| &service.kind) else {
            return Err(format!("`{service}` is no PostgreSQL service"));
        };
        let mut members: Vec<Member> = Vec::new();
        for estate in &postgres.members {
            let host = hosts.get(&estate.host).map_err(|error| error.message)?;
            members.push(Member::new(estate.clone(), host, format!("switchback/{}", context.run)));
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

    async fn all_leftovers(&self) -> Result<Vec<(&Member, String)>, ActionError> {
        let mut found = Vec::new();
        for member in &self.members {
            for slot in slots::leftovers(member, &self.members).await? {
                found.push((member, slot));
            }
        }
        Ok(found)
    }
}

impl Eyes<HostName> for Cluster {
    fn places(&self) -> Vec<HostName> {
        self.members.iter().map(|member| member.estate.host.clone()).collect()
    }
    fn standing<'a>(&'a self, host: &'a HostName) -> Answer<'a, Standing> {
        Box::pin(async move {
            let member = self.member(host)?;
            judge::standing(member, &member.look().await?)
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
    fn role<'a>(&'a self, host: &'a HostName) -> Answer<'a, Role> {
        Box::pin(async move {
            let in_recovery = server::is_in_recovery(&self.member(host)?.link).await?;
            Ok(if in_recovery { Role::Standby } else { Role::Primary })
        })
    }
    fn findings<'a>(&'a self, from: Option<&'a HostName>, to: &'a HostName, mode: Mode) -> Answer<'a, Vec<Finding>> {
        Box::pin(async move {
            let from = from.map(|host| self.member(host)).transpose()?;
            findings::look(&self.members, from, self.member(to)?, mode).await
        })
    }
    fn way_to_follow<'a>(&'a self, host: &'a HostName, leader: &'a HostName, by: By) -> Answer<'a, Way> {
        Box::pin(async move { way::look(self.member(host)?, self.member(leader)?, by).await })
    }
    fn keepsake<'a>(&'a self, host: &'a HostName, leader: &'a HostName, label: &'a str) -> Answer<'a, Keepsake> {
        Box::pin(async move { keeping::look(self.member(host)?, self.member(leader)?, label).await })
    }
    fn lost_writes<'a>(&'a self, host: &'a HostName, leader: &'a HostName) -> Answer<'a, Account> {
        Box::pin(async move { accounting::look(self.member(host)?, self.member(leader)?).await })
    }
    fn tables<'a>(&'a self, _host: &'a HostName, leader: &'a HostName) -> Answer<'a, Vec<Table>> {
        Box::pin(async move { comparing::tables(self.member(leader)?).await })
    }
    fn compare<'a>(
        &'a self,
        host: &'a HostName,
        leader: &'a HostName,
        table: &'a Table,
        from: Option<&'a str>,
    ) -> Answer<'a, Part> {
        Box::pin(async move { comparing::compare(self.member(host)?, self.member(leader)?, table, from).await })
    }
    fn has_row<'a>(&'a self, host: &'a HostName, row: Row) -> Answer<'a, Option<Evidence>> {
        Box::pin(async move { rows::look(self.member(host)?, row).await })
    }
    fn promotion_rest<'a>(&'a self, host: &'a HostName, _settling: Settling) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let lacks = rows::lacks_receipt(self.member(host)?).await?;
            Ok(lacks.then(|| "its receipt, and perhaps the others' slots, are missing".to_owned()))
        })
    }
    fn doubt_that_it_followed<'a>(&'a self, host: &'a HostName) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let member = self.member(host)?;
            judge::doubt_that_it_followed(member, &member.look().await?)
        })
    }
    fn leftovers(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async move {
            let found = self.all_leftovers().await?;
            Ok(found.into_iter().map(|(member, slot)| format!("slot `{slot}` at {}", member.name())).collect())
        })
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
    fn shorten<'a>(&'a self, touch: &'a Touch, host: &'a HostName) -> Answer<'a, Evidence> {
        Box::pin(async move {
            // What the outage will want is opened meanwhile.
            let warm = futures::future::join_all(self.members.iter().map(|member| member.link.warm()));
            let (done, _) = futures::join!(promotion::shorten(self.member(host)?, touch), warm);
            done
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
        // The server itself takes the standby's signal away for good before it takes a write.
        _settling: Settling,
    ) -> Answer<'a, Evidence> {
        Box::pin(async move {
            let from = from.map(|host| self.member(host)).transpose()?;
            let others: Vec<&Member> = self.members.iter().filter(|member| &member.estate.host != to).collect();
            let service = self.service.as_str();
            promotion::promote(self.member(to)?, from, &others, service, touch, &self.context).await
        })
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
        Box::pin(async move { accounting::take(self.member(host)?, self.member(leader)?, touch).await })
    }
    fn tidy<'a>(&'a self, touch: &'a Touch) -> Answer<'a, Evidence> {
        Box::pin(async move {
            let found = self.all_leftovers().await?;
            for (member, slot) in &found {
                slots::drop_slot(member, slot, touch).await?;
            }
            let names: Vec<&str> = found.iter().map(|(_, slot)| slot.as_str()).collect();
            Ok(Evidence::new(format!("dropped {}", names.join(", "))))
        })
    }
}

impl Upkeep<HostName> for Cluster {
    fn locks(&self, estate: &str) -> Vec<Box<dyn MemberLock>> {
        let lock = |member: &Member| {
            Box::new(AdvisoryLock::new(Arc::clone(&member.link), member.name().to_owned(), estate))
                as Box<dyn MemberLock>
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
            let standing = self.standing(host).await?;
            if standing.role != Role::Primary {
                let sentence = format!("{} does not take writes: {}", member.name(), standing.summary);
                return Err(ActionError::refused(sentence));
            }
            preparation::make(member, touch).await
        })
    }
}
