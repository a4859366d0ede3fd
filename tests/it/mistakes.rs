//! One edit in a good estate or runbook, and what `check` says of it, with line and column.

use std::path::Path;

use switchback::actions::catalogue::CATALOGUE;
use switchback::base::place::Source;
use switchback::base::problem::Problems;
use switchback::estate::{self, Estate};
use switchback::runbook::bound::Mode;
use switchback::runbook::{self, SHIPPED, Serving};

use crate::bench::{Folder, case, edited};

/// Problems as `line:column sentence`, whole files as the sentence alone.
fn told(problems: &Problems) -> Vec<String> {
    let line = |problem: &switchback::base::problem::Problem| match problem.place.line_and_column() {
        Some((line, column)) => format!("{line}:{column} {}", problem.sentence),
        None => problem.sentence.clone(),
    };
    problems.iter().map(line).collect()
}

fn of_estate(from: &str, to: &str) -> Vec<String> {
    let folder = Folder::shop();
    folder.edit(from, to);
    match estate::load(&folder.estate()) {
        Ok(_) => vec!["fine".to_owned()],
        // The test's own folder has another name every time.
        Err(problems) => {
            told(&problems).iter().map(|line| line.replace(&*folder.path().to_string_lossy(), "…")).collect()
        }
    }
}

fn shop() -> Estate {
    estate::load(&Folder::shop().estate()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn of_runbook(name: &str, from: &str, to: &str) -> Vec<String> {
    let (_, text) = SHIPPED.iter().find(|(known, _)| *known == name).expect("shipped");
    of_runbook_text(&edited(text, from, to), &shop())
}

fn of_runbook_text(text: &str, estate: &Estate) -> Vec<String> {
    let problems = match runbook::load(&Source::new("runbook.yaml", text), CATALOGUE) {
        Ok(runbook) => runbook::check_on(&runbook, estate),
        Err(problems) => problems,
    };
    if problems.is_empty() { vec!["fine".to_owned()] } else { told(&problems) }
}

#[test]
fn in_an_estate() {
    // What is replaced, and by what.
    let edits = [
        // ---- references
        ("site: dallas\n    address", "site: dalas\n    address"),
        ("b-web1: {}, status", "b-wbe1: {}, status"),
        ("a-db:\n        b-db: {port", "a-db:\n        c-db: {port"),
        ("needs: [orders]\n    web", "needs: [ordres]\n    web"),
        ("{needs: [crm], dns", "{needs: [crn], dns"),
        ("provider: internal", "provider: external"),
        ("dns:  {provider: main", "dns:  {provider: mian"),
        ("records: {dallas:", "records: {dalas:"),
        // ---- what contradicts itself
        ("entry: {A: [10.77.2.20]", "preferred: true\n    entry: {A: [10.77.2.20]"),
        ("preferred: true", "witness: true"),
        ("b-db: {port: 5433}", "b-db: {port: 5440}"),
        ("        a-db:\n        b-db: {port: 5433}", "        b-db: {port: 5433}"),
        ("        a-db:\n        b-db: {port: 5433}", "        {}"),
        ("priority: 1\n    postgres", "priority: 3\n    postgres"),
        ("priority: 1\n    postgres", "priority: 0\n    postgres"),
        ("priority: 1\n    postgres", "priority: 1\n    needs: [shop-web]\n    postgres"),
        ("www.shop.test: {", "wiki.shop.tset: {"),
        ("nuremberg: {CNAME: b-db.shop.internal}", "nuremberg: {CNAME: b-db.shop.internal, A: [10.0.0.1]}"),
        ("    priority: 1\n    needs: [orders]\n    web:", "    needs: [orders]\n    web:"),
        ("status: {site: nuremberg", "arb: {site: nuremberg"),
        // ---- secrets
        ("password: {file: secrets/orders}", "password: hunter2"),
        ("password: {file: secrets/orders}", "password: {text: hunter2}"),
        ("password: {file: secrets/orders}", "password: !vault hunter2"),
        ("password: {file: secrets/orders}", "password: {file: secrets/odrers}"),
        ("key: {tsig_file: secrets/tsig.key}", "key: {name: k}"),
        // ---- values
        ("ttl: 30s", "ttl: 30"),
        ("ttl: 5m", "ttl: 500ms"),
        ("port: 2222", "port: \"2222\""),
        ("port: 2222", "port: 022"),
        ("port: 2222", "port: 0"),
        ("sudo: true", "sudo: yes"),
        ("tls: off", "tls: false"),
        ("tls: {ca: /etc/switchback/ca.pem}", "tls: ca"),
        ("address: 10.77.1.21}", "address: -oProxyCommand=x}"),
        ("layout: {debian: 15/main}", "layout: {debian: main}"),
        ("data_dir: /srv/crm/data", "data_dir: srv/crm"),
        ("{control: pg_ctl}", "{control: {start: [crmctl, start]}}"),
        ("{control: pg_ctl}", "{control: systemd}"),
        ("servers: [10.77.0.53,", "servers: [ns1.shop.test,"),
        ("url: https://www.shop.test/health", "url: www.shop.test/health"),
        ("off_prints: \"a-db is off\"", "off_prints: \"\""),
        // ---- keys
        ("entry: {A: [10.77.1.20]", "entry: {A: [10.77.1.20]}\n    entry: {A: [10.77.1.20]"),
        ("user: switchback\n      password: {file", "user:\n      password: {file"),
        ("      user: switchback\n      password: {file", "      password: {file"),
        ("port: 5440", "prot: 5440"),
        ("format: 1", "format: 2"),
        ("format: 1\n", ""),
        // ---- kinds that are still to come
        ("    web:\n      url", "    files:\n      url"),
        ("command: {act: [power", "ipmi: {act: [power"),
        // ---- the canary
        ("canary: {entrance: www.shop.test", "canary: {entrance: www.shop.tset"),
        (", url: \"https://www.shop.test/canary\", method: POST", ""),
        ("url: \"https://www.shop.test/canary\", method: POST", "url: \"https://shop.test/canary\""),
        ("url: \"https://www.shop.test/canary\", method: POST", "url: \"https://a:b@www.shop.test/canary\""),
        ("method: POST", "method: GET"),
        ("url: \"https://www.shop.test/canary\", method: POST", "service: orders, method: PUT"),
        ("url: \"https://www.shop.test/canary\", method: POST", "service: ordres"),
        ("url: \"https://www.shop.test/canary\", method: POST", "service: shop-web"),
        ("url: \"https://www.shop.test/canary\", method: POST", "service: crm"),
        (
            "canary: {entrance: www.shop.test, url: \"https://www.shop.test/canary\"",
            "canary: {entrance: \"*.shop.internal\", service: orders",
        ),
        ("every: 50ms", "every: 5ms"),
        ("every: 50ms", "evry: 50ms"),
    ];
    insta::assert_snapshot!(table(&edits, of_estate));
}

#[test]
fn all_at_once() {
    let text = case("shop/switchback.yaml");
    let text = edited(&text, "site: dallas\n    address", "site: dalas\n    adress");
    let text = edited(&text, "ttl: 30s", "ttl: soon");
    let text = edited(&text, "needs: [orders]\n    web", "needs: orders\n    web");
    let problems = estate::parse(&Source::new("x", text), Path::new("/"), None).expect_err("three things are wrong");
    assert_eq!(
        told(&problems),
        [
            "15:31 defaults.dns.ttl: `soon` is not a duration (30s, 5m, 1h)",
            "20:5 hosts.a-db: no key `adress` here; did you mean `address`?",
            "62:12 services.shop-web.needs: a list is expected, not a text",
        ]
    );
}

#[test]
fn in_a_runbook() {
    let edits = [
        // ---- names
        (
            "do: {database.fence: {at: $from}}, within: 6m}\n\n  - phase: fence",
            "do: {database.fence: {to: $from}}, within: 6m}\n\n  - phase: fence",
        ),
        ("do: {database.promote: {at: $to}}", "do: {database.promote: {at: $form}}"),
        ("do: {database.promote: {at: $to}}", "do: {database.promote: {at: $FROM_SITE}}"),
        ("confirm: The outage begins. $to takes", "confirm: The outage begins. $ot takes"),
        ("database.write_test", "database.writetest"),
        ("database.write_test: {at", "files.sync: {to"),
        ("{database.detach: {at: $to}}", "{database.detach: {at: $to}, database.tidy: {}}"),
        ("{database.detach: {at: $to}}", "database.tidy"),
        ("{database.detach: {at: $to}}", "{database.tidy: }"),
        ("{id: write-test,", "{id: promote,"),
        ("- phase: verify", "- phase: prepare"),
        ("{id: checkpoint,", "{id: a/b,"),
        ("runbook: failover", "runbook: fail over"),
        ("modes: [planned, emergency]\ninputs", "modes: [planned, emergencies]\ninputs"),
        ("modes: [planned, emergency]\ninputs", "modes: [planned]\ninputs"),
        // ---- values
        ("within: 5m", "within: 60"),
        ("within: 5m", "within: $to"),
        ("{web.check: {at: $to, through: entrances}}", "{web.check: {at: $to, through: entrance}}"),
        ("{web.check: {at: $to, through: entrances}}", "{web.check: {at: [$to], through: entrances}}"),
        ("do: {entrance.seen: {to: $to}}", "do: {entrance.seen: {to: nurnberg}}"),
        ("do: {entrance.seen: {to: $to}}", "do: {entrance.seen: }"),
        ("parallel: true                    #", "parallel: yes #"),
        // ---- loops
        ("{id: promote,    for_each: database", "{id: promote,    for_each: web"),
        ("{id: promote,    for_each: database, do", "{id: promote,    do"),
        ("{id: promote,    for_each: database", "{id: promote,    for_each: files"),
        ("{id: promote,    for_each: database", "{id: promote,    for_each: databases"),
        ("{id: point, for_each: entrance,", "{id: point, for_each: entrance, where: {kind: cdn},"),
        ("{id: point, for_each: entrance,", "{id: point, for_each: entrance, where: {site: $to},"),
        ("{id: point, for_each: entrance,", "{id: point, for_each: entrance, where: {kind: $too},"),
        // ---- guards and claims
        (
            "{database.fence: {at: $from}}, within: 30s}\n\n  - phase: arrived",
            "{database.fence: {at: $from}}, within: 30s, on_failure: go_on}\n\n  - phase: arrived",
        ),
        ("{id: fence-databases,", "{id: fence-databases, when: {flag: $to},"),
        ("    no_return: true                   #", "    #"),
        ("procedure: B6", "procedure: B66"),
        ("procedure: F4", "procedure: F1"),
        ("title: $to follows nobody", "title: $to follows nobody\n    confirm: Shall it?"),
        (
            "    modes: [planned]\n    parallel: true\n    steps:\n      - {id: checkpoint",
            "    modes: [planned]\n    no_return: true\n    steps:\n      - {id: checkpoint",
        ),
        (
            "{id: fence-databases, for_each: database, do: {database.fence: {at: $from}}",
            "{id: fence-databases, do: {human.ask: {question: Now}}",
        ),
        // ---- inputs
        ("    default: serving\n", "    default: served\n"),
        ("phases:\n", "  soak: {type: duration, default: 30m}\nphases:\n"),
        ("phases:\n", "  window: {type: window}\nphases:\n"),
        ("default: serving", "default: preferred"),
        // ---- order
        (
            "do: {database.fence: {at: $from}}, within: 30s}\n\n  - phase: arrived",
            "do: {database.fence: {at: $to}}, within: 30s}\n\n  - phase: arrived",
        ),
        ("do: {database.promote: {at: $to}}", "do: {database.promote: {at: $from}}"),
        (
            "do: {database.fence: {at: $from}}, within: 30s}\n\n  - phase: arrived",
            "do: {database.ready: {at: $from}}, within: 30s}\n\n  - phase: arrived",
        ),
        ("do: {entrance.point: {to: $to}}", "do: {entrance.point: {to: $from}}"),
        // ---- what is still to come
        ("format: 1\n", "format: 1\nextends: failover\n"),
        ("  - phase: look\n", "  - phase: look\n    window: quiet\n"),
        ("  - phase: detach\n", "  - phase: detach\n    window: any\n"),
        ("format: 1\n", "format: 7\n"),
    ];
    insta::assert_snapshot!(table(&edits, |from, to| of_runbook("failover", from, to)));
}

/// The edits, each with all that is said of it.
fn table(edits: &[(&str, &str)], said: impl Fn(&str, &str) -> Vec<String>) -> String {
    let lines = |text: &str, mark: &str| -> String {
        text.lines().flat_map(|line| [mark, " ", line.trim_end(), "\n"].map(str::to_owned)).collect()
    };
    let one = |(from, to): &(&str, &str)| {
        format!("{}{}{}\n", lines(from, "-"), lines(to, "+"), lines(&said(from, to).join("\n"), "    "))
    };
    edits.iter().map(one).collect()
}

#[test]
fn no_fence_at_all() {
    let (_, text) = SHIPPED[0];
    let text = edited(text, "procedure: F1\n    title: Nothing at $from can take a write\n", "title: Nothing\n");
    let text = edited(
        &text,
        "{id: fence-databases, for_each: database, do: {database.fence: {at: $from}}, within: 30s}",
        "{id: fence-databases, for_each: database, do: {database.prepare: {at: $from}}}",
    );
    assert_eq!(
        of_runbook_text(&text, &shop()),
        [
            "76:14 promote.1/promote/orders: promotes `orders` at dallas while nuremberg is not fenced by an earlier step"
        ]
    );
}

#[test]
fn a_choice_of_sites_that_cannot_be() {
    let folder = Folder::shop();
    folder.edit("\ndefaults:\n", "  arb: {witness: true}\n\ndefaults:\n");
    let estate = estate::load(&folder.estate()).unwrap_or_else(|problems| panic!("{problems}"));
    let said = |name: &str, given: &[(&str, &str)], mode: Mode| {
        let runbook = runbook::shipped(name, CATALOGUE).expect("shipped").expect("sound");
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        match runbook::bind(&runbook, &estate, &given, mode, &Serving::default()) {
            Ok(_) => vec!["fine".to_owned()],
            Err(problems) => problems.iter().map(|problem| problem.sentence.clone()).collect(),
        }
    };
    for (name, given, mode, expected) in [
        ("failover", &[("to", "arb")][..], Mode::Planned, "failover: input `to`: `arb` is a witness, it cannot serve"),
        (
            "failover",
            &[("to", "nurnberg")],
            Mode::Planned,
            "failover: input `to`: no site `nurnberg`; did you mean `nuremberg`?; there are dallas, nuremberg",
        ),
        (
            "failover",
            &[("to", "dallas"), ("from", "dallas")],
            Mode::Planned,
            "failover: input `from`: is dallas, and so is `to`; they must be two sites",
        ),
        ("failover", &[], Mode::Planned, "failover: input `to`: has no value; give it with `--to SITE`"),
        ("failback", &[("soak", "60")], Mode::Planned, "failback: input `soak`: `60` is not a duration (30s, 5m, 1h)"),
        (
            "failback",
            &[("soka", "1m")],
            Mode::Planned,
            "failback: there is no input `soka`; did you mean `soak`?; there are to, from, soak, window, checksums",
        ),
        ("failback", &[], Mode::Emergency, "failback: has no mode `emergency`; it has planned"),
        (
            "rejoin",
            &[],
            Mode::Planned,
            "rejoin: input `site`: which of the other sites is meant cannot be told; give it with `--input site=…`",
        ),
        ("rejoin", &[("site", "dallas")], Mode::Planned, "fine"),
        // Of two sites the other one served last, whatever was found out.
        ("failover", &[("to", "nuremberg")], Mode::Emergency, "fine"),
    ] {
        assert_eq!(said(name, given, mode).first().map(String::as_str), Some(expected), "{name} {given:?}");
    }
}

#[test]
fn a_secret_that_others_may_read() {
    let folder = Folder::shop();
    folder.write_mode("secrets/tsig.key", "x", 0o640);
    let problems = estate::load(&folder.estate()).expect_err("others may read it");
    let said = told(&problems).join("\n");
    assert!(said.contains("89:24 providers.internal.rfc2136.key: secret file `"), "{said}");
    assert!(said.contains("may be read by others (mode 0640); take that away with `chmod 600`"), "{said}");
}
