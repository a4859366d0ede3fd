//! Web services: asked as users ask them, at each member or through the name that users use.
//!
//! * `check`: the action.
//! * `whom`: which addresses are asked: the members at a site, or where the public name leads.
//! * `probe`: the requests themselves.
//! * `canary`: requests that write, to measure what a user sees.
//! * `figures`: what the answers' times say.

mod canary;
mod check;
mod figures;
#[cfg(test)]
mod on_nginx;
mod probe;
mod whom;

pub use canary::Canary;
use serde::Deserialize;

use crate::actions::context::RunContext;
use crate::base::name::SiteName;
use crate::engine::action::Action;
use crate::estate::model::{Estate, Kind};
use crate::runbook::bound::BoundAction;
use crate::runbook::signature::Noun;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckArguments {
    at: SiteName,
    #[serde(default)]
    through: whom::Through,
}

/// Makes one of this family's actions. The error is a sentence for the plan's problems.
pub fn make(bound: &BoundAction, estate: &Estate, context: &RunContext) -> Result<Box<dyn Action>, String> {
    let Some((Noun::Web, item)) = &bound.item else {
        return Err(format!("`{}` acts on a web service, and none is given", bound.name));
    };
    let service = estate.services.get(item.as_str()).ok_or_else(|| format!("there is no service `{item}`"))?;
    let Kind::Web(web) = &service.kind else {
        return Err(format!("`{item}` is not a web service, and `{}` asks one", bound.name));
    };
    match bound.name.as_str() {
        "web.check" => {
            let arguments = serde_json::Value::Object(bound.arguments.clone());
            let CheckArguments { at, through } =
                serde_json::from_value(arguments).map_err(|error| format!("`{}`: {error}", bound.name))?;
            let whom =
                whom::Whom::new(estate, web, &at, through).map_err(|why| format!("services.{item}.web: {why}"))?;
            let probe =
                probe::Probe::new(&web.url, &web.expect).map_err(|why| format!("services.{item}.web: {why}"))?;
            let memory = context.memory.clone();
            Ok(Box::new(check::Check {
                service: service.name.clone(),
                at,
                whom,
                probe,
                p95_max: web.expect.p95_max,
                memory,
            }))
        }
        other => Err(format!("there is no action `{other}`")),
    }
}
