//! Entrances: how users get in. A DNS name for now; whatever it is, it is pointed, seen and avoided by the
//! same actions.
//!
//! * `target`: an entrance with everything known of it: zone, servers, records of each site.
//! * `look`: what its name servers say, side by side. Every proof of this family is made of these.
//! * `settle`: waiting until all of them say the same, and until the answer before is forgotten.
//! * `port`: what a provider can do; `powerdns` and `rfc2136` implement it.
//! * `summary`: where each entrance leads, for `status`.
//! * one file an action: `ready`, `ttl`, `point`, `avoids`, `seen`.

mod avoids;
mod look;
#[cfg(test)]
mod on_servers;
mod point;
mod port;
mod powerdns;
mod ready;
mod rfc2136;
mod seen;
mod settle;
pub mod summary;
mod target;
mod ttl;

use serde::Deserialize;

use crate::actions::context::RunContext;
use crate::base::name::{EntranceName, SiteName};
use crate::base::quantity::Span;
use crate::engine::action::Action;
use crate::estate::model::Estate;
use crate::runbook::bound::BoundAction;
use crate::runbook::signature::Noun;
use target::Target;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToSite {
    to: SiteName,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AwayFrom {
    site: SiteName,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTtl {
    ttl: Span,
}

/// Makes one of this family's actions. The error is a sentence for the plan's problems.
pub fn make(bound: &BoundAction, estate: &Estate, context: &RunContext) -> Result<Box<dyn Action>, String> {
    let Some((Noun::Entrance, item)) = &bound.item else {
        return Err(format!("`{}` acts on an entrance, and none is given", bound.name));
    };
    let name = EntranceName::new(item.as_str()).map_err(|error| error.to_string())?;
    let target = Target::new(estate, &name)?;
    let (mode, memory) = (context.mode, context.memory.clone());
    Ok(match bound.name.as_str() {
        "entrance.ready" => {
            let ToSite { to } = arguments(bound)?;
            Box::new(ready::Ready { target, to, mode, objectives: estate.objectives })
        }
        "entrance.ttl" => {
            let NewTtl { ttl } = arguments(bound)?;
            if ttl.millis() == 0 || !ttl.millis().is_multiple_of(1_000) {
                return Err(format!("`{}`: `ttl: {ttl}` is not in whole seconds, one at least", bound.name));
            }
            Box::new(ttl::Ttl::new(target, target::seconds(ttl), mode, memory))
        }
        "entrance.point" => {
            let ToSite { to } = arguments(bound)?;
            Box::new(point::Point::new(target, to, mode))
        }
        "entrance.avoids" => {
            let AwayFrom { site } = arguments(bound)?;
            Box::new(avoids::Avoids { target, site, mode })
        }
        "entrance.seen" => {
            let ToSite { to } = arguments(bound)?;
            Box::new(seen::SeenByAll { target, to, mode, memory })
        }
        other => return Err(format!("there is no action `{other}`")),
    })
}

fn arguments<T: serde::de::DeserializeOwned>(bound: &BoundAction) -> Result<T, String> {
    let arguments = serde_json::Value::Object(bound.arguments.clone());
    serde_json::from_value(arguments).map_err(|error| format!("`{}`: {error}", bound.name))
}
