//! What can be found about a member that neither serves nor is to: it will be made to follow whoever does.

use super::super::member::Member;
use super::super::server::Server;
use super::super::{gtid, versions, way};
use super::{Findings, of_disk, of_hidden, of_replica, of_settings, same_number};
use crate::actions::database::port::Finding;
use crate::engine::action::ActionError;
use crate::runbook::bound::Mode;

/// Looks at it, and at the one that serves.
pub async fn of_sibling(
    sibling: &Member,
    from: Option<&Member>,
    to: &Member,
    mode: Mode,
) -> Result<Vec<Finding>, ActionError> {
    let mut findings = Findings(Vec::new());
    let seen = sibling.look().await;
    let server = match &seen.server {
        Ok(server) => server.clone(),
        Err(error) => {
            let sentence = format!(
                "{} cannot be asked, and would be left behind: bring it back, or take it out of the estate until then ({error})",
                sibling.name()
            );
            findings.says(mode, sentence);
            return Ok(findings.0);
        }
    };
    if !server.read_only {
        findings.blocks(format!(
            "{} takes writes beside the one that leads: it must be a replica, and read-only",
            sibling.name()
        ));
        return Ok(findings.0);
    }
    if seen.disk.as_ref().is_ok_and(|disk| !disk.starts_read_only) {
        let option = versions::read_only_option(sibling.estate.flavour);
        findings.says(
            mode,
            format!("a restart of {} would take writes: write `{option} = ON` into its configuration", sibling.name()),
        );
    }
    of_replica(sibling, &server, mode, &mut findings);
    of_settings(sibling.name(), &server, mode, &mut findings);
    of_disk(sibling, &seen, mode, &mut findings);
    // The one that writes is asked after the one that follows: what came in between is not errant.
    if let Some((from, old)) = leader_of(from).await {
        of_kinship(sibling, &server, (from, &old), mode, &mut findings);
        of_hidden(from, &old, sibling, &server, mode, &mut findings).await;
    }
    if to.server().await.is_ok_and(|target| target.number == server.number) {
        findings.blocks(same_number(sibling, to, &server));
    }
    Ok(findings.0)
}

async fn leader_of(from: Option<&Member>) -> Option<(&Member, Server)> {
    let from = from?;
    // What keeps it from answering is said where it is looked at itself.
    Some((from, from.server().await.ok()?))
}

fn of_kinship(sibling: &Member, server: &Server, (from, old): (&Member, &Server), mode: Mode, findings: &mut Findings) {
    if server.leader().is_some() && !way::follows(server, from) {
        let host = server.leader().map_or("", |leader| leader.host.as_str());
        findings.says(
            mode,
            format!(
                "{} follows {host}, which is not how the estate reaches {}, the one that leads: every member follows that one",
                sibling.name(),
                from.name()
            ),
        );
    }
    let errant = server.own.missing_from(&old.own);
    if !errant.is_empty() && !old.read_only {
        findings.says(
            mode,
            format!(
                "{} has {} that {} never wrote: somebody wrote there; compare the two, and make it a replica anew",
                sibling.name(),
                gtid::spoken(&errant),
                from.name()
            ),
        );
    }
    if server.number == old.number {
        findings.blocks(same_number(sibling, from, server));
    }
}
