//! The one file that reads the clock for the engine.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::engine::ports::Clock;

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    began: Instant,
}

impl SystemClock {
    pub fn new() -> Self {
        Self { began: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

/// The wall clock, in milliseconds since 1970.
pub fn wall_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn until(&self, monotonic_ms: u64) -> BoxFuture<'_, ()> {
        // A wait of more than a year is for ever; tokio's timer has an end.
        const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
        let wait = Duration::from_millis(monotonic_ms).saturating_sub(self.began.elapsed());
        Box::pin(async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait.min(LONGEST)).await;
            }
        })
    }
}
