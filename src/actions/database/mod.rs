//! Databases: the actions, written once; what they need of a database (`port`); and an adapter a kind.
//!
//! The actions are thin: they ask the port how things stand and say what follows from it. What *fenced*
//! or *arrived* means for a kind of database, and how it is proven, is the adapter's.

mod account;
mod arrived;
mod awake;
mod caught_up;
mod cut_off;
mod detach;
mod fell_back;
mod fence;
mod follow;
mod keep_aside;
pub mod lock;
mod marker_seen;
pub mod mysql;
pub mod port;
pub mod postgres;
mod prepare;
mod promote;
mod ready;
mod settle;
pub mod sites;
pub mod situation;
pub use situation::two_writers;
mod tables_equal;
mod tidy;
mod together;
mod write_test;

use std::sync::Arc;

use serde::Deserialize;

use crate::actions::context::RunContext;
use crate::base::name::{ServiceName, SiteName};
use crate::engine::action::Action;
use crate::runbook::bound::BoundAction;
use port::{By, Database};
use situation::Situation;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AtSite {
    at: SiteName,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FollowAt {
    at: SiteName,
    #[serde(default)]
    by: By,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeepAt {
    at: SiteName,
    label: String,
}

/// Makes one of this family's actions on a service's database.
pub fn make(
    bound: &BoundAction,
    service: &ServiceName,
    database: Arc<dyn Database>,
    context: &RunContext,
) -> Result<Box<dyn Action>, String> {
    let arguments = serde_json::Value::Object(bound.arguments.clone());
    let wrong = |error: serde_json::Error| format!("`{}`: {error}", bound.name);
    let situation = |at: SiteName| -> Result<Situation, String> {
        if !database.places().contains(&at) {
            return Err(format!("`{service}` has no member at {at}"));
        }
        Ok(Situation { service: service.clone(), at, database: Arc::clone(&database), context: context.clone() })
    };
    let at = |arguments| serde_json::from_value(arguments).map_err(wrong).and_then(|AtSite { at }| situation(at));
    Ok(match bound.name.as_str() {
        "database.ready" => Box::new(ready::Ready(at(arguments)?)),
        "database.prepare" => Box::new(prepare::Prepare(at(arguments)?)),
        "database.fence" => Box::new(fence::Fencing(at(arguments)?)),
        "database.arrived" => Box::new(arrived::Arrived(at(arguments)?)),
        "database.detach" => Box::new(detach::Detach(at(arguments)?)),
        "database.promote" => Box::new(promote::Promote(at(arguments)?)),
        "database.settle" => Box::new(settle::Settle(at(arguments)?)),
        "database.write_test" => Box::new(write_test::WriteTest(at(arguments)?)),
        "database.follow" => {
            let FollowAt { at, by } = serde_json::from_value(arguments).map_err(wrong)?;
            Box::new(follow::Follow { situation: situation(at)?, by, who: follow::Who::Site })
        }
        "database.siblings_follow" => {
            Box::new(follow::Follow { situation: at(arguments)?, by: By::Cheapest, who: follow::Who::Siblings })
        }
        "database.keep_aside" => {
            let KeepAt { at, label } = serde_json::from_value(arguments).map_err(wrong)?;
            Box::new(keep_aside::KeepAside { situation: situation(at)?, label: keep_aside::folder_name(&label) })
        }
        "database.account" => Box::new(account::Accounting(at(arguments)?)),
        "database.tables_equal" => Box::new(tables_equal::TablesEqual::new(at(arguments)?)),
        "database.caught_up" => Box::new(caught_up::CaughtUp(at(arguments)?)),
        "database.marker_seen" => Box::new(marker_seen::MarkerSeen(at(arguments)?)),
        "database.tidy" => Box::new(tidy::Tidy { service: service.clone(), database }),
        other => return Err(format!("no action `{other}`")),
    })
}
