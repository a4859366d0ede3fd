//! Against a real PowerDNS: `cargo test --lib on_powerdns -- --ignored`.

use std::net::SocketAddr;

use super::*;
use crate::actions::dns::servers_for_tests::{PowerDnsServer, a, free, powerdns};
use crate::actions::dns::{Answer, Asked, Server, ask};
use crate::engine::action::Fault;
use crate::estate::model::ProviderKind;

const NAME: &str = "www.shop.test";
const ZONE: &str = "shop.test";

fn api(server: &PowerDnsServer, key: &str) -> PowerDnsApi {
    let ProviderKind::PowerDns(provider) = server.provider(key, &[server.running.address]) else { panic!("PowerDNS") };
    PowerDnsApi::new(&provider).expect("a client")
}

async fn says(address: SocketAddr, name: &str) -> Answer {
    ask(&Server::new(&address.to_string()), name, Asked::Authority { zone: Some(ZONE) }).await.expect("an answer")
}

fn change(name: &str, before: &Records, after: &Records) -> Change {
    let (zone, name) = (ZONE.to_owned(), name.to_owned());
    Change { zone, name, expected: vec![before.clone()], records: after.clone(), ttl_s: 30 }
}

#[tokio::test]
#[ignore = "starts PowerDNS"]
async fn the_look_at_the_credentials_changes_nothing() {
    let server = powerdns(&[(NAME, "A", 5, "192.0.2.1")]);
    let before = says(server.running.address, NAME).await;
    api(&server, "key").check_access(ZONE).await.expect("accepted");
    for (key, zone, says) in [
        ("wrong-key", ZONE, "does not accept our API key (401)"),
        ("key", "elsewhere.test", "it has no zone `elsewhere.test`"),
        ("no-key", ZONE, "does not exist"),
    ] {
        let error = api(&server, key).check_access(zone).await.expect_err(says);
        assert!(error.message.contains(says) && error.fault == Fault::Refused, "{error:?}");
        assert!(!error.message.contains("s3cret"), "{error}");
    }
    assert_eq!(says(server.running.address, NAME).await, before);
    assert!(before.authoritative && before.serial.is_some());
    assert!(!format!("{:?}", api(&server, "key")).contains("s3cret"));
}

#[tokio::test]
#[ignore = "starts PowerDNS"]
async fn a_server_that_is_not_there_is_unreachable() {
    let mut server = powerdns(&[]);
    server.url = format!("http://{}", free());
    let error = api(&server, "key").check_access(ZONE).await.expect_err("nobody listens");
    assert_eq!(error.fault, Fault::Unreachable);
    assert!(error.message.contains("refused"), "{error}");
    let error = api(&server, "key").replace(&Touch::for_test(), &change(NAME, &a(1), &a(2))).await.expect_err("nobody");
    assert_eq!(error.fault, Fault::Unreachable);
}

#[tokio::test]
#[ignore = "starts PowerDNS"]
async fn every_type_is_set_at_once() {
    let server = powerdns(&[
        (NAME, "A", 5, "192.0.2.1"),
        ("*.apps.shop.test", "A", 5, "192.0.2.1"),
        ("shop.test", "A", 5, "192.0.2.1"),
    ]);
    let (address, api) = (server.running.address, api(&server, "key"));
    let both = Records { aaaa: vec!["2001:db8::20".parse().expect("aaaa")], ..a(2) };
    let alias = Records { cname: Some("b-web.shop.test".to_owned()), ..Records::default() };
    for name in [NAME, "*.apps.shop.test", "new.shop.test", "shop.test"] {
        let mut before = says(address, name).await.records;
        for after in [&both, &alias, &a(3), &Records::default(), &a(1)] {
            if name == ZONE && after.cname.is_some() {
                // The zone's own name cannot be an alias, and PowerDNS says so.
                let error =
                    api.replace(&Touch::for_test(), &change(name, &before, after)).await.expect_err("SOA beside CNAME");
                assert_eq!(error.fault, Fault::Refused, "{error}");
                continue;
            }
            api.replace(&Touch::for_test(), &change(name, &before, after)).await.expect("replaced");
            let now = says(address, name).await;
            assert!(same(&now.records, after) && now.ttls_s.iter().all(|ttl_s| *ttl_s == 30), "{name}: {now:?}");
            before = after.clone();
        }
    }
}

#[tokio::test]
#[ignore = "starts PowerDNS"]
async fn only_what_was_seen_is_replaced() {
    let server = powerdns(&[(NAME, "A", 5, "192.0.2.1")]);
    let error = api(&server, "key").replace(&Touch::for_test(), &change(NAME, &a(9), &a(2))).await.expect_err("other");
    assert_eq!(error.fault, Fault::Transient, "{error}");
    assert!(same(&says(server.running.address, NAME).await.records, &a(1)));
}
