//! Whether one member can become a copy of another: what both hosts say of themselves, and the judgement, pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::member::Member;
use super::programs;
use crate::engine::action::ActionError;

/// Going through the files of a large server.
const LOOK_MAX: Duration = Duration::from_secs(120);
/// What must be the same at both, or the one's files are none to the other.
const SHARED: [&str; 4] =
    ["innodb_data_file_path", "innodb_page_size", "innodb_undo_tablespaces", "lower_case_table_names"];
/// What a copy needs beyond its files: the leader's changes while it is taken, and room to breathe.
const SPARE_BYTES: u64 = 256 << 20;

/// What a host says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Versions, as far as they are known.
    server: String,
    copier: String,
    unpacks: bool,
    settings: BTreeMap<String, String>,
    /// Where something lies that a copy of the data directory would not have, or not replace.
    elsewhere: Option<String>,
    /// Why what is in the data directory cannot be exchanged.
    exchange: Option<String>,
    administrator: bool,
    pub bytes: u64,
    pub free_bytes: u64,
}

/// Asks a host.
pub async fn look(member: &Member) -> Result<Place, ActionError> {
    let output = member.look_script(&programs::PLACE, &[], LOOK_MAX).await?;
    Ok(parse(&output.stdout_or(&format!("{}: looking at what a copy rests on", member.name()))?))
}

fn parse(text: &str) -> Place {
    let mut place = Place::default();
    let number = |value: &str| value.trim().parse::<u64>().unwrap_or(0);
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
        match key {
            "server" => value.clone_into(&mut place.server),
            "copier" => value.clone_into(&mut place.copier),
            "unpacks" => place.unpacks = true,
            "administrator" => place.administrator = true,
            "elsewhere" => place.elsewhere = place.elsewhere.take().or_else(|| Some(value.to_owned())),
            "exchange" => place.exchange = place.exchange.take().or_else(|| Some(value.to_owned())),
            "bytes" => place.bytes = number(value),
            "free_kib" => place.free_bytes = number(value).saturating_mul(1024),
            shared if SHARED.contains(&shared) => {
                place.settings.insert(shared.to_owned(), value.to_owned());
            }
            _ => {}
        }
    }
    place
}

/// How much room a copy of this place takes.
pub fn needed_bytes(leader: &Place) -> u64 {
    leader.bytes + leader.bytes / 10 + SPARE_BYTES
}

/// Why the one cannot become a copy of the other; `None` where it can. `names`: the member's, the leader's.
pub fn hindrance(member: &Place, leader: &Place, names: (&str, &str)) -> Option<String> {
    let (name, leader_name) = names;
    let series = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    for (place, at) in [(leader, leader_name), (member, name)] {
        if place.copier.is_empty() {
            return Some(format!("{at} has no mariadb-backup (the package of that name; or say `bin_dir`)"));
        }
        if series(&place.copier) != series(&place.server) {
            return Some(format!(
                "mariadb-backup at {at} is {}, and the server there {}: they must be of one series",
                place.copier, place.server
            ));
        }
        if let Some(what) = &place.elsewhere {
            return Some(format!("at {at} not everything lies in the data directory ({what})"));
        }
    }
    if series(&member.server) != series(&leader.server) {
        return Some(format!(
            "{name} has MariaDB {} and {leader_name} {}: files are copied within one series only",
            member.server, leader.server
        ));
    }
    for key in SHARED {
        let said = |place: &Place| match place.settings.get(key).map(String::as_str) {
            None | Some("") => "not set".to_owned(),
            Some(value) => value.to_owned(),
        };
        let (own, theirs) = (said(member), said(leader));
        if own != theirs {
            return Some(format!("`{key}` is {own} at {name} and {theirs} at {leader_name}"));
        }
    }
    if !member.unpacks {
        return Some(format!("{name} has no mbstream, which comes with mariadb-backup"));
    }
    if !leader.administrator {
        return Some(format!(
            "the server's user at {leader_name} is no administrator over its own socket, as whom mariadb-backup would log in"
        ));
    }
    if let Some(why) = &member.exchange {
        return Some(format!("{why}, so that a copy could not take the place of what is there"));
    }
    let needed = needed_bytes(leader);
    (member.free_bytes < needed)
        .then(|| format!("{} MiB are free at {name} and {} MiB are needed", member.free_bytes >> 20, needed >> 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: &str = "server=10.11.19\ncopier=10.11.19\nunpacks=yes\ninnodb_data_file_path=ibdata1:12M:autoextend\n\
                        innodb_page_size=\nbytes=1073741824\nadministrator=yes\nfree_kib=4194304\n";

    /// A place that says all of this, the later over the earlier.
    fn saying(more: &str) -> Place {
        parse(&format!("{FINE}{more}"))
    }

    #[test]
    fn two_places_that_are_alike_can_be_copied() {
        assert_eq!(hindrance(&saying(""), &saying(""), ("a", "b")), None);
        assert_eq!(hindrance(&saying("server=10.11.4\ncopier=10.11.4\n"), &saying(""), ("a", "b")), None);
    }

    #[test]
    fn whatever_hinders_a_copy_is_named() {
        for (member, leader, word) in [
            ("copier=\n", "", "a has no mariadb-backup"),
            ("", "copier=\n", "b has no mariadb-backup"),
            ("", "copier=11.4.2\n", "must be of one series"),
            ("server=11.4.2\ncopier=11.4.2\n", "", "within one series only"),
            ("innodb_data_file_path=ibdata1:1G\n", "", "`innodb_data_file_path` is ibdata1:1G at a"),
            ("lower_case_table_names=1\n", "", "is 1 at a and not set at b"),
            ("", "elsewhere=/data/wiki/x.isl\n", "at b not everything lies in the data directory"),
            ("elsewhere=innodb_undo_directory = /undo\n", "", "(innodb_undo_directory = /undo)"),
            ("exchange=/var/lib/mysql is a file system of its own\n", "", "a file system of its own, so that"),
            ("free_kib=1048576\n", "", "1024 MiB are free at a and 1382 MiB are needed"),
        ] {
            let found = hindrance(&saying(member), &saying(leader), ("a", "b"));
            assert!(found.as_deref().is_some_and(|found| found.contains(word)), "{word}: {found:?}");
        }
        let bare = parse(&FINE.replace("unpacks=yes\n", ""));
        assert!(hindrance(&bare, &saying(""), ("a", "b")).is_some_and(|why| why.contains("no mbstream")));
        let bare = parse(&FINE.replace("administrator=yes\n", ""));
        assert!(hindrance(&saying(""), &bare, ("a", "b")).is_some_and(|why| why.contains("no administrator")));
    }
}
