//! A moment that tells how long ago it was, also to a program that was stopped or whose machine slept.

use std::time::{Duration, Instant, SystemTime};

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
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        Self { steady: self.steady.checked_sub(by).expect("long after the start"), wall: self.wall - by }
    }

    /// How long ago it was.
    pub fn ago(self) -> Duration {
        Self::now().since(self)
    }

    /// As much later, on each of its clocks.
    #[cfg(test)]
    #[must_use]
    pub fn later(self, steady: Duration, wall: Duration) -> Self {
        Self { steady: self.steady + steady, wall: self.wall + wall }
    }

    /// How long after an earlier one: what the clock says that shows more.
    pub fn since(self, earlier: Self) -> Duration {
        // A wall clock that was set back says nothing.
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        self.steady.saturating_duration_since(earlier.steady).max(wall)
    }

    /// Whether it came after this one, on the clock that cannot be set back.
    pub fn is_after(self, other: Self) -> bool {
        self.steady > other.steady
    }
}
