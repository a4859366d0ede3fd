//! What a host's clock said when it was last heard, and until when by that clock an act may begin.
//!
//! Between the question whether the locks are still ours and the first byte of an order lie some microseconds, and a
//! program can be stopped there, too. Awake again it would send what it was about to send, to a host where somebody else
//! has acted since. So an act says until when it may begin, in seconds since its host came up: no clock of ours is held
//! against one of the host's.

use std::time::Duration;

use crate::actions::moment::Moment;

/// What is read on the host: whole seconds since it came up, as `up`; nothing where it has no such file.
pub(super) const READ_UPTIME: &str = "read -r up _ 2>/dev/null </proc/uptime || up=; up=${up%%.*}";

/// How late an act may begin: the way there and back, and the parts of seconds that are cut off. A person who takes over
/// needs longer.
const MAY_BE_LATE: Duration = Duration::from_secs(4);

/// When the host was last heard, on our clock and on its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostClock {
    heard: Moment,
    uptime_s: Option<u64>,
}

impl HostClock {
    /// It was heard just now, and said this.
    pub(super) fn heard_now(uptime: &str) -> Self {
        Self { heard: Moment::now(), uptime_s: uptime.trim().parse().ok() }
    }

    /// How long ago it was heard.
    pub(super) fn ago(&self) -> Duration {
        self.heard.ago()
    }

    /// The last second, by the host's clock, in which something may begin that was decided at this moment. `None` where the
    /// host has no such clock.
    pub(super) fn latest(&self, decided: Moment) -> Option<u64> {
        Some(self.uptime_s? + (decided.since(self.heard) + MAY_BE_LATE).as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_decided_now_may_begin_now_and_not_much_later() {
        let clock = HostClock::heard_now("1000\n");
        let minute = Duration::from_secs(60);
        assert_eq!(clock.latest(clock.heard), Some(1004));
        assert_eq!(clock.latest(clock.heard.later(minute, minute)), Some(1064));
        // The machine slept in between: so did nothing of the host's.
        assert_eq!(clock.latest(clock.heard.later(Duration::ZERO, minute)), Some(1064));
        assert_eq!(HostClock::heard_now("").latest(clock.heard), None);
    }
}
