//! Hosts: users' own commands, and seeing a host behave for a while.

mod command;
#[cfg(test)]
mod on_sshd;
mod soak;
mod vitals;

use std::sync::Arc;

use crate::actions::context::RunContext;
use crate::actions::ssh::Hosts;
use crate::base::name::HostName;
use crate::engine::action::{Action, Evidence};
use crate::estate::model::{Estate, Login};
use crate::runbook::bound::BoundAction;
use crate::runbook::signature::Noun;

/// Makes one of this family's actions. The error is a sentence for the plan's problems.
pub fn make(
    bound: &BoundAction,
    estate: &Estate,
    _context: &RunContext,
    hosts: &Arc<Hosts>,
) -> Result<Box<dyn Action>, String> {
    let Some((Noun::Host, item)) = &bound.item else {
        return Err(format!("`{}` acts on a host, and none is given", bound.name));
    };
    let host = estate.hosts.get(item.as_str()).ok_or_else(|| format!("there is no host `{item}`"))?;
    let reach = Reach { name: host.name.clone(), login: host.login, hosts: Arc::clone(hosts) };
    Ok(match bound.name.as_str() {
        "host.command" => Box::new(command::Command::new(reach, arguments(bound)?)?),
        "host.soak" => Box::new(soak::Soak::new(reach, arguments(bound)?)?),
        other => return Err(format!("there is no action `{other}`")),
    })
}

fn arguments<T: serde::de::DeserializeOwned>(bound: &BoundAction) -> Result<T, String> {
    let arguments = serde_json::Value::Object(bound.arguments.clone());
    serde_json::from_value(arguments).map_err(|error| format!("`{}`: {error}", bound.name))
}

/// A host, and the way to it.
#[derive(Debug)]
struct Reach {
    name: HostName,
    login: Login,
    hosts: Arc<Hosts>,
}

impl Reach {
    /// What is said of a host that nobody can log in to: that nothing is done there.
    fn skipped(&self) -> Option<Evidence> {
        (self.login == Login::None)
            .then(|| Evidence::new(format!("passed over: the estate says that one cannot log in to `{}`", self.name)))
    }
}
