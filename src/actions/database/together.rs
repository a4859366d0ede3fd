//! Looks that are begun in the same moment are one look.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::port::Scene;
use crate::base::name::HostName;

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
    pub async fn look<F: Future<Output = Scene<HostName>>>(
        &self,
        at: &HostName,
        from: Option<&HostName>,
        look: impl FnOnce() -> F,
    ) -> Scene<HostName> {
        let of = (at.clone(), from.cloned());
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join;

    use super::*;
    use crate::engine::action::ActionError;

    #[tokio::test]
    async fn only_who_asks_the_same_in_the_same_moment_shares_a_look() {
        let name = |text: &str| HostName::new(text).expect("a name");
        let (a, b) = (name("a-db"), name("b-db"));
        let (together, looks) = (Together::default(), AtomicUsize::new(0));
        let look = |of: &HostName| {
            let (of, together, looks) = (of.clone(), &together, &looks);
            async move {
                let look = || async {
                    looks.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    Scene { standing: Err(ActionError::transient("made up")), fences: Vec::new(), arrival: None }
                };
                together.look(&of, None, look).await
            }
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
