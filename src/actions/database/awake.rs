//! Whether this program has run all the time, or stood still for a while without knowing.
//!
//! A program that is stopped, or whose machine sleeps, goes on where it was as if nothing had happened. It can see
//! afterwards that its heart has not beaten, which costs one comparison of clocks and nothing over the network.

use std::time::Duration;

use crate::actions::moment::Moment;

/// How often the heart beats.
pub const BEAT: Duration = Duration::from_millis(250);
/// A heart that has not beaten for this long stood still. A busy machine may be late by less; one that is later
/// costs one look.
pub const STOOD_STILL: Duration = Duration::from_secs(1);

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
        self.woke.is_after(looked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standing_still_is_seen_on_either_clock_until_the_next_look() {
        let (start, second) = (Moment::now(), Duration::from_secs(1));
        for (steady, wall) in [(second * 9, second * 9), (BEAT, second * 9), (second * 9, Duration::ZERO)] {
            let mut pulse = Pulse::at(start);
            let regular = start.later(BEAT, BEAT);
            pulse.beat(regular);
            assert!(!pulse.stood_still_since(start));
            let woken = regular.later(steady, wall);
            pulse.beat(woken);
            pulse.beat(woken.later(BEAT, BEAT));
            assert!(pulse.stood_still_since(start), "{steady:?} {wall:?}");
            assert!(!pulse.stood_still_since(woken.later(BEAT, BEAT)), "a look after it counts again");
        }
    }
}
