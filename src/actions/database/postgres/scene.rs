//! What a role change rests on: every member looked at once, all at the same moment, and judged from that.
//!
//! Inside an outage this is most of what Switchback adds to what the servers take, so it is one round trip: standing,
//! fences and arrival are three questions about the same two looks. Steps that are looked at in the same moment share one.

use futures::future::{Either, join, join_all};

use super::member::{Member, Seen};
use super::{arrival, fencing, judge};
use crate::actions::database::port::{Fence, Scene};
use crate::base::name::{HostName, ServiceName};
use crate::engine::action::ActionError;
use crate::runbook::bound::Mode;

/// Looks at every member and says what that means for a role change at `at`.
pub async fn look(
    members: &[Member],
    at: &HostName,
    from: Option<&HostName>,
    service: &ServiceName,
    mode: Mode,
) -> Scene<HostName> {
    let seen = join_all(members.iter().map(|member| {
        if &member.estate.host == at { Either::Left(member.look_at_server()) } else { Either::Right(member.look()) }
    }))
    .await;
    let all: Vec<(&Member, Result<Seen, ActionError>)> = members.iter().zip(seen).collect();
    let of = |host: &HostName| {
        let found = all.iter().find(|(member, _)| &member.estate.host == host);
        found.ok_or_else(|| ActionError::refused(format!("`{service}` has no member on {host}")))
    };
    let standing = of(at).and_then(|(member, seen)| judge::standing(member, seen.as_ref().map_err(Clone::clone)?));
    let elsewhere = all.iter().filter(|(member, _)| &member.estate.host != at);
    let fences = join_all(elsewhere.map(|(member, seen)| async move {
        let fence = match seen {
            Ok(seen) => fencing::of(member, seen, mode).await,
            Err(error) => Err::<Fence, _>(error.clone()),
        };
        (member.estate.host.clone(), fence)
    }));
    let arrival = async {
        let from = from?;
        Some(match (of(from), of(at)) {
            (Ok((old, was)), Ok((new, is))) => arrival::of((old, was.clone()), (new, is.clone()), mode).await,
            (Err(error), _) | (_, Err(error)) => Err(error),
        })
    };
    let (fences, arrival) = join(fences, arrival).await;
    Scene { standing, fences, arrival }
}
