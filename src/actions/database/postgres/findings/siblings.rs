//! What can be found about a member that neither serves nor is to: it will be made to follow whoever does.

use super::super::member::Member;
use super::{Found, recovery_target};
use crate::actions::database::port::Finding;
use crate::actions::database::postgres::survey;
use crate::engine::action::ActionError;
use crate::runbook::bound::Mode;

/// Looks at it, and at whom it receives from.
pub async fn of_sibling(
    sibling: &Member,
    from: Option<&Member>,
    to: &Member,
    mode: Mode,
) -> Result<Vec<Finding>, ActionError> {
    let mut found = Found { mode, may_see: false, list: Vec::new() };
    let name = sibling.name();
    let server = match sibling.look().await.and_then(|seen| seen.server) {
        Ok(server) => server,
        Err(error) => {
            found.blocks_planned(format!(
                "{name} cannot be asked, and would be left behind: bring it back, or take it out of the estate until then ({error})"
            ));
            return Ok(found.list);
        }
    };
    if !server.in_recovery {
        found.blocks(format!("{name} takes writes beside the one that leads: it must be a standby"));
        return Ok(found.list);
    }
    if let Some(target) = to.look().await.ok().and_then(|seen| seen.server.ok())
        && target.system_identifier != server.system_identifier
    {
        found.blocks(format!(
            "{name} and {} have different system identifiers: they were never one database",
            to.name()
        ));
    }
    match (from, server.sender.as_deref()) {
        (_, _) if !server.streaming => {
            found.blocks_planned(format!("{name} does not stream: what is written now does not reach it"));
        }
        (Some(from), Some(sender)) if !from.is_reached_at(sender) => found.blocks_planned(format!(
            "{name} streams from {sender}, which is not the address of {}, the one that leads: every member follows that one",
            from.name()
        )),
        _ => {}
    }
    let survey = survey::server(sibling, server.version / 10_000).await?;
    recovery_target(&mut found, name, &survey);
    Ok(found.list)
}
