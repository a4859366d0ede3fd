//! What one server says of one name.

use std::collections::BTreeSet;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, RecordType};

use super::exchange::{self, NoAnswer};
use super::records::{Records, sorted};
use super::server::Server;

/// Whom one asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    /// A server of the zone itself; it is asked for the serial of this zone too, where one is given.
    Authority { zone: Option<&'a str> },
    /// A resolver that users ask.
    Resolver,
}

/// What one server says of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The name's own; what stands behind an alias is not.
    pub records: Records,
    /// TTLs of the records in seconds: one, where all have the same; none, where there are no records.
    pub ttls_s: BTreeSet<u32>,
    /// Whether the server says that it is one of the zone's own.
    pub authoritative: bool,
    /// Serial of the zone there.
    pub serial: Option<u32>,
}

impl Answer {
    /// The longest time for which a resolver may keep this answer, in seconds.
    pub fn ttl_s(&self) -> Option<u32> {
        self.ttls_s.last().copied()
    }
}

/// Asks a server for a name's addresses and alias. A name that does not exist has no records.
pub async fn ask(server: &Server, name: &str, asked: Asked<'_>) -> Result<Answer, NoAnswer> {
    let address = server.address().await?;
    let name = fqdn(name)?;
    let recursive = asked == Asked::Resolver;
    let put = |name: Name, kind| async move {
        let mut message = Message::query();
        message.metadata.recursion_desired = recursive;
        message.add_query(Query::query(name, kind));
        let answer = exchange::question(address, &message).await?;
        match answer.metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Ok(answer),
            code => Err(NoAnswer::Declined(code)),
        }
    };
    let zone = match asked {
        Asked::Authority { zone: Some(zone) } => Some(fqdn(zone)?),
        Asked::Authority { zone: None } | Asked::Resolver => None,
    };
    let serial = async {
        match zone {
            Some(zone) => put(zone, RecordType::SOA).await.ok().as_ref().and_then(serial_of),
            None => None,
        }
    };
    let (a, aaaa, serial) =
        futures::future::join3(put(name.clone(), RecordType::A), put(name.clone(), RecordType::AAAA), serial).await;
    let mut answer = Answer { records: Records::default(), ttls_s: BTreeSet::new(), authoritative: true, serial };
    for message in [a?, aaaa?] {
        answer.take(&name, &message);
    }
    answer.records = sorted(&answer.records);
    Ok(answer)
}

impl Answer {
    fn take(&mut self, name: &Name, message: &Message) {
        self.authoritative &= message.metadata.authoritative;
        for record in message.answers.iter().filter(|record| record.name == *name) {
            match &record.data {
                RData::A(A(address)) => self.records.a.push(*address),
                RData::AAAA(AAAA(address)) => self.records.aaaa.push(*address),
                RData::CNAME(CNAME(target)) => self.records.cname = Some(target.to_ascii()),
                _ => continue,
            }
            self.ttls_s.insert(record.ttl);
        }
    }
}

fn serial_of(message: &Message) -> Option<u32> {
    message.answers.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    })
}

/// A name as messages hold it: from the root, whether or not it is written with the final dot.
pub fn fqdn(name: &str) -> Result<Name, NoAnswer> {
    let mut name = Name::from_ascii(name).map_err(|_| NoAnswer::NoQuestion)?;
    name.set_fqdn(true);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Record;

    use super::*;

    fn told(records: &[(&str, u32, RData)]) -> Answer {
        let mut message = Message::query();
        message.metadata.authoritative = true;
        for (name, ttl, data) in records {
            message.add_answer(Record::from_rdata(fqdn(name).expect("name"), *ttl, data.clone()));
        }
        let mut answer =
            Answer { records: Records::default(), ttls_s: BTreeSet::new(), authoritative: true, serial: None };
        answer.take(&fqdn("www.shop.test").expect("name"), &message);
        answer
    }

    #[test]
    fn what_stands_behind_an_alias_is_not_the_names_own() {
        let alias = RData::CNAME(CNAME(fqdn("B-web.shop.test.").expect("name")));
        let answer = told(&[("WWW.shop.test", 30, alias), ("b-web.shop.test", 300, RData::A(A::new(192, 0, 2, 1)))]);
        assert_eq!(answer.records, Records { cname: Some("B-web.shop.test.".to_owned()), ..Records::default() });
        assert_eq!(answer.ttl_s(), Some(30));
    }

    #[test]
    fn the_longest_ttl_counts() {
        let answer = told(&[
            ("www.shop.test", 30, RData::A(A::new(192, 0, 2, 1))),
            ("www.shop.test", 60, RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
        ]);
        assert_eq!(answer.ttl_s(), Some(60));
        assert_eq!(answer.ttls_s.len(), 2);
    }
}
