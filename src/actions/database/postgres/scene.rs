//! What a role change rests on: every member looked at once, all at the same moment, and judged from that.
//!
//! Inside an outage this is most of what Switchback adds to what the servers take, so it is one round trip: standing,
//! fences and arrival are three questions about the same two looks. Steps that are looked at in the same moment share one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{Either, join, join_all};
use tokio::sync::OnceCell;

use super::member::{Member, Seen};
use super::{arrival, fencing, judge};
use crate::actions::database::port::{Fence, Scene};
use crate::base::name::{HostName, ServiceName};
use crate::engine::action::ActionError;
use crate::runbook::bound::Mode;

/// How much later than another look may begin for both to be one: less than any act takes, so that no act of ours lies between.
const SAME_MOMENT: Duration = Duration::from_millis(1);

/// What a scene is of: the member acted upon, and the one that served last.
type Of = (HostName, Option<HostName>);

/// A look: when it began, what of, and what it saw.
type Begun = (Instant, Of, Arc<OnceCell<Scene<HostName>>>);

/// The look that was begun last, for whoever asks the same in the same moment.
#[derive(Debug, Default)]
pub struct Together {
    last: Mutex<Option<Begun>>,
}

impl Together {
    /// Looks, or waits for what another sees who began in this moment.
    pub async fn look<F: Future<Output = Scene<HostName>>>(&self, of: Of, look: impl FnOnce() -> F) -> Scene<HostName> {
        let shared = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            match &*last {
                Some((began, other, shared)) if *other == of && began.elapsed() < SAME_MOMENT => Arc::clone(shared),
                _ => {
                    let shared = Arc::new(OnceCell::new());
                    *last = Some((Instant::now(), of, Arc::clone(&shared)));
                    shared
                }
            }
        };
        shared.get_or_init(look).await.clone()
    }
}

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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn only_who_asks_the_same_in_the_same_moment_shares_a_look() {
        let name = |text: &str| HostName::new(text).expect("a name");
        let (a, b) = (name("a-db"), name("b-db"));
        let (together, looks) = (Together::default(), AtomicUsize::new(0));
        let look = |of: &HostName| {
            let looks = &looks;
            together.look((of.clone(), None), move || async move {
                looks.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                Scene { standing: Err(ActionError::transient("made up")), fences: Vec::new(), arrival: None }
            })
        };
        join(look(&a), look(&a)).await;
        assert_eq!(looks.swap(0, Ordering::SeqCst), 1, "one for both");
        join(look(&a), look(&b)).await;
        assert_eq!(looks.swap(0, Ordering::SeqCst), 2, "they ask for different things");
        // The look goes on all the while, and began too long ago.
        let later = async {
            tokio::time::sleep(Duration::from_millis(2)).await;
            look(&a).await
        };
        tokio::time::sleep(Duration::from_millis(2)).await;
        join(look(&a), later).await;
        assert_eq!(looks.load(Ordering::SeqCst), 2, "an old look is not shared");
    }
}
