//! Windows and contacts.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use super::Filling;
use crate::base::at::At;
use crate::estate::model::{Contact, Window};
use crate::estate::written::{self, Day};

pub(in crate::estate) fn windows(written: &written::Estate, filling: &mut Filling<'_>) -> Vec<Window> {
    let mut windows = Vec::new();
    for (name, window) in written.windows.iter() {
        let about = format!("windows.{}", name.value);
        if name.value.as_str() == "any" {
            filling.problem(name.extent, format!("{about}: `any` is any time; give the window another name"));
        }
        let from = time(&window.from, &format!("{about}.from"), filling);
        let to = time(&window.to, &format!("{about}.to"), filling);
        let zone = TimeZone::get(&window.zone.value);
        if zone.is_err() {
            let sentence = format!("{about}.zone: no time zone `{}` is known here", window.zone.value);
            filling.problem_with_hint(window.zone.extent, sentence, "name it as the IANA does: Europe/Berlin, UTC");
        }
        if window.days.is_empty() {
            filling.problem(window.days.extent, format!("{about}.days: at least one day is expected"));
        }
        let (Some(from), Some(to), Ok(zone)) = (from, to, zone) else { continue };
        let days = window.days.iter().map(|day| weekday(*day)).collect();
        windows.push(Window { name: name.value.to_string(), days, from, to, zone });
    }
    windows
}

pub(in crate::estate) fn contacts(written: &written::Estate) -> Vec<Contact> {
    let contact = |contact: &written::Contact| Contact {
        name: contact.name.clone(),
        role: contact.role.clone(),
        phone: contact.phone.clone(),
        email: contact.email.clone(),
    };
    written.contacts.iter().map(|(_, one)| contact(one)).collect()
}

fn time(text: &At<String>, about: &str, filling: &mut Filling<'_>) -> Option<Time> {
    let (hour, minute) = text.split_once(':').unwrap_or_default();
    let two = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = (two(hour) && two(minute)).then(|| Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok());
    let time = parsed.flatten();
    if time.is_none() {
        filling.problem(text.extent, format!("{about}: a time is expected: \"03:00\", up to \"23:59\""));
    }
    time
}

fn weekday(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Monday,
        Day::Tue => Weekday::Tuesday,
        Day::Wed => Weekday::Wednesday,
        Day::Thu => Weekday::Thursday,
        Day::Fri => Weekday::Friday,
        Day::Sat => Weekday::Saturday,
        Day::Sun => Weekday::Sunday,
    }
}
