//! What a server has: the transactions in its log, by who wrote them. Pure.
//!
//! MySQL says it as a set. MariaDB says it as the last transaction of each writer (domain and server), which is a
//! version vector: a server that has a writer's transaction has all that this writer wrote before it. A position of
//! MariaDB alone (one per domain) cannot tell who is ahead of whom after a fork, so it is not used for that.

use std::collections::BTreeMap;
use std::fmt;

use crate::estate::model::Flavour;

/// Transactions, by writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gtids {
    /// Domain and server: the last sequence number.
    MariaDb(BTreeMap<(u32, u32), u64>),
    /// Server's UUID (with its tag): intervals, both ends in, sorted, apart from each other.
    MySql(BTreeMap<String, Vec<(u64, u64)>>),
}

/// A run of transactions of one writer, both ends in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// `0-1` or a UUID.
    pub writer: String,
    pub first: u64,
    pub last: u64,
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writer, first, last } = self;
        let between = if writer.len() > 21 { ':' } else { '-' };
        if first == last {
            write!(f, "{writer}{between}{first}")
        } else {
            write!(f, "{writer}{between}{first}…{last}")
        }
    }
}

impl Gtids {
    /// Nothing.
    pub fn none(flavour: Flavour) -> Self {
        match flavour {
            Flavour::MariaDb => Self::MariaDb(BTreeMap::new()),
            Flavour::MySql => Self::MySql(BTreeMap::new()),
        }
    }

    /// As the server writes it; of MariaDB also several positions after one another, of which the greatest count.
    pub fn parse(flavour: Flavour, text: &str) -> Option<Self> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        match flavour {
            Flavour::MariaDb => {
                let mut all = BTreeMap::new();
                for part in parts {
                    let (writer, sequence) = mariadb(part)?;
                    let last = all.entry(writer).or_insert(sequence);
                    *last = sequence.max(*last);
                }
                Some(Self::MariaDb(all))
            }
            Flavour::MySql => mysql(parts).map(Self::MySql),
        }
    }

    /// Adds what another has.
    pub fn join(&mut self, other: &Self) {
        match (self, other) {
            (Self::MariaDb(own), Self::MariaDb(other)) => {
                for (writer, sequence) in other {
                    let last = own.entry(*writer).or_insert(*sequence);
                    *last = (*last).max(*sequence);
                }
            }
            (Self::MySql(own), Self::MySql(other)) => {
                for (writer, intervals) in other {
                    let all = own.entry(writer.clone()).or_default();
                    all.extend(intervals);
                    *all = tidy(std::mem::take(all));
                }
            }
            _ => {}
        }
    }

    /// What this has and `other` lacks.
    pub fn missing_from(&self, other: &Self) -> Vec<Stretch> {
        match (self, other) {
            (Self::MariaDb(own), Self::MariaDb(other)) => mariadb_missing(own, other),
            (Self::MySql(own), Self::MySql(other)) => {
                let none = Vec::new();
                let stretches = own.iter().flat_map(|(writer, intervals)| {
                    let theirs = other.get(writer).unwrap_or(&none);
                    subtract(intervals, theirs).into_iter().map(move |(first, last)| Stretch {
                        writer: writer.clone(),
                        first,
                        last,
                    })
                });
                stretches.collect()
            }
            _ => Vec::new(),
        }
    }

    /// The last transaction of each writer of MariaDB's of whom `other` has none at all.
    pub fn unknown_to(&self, other: &Self) -> impl Iterator<Item = ((u32, u32), u64)> {
        let own = if let Self::MariaDb(own) = self { Some(own) } else { None };
        let known = |writer: &(u32, u32)| matches!(other, Self::MariaDb(other) if other.contains_key(writer));
        own.into_iter().flatten().filter(move |(writer, _)| !known(writer)).map(|(writer, last)| (*writer, *last))
    }

    /// Whether the two have anything in common, so that they can be of one history.
    pub fn is_akin_to(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::MariaDb(own), Self::MariaDb(other)) => own.keys().any(|writer| other.contains_key(writer)),
            (Self::MySql(own), Self::MySql(other)) => own.keys().any(|writer| other.contains_key(writer)),
            _ => false,
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::MariaDb(own) => own.is_empty(),
            Self::MySql(own) => own.is_empty(),
        }
    }

    /// Something that rises with every transaction: MariaDB's highest sequence number, the count of MySQL's.
    pub fn height(&self) -> u64 {
        match self {
            Self::MariaDb(own) => own.values().copied().max().unwrap_or(0),
            Self::MySql(own) => own.values().flatten().map(|(first, last)| last - first + 1).sum(),
        }
    }
}

impl fmt::Display for Gtids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = match self {
            Self::MariaDb(own) => {
                own.iter().map(|((domain, server), sequence)| format!("{domain}-{server}-{sequence}")).collect()
            }
            Self::MySql(own) => own
                .iter()
                .map(|(writer, intervals)| {
                    let interval = |(first, last): &(u64, u64)| {
                        if first == last { format!(":{first}") } else { format!(":{first}-{last}") }
                    };
                    format!("{writer}{}", intervals.iter().map(interval).collect::<String>())
                })
                .collect(),
        };
        f.write_str(if parts.is_empty() { "nothing" } else { "" })?;
        f.write_str(&parts.join(","))
    }
}

/// How many transactions these are.
pub fn count(stretches: &[Stretch]) -> u64 {
    stretches.iter().map(|stretch| stretch.last - stretch.first + 1).sum()
}

/// `3 transactions (0-1-101…103)`
pub fn spoken(stretches: &[Stretch]) -> String {
    let count = count(stretches);
    let named: Vec<String> = stretches.iter().take(4).map(Stretch::to_string).collect();
    let more = if stretches.len() > 4 { ", …" } else { "" };
    format!("{count} transaction{} ({}{more})", if count == 1 { "" } else { "s" }, named.join(", "))
}

fn mariadb(text: &str) -> Option<((u32, u32), u64)> {
    let mut parts = text.split('-');
    let (domain, server, sequence) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some(((domain.parse().ok()?, server.parse().ok()?), sequence.parse().ok()?))
}

/// Sequence numbers rise within a domain whoever writes, so what lies below the last transaction that both have, of
/// a writer that the other knows nothing of, came to it with a copy, and not through its own log; or it was written past
/// that order, which `hidden` looks for.
fn mariadb_missing(own: &BTreeMap<(u32, u32), u64>, other: &BTreeMap<(u32, u32), u64>) -> Vec<Stretch> {
    let common = |domain: u32| {
        let both = own.iter().filter(|((of, _), _)| *of == domain);
        both.filter_map(|(writer, last)| other.get(writer).map(|theirs| *last.min(theirs))).max().unwrap_or(0)
    };
    let mut missing = Vec::new();
    for (writer @ (domain, server), last) in own {
        let common = common(*domain);
        let has = other.get(writer).copied();
        if has.map_or(common, |has| has) >= *last {
            continue;
        }
        // What a writer wrote after the fork begins above everything that the two have in common.
        let before = has.unwrap_or(0).max(if common < *last { common } else { 0 });
        missing.push(Stretch { writer: format!("{domain}-{server}"), first: before + 1, last: *last });
    }
    missing
}

fn mysql<'a>(parts: impl Iterator<Item = &'a str>) -> Option<BTreeMap<String, Vec<(u64, u64)>>> {
    let mut all: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for part in parts {
        let mut fields = part.split(':').map(str::trim);
        let mut writer = fields.next()?.to_ascii_lowercase();
        let uuid = writer.clone();
        for field in fields {
            // A tag (8.3 and newer) stands where an interval would, and holds for the intervals after it.
            if !field.starts_with(|c: char| c.is_ascii_digit()) {
                writer = format!("{uuid}:{}", field.to_ascii_lowercase());
                continue;
            }
            let (first, last) = field.split_once('-').unwrap_or((field, field));
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            if first == 0 || last < first {
                return None;
            }
            all.entry(writer.clone()).or_default().push((first, last));
        }
    }
    for intervals in all.values_mut() {
        *intervals = tidy(std::mem::take(intervals));
    }
    Some(all)
}

/// Sorted, and joined where they touch.
fn tidy(mut intervals: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    intervals.sort_unstable();
    let mut tidied: Vec<(u64, u64)> = Vec::new();
    for (first, last) in intervals {
        match tidied.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
            _ => tidied.push((first, last)),
        }
    }
    tidied
}

fn subtract(own: &[(u64, u64)], other: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut left = Vec::new();
    for &(first, last) in own {
        let mut first = first;
        for &(from, to) in other {
            if to < first || from > last {
                continue;
            }
            if from > first {
                left.push((first, from - 1));
            }
            first = to.saturating_add(1);
            if first > last {
                break;
            }
        }
        if first <= last {
            left.push((first, last));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mariadb(text: &str) -> Gtids {
        Gtids::parse(Flavour::MariaDb, text).expect("positions")
    }
    fn missing(own: &str, other: &str) -> Vec<String> {
        mariadb(own).missing_from(&mariadb(other)).iter().map(Stretch::to_string).collect()
    }

    fn contains(all: &Gtids, part: &Gtids) -> bool {
        part.missing_from(all).is_empty()
    }

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    #[test]
    fn what_servers_write_is_read() {
        assert_eq!(mariadb("0-1-4,0-2-7,0-1-9").to_string(), "0-1-9,0-2-7");
        assert_eq!(mariadb("").to_string(), "nothing");
        assert_eq!(Gtids::parse(Flavour::MariaDb, "0-1"), None);
        let set = |text: &str| Gtids::parse(Flavour::MySql, text).map(|set| set.to_string());
        assert_eq!(set(&format!("{A}:1-5:7:6,\n{A}:11-18")), Some(format!("{A}:1-7:11-18")));
        assert_eq!(set(&format!("{A}:1-3:blue:1-2:7")), Some(format!("{A}:1-3,{A}:blue:1-2:7")));
        assert_eq!(set(&format!("{A}:0-3")), None);
        assert_eq!(set(""), Some("nothing".to_owned()));
    }

    #[test]
    fn mariadb_forks() {
        // A replica that is behind, and one that has all.
        assert_eq!(missing("0-1-105", "0-1-100"), ["0-1-101…105"]);
        assert_eq!(missing("0-1-100", "0-1-105"), Vec::<String>::new());
        // The old primary wrote five that the new one never got, which has written since.
        assert_eq!(missing("0-1-105", "0-1-100,0-2-110"), ["0-1-101…105"]);
        // There and back again.
        assert_eq!(missing("0-1-100,0-2-150,0-1-150", "0-1-150,0-2-150"), Vec::<String>::new());
        // A write at a replica, by its own number.
        assert_eq!(missing("0-1-100,0-2-101", "0-1-130"), ["0-2-101"]);
        // Copied from a server with a longer past than its own log tells.
        assert_eq!(missing("0-3-50,0-1-100", "0-1-120"), Vec::<String>::new());
        // Another domain is another history.
        assert_eq!(missing("0-1-100,7-1-3", "0-1-100"), ["7-1-1…3"]);
    }

    #[test]
    fn mysql_sets_subtract() {
        let set = |text: &str| Gtids::parse(Flavour::MySql, &format!("{A}:{text}")).expect("a set");
        let spoken = |own: &str, other: &str| spoken(&set(own).missing_from(&set(other)));
        assert_eq!(spoken("1-20", "1-5:8:19-30"), format!("12 transactions ({A}:6…7, {A}:9…18)"));
        assert_eq!(spoken("1-3", "2"), format!("2 transactions ({A}:1, {A}:3)"));
        assert!(contains(&set("1-20"), &set("4-9")) && !contains(&set("4-9"), &set("1-20")));
    }

    /// A history of two servers, of which one leads at a time; the other may miss the last transactions when it takes over.
    #[derive(Debug, Clone)]
    struct Reign {
        writes: u64,
        /// How many of its last the other does not get before it takes over.
        lost: u64,
    }

    proptest! {
        /// The vector arithmetic finds exactly what a fork left behind, whatever happened before it.
        #[test]
        fn what_is_lost_is_found(clean in prop::collection::vec(1_u64..50, 0..6), last in (1_u64..50, 0_u64..50), after in 0_u64..50) {
            let mut shared: BTreeMap<(u32, u32), u64> = BTreeMap::new();
            let mut sequence = 0;
            for (turn, writes) in clean.iter().enumerate() {
                sequence += writes;
                shared.insert((0, if turn % 2 == 0 { 1 } else { 2 }), sequence);
            }
            let reign = Reign { writes: last.0, lost: last.1.min(last.0) };
            let (old, new) = if clean.len() % 2 == 0 { (1, 2) } else { (2, 1) };
            let mut own = shared.clone();
            own.insert((0, old), sequence + reign.writes);
            let mut other = shared;
            if reign.writes > reign.lost {
                other.insert((0, old), sequence + reign.writes - reign.lost);
            }
            if after > 0 {
                other.insert((0, new), sequence + reign.writes - reign.lost + after);
            }
            // A new leader that has nothing in common with the old one, and wrote nothing, is not of one history.
            let missing = Gtids::MariaDb(own).missing_from(&Gtids::MariaDb(other));
            prop_assert_eq!(count(&missing), reign.lost);
        }

        /// Sets: subtraction, union and containment are those of sets.
        #[test]
        fn sets_are_sets(own in prop::collection::btree_set(1_u64..60, 0..40), other in prop::collection::btree_set(1_u64..60, 0..40)) {
            let set = |numbers: &std::collections::BTreeSet<u64>| {
                Gtids::MySql([(A.to_owned(), tidy(numbers.iter().map(|n| (*n, *n)).collect()))].into())
            };
            let (left, right) = (set(&own), set(&other));
            let missing: Vec<u64> = left.missing_from(&right).iter().flat_map(|s| s.first..=s.last).collect();
            prop_assert_eq!(missing, own.difference(&other).copied().collect::<Vec<_>>());
            prop_assert_eq!(contains(&left, &right), own.is_superset(&other));
            let mut both = left.clone();
            both.join(&right);
            prop_assert!(contains(&both, &left) && contains(&both, &right));
            prop_assert_eq!(both.height(), own.union(&other).count() as u64);
            prop_assert_eq!(Gtids::parse(Flavour::MySql, &left.to_string().replace("nothing", "")), Some(if own.is_empty() { Gtids::none(Flavour::MySql) } else { left }));
        }
    }
}
