//! What a role change rests on: every member looked at once, all at the same moment, and judged from that; as PostgreSQL's.

use futures::future::{join, join_all};

use super::member::{Member, Seen};
use super::{arrival, fencing, freezing, judge};
use crate::actions::database::port::{Role, Scene};
use crate::base::name::{HostName, ServiceName};
use crate::engine::action::ActionError;
use crate::runbook::bound::Mode;

/// Looks at every member and says what that means for a role change at `at`. Of that member the server is enough, where it
/// answers: the session is known to be its own.
pub async fn look(
    members: &[Member],
    at: &HostName,
    from: Option<&HostName>,
    service: &ServiceName,
    mode: Mode,
) -> Scene<HostName> {
    let places = || members.iter().map(|member| member.estate.host.clone()).collect();
    let Some(target) = members.iter().find(|member| &member.estate.host == at) else {
        let error = ActionError::refused(format!("`{service}` has no member on {at}"));
        return Scene::unseen(Err(error), places(), at, from);
    };
    let elsewhere: Vec<&Member> = members.iter().filter(|member| &member.estate.host != at).collect();
    let others = join_all(elsewhere.iter().map(|member| seen(member)));
    let (server, others) = join(target.server(), others).await;
    let standing = match &server {
        Ok(server) => Ok(judge::of_server(server)),
        Err(error) => {
            let seen = Seen { disk: target.disk().await, server: Err(error.clone()) };
            judge::standing(target, &seen)
        }
    };
    if !standing.as_ref().is_ok_and(|standing| standing.role != Role::Primary) {
        return Scene::unseen(standing, places(), at, from);
    }
    let of = |host: &HostName| elsewhere.iter().zip(&others).find(|(member, _)| &member.estate.host == host);
    let arrival = async {
        let from = from?;
        Some(match (of(from), server) {
            (Some((old, (seen, _))), Ok(server)) => {
                arrival::of((old, seen.server.clone()), (target, server), mode).await
            }
            (_, Err(error)) => Err(error),
            (None, _) => Err(ActionError::refused(format!("`{service}` has no member on {from}"))),
        })
    };
    let fences = join_all(elsewhere.iter().zip(&others).map(|(member, (seen, held))| async move {
        (member.estate.host.clone(), fencing::of(member, seen, *held, mode).await)
    }));
    let (fences, arrival) = join(fences, arrival).await;
    Scene { standing, fences, arrival }
}

/// A look at a member, and whether nobody at all can write to it. Of one that we hold the server is enough: it has not ended since
/// its disk was looked at, right before it was frozen. A resume holds nothing, and looks at both.
async fn seen(member: &Member) -> (Seen, bool) {
    let holds = member.held.lock().await.is_some();
    if holds && let (Some(disk), server) = join(freezing::still_held(member), member.server()).await {
        return (Seen { disk: Ok(disk), server }, true);
    }
    join(member.look(), freezing::holds_everybody(member)).await
}
