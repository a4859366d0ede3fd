//! Whether this program has run all the time, or stood still for a while without knowing.
//!
//! A program that is stopped, or whose machine sleeps, goes on where it was as if nothing had happened. It can see
//! afterwards that its heart has not beaten, which costs one comparison of clocks and nothing over the network.

use std::time::{Duration, Instant, SystemTime};

/// How often the heart beats.
pub const BEAT: Duration = Duration::from_millis(250);
/// A heart that has not beaten for this long stood still. A busy machine may be late by less; one that is later
/// costs one look.
pub const STOOD_STILL: Duration = Duration::from_secs(1);

/// A moment on both clocks: one goes on while a machine sleeps, the other cannot be set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    pub fn now() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }

    /// As much earlier.
    #[cfg(test)]
    pub fn earlier(self, by: Duration) -> Self {
        Self { steady: self.steady.checked_sub(by).expect("long after the start"), wall: self.wall - by }
    }

    /// How long ago it was.
    pub fn ago(self) -> Duration {
        Self::now().since(self)
    }

    fn since(self, earlier: Self) -> Duration {
        // A wall clock that was set back says nothing.
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        self.steady.saturating_duration_since(earlier.steady).max(wall)
    }
}

/// When the heart last beat, and when it last began to beat again.
#[derive(Debug)]
pub struct Pulse {
    last: Moment,
    woke: Moment,
}

impl Pulse {
    pub fn at(now: Moment) -> Self {
        Self { last: now, woke: now }
    }

    /// Beats; sees then whether it had stopped.
    pub fn beat(&mut self, now: Moment) {
        if now.since(self.last) >= STOOD_STILL {
            self.woke = now;
        }
        self.last = now;
    }

    /// Whether it stood still at some time after this one.
    pub fn stood_still_since(&self, looked: Moment) -> bool {
        self.woke.steady > looked.steady
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(from: Moment, steady: Duration, wall: Duration) -> Moment {
        Moment { steady: from.steady + steady, wall: from.wall + wall }
    }

    #[test]
    fn standing_still_is_seen_on_either_clock_until_the_next_look() {
        let (start, second) = (Moment::now(), Duration::from_secs(1));
        for (steady, wall) in [(second * 9, second * 9), (BEAT, second * 9), (second * 9, Duration::ZERO)] {
            let mut pulse = Pulse::at(start);
            let regular = after(start, BEAT, BEAT);
            pulse.beat(regular);
            assert!(!pulse.stood_still_since(start));
            let woken = after(regular, steady, wall);
            pulse.beat(woken);
            pulse.beat(after(woken, BEAT, BEAT));
            assert!(pulse.stood_still_since(start), "{steady:?} {wall:?}");
            assert!(!pulse.stood_still_since(after(woken, BEAT, BEAT)), "a look after it counts again");
        }
    }
}
