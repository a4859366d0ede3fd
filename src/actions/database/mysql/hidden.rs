//! Transactions of a replica's own that replication has gone on beyond.
//!
//! MariaDB gives numbers that rise within a domain whoever writes, and a position is one number. A replica that does not
//! insist on that order (`gtid_strict_mode`) takes a write of somebody's, and goes on with what it receives: by position it has
//! everything that the primary has, and nothing tells that it has more. What tells is the writer: the primary's log knows
//! of none of his. It need not know who wrote what came to it with a copy, but that lies before its log begins.

use std::time::Duration;

use super::gtid::{Gtids, Stretch};
use super::live::LookSql;
use super::member::Member;
use super::server::Server;
use crate::engine::action::ActionError;

const SQL_MAX: Duration = Duration::from_secs(5);
const LOGS: LookSql = LookSql("SHOW BINARY LOGS");

/// The last of each writer that the replica has and the primary's log would have, if it had ever been there.
pub async fn look(replica: &Server, primary: &Member, serves: &Server) -> Result<Vec<Stretch>, ActionError> {
    // MySQL's sets name each transaction.
    let Gtids::MariaDb(_) = &replica.own else { return Ok(Vec::new()) };
    if replica.own.unknown_to(&serves.own).next().is_none() {
        return Ok(Vec::new());
    }
    let session = primary.link.session().await?;
    let logs = session.look(LOGS, &[], SQL_MAX).await?;
    let Some(first) = logs.text(0, 0).filter(|name| !name.contains(['\'', '\\'])) else { return Ok(Vec::new()) };
    let events = session.first_events(first, SQL_MAX).await?;
    let told = (0..events.count())
        .map(|row| [events.named(row, "Event_type"), events.named(row, "Info")].map(Option::unwrap_or_default));
    let begins = begins(told);
    Ok(past(replica.own.unknown_to(&serves.own), &begins))
}

/// In each domain, the number after which a log begins, by its first events: what was written before it, or, where that is
/// nothing, what comes first in it.
fn begins<'a>(events: impl Iterator<Item = [&'a str; 2]>) -> Vec<(u32, u64)> {
    let mut begins: Vec<(u32, u64)> = Vec::new();
    for [kind, info] in events {
        match kind {
            "Gtid_list" => {
                let inner = info.trim_start_matches('[').split(']').next().unwrap_or_default();
                begins.extend(inner.split(',').filter_map(number));
            }
            // `BEGIN GTID 0-1-101`, or `GTID 0-1-101` before what is a transaction by itself.
            "Gtid" => {
                let known = |domain: u32| begins.iter().any(|(known, _)| *known == domain);
                let first = info.rsplit(' ').next().and_then(number).filter(|(domain, _)| !known(*domain));
                begins.extend(first.map(|(domain, sequence)| (domain, sequence.saturating_sub(1))));
            }
            _ => {}
        }
    }
    begins
}

/// Domain and number of `0-1-101`.
fn number(text: &str) -> Option<(u32, u64)> {
    let mut parts = text.trim().split('-');
    let (domain, _, sequence) = (parts.next()?, parts.next()?, parts.next()?);
    Some((domain.parse().ok()?, sequence.parse().ok()?))
}

/// Of a domain whose beginning is not known nothing can be said.
fn past(unknown: impl Iterator<Item = ((u32, u32), u64)>, begins: &[(u32, u64)]) -> Vec<Stretch> {
    let after = |domain: u32| begins.iter().filter(|(of, _)| *of == domain).map(|(_, number)| *number).max();
    unknown
        .filter(|((domain, _), last)| after(*domain).is_some_and(|after| *last > after))
        .map(|((domain, server), last)| Stretch { writer: format!("{domain}-{server}"), first: last, last })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::model::Flavour;

    /// What a replica with `own` hides from a primary that has `serves`, whose log begins so.
    fn hidden(own: &str, serves: &str, events: &[[&'static str; 2]]) -> Vec<String> {
        let gtids = |text| Gtids::parse(Flavour::MariaDb, text).expect("positions");
        let begins = begins(events.iter().copied());
        past(gtids(own).unknown_to(&gtids(serves)), &begins).iter().map(Stretch::to_string).collect()
    }

    #[test]
    fn a_write_at_a_replica_is_found_also_when_replication_has_gone_on() {
        let whole = [["Format_desc", "Server ver: 10.11"], ["Gtid_list", "[]"], ["Gtid", "BEGIN GTID 0-1-1"]];
        assert_eq!(hidden("0-1-105,0-2-101", "0-1-105", &whole), ["0-2-101"]);
        let later = [["Gtid_list", "[0-1-50,\n0-3-40]"], ["Gtid", "GTID 0-1-51"]];
        assert_eq!(hidden("0-1-105,0-2-101", "0-1-105,0-3-40", &later), ["0-2-101"]);
        // It wrote as a primary once, and the other knows of it.
        assert!(hidden("0-1-105,0-2-101", "0-1-105,0-2-101", &whole).is_empty());
        // The primary was copied from it, or from what it was copied from: its log begins later.
        let copied = [["Gtid_list", "[]"], ["Gtid", "BEGIN GTID 0-1-101"]];
        assert!(hidden("0-3-50,0-1-120", "0-1-120", &copied).is_empty());
        assert!(hidden("0-1-105,0-2-101", "0-1-5000", &[["Gtid_list", "[0-1-4000]"]]).is_empty());
        // Nothing was written there yet, so where its log begins is not known.
        assert!(hidden("0-1-105,0-2-101", "0-1-105", &whole[..2]).is_empty());
    }
}
