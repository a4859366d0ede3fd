//! The one place that names concrete adapters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::BoxFuture;

use super::error::Failure;
use super::exit::Exit;
use super::last_seen;
use crate::actions::canary::ledger::About;
use crate::actions::canary::port::Writer;
use crate::actions::canary::{Canary, Name};
use crate::actions::context::{Memory, RunContext};
use crate::actions::database::lock;
use crate::actions::database::port::{Database, Kin, Role, Standing, Upkeep};
use crate::actions::database::sites::{Sites, by_site};
use crate::actions::database::{mysql, postgres};
use crate::actions::ssh::Hosts;
use crate::actions::{database, entrance, host, human, web};
use crate::base::name::{HostName, ServiceName, SiteName};
use crate::engine::action::{Action, Leave, Lost, Touch};
use crate::engine::plan::PlanStep;
use crate::estate::Estate;
use crate::estate::canary::Writes;
use crate::estate::model::{Kind, Login};
use crate::runbook::bound::BoundAction;
use crate::runbook::signature::Noun;
use crate::store::watch::LockWatch;

/// Makes the actions of bound steps, all on the same standing connections.
pub struct Workshop {
    estate: Arc<Estate>,
    hosts: Arc<Hosts>,
    databases: BTreeMap<ServiceName, Arc<Sites>>,
}

impl Workshop {
    /// Connects to nothing yet. The run of the context is named to the servers.
    pub fn new(estate: Arc<Estate>, context: &RunContext) -> Result<Self, String> {
        let hosts = Hosts::new(&estate);
        let mut databases = BTreeMap::new();
        for service in estate.services.values() {
            let name = &service.name;
            let kin: Arc<dyn Kin> = match &service.kind {
                Kind::Postgres(_) => postgres::Cluster::new(&estate, name, &hosts, context)?,
                Kind::Mysql(_) => mysql::Cluster::new(&estate, name, &hosts, context)?,
                Kind::Web(_) => continue,
            };
            let members = service.kind.database_members().unwrap_or_default();
            let members = members.into_iter().map(|(site, host)| (site.clone(), host.clone()));
            databases.insert(name.clone(), Arc::new(Sites::new(name.clone(), kin, members, context.clone())));
        }
        Ok(Self { estate, hosts, databases })
    }

    /// Begins to log in at every host that these steps go to, and waits for none: whoever looks there waits for the same
    /// attempt. At others nobody logs in: in an emergency the exchange of keys with them is what users would wait for.
    pub fn warm(&self, steps: &[PlanStep]) {
        let mut names = BTreeSet::new();
        for (noun, item) in steps.iter().filter_map(|step| step.action.item.as_ref()) {
            match noun {
                Noun::Host => names.extend(HostName::new(item.as_str()).ok()),
                Noun::Database => {
                    let database =
                        ServiceName::new(item.as_str()).ok().and_then(|service| self.databases.get(&service));
                    names.extend(
                        database.into_iter().flat_map(|database| database.members()).map(|(_, host)| host.clone()),
                    );
                }
                Noun::Web | Noun::Entrance | Noun::Site => {}
            }
        }
        names.retain(|name| self.estate.hosts.get(name).is_some_and(|host| host.login == Login::Ssh));
        let hosts = Arc::clone(&self.hosts);
        tokio::spawn(async move { hosts.warm(&names).await });
    }

    /// One action.
    pub fn make(&self, bound: &BoundAction, context: &RunContext) -> Result<Box<dyn Action>, String> {
        let family = bound.name.split('.').next().unwrap_or("");
        match family {
            "database" => {
                let Some((Noun::Database, item)) = &bound.item else {
                    return Err(format!("`{}` acts on a database, and none is given", bound.name));
                };
                let service = ServiceName::new(item.as_str()).map_err(|error| error.to_string())?;
                let database = self.databases.get(&service).ok_or_else(|| format!("no database `{service}`"))?;
                database::make(bound, &service, Arc::<Sites>::clone(database) as Arc<dyn Database>, context)
            }
            "entrance" => entrance::make(bound, &self.estate, context),
            "web" => web::make(bound, &self.estate, context),
            "host" => host::make(bound, &self.estate, context, &self.hosts),
            "human" => human::make(bound),
            _ => Err(format!("no action `{}`", bound.name)),
        }
    }

    /// The databases, by service.
    pub fn databases(&self) -> impl Iterator<Item = (&ServiceName, &Arc<Sites>)> {
        self.databases.iter()
    }

    /// The site at which every database takes writes, when that can be seen and they agree. How far the members
    /// are is remembered on the way.
    pub async fn serving(&self, memory: &Memory) -> Option<SiteName> {
        let looks = self.databases.iter().map(|(service, database)| async move {
            let looks = database
                .members()
                .map(|(site, host)| async move { (site, database.by_member().standing(host).await.ok()) });
            let members = futures::future::join_all(looks).await;
            let standings = by_site(members.iter().map(|(site, standing)| (*site, standing.as_ref())));
            last_seen::take_in(memory, service, &standings);
            standings
        });
        let all = futures::future::join_all(looks).await.into_iter().flatten();
        let leads = |standing: Option<Standing>| standing.is_some_and(|standing| standing.role == Role::Primary);
        let mut found: Vec<SiteName> = all.filter_map(|(site, standing)| leads(standing).then_some(site)).collect();
        found.sort();
        found.dedup();
        if let [one] = found.as_slice() { Some(one.clone()) } else { None }
    }

    /// The canary that the estate asks for, for a run that has lasted this long.
    pub fn canary(&self, run: &str, elapsed_ms: u64) -> Option<Canary> {
        let wanted = self.estate.canary.as_ref()?;
        let entrance = wanted.entrance.as_str();
        let (wrote_to, writer): (String, Box<dyn Writer>) = match &wanted.writes {
            Writes::Database(service) => {
                let postgres = postgres::Canary::new(&self.estate, service, entrance, run);
                let postgres = postgres.map(|canary| Box::new(canary) as Box<dyn Writer>);
                let mysql = || mysql::Canary::new(&self.estate, service, entrance, run);
                let writer = postgres.or_else(|| mysql().map(|canary| Box::new(canary) as Box<dyn Writer>))?;
                (format!("`{service}`"), writer)
            }
            Writes::Http { url, method } => {
                let writer = web::Canary::new(method.word(), url).ok()?;
                (format!("{} {url}", method.word()), Box::new(writer))
            }
        };
        let about = About {
            entrance: entrance.to_owned(),
            wrote_to,
            services: wanted.sees.clone(),
            every: wanted.every.duration(),
        };
        Some(Canary::new(about, Name::new(&self.estate, &wanted.entrance)?, writer, elapsed_ms))
    }

    /// Takes the session locks at every database that can be reached, so that an operator on another
    /// machine is refused too.
    pub async fn lock(&self, take_over: bool) -> Result<Locks, Failure> {
        let members = self.databases.values().flat_map(|database| database.locks(&self.estate.name)).collect();
        let held = lock::acquire(members, take_over.then(Touch::for_takeover)).await.map_err(|refused| {
            Failure::new(Exit::Locked, refused.to_string())
                .hint("wait for it, or ask its operator")
                .hint("its session ends with its program; when that is gone for good: `--take-over --reason \"…\"`")
        })?;
        Ok(Locks(held))
    }
}

/// The locks at the databases, held while this lives.
pub struct Locks(lock::HeldLocks);

impl Locks {
    /// Whose sessions were ended for them, when they were taken over.
    pub fn ended(&self) -> &[String] {
        &self.0.ended
    }

    /// Gives them back. When this returns another run can have them.
    pub async fn let_go(self) {
        self.0.let_go().await;
    }

    /// Why a lock is no longer held, when one is not.
    pub fn lost(&self) -> Option<Lost> {
        self.0.lost()
    }

    /// The leave to act: as long as the locks at the databases and the one on this machine are ours.
    pub fn leave(&self, here: LockWatch) -> Arc<dyn Leave> {
        Arc::new(BothLocks { here, databases: self.0.watch() })
    }
}

struct BothLocks {
    here: LockWatch,
    databases: lock::Watch,
}

impl Leave for BothLocks {
    fn ended(&self) -> BoxFuture<'_, Option<Lost>> {
        Box::pin(async move {
            match self.here.lost() {
                Some(why) => Some(why),
                None => self.databases.lost().await,
            }
        })
    }
}
