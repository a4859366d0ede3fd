//! PowerDNS's HTTP API (version 1, as of PowerDNS 4).
//!
//! Its PATCH replaces whole record sets in one database transaction, but it cannot be told what must stand
//! there before. So we look and then change, and between the two somebody else's change can be lost: a gap of
//! one round trip that only other writers of the same name can fall into.

mod live;
#[cfg(test)]
mod on_powerdns;

use std::net::{Ipv4Addr, Ipv6Addr};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::port::{Access, Change, Provider};
use crate::actions::dns::{Records, same, shown};
use crate::engine::action::{ActionError, Touch};
use crate::estate::model::PowerDns;
use live::Api;

/// One server's API.
#[derive(Debug)]
pub struct PowerDnsApi {
    url: String,
    api: Api,
}

impl PowerDnsApi {
    pub fn new(provider: &PowerDns) -> Result<Self, String> {
        Ok(Self { url: provider.url.clone(), api: Api::new(&provider.url, provider.key.clone())? })
    }
}

impl Provider for PowerDnsApi {
    fn load(&self) -> BoxFuture<'_, Result<(), ActionError>> {
        Box::pin(async move { self.api.key().await.map(|_| ()) })
    }

    fn check_access<'a>(&'a self, zone: &'a str) -> BoxFuture<'a, Result<Access, ActionError>> {
        Box::pin(async move {
            // The API has one key, and it may do everything: who may read may change.
            let seen: Zone = self.api.get(zone, "rrsets=false").await?;
            if matches!(seen.kind.as_str(), "Slave" | "Secondary" | "Consumer") {
                return Err(ActionError::refused(format!(
                    "PowerDNS at `{}` only copies zone `{zone}` from elsewhere ({}); name the server that it comes from",
                    self.url, seen.kind
                )));
            }
            Ok(Access { by: self.url.clone(), passed_over: Vec::new() })
        })
    }

    fn replace<'a>(&'a self, touch: &'a Touch, change: &'a Change) -> BoxFuture<'a, Result<(), ActionError>> {
        Box::pin(async move {
            let Change { zone, name, expected, records, ttl_s } = change;
            let filter = format!("rrset_name={}.", name.to_ascii_lowercase());
            let seen: Zone = self.api.get(zone, &filter).await?;
            let now = seen.records_of(name);
            if !expected.iter().chain([records]).any(|one| same(one, &now)) {
                return Err(ActionError::transient(format!(
                    "`{name}` was not changed: `{}` has {}, and the name servers said {}",
                    self.url,
                    shown(&now),
                    expected.iter().map(shown).collect::<Vec<_>>().join(" or ")
                )));
            }
            let patch = Patch::new(name, &now, records, *ttl_s);
            if patch.rrsets.is_empty() { Ok(()) } else { self.api.patch(touch, zone, &patch).await }
        })
    }
}

/// A zone as the API gives it; only what is needed here.
#[derive(Debug, Deserialize)]
struct Zone {
    kind: String,
    #[serde(default)]
    rrsets: Vec<RrSet>,
}

#[derive(Debug, Deserialize)]
struct RrSet {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    records: Vec<Record>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    content: String,
    /// Kept in the database and not answered with.
    disabled: bool,
}

impl Zone {
    /// What stands there for a name. Old servers know no filter and give the whole zone.
    fn records_of(&self, name: &str) -> Records {
        let mut records = Records::default();
        for set in &self.rrsets {
            if !set.name.trim_end_matches('.').eq_ignore_ascii_case(name.trim_end_matches('.')) {
                continue;
            }
            let mut contents =
                set.records.iter().filter(|record| !record.disabled).map(|record| record.content.as_str());
            match set.kind.as_str() {
                "A" => records.a.extend(contents.filter_map(|text| text.parse::<Ipv4Addr>().ok())),
                "AAAA" => records.aaaa.extend(contents.filter_map(|text| text.parse::<Ipv6Addr>().ok())),
                "CNAME" => records.cname = contents.next_back().map(|text| text.trim_end_matches('.').to_owned()),
                _ => {}
            }
        }
        records
    }
}

#[derive(Debug, Serialize)]
struct Patch {
    rrsets: Vec<SetChange>,
}

#[derive(Debug, Serialize)]
struct SetChange {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    changetype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<Record>,
}

impl Patch {
    /// Sets every type of the name: those that are to stand there, and goes those that stand there now. What
    /// goes comes first: an alias may not stand beside an address, not even within one change.
    fn new(name: &str, now: &Records, after: &Records, ttl_s: u32) -> Self {
        let contents = |records: &Records| {
            let a = records.a.iter().map(ToString::to_string).collect::<Vec<_>>();
            let aaaa = records.aaaa.iter().map(ToString::to_string).collect();
            let cname = records.cname.iter().map(|target| format!("{}.", target.trim_end_matches('.'))).collect();
            [("A", a), ("AAAA", aaaa), ("CNAME", cname)]
        };
        let name = format!("{}.", name.trim_end_matches('.').to_ascii_lowercase());
        let (mut gone, mut set) = (Vec::new(), Vec::new());
        for ((kind, new), (_, old)) in contents(after).into_iter().zip(contents(now)) {
            if !new.is_empty() {
                let records = new.into_iter().map(|content| Record { content, disabled: false }).collect();
                set.push(SetChange { name: name.clone(), kind, changetype: "REPLACE", ttl: Some(ttl_s), records });
            } else if !old.is_empty() {
                gone.push(SetChange { name: name.clone(), kind, changetype: "DELETE", ttl: None, records: Vec::new() });
            }
        }
        gone.append(&mut set);
        Self { rrsets: gone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a(last: u8) -> Records {
        Records { a: vec![[192, 0, 2, last].into()], ..Records::default() }
    }

    #[test]
    fn what_goes_comes_first() {
        let alias = Records { cname: Some("b.shop.test".to_owned()), ..Records::default() };
        let patch = Patch::new("WWW.shop.test", &a(1), &alias, 30);
        let json = serde_json::to_value(&patch).expect("json");
        assert_eq!(
            json,
            serde_json::json!({"rrsets": [
                {"name": "www.shop.test.", "type": "A", "changetype": "DELETE"},
                {"name": "www.shop.test.", "type": "CNAME", "changetype": "REPLACE", "ttl": 30,
                 "records": [{"content": "b.shop.test.", "disabled": false}]},
            ]})
        );
    }

    #[test]
    fn only_this_name_and_what_is_answered_with() {
        let zone: Zone = serde_json::from_value(serde_json::json!({"kind": "Native", "rrsets": [
            {"name": "www.shop.test.", "type": "A", "records": [
                {"content": "192.0.2.1", "disabled": false}, {"content": "192.0.2.9", "disabled": true}]},
            {"name": "www.shop.test.", "type": "TXT", "records": [{"content": "\"x\"", "disabled": false}]},
            {"name": "other.shop.test.", "type": "A", "records": [{"content": "192.0.2.2", "disabled": false}]},
        ]}))
        .expect("zone");
        assert_eq!(zone.records_of("www.shop.test"), a(1));
    }
}
