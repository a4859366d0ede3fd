//! The loop: ask where the entrance leads, write there, keep what came of it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::name::Name;
use super::port::{Place, Taken, Untaken, Writer};
use super::{Order, Shared};
use crate::engine::action::Touch;

/// How long connecting, or a write, may take. A client that waits longer has given up, and a wait that is as long as an
/// outage would be taken for one.
const TRY_MAX: Duration = Duration::from_secs(1);
/// How often it is looked where the entrance leads while an answer is waited for: a client that tries again goes there.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How often it is seen that the program runs.
const BEAT: Duration = Duration::from_millis(100);
/// A rest that is shorter is none: a question that a flag answers.
const REST_MIN: Duration = Duration::from_millis(100);

/// What one try came to.
enum Came {
    Taken(Taken, Place),
    Not(Untaken),
    /// The run's lock is not ours any more: nothing was sent, and nothing will be.
    NotOurs(String),
}

/// Begins it. The thread ends with the run, whatever hangs on it.
pub(super) fn begin_thread(
    name: Name,
    writer: Box<dyn Writer>,
    touch: Touch,
    shared: Arc<Shared>,
    orders: watch::Receiver<Order>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
    let work = move || {
        let mut over = orders.clone();
        runtime.block_on(async {
            tokio::select! {
                // The sender is gone, or says so.
                _ = over.wait_for(|order| *order == Order::Over) => {}
                () = beat(&shared) => {}
                () = writing(&name, writer, &touch, &shared, orders) => {}
            }
        });
        runtime.shutdown_background();
    };
    std::thread::Builder::new().name("canary".to_owned()).spawn(work).map(drop)
}

/// Sees that the program does not stand still: then nobody measured.
async fn beat(shared: &Shared) {
    loop {
        shared.ledger().beat(shared.now_ms());
        tokio::time::sleep(BEAT).await;
    }
}

async fn writing(
    name: &Name,
    mut writer: Box<dyn Writer>,
    touch: &Touch,
    shared: &Shared,
    mut orders: watch::Receiver<Order>,
) {
    // A client was there before: what is slow only the first time is done before it counts.
    if let Ok(places) = name.leads().await
        && let Some(place) = places.first()
    {
        let _ = within(name, place, writer.ready(place)).await;
    }
    let mut ticks = tokio::time::interval(shared.ledger().every());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut refused = 0_usize;
    loop {
        if *orders.borrow_and_update() != Order::Write {
            let rested = Instant::now();
            if orders.wait_for(|order| *order == Order::Write).await.is_err() {
                return;
            }
            if rested.elapsed() >= REST_MIN {
                shared.ledger().rested(shared.at_ms(rested), shared.now_ms());
            }
        }
        ticks.tick().await;
        shared.ledger().tried(shared.now_ms());
        let came = once(name, writer.as_mut(), touch, refused).await;
        let mut ledger = shared.ledger();
        let now_ms = shared.now_ms();
        ledger.beat(now_ms);
        match came {
            Came::Taken(taken, place) => ledger.taken(shared.at_ms(taken.at), &place, taken.term),
            Came::Not(untaken) => {
                refused = refused.wrapping_add(1);
                match untaken {
                    Untaken::No(why) => ledger.failed(now_ms, &why, false),
                    Untaken::Unknown(why) => ledger.failed(now_ms, &why, true),
                }
            }
            Came::NotOurs(why) => {
                ledger.failed(now_ms, &why, false);
                return;
            }
        }
    }
}

/// One try. Of several addresses the next one is taken when one was refused, as clients do.
async fn once(name: &Name, writer: &mut dyn Writer, touch: &Touch, refused: usize) -> Came {
    let places = match name.leads().await {
        Ok(places) => places,
        Err(why) => return Came::Not(Untaken::No(why)),
    };
    let Some(place) = places.get(refused % places.len().max(1)) else {
        return Came::Not(Untaken::No("the entrance has no address".to_owned()));
    };
    match within(name, place, writer.ready(place)).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) | Err(why) => return Came::Not(Untaken::No(format!("{}: {why}", place.address))),
    }
    // Not within a deadline: the look at the locks has its own, and must not be broken off half-way.
    if let Err(error) = touch.check().await {
        return Came::NotOurs(error.to_string());
    }
    match within(name, place, writer.write()).await {
        Ok(Ok(taken)) => Came::Taken(taken, place.clone()),
        Ok(Err(Untaken::No(why))) => Came::Not(Untaken::No(format!("{}: {why}", place.address))),
        Ok(Err(Untaken::Unknown(why))) | Err(why) => Came::Not(Untaken::Unknown(format!("{}: {why}", place.address))),
    }
}

/// What a future gives, as long as that takes no longer than a try may, and the entrance leads there.
async fn within<T>(name: &Name, place: &Place, future: impl Future<Output = T>) -> Result<T, String> {
    let leads_elsewhere = async {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            if let Ok(places) = name.leads().await
                && !places.iter().any(|now| now.address == place.address)
            {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        out = future => Ok(out),
        () = leads_elsewhere => Err("it had not answered when the entrance led elsewhere".to_owned()),
        () = tokio::time::sleep(TRY_MAX) => Err(format!("no answer within {} ms", TRY_MAX.as_millis())),
    }
}
