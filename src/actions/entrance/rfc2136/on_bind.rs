//! Against a real BIND: `cargo test --lib on_bind -- --ignored`.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::actions::dns::over_tcp;
use crate::actions::dns::servers_for_tests::{
    KEY, Running, a, bind, bind_with_policy, free, key_text, private, stranger,
};
use crate::actions::dns::{Answer, Asked, Records, ask, same};
use crate::base::secret::SecretRef;

const NAME: &str = "db.shop.internal";
const ZONE: &str = "shop.internal";

fn updates(bind: &Running, update_at: &[SocketAddr]) -> SignedUpdates {
    let mut provider = bind.provider(&[bind.address]);
    provider.update_at = update_at.iter().map(ToString::to_string).collect();
    SignedUpdates::new(&provider)
}

fn with_key(bind: &Running, name: &str, secret: &str) -> SignedUpdates {
    let path = bind.folder.path().join(format!("{name}key"));
    private(&path, &key_text(name, secret));
    let mut provider = bind.provider(&[bind.address]);
    provider.key = TsigKey::File(path);
    SignedUpdates::new(&provider)
}

async fn says(bind: &Running, name: &str) -> Answer {
    ask(&Server::new(&bind.address.to_string()), name, Asked::Authority { zone: Some(ZONE) }).await.expect("an answer")
}

fn change(name: &str, before: &Records, after: &Records, ttl_s: u32) -> Change {
    let (zone, name) = (ZONE.to_owned(), name.to_owned());
    Change { zone, name, expected: vec![before.clone()], records: after.clone(), ttl_s }
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn the_look_at_the_credentials_changes_nothing() {
    let bind = bind("db 5 IN A 192.0.2.1");
    let before = says(&bind, NAME).await;
    assert_eq!((before.serial, before.authoritative, before.ttl_s()), (Some(7), true, Some(5)));
    let access = updates(&bind, &[bind.address]).check_access(ZONE).await.expect("accepted");
    assert_eq!(access.by, bind.address.to_string());

    for (provider, zone, says) in [
        (with_key(&bind, "switchback.", "d3Jvbmc="), ZONE, "has another secret (BADSIG)"),
        (with_key(&bind, "nobody.", KEY), ZONE, "knows no TSIG key `nobody.` of this algorithm (BADKEY)"),
        (
            updates(&bind, &[bind.address]),
            "closed.internal",
            "does not let TSIG key `switchback.` change zone `closed.internal` (REFUSED)",
        ),
        (
            updates(&bind, &[bind.address]),
            "elsewhere.internal",
            "is not authoritative for zone `elsewhere.internal` (NOTAUTH)",
        ),
    ] {
        let error = provider.check_access(zone).await.expect_err(says);
        assert!(error.message.contains(says) && error.fault == Fault::Refused, "{error:?}");
    }
    assert_eq!(says(&bind, NAME).await, before);
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn clocks_that_differ_are_told_with_the_difference() {
    let bind = bind("");
    let key = key::read(&bind.key()).expect("a key");
    let now_s = u64::try_from(jiff::Timestamp::now().as_second()).expect("after 1970");
    let signed = update::sign(update::access(ZONE).expect("a message"), &key, now_s - 1_000).expect("signed");
    let answer = over_tcp(bind.address, &signed.bytes).await.expect("an answer");
    let Verdict::Clocks { apart_s: Some(apart_s) } = signed.read(&answer) else { panic!("BADTIME") };
    assert!((999..1_010).contains(&apart_s), "{apart_s}");
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn only_what_was_seen_is_replaced() {
    let bind = bind("db 5 IN A 192.0.2.1");
    let provider = updates(&bind, &[bind.address]);
    let touch = Touch::for_test();
    provider.replace(&touch, &change(NAME, &a(1), &a(2), 30)).await.expect("replaced");
    let now = says(&bind, NAME).await;
    assert!(same(&now.records, &a(2)) && now.ttl_s() == Some(30) && now.serial > Some(7), "{now:?}");

    // Somebody else was quicker: nothing is changed.
    let error =
        provider.replace(&touch, &change(NAME, &a(1), &a(3), 30)).await.expect_err("something else stands there");
    assert_eq!(error.fault, Fault::Transient, "{error}");
    assert_eq!(says(&bind, NAME).await, now);

    // What stands there already may be set again; its TTL too.
    provider.replace(&touch, &change(NAME, &a(1), &a(2), 5)).await.expect("already so");
    assert_eq!(says(&bind, NAME).await.ttl_s(), Some(5));
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn every_type_is_set_at_once() {
    let bind = bind("db 5 IN A 192.0.2.1\n*.apps 5 IN A 192.0.2.1\na-db 60 IN A 192.0.2.1");
    let provider = updates(&bind, &[bind.address]);
    let both = Records { aaaa: vec!["2001:db8::20".parse().expect("aaaa")], ..a(2) };
    let alias = Records { cname: Some("a-db.shop.internal".to_owned()), ..Records::default() };
    for name in [NAME, "*.apps.shop.internal", "new.shop.internal"] {
        let mut before = says(&bind, name).await.records;
        for after in [&both, &alias, &a(3), &Records::default(), &a(1)] {
            provider.replace(&Touch::for_test(), &change(name, &before, after, 30)).await.expect("replaced");
            let now = says(&bind, name).await;
            assert!(same(&now.records, after) && now.ttls_s.iter().all(|ttl_s| *ttl_s == 30), "{name}: {now:?}");
            before = after.clone();
        }
    }
    let outside = change("db.shop.test", &a(1), &a(2), 30);
    assert_eq!(provider.replace(&Touch::for_test(), &outside).await.expect_err("outside").fault, Fault::Refused);
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn servers_are_tried_in_order_as_long_as_nothing_was_changed() {
    let bind = bind("db 5 IN A 192.0.2.1");
    let (down, stranger) = (free(), stranger());
    let provider = updates(&bind, &[down, stranger.address, bind.address]);
    let access = provider.check_access(ZONE).await.expect("the third takes it");
    assert_eq!((access.by, access.passed_over.len()), (bind.address.to_string(), 2));
    provider.replace(&Touch::for_test(), &change(NAME, &a(1), &a(2), 5)).await.expect("replaced");
    assert!(same(&says(&bind, NAME).await.records, &a(2)));

    let none = updates(&bind, &[down]).replace(&Touch::for_test(), &change(NAME, &a(2), &a(1), 5)).await;
    assert_eq!(none.expect_err("nobody listens").fault, Fault::Unreachable);
}

/// Passes one request on and keeps its answer to itself.
async fn swallow_one_answer(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut from, _) = listener.accept().await.expect("a connection");
        let mut request = vec![0_u8; 2];
        from.read_exact(&mut request).await.expect("a length");
        let length = usize::from(u16::from_be_bytes([request[0], request[1]]));
        request.resize(length + 2, 0);
        from.read_exact(&mut request[2..]).await.expect("a request");
        let mut on = TcpStream::connect(to).await.expect("the server");
        on.write_all(&request).await.expect("passed on");
        on.read_u16().await.expect("an answer");
    });
    address
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn an_update_whose_answer_is_lost_is_in_doubt_and_tried_nowhere_else() {
    let bind = bind("db 5 IN A 192.0.2.1");
    let lossy = swallow_one_answer(bind.address).await;
    let provider = updates(&bind, &[lossy, bind.address]);
    let error = provider.replace(&Touch::for_test(), &change(NAME, &a(1), &a(2), 5)).await.expect_err("lost");
    assert_eq!(error.fault, Fault::InDoubt, "{error}");
    assert!(error.message.contains("may have been changed"), "{error}");
    assert!(same(&says(&bind, NAME).await.records, &a(2)), "it was done all the same");
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn a_key_file_that_will_not_do_is_named_without_its_text() {
    use std::os::unix::fs::PermissionsExt;
    let bind = bind("");
    let path = bind.folder.path().join("tsig.key");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("mode set");
    let error = updates(&bind, &[bind.address]).load().await.expect_err("open to others");
    assert!(error.message.contains("may be read by others") && !error.message.contains(KEY), "{error}");
    let secret = bind.folder.path().join("secret");
    private(&secret, KEY);
    let parts = TsigKey::Parts {
        name: "switchback.".to_owned(),
        algorithm: "hmac-sha256".to_owned(),
        secret: SecretRef::File(secret),
    };
    let provider = SignedUpdates::new(&Rfc2136 { key: parts, ..bind.provider(&[bind.address]) });
    provider.check_access(ZONE).await.expect("accepted");
    assert!(!format!("{provider:?}").contains(KEY));
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn a_policy_for_names_is_judged_only_when_a_name_is_changed() {
    let bind = bind_with_policy("db 5 IN A 192.0.2.1\nwww 5 IN A 192.0.2.1", "www.shop.internal");
    let provider = updates(&bind, &[bind.address]);
    provider.check_access(ZONE).await.expect("the key is known, and more cannot be seen");
    let error = provider.replace(&Touch::for_test(), &change(NAME, &a(1), &a(2), 5)).await.expect_err("not this name");
    assert!(error.fault == Fault::Refused && error.message.contains("REFUSED"), "{error}");
    provider.replace(&Touch::for_test(), &change("www.shop.internal", &a(1), &a(2), 5)).await.expect("this name");
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn an_answer_too_long_for_udp_comes_over_tcp() {
    let lines: Vec<String> = (1..=60).map(|last| format!("db 5 IN A 192.0.2.{last}")).collect();
    let bind = bind(&lines.join("\n"));
    let answer = says(&bind, NAME).await;
    assert_eq!((answer.records.a.len(), answer.authoritative), (60, true));
    let provider = updates(&bind, &[bind.address]);
    provider.replace(&Touch::for_test(), &change(NAME, &answer.records, &a(1), 5)).await.expect("replaced");
    assert!(same(&says(&bind, NAME).await.records, &a(1)));
}
