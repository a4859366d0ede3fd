//! Durations and sizes as people write them: a number and a unit, never a bare number.

use std::fmt;
use std::time::Duration;

/// A duration with a unit: `20ms`, `30s`, `5m`, `1h`, `7d`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

/// A size with a unit: `512B`, `64KiB`, `16MiB`, `2GiB`, `1TiB`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

/// Why a text is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuantity {
    #[error("`{0}` is not a duration (30s, 5m, 1h)")]
    Duration(String),
    #[error("`{0}` is not a size (64KiB, 16MiB, 2GiB)")]
    Size(String),
}

/// Longest duration that may be written: a year, so that sums cannot overflow.
const MILLIS_MAX: u64 = 366 * 24 * 3600 * 1000;

const TIME_UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZE_UNITS: [(&str, u64); 5] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

fn split(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit)?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn join(value: u64, units: &[(&str, u64)]) -> String {
    // The largest unit that divides the value, so that what is printed reads back as the same.
    let (name, factor) =
        units.iter().rev().find(|(_, factor)| value.is_multiple_of(*factor) && value > 0).unwrap_or(&units[0]);
    format!("{}{name}", value / factor)
}

impl Span {
    /// A span of so many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
    /// A span of so many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
    /// As the standard library's type.
    pub const fn duration(self) -> Duration {
        self.0
    }
    /// Whole milliseconds.
    pub fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Size {
    /// A size of so many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }
    /// The bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for Span {
    type Error = BadQuantity;
    fn try_from(text: String) -> Result<Self, BadQuantity> {
        match split(&text, &TIME_UNITS) {
            Some(millis) if millis <= MILLIS_MAX => Ok(Self::from_millis(millis)),
            _ => Err(BadQuantity::Duration(text.chars().take(40).collect())),
        }
    }
}

impl TryFrom<String> for Size {
    type Error = BadQuantity;
    fn try_from(text: String) -> Result<Self, BadQuantity> {
        split(&text, &SIZE_UNITS).map(Self).ok_or_else(|| BadQuantity::Size(text.chars().take(40).collect()))
    }
}

impl std::str::FromStr for Span {
    type Err = BadQuantity;
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        Self::try_from(text.to_owned())
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}
impl From<Size> for String {
    fn from(size: Size) -> String {
        size.to_string()
    }
}
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&join(self.millis(), &TIME_UNITS))
    }
}
impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&join(self.0, &SIZE_UNITS))
    }
}
impl fmt::Debug for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Milliseconds as a person reads them: `340 ms`, `4.2 s`, `3 min 05 s`, `2 h 10 min`.
pub fn spoken(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", millis / 60_000, millis % 60_000 / 1_000),
        _ => format!("{} h {:02} min", millis / 3_600_000, millis % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_back_as_written() {
        for text in ["20ms", "30s", "5m", "1h", "7d", "1500ms"] {
            assert_eq!(text.parse::<Span>().expect(text).to_string(), text);
        }
        assert_eq!(Size::try_from("16MiB".to_owned()).expect("size").bytes(), 16 << 20);
    }

    #[test]
    fn a_bare_number_is_no_duration() {
        for text in ["60", "", "s", "1.5s", "-1s", "10 s", "99999999999999999999s", "400d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
