//! The actions against real name servers: `cargo test --lib on_servers -- --ignored`.

use std::net::SocketAddr;

use serde_json::json;
use tokio::net::UdpSocket;

use super::summary::summaries;
use crate::actions::context::{Accepted, Memory, RunContext};
use crate::actions::dns::servers_for_tests::{Running, a, bind, estate, forwarder, free, powerdns, site, stranger};
use crate::base::quantity::Span;
use crate::engine::action::{Action, Applied, Evidence, Fault, Observed, Touch};
use crate::estate::model::{Estate, ProviderKind};
use crate::runbook::bound::{BoundAction, Mode};
use crate::runbook::signature::Noun;

const NAME: &str = "db.shop.internal";

fn context(mode: Mode) -> RunContext {
    RunContext {
        run: "r1".to_owned(),
        operator: "somebody@here".to_owned(),
        mode,
        from: Some(site("dallas")),
        to: Some(site("nuremberg")),
        accepted: Accepted::default(),
        memory: Memory::default(),
        settled_later: false,
    }
}

fn action(estate: &Estate, context: &RunContext, name: &str, arguments: serde_json::Value) -> Box<dyn Action> {
    let item = estate.entrances.keys().next().map(|name| (Noun::Entrance, name.to_string()));
    let serde_json::Value::Object(arguments) = arguments else { panic!("a map") };
    super::make(&BoundAction { name: name.to_owned(), item, arguments }, estate, context).expect("an action")
}

fn to(name: &str) -> serde_json::Value {
    json!({ "to": name })
}

/// An estate whose entrance these servers answer for; `primary` takes the updates.
fn on(primary: &Running, servers: &[SocketAddr]) -> Estate {
    let kind = ProviderKind::Rfc2136(primary.provider(servers));
    estate(NAME, kind, a(1), a(2), Span::from_secs(5))
}

fn satisfied(observed: Observed) -> Evidence {
    let Observed::Satisfied(evidence) = observed else { panic!("not satisfied: {observed:?}") };
    evidence
}

fn pending(observed: Observed) -> Evidence {
    let Observed::Pending(evidence) = observed else { panic!("not pending: {observed:?}") };
    evidence
}

fn blocked(observed: Observed) -> String {
    let Observed::Blocked { reason, .. } = observed else { panic!("not blocked: {observed:?}") };
    reason
}

async fn look(action: &dyn Action) -> Observed {
    action.observe().await.expect("a look")
}

#[tokio::test]
#[ignore = "starts BIND and PowerDNS"]
async fn there_and_back_again() {
    let bind = bind("db 60 IN A 192.0.2.1");
    let pdns = powerdns(&[("www.shop.test", "A", 60, "192.0.2.1")]);
    let over_api = pdns.provider("key", &[pdns.running.address]);
    for estate in [on(&bind, &[bind.address]), estate("www.shop.test", over_api, a(1), a(2), Span::from_secs(5))] {
        let context = context(Mode::Planned);
        let point = action(&estate, &context, "entrance.point", to("nuremberg"));
        let before = pending(look(point.as_ref()).await);
        assert!(before.summary.starts_with("`A 192.0.2.1` → `A 192.0.2.2` (TTL 5 s)"), "{before:?}");

        let Applied::Proven(after) = point.apply(&Touch::for_test()).await.expect("done") else { panic!("unproven") };
        assert!(after.summary.contains("leads to nuremberg: every server that answers says A 192.0.2.2 (TTL 5 s)"));
        assert_eq!((after.number("before_ttl_s"), after.number("ttl_s")), (Some(60), Some(5)));
        assert_eq!(after.values["before"], json!({"A": ["192.0.2.1"]}));
        assert!(after.text("changed_at").is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok()));

        // Somebody else's action of the same run finds nothing to do, and no second change is told.
        let again = satisfied(look(action(&estate, &context, "entrance.point", to("nuremberg")).as_ref()).await);
        assert_eq!(again.text("changed_at"), None);

        let sites = &summaries(&estate).await[0];
        assert!(sites.agreed && sites.sites == [site("nuremberg")], "{sites:?}");

        let undone = point.undo(&Touch::for_test(), &before).await.expect("undone");
        assert!(undone.summary.ends_with("says A 192.0.2.1 again (TTL 60 s)"), "{undone:?}");
        point.undo(&Touch::for_test(), &before).await.expect("undone twice is undone once");
        pending(look(point.as_ref()).await);
    }
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn an_undo_leaves_what_somebody_else_put_there() {
    let bind = bind("db 5 IN A 192.0.2.1");
    let (estate, context) = (on(&bind, &[bind.address]), context(Mode::Planned));
    let point = action(&estate, &context, "entrance.point", to("nuremberg"));
    let before = pending(look(point.as_ref()).await);
    point.apply(&Touch::for_test()).await.expect("done");
    let mut other = on(&bind, &[bind.address]);
    if let Some(crate::estate::model::EntranceKind::Dns(dns)) = other.entrances.values_mut().next().map(|e| &mut e.kind)
    {
        dns.records.insert(site("elsewhere"), a(9));
    }
    action(&other, &context, "entrance.point", to("elsewhere")).apply(&Touch::for_test()).await.expect("done");
    let error = point.undo(&Touch::for_test(), &before).await.expect_err("not ours any more");
    assert_eq!(error.fault, Fault::Transient, "{error}");
    assert_eq!(summaries(&other).await[0].sites, [site("elsewhere")]);
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn a_server_that_is_lost_counts_in_planned_mode_and_is_told_in_emergency() {
    let (bind, mut second) = (bind("db 5 IN A 192.0.2.1"), bind("db 5 IN A 192.0.2.1"));
    second.stop();
    let estate = on(&bind, &[second.address, bind.address]);
    let planned = context(Mode::Planned);
    let ready = action(&estate, &planned, "entrance.ready", to("nuremberg"));
    let reason = blocked(look(ready.as_ref()).await);
    assert!(reason.contains("cannot be reached (connection refused)"), "{reason}");
    let avoids = action(&estate, &planned, "entrance.avoids", json!({"site": "nuremberg"}));
    assert_eq!(avoids.observe().await.expect_err("not known").fault, Fault::Unreachable);

    let emergency = context(Mode::Emergency);
    let ready = satisfied(look(action(&estate, &emergency, "entrance.ready", to("nuremberg")).as_ref()).await);
    assert!(ready.summary.contains("no answer from"), "{ready:?}");
    let point = action(&estate, &emergency, "entrance.point", to("nuremberg"));
    let Applied::Proven(done) = point.apply(&Touch::for_test()).await.expect("done") else { panic!("unproven") };
    assert!(done.summary.contains("no answer from"), "{done:?}");
    let told = &summaries(&estate).await[0];
    assert!(!told.agreed && told.sites == [site("nuremberg")] && told.sentence.contains("no answer from"), "{told:?}");
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn servers_that_are_not_alike_are_told_apart() {
    let (bind, other) = (bind("db 5 IN A 192.0.2.1"), bind("db 5 IN A 192.0.2.7"));
    let (lame, stranger) = (forwarder(bind.address), stranger());
    let silent = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let context = context(Mode::Planned);
    for (server, says) in [
        (other.address, "the name servers disagree"),
        (lame.address, "answers, but not as a server of the zone"),
        (stranger.address, "it answered REFUSED"),
        (silent.local_addr().expect("an address"), "it did not answer within 2 s"),
        (free(), "it cannot be reached (connection refused)"),
    ] {
        let estate = on(&bind, &[bind.address, server]);
        let reason = blocked(look(action(&estate, &context, "entrance.ready", to("nuremberg")).as_ref()).await);
        assert!(reason.contains(says), "{says}: {reason}");
        assert!(!summaries(&estate).await[0].agreed, "{says}");
        let point = action(&estate, &context, "entrance.point", to("dallas"));
        assert!(matches!(look(point.as_ref()).await, Observed::Pending(_)), "{says}");
    }
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn ready_says_everything_at_once() {
    let bind = bind("db 3600 IN A 192.0.2.1");
    let mut estate = on(&bind, &[bind.address, free()]);
    if let Some(ProviderKind::Rfc2136(provider)) =
        estate.providers.values_mut().next().map(|provider| &mut provider.kind)
    {
        provider.update_at = vec![free().to_string()];
    }
    let context = context(Mode::Planned);
    let reason = blocked(look(action(&estate, &context, "entrance.ready", to("elsewhere")).as_ref()).await);
    for part in
        ["cannot be reached", "zone `shop.internal` cannot be changed", "does not say where `db.shop.internal` leads"]
    {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    let fine = on(&bind, &[bind.address]);
    let evidence = satisfied(look(action(&fine, &context, "entrance.ready", to("nuremberg")).as_ref()).await);
    assert!(
        evidence.summary.contains("may keep its present answer for 1 h 00 min, and 1m is the objective"),
        "{evidence:?}"
    );
    assert_eq!(evidence.values["findings"][0]["severity"], "warning");
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn the_old_ttl_is_counted_down() {
    let bind = bind("db 2 IN A 192.0.2.1");
    let (estate, context) = (on(&bind, &[bind.address]), context(Mode::Planned));
    let seen = action(&estate, &context, "entrance.seen", to("nuremberg"));
    assert!(pending(look(seen.as_ref()).await).summary.contains("says A 192.0.2.1"));

    let ready = satisfied(look(action(&estate, &context, "entrance.ready", to("nuremberg")).as_ref()).await);
    context.memory.record("ready", &ready);
    let point = action(&estate, &context, "entrance.point", to("nuremberg"));
    let Applied::Proven(done) = point.apply(&Touch::for_test()).await.expect("done") else { panic!("unproven") };
    context.memory.record("point", &done);
    let waiting = pending(look(seen.as_ref()).await);
    assert!(waiting.summary.contains("the answer before may be kept for 1."), "{waiting:?}");
    assert!(waiting.number("left_ms").is_some_and(|left_ms| left_ms <= 2_000), "{waiting:?}");

    // The same after a crash: the process that moved it is gone, and the look before says what stood there.
    let adopted = satisfied(look(action(&estate, &context, "entrance.point", to("nuremberg")).as_ref()).await);
    let memory = Memory::default();
    memory.record("ready", &ready);
    memory.record("point", &adopted);
    let resumed = RunContext { memory, ..context.clone() };
    let waiting = pending(look(action(&estate, &resumed, "entrance.seen", to("nuremberg")).as_ref()).await);
    assert!(waiting.summary.contains("the answer before may be kept"), "{waiting:?}");

    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    assert!(satisfied(look(seen.as_ref()).await).summary.ends_with("the answer before has run out"));
    // A second run has nothing to wait for.
    let later = super::on_servers::context(Mode::Planned);
    let evidence = satisfied(look(action(&estate, &later, "entrance.seen", to("nuremberg")).as_ref()).await);
    assert!(evidence.summary.ends_with("and did so before this run"), "{evidence:?}");
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn a_resolver_that_remembers_is_waited_for() {
    let bind = bind("db 2 IN A 192.0.2.1");
    let resolver = forwarder(bind.address);
    let mut estate = on(&bind, &[bind.address]);
    if let Some(ProviderKind::Rfc2136(provider)) =
        estate.providers.values_mut().next().map(|provider| &mut provider.kind)
    {
        provider.resolvers = vec![resolver.address.to_string()];
    }
    let context = context(Mode::Planned);
    let seen = action(&estate, &context, "entrance.seen", to("nuremberg"));
    look(seen.as_ref()).await;
    action(&estate, &context, "entrance.point", to("nuremberg")).apply(&Touch::for_test()).await.expect("done");
    let waiting = pending(look(seen.as_ref()).await);
    assert!(waiting.summary.contains(&format!("resolver {} says A 192.0.2.1", resolver.address)), "{waiting:?}");
    tokio::time::sleep(std::time::Duration::from_millis(3_100)).await;
    satisfied(look(seen.as_ref()).await);
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn a_ttl_is_set_when_the_old_one_has_run_out() {
    let bind = bind("db 3 IN A 192.0.2.1");
    let (estate, context) = (on(&bind, &[bind.address]), context(Mode::Planned));
    let ttl = action(&estate, &context, "entrance.ttl", json!({"ttl": "1s"}));
    let before = pending(look(ttl.as_ref()).await);
    assert!(before.summary.starts_with("TTL 3 s → 1 s"), "{before:?}");
    let Applied::Unproven(set) = ttl.apply(&Touch::for_test()).await.expect("set") else { panic!("too early") };
    assert!(set.summary.contains("the old one runs out in 2."), "{set:?}");
    assert!(pending(look(ttl.as_ref()).await).summary.contains("runs out in"));
    tokio::time::sleep(std::time::Duration::from_millis(3_100)).await;
    let done = satisfied(look(ttl.as_ref()).await);
    assert_eq!(done.number("before_ttl_s"), Some(3));

    let undone = ttl.undo(&Touch::for_test(), &before).await.expect("undone");
    assert!(undone.summary.contains("has TTL 3 s again"), "{undone:?}");
    assert_eq!(summaries(&estate).await[0].servers[0].ttl_s, Some(3));
    // Raising one has nothing to wait for.
    let longer = action(&estate, &context, "entrance.ttl", json!({"ttl": "1h"}));
    assert!(matches!(longer.apply(&Touch::for_test()).await.expect("set"), Applied::Proven(_)));
}

#[tokio::test]
#[ignore = "starts BIND"]
async fn nobody_is_led_there_or_somebody_is() {
    let bind = bind("db 5 IN A 192.0.2.1\ndb 5 IN A 192.0.2.9");
    let (estate, context) = (on(&bind, &[bind.address]), context(Mode::Planned));
    satisfied(look(action(&estate, &context, "entrance.avoids", json!({"site": "nuremberg"})).as_ref()).await);
    let reason = blocked(look(action(&estate, &context, "entrance.avoids", json!({"site": "dallas"})).as_ref()).await);
    assert!(reason.contains("leads users to dallas") && reason.contains("says A 192.0.2.1"), "{reason}");
}

#[test]
fn arguments_are_typed() {
    let kind = ProviderKind::Rfc2136(crate::estate::model::Rfc2136 {
        zones: vec!["shop.internal".to_owned()],
        update_at: Vec::new(),
        key: crate::estate::model::TsigKey::File("/nonexistent".into()),
        servers: Vec::new(),
        resolvers: Vec::new(),
    });
    let estate = estate(NAME, kind, a(1), a(2), Span::from_secs(5));
    let make = |name: &str, item: Option<(Noun, String)>, arguments: serde_json::Value| {
        let serde_json::Value::Object(arguments) = arguments else { panic!("a map") };
        let bound = BoundAction { name: name.to_owned(), item, arguments };
        super::make(&bound, &estate, &context(Mode::Planned)).err()
    };
    let item = || Some((Noun::Entrance, NAME.to_owned()));
    assert_eq!(make("entrance.point", item(), to("nuremberg")), None);
    for (name, item, arguments, says) in [
        ("entrance.point", item(), json!({"too": "x"}), "unknown field `too`"),
        ("entrance.point", None, to("nuremberg"), "none is given"),
        (
            "entrance.point",
            Some((Noun::Entrance, "x.test".to_owned())),
            to("nuremberg"),
            "there is no entrance `x.test`",
        ),
        ("entrance.ttl", item(), json!({"ttl": "5"}), "is not a duration"),
        ("entrance.ttl", item(), json!({"ttl": "1500ms"}), "is not in whole seconds"),
        ("entrance.fly", item(), json!({}), "there is no action `entrance.fly`"),
    ] {
        let error = make(name, item, arguments).expect(says);
        assert!(error.contains(says), "{error}");
    }
}
