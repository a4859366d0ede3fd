//! What the times of answers say.

use std::time::Duration;

/// Times of the good answers of one address, or of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Sorted, never empty.
    times: Vec<Duration>,
}

impl Figures {
    /// `None` where there are no times to tell of.
    pub fn new(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        (!times.is_empty()).then_some(Self { times })
    }

    /// How many answers.
    pub fn answers(&self) -> usize {
        self.times.len()
    }

    /// The time within which `percent` of a hundred answers came: the nearest rank, no value in between.
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.times.len() * percent).div_ceil(100).clamp(1, self.times.len());
        self.times.get(rank - 1).copied().unwrap_or_default()
    }
}

/// Milliseconds with a tenth, as evidence holds them.
pub fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// Milliseconds as people read them: with a tenth below ten.
pub fn spoken(millis: f64) -> String {
    match millis {
        ..10.0 => format!("{millis:.1} ms"),
        10.0..1_000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_nearest_rank() {
        let times = |count: u64| (1..=count).map(Duration::from_millis).rev().collect();
        let of = |count, percent| Figures::new(times(count)).expect("times").percentile(percent).as_millis();
        assert_eq!((of(20, 50), of(20, 95), of(20, 100)), (10, 19, 20));
        assert_eq!((of(1, 50), of(1, 95), of(3, 95)), (1, 1, 3));
        assert_eq!(Figures::new(Vec::new()), None);
    }

    #[test]
    fn told_so_that_one_can_compare() {
        for (micros, text) in [(840, "0.8 ms"), (12_400, "12 ms"), (3_140_000, "3.1 s")] {
            assert_eq!(spoken(millis(Duration::from_micros(micros))), text);
        }
    }

    proptest! {
        #[test]
        fn percentiles_grow(times in prop::collection::vec(0_u64..10_000, 1..60)) {
            let figures = Figures::new(times.iter().copied().map(Duration::from_micros).collect()).expect("times");
            prop_assert!(figures.percentile(50) <= figures.percentile(95));
            prop_assert!(figures.percentile(95) <= figures.percentile(100));
        }
    }
}
