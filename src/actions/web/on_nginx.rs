//! The check against a real nginx and a real BIND: `cargo test --lib on_nginx -- --ignored`.

use std::net::SocketAddr;

use serde_json::json;
use tempfile::TempDir;

use crate::actions::context::{Accepted, Memory, RunContext};
use crate::actions::dns::servers_for_tests::{Running, bind, estate, free, site};
use crate::base::name::{HostName, ServiceName};
use crate::base::quantity::Span;
use crate::engine::action::{Action, ActionError, Evidence, Fault, Observed};
use crate::estate::model::{
    Estate, Host, Kind, Login, Objectives, ProviderKind, Records, Service, Web, WebExpect, WebMember,
};
use crate::runbook::bound::{BoundAction, Mode};
use crate::runbook::signature::Noun;

const HOST: &str = "db.shop.internal";

/// nginx as one process: a worker would outlive a master that is killed.
fn nginx() -> Running {
    let (folder, address) = (TempDir::new().expect("a folder"), free());
    let path = folder.path().display();
    std::fs::write(folder.path().join("slow"), "ok".repeat(6_000)).expect("written");
    std::fs::write(folder.path().join("long"), "x".repeat((1 << 20) + 1)).expect("written");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {path}/{kind};\n"))
        .concat();
    let config = format!(
        "daemon off;\nmaster_process off;\npid {path}/pid;\nerror_log {path}/log;\nevents {{ }}\nhttp {{\naccess_log off;\n{temporary}\
         server {{\nlisten {address};\nroot {path};\n\
         location = /health {{ return 200 \"ok $host $http_host\"; }}\n\
         location = /refuses {{ return 503 \"no\"; }}\n\
         location = /moves {{ return 302 http://elsewhere.test/; }}\n\
         location = /hangs {{ limit_rate 1k; alias {path}/slow; }}\n\
         location = /slow {{ limit_rate 10k; alias {path}/slow; }}\n\
         location = /long {{ alias {path}/long; }}\n}}\n}}\n"
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, config).expect("written");
    let (file, log) = (file.display().to_string(), folder.path().join("log").display().to_string());
    Running::start("/usr/sbin/nginx", &["-e", &log, "-c", &file], folder, address)
}

fn host(name: &str, address: &str) -> Host {
    Host {
        name: HostName::new(name).expect("a name"),
        site: site("dallas"),
        address: address.to_owned(),
        port: None,
        user: None,
        key: None,
        known_hosts: None,
        jump: None,
        sudo: false,
        login: Login::None,
        cut_off: None,
    }
}

/// An estate with one web service, whose member at dallas lies at `member`, under the name of the entrance.
fn shop(path: &str, member: SocketAddr, body: &str, p95_max: Option<Span>, name_server: SocketAddr) -> Estate {
    let provider = ProviderKind::Rfc2136(crate::estate::model::Rfc2136 {
        zones: vec!["shop.internal".to_owned()],
        update_at: Vec::new(),
        key: crate::estate::model::TsigKey::File("/nonexistent".into()),
        servers: vec![name_server.to_string()],
        resolvers: Vec::new(),
    });
    let local = |last: u8| Records { a: vec![[127, 0, 0, last].into()], ..Records::default() };
    let mut estate = estate(HOST, provider, local(1), local(2), Span::from_secs(5));
    let a_web = host("a-web", "127.0.0.1");
    let web = Web {
        url: format!("http://{HOST}:{}{path}", member.port()),
        expect: WebExpect { status: 200, body: Some(body.to_owned()), p95_max },
        members: vec![WebMember { host: a_web.name.clone(), site: site("dallas"), address: None }],
    };
    estate.hosts.insert(a_web.name.clone(), a_web);
    let name = ServiceName::new("shop-web").expect("a name");
    let service = Service {
        name: name.clone(),
        priority: 1,
        needs: Vec::new(),
        objectives: Objectives::default(),
        note: None,
        kind: Kind::Web(web),
    };
    estate.services.insert(name, service);
    estate
}

fn check(estate: &Estate, memory: &Memory, arguments: serde_json::Value) -> Result<Box<dyn Action>, String> {
    let context = RunContext {
        run: "r1".to_owned(),
        operator: "somebody@here".to_owned(),
        mode: Mode::Planned,
        from: None,
        to: None,
        accepted: Accepted::default(),
        memory: memory.clone(),
        settled_later: false,
    };
    let serde_json::Value::Object(arguments) = arguments else { panic!("a map") };
    let item = Some((Noun::Web, "shop-web".to_owned()));
    super::make(&BoundAction { name: "web.check".to_owned(), item, arguments }, estate, &context)
}

async fn asked(estate: &Estate, arguments: serde_json::Value) -> Result<Observed, ActionError> {
    check(estate, &Memory::default(), arguments).expect("an action").observe().await
}

fn good(observed: Result<Observed, ActionError>) -> Evidence {
    match observed {
        Ok(Observed::Satisfied(evidence)) => evidence,
        other => panic!("not good: {other:?}"),
    }
}

#[tokio::test]
#[ignore = "starts nginx"]
async fn a_member_is_asked_at_its_own_address_under_the_public_name() {
    let nginx = nginx();
    let body = format!("ok {HOST} {HOST}:{}", nginx.address.port());
    let estate = shop("/health", nginx.address, &body, Some(Span::from_secs(2)), free());
    let first = good(asked(&estate, json!({"at": "dallas"})).await);
    assert!(first.summary.starts_with("`shop-web` answers at dallas: 20 good answers, p95 "), "{first:?}");
    assert!(first.values["p95_ms"].as_f64().is_some_and(|p95_ms| p95_ms > 0.0 && p95_ms < 500.0));

    let memory = Memory::default();
    memory.record("before", &first);
    let second = good(check(&estate, &memory, json!({"at": "dallas"})).expect("an action").observe().await);
    assert!(second.summary.ends_with(" before"), "{second:?}");
    assert_eq!(second.values["p95_before_ms"], first.values["p95_ms"]);
}

#[tokio::test]
#[ignore = "starts nginx"]
async fn a_members_own_port_beats_the_urls_and_the_name_stays() {
    let nginx = nginx();
    let mut estate = shop("/health", nginx.address, &format!("ok {HOST} {HOST}"), None, free());
    for (url, address) in [
        (format!("http://{HOST}/health"), nginx.address.to_string()),
        ("http://192.0.2.1/health".to_owned(), nginx.address.to_string()),
    ] {
        let Some(Kind::Web(web)) = estate.services.values_mut().next().map(|service| &mut service.kind) else {
            panic!("web")
        };
        web.expect.body = Some(url.replace("http://", "ok ").replace("/health", ""));
        (web.url, web.members[0].address) = (url, Some(address));
        good(asked(&estate, json!({"at": "dallas"})).await);
    }
}

#[tokio::test]
#[ignore = "starts nginx"]
async fn what_is_not_good_is_told_and_may_pass() {
    let nginx = nginx();
    let tight = Some(Span::from_millis(50));
    for (path, body, p95_max, says) in [
        ("/refuses", "ok", None, "status 503 where 200 is expected"),
        ("/moves", "ok", None, "status 302 where 200 is expected (a redirect, which is not followed)"),
        ("/health", "fine", None, "the body does not hold `fine`"),
        ("/hangs", "ok", None, "no answer within 5 s"),
        ("/slow", "ok", tight, "and 50ms is what the estate allows"),
        ("/long", "x", None, "the body is longer than 1048576 bytes"),
    ] {
        let estate = shop(path, nginx.address, body, p95_max, free());
        let error = asked(&estate, json!({"at": "dallas"})).await.expect_err(path);
        assert!(error.fault == Fault::Transient && error.message.contains(says), "{path}: {error}");
        assert!(error.message.starts_with("`shop-web` does not answer well at dallas: "), "{error}");
    }
    let nobody =
        asked(&shop("/health", free(), "ok", None, free()), json!({"at": "dallas"})).await.expect_err("nobody");
    assert!(nobody.message.contains("no connection (connection refused)"), "{nobody}");
}

#[tokio::test]
#[ignore = "starts nginx and BIND"]
async fn the_public_name_is_asked_where_its_own_servers_lead() {
    let nginx = nginx();
    let through = |at: &str| json!({"at": at, "through": "entrances"});
    let leads = bind("db 5 IN A 127.0.0.1");
    let estate = shop("/health", nginx.address, "ok", None, leads.address);
    good(asked(&estate, through("dallas")).await);
    let Ok(Observed::Pending(evidence)) = asked(&estate, through("nuremberg")).await else { panic!("not there yet") };
    assert_eq!(evidence.summary, "`db.shop.internal` does not lead to nuremberg: it says A 127.0.0.1");

    // Behind an alias, and with an address of IPv6 that this machine may have no way to.
    let alias = bind("db 5 IN CNAME a-web\na-web 5 IN A 127.0.0.1\na-web 5 IN AAAA 2001:db8::1");
    let mut estate = shop("/health", nginx.address, "ok", None, alias.address);
    if let Some(crate::estate::model::EntranceKind::Dns(dns)) =
        estate.entrances.values_mut().next().map(|e| &mut e.kind)
    {
        let records = Records { cname: Some("A-Web.shop.internal.".to_owned()), ..Records::default() };
        dns.records.insert(site("dallas"), records);
    }
    match asked(&estate, through("dallas")).await {
        Ok(Observed::Satisfied(evidence)) => assert!(evidence.summary.contains("was not asked"), "{evidence:?}"),
        // A machine that has a way asks, and nobody answers there.
        Err(error) => assert!(error.message.contains("[2001:db8::1]"), "{error}"),
        other => panic!("{other:?}"),
    }
    let silent = shop("/health", nginx.address, "ok", None, free());
    assert_eq!(asked(&silent, through("dallas")).await.expect_err("no name server").fault, Fault::Unreachable);
}

#[test]
fn arguments_are_typed() {
    let estate = shop("/", free(), "ok", None, free());
    for (arguments, says) in [
        (json!({"at": "dallas", "through": "windows"}), "unknown variant `windows`"),
        (json!({"at": "dallas", "thru": "members"}), "unknown field `thru`"),
        (json!({}), "missing field `at`"),
        (json!({"at": "nuremberg"}), "services.shop-web.web: it has no member at nuremberg"),
    ] {
        let error = check(&estate, &Memory::default(), arguments).expect_err(says);
        assert!(error.contains(says), "{error}");
    }
}
