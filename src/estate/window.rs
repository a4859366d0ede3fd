//! Windows: when a live drill may be held, or an outage begin. Whether one is open is asked with a time; no clock is
//! read here.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

/// A stretch of the day, on some days of the week, somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct Window {
    pub name: String,
    /// Days on which it begins.
    pub days: Vec<Weekday>,
    pub from: Time,
    /// At or before `from` it is the next day.
    pub to: Time,
    pub zone: TimeZone,
}

impl Window {
    /// Whether the window is open at this time; its first instant belongs to it, its last does not.
    pub fn holds(&self, at: Timestamp) -> bool {
        let there = at.to_zoned(self.zone.clone());
        let (day, time) = (there.date(), there.time());
        let begins = |weekday: Weekday| self.days.contains(&weekday);
        if self.from < self.to {
            return begins(day.weekday()) && self.from <= time && time < self.to;
        }
        let before = day.checked_sub(1.day()).map_or(day.weekday().previous(), jiff::civil::Date::weekday);
        (begins(day.weekday()) && self.from <= time) || (begins(before) && time < self.to)
    }

    /// When it opens next, at or after this time; this time itself while it is open.
    pub fn opens(&self, at: Timestamp) -> Option<Timestamp> {
        if self.holds(at) {
            return Some(at);
        }
        let today = at.to_zoned(self.zone.clone()).date();
        // A week and a day: today's may be over already.
        let days = (0..=8).filter_map(|days: i64| today.checked_add(days.days()).ok());
        days.filter(|day| self.days.contains(&day.weekday()))
            .filter_map(|day| Some(day.to_datetime(self.from).to_zoned(self.zone.clone()).ok()?.timestamp()))
            .find(|opens| *opens >= at)
    }

    /// As people say it: `Tue, Wed 03:00 to 05:00 America/Chicago`.
    pub fn spoken(&self) -> String {
        let days: Vec<&str> = self.days.iter().map(|day| word(*day)).collect();
        let zone = self.zone.iana_name().unwrap_or("UTC");
        format!("{} {} to {} {zone}", days.join(", "), self.from.strftime("%H:%M"), self.to.strftime("%H:%M"))
    }
}

const WEEK: [(Weekday, &str); 7] = [
    (Weekday::Monday, "Mon"),
    (Weekday::Tuesday, "Tue"),
    (Weekday::Wednesday, "Wed"),
    (Weekday::Thursday, "Thu"),
    (Weekday::Friday, "Fri"),
    (Weekday::Saturday, "Sat"),
    (Weekday::Sunday, "Sun"),
];

fn word(day: Weekday) -> &'static str {
    WEEK.iter().find(|(known, _)| *known == day).map_or("", |(_, word)| word)
}

/// As a plan keeps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    days: Vec<String>,
    from: Time,
    to: Time,
    zone: String,
}

impl From<Window> for Kept {
    fn from(window: Window) -> Self {
        let Window { name, days, from, to, zone } = window;
        let days = days.into_iter().map(|day| word(day).to_owned()).collect();
        Self { name, days, from, to, zone: zone.iana_name().unwrap_or("UTC").to_owned() }
    }
}

impl TryFrom<Kept> for Window {
    type Error = String;

    fn try_from(kept: Kept) -> Result<Self, String> {
        let Kept { name, days, from, to, zone } = kept;
        let day = |text: &String| WEEK.iter().find(|(_, word)| word == text).map(|(day, _)| *day);
        let days = days.iter().map(day).collect::<Option<Vec<_>>>().ok_or("a day of the week is expected")?;
        let zone = TimeZone::get(&zone).map_err(|error| error.to_string())?;
        Ok(Self { name, days, from, to, zone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i8, to: i8) -> Window {
        let zone = TimeZone::get("America/Chicago").expect("a zone");
        let time = |hour| Time::new(hour, 0, 0, 0).expect("a time");
        Window { name: "w".to_owned(), days: vec![Weekday::Tuesday], from: time(from), to: time(to), zone }
    }

    fn holds(window: &Window, at: &str) -> bool {
        window.holds(at.parse().expect("a time"))
    }

    #[test]
    fn a_window_is_open_in_its_own_zone() {
        // In July Chicago is five hours behind UTC, in December six. 2026-07-07 is a Tuesday.
        let quiet = window(3, 5);
        assert_eq!(quiet.spoken(), "Tue 03:00 to 05:00 America/Chicago");
        for (at, open) in [
            ("2026-07-07T07:59:59Z", false),
            ("2026-07-07T08:00:00Z", true),
            ("2026-07-07T09:59:59Z", true),
            ("2026-07-07T10:00:00Z", false),
            ("2026-07-08T08:30:00Z", false),
            ("2026-12-08T08:30:00Z", false),
            ("2026-12-08T09:30:00Z", true),
        ] {
            assert_eq!(holds(&quiet, at), open, "{at}");
        }
    }

    #[test]
    fn it_is_known_when_a_window_opens() {
        let quiet = window(3, 5);
        for (at, opens) in [
            ("2026-07-07T07:00:00Z", "2026-07-07T08:00:00Z"),
            ("2026-07-07T09:00:00Z", "2026-07-07T09:00:00Z"),
            ("2026-07-07T10:00:00Z", "2026-07-14T08:00:00Z"),
            ("2026-07-10T00:00:00Z", "2026-07-14T08:00:00Z"),
        ] {
            let found = quiet.opens(at.parse().expect("a time")).expect("it opens");
            assert_eq!(found.to_string(), opens, "{at}");
        }
        let kept = serde_json::to_string(&quiet).expect("kept");
        assert_eq!(serde_json::from_str::<Window>(&kept).expect("read"), quiet, "{kept}");
    }

    #[test]
    fn a_window_may_go_over_midnight() {
        let night = window(23, 2);
        for (at, open) in [
            ("2026-07-08T03:59:59Z", false),
            ("2026-07-08T04:00:00Z", true),
            ("2026-07-08T06:59:59Z", true),
            ("2026-07-08T07:00:00Z", false),
            ("2026-07-07T05:00:00Z", false),
        ] {
            assert_eq!(holds(&night, at), open, "{at}");
        }
    }
}
