//! Every action has its text, on every kind of thing that it acts on.

use std::path::Path;

use super::*;
use crate::actions::catalogue::CATALOGUE;
use crate::base::place::Source;
use crate::runbook::signature::ArgumentKind;

/// The plain estate of the tests with MariaDB, MySQL and a provider that takes dynamic updates beside it.
fn estate() -> Estate {
    let text = include_str!("../../../tests/cases/plain.yaml").replace(
        "services:\n",
        "services:\n  wiki: {priority: 2, mysql: {flavour: mariadb, control: {systemd: mariadb}, databases: [wiki], user: sb, \
         password: {env: W}, replication: {user: repl, password: {env: R}}, members: {a-db: {}, b-db: {}}}}\n  \
         blog: {priority: 2, mysql: {flavour: mysql, port: 3307, data_dir: /srv/blog, control: {systemd: mysql}, databases: [blog], user: sb, \
         password: {env: W}, replication: {user: repl, password: {env: R}}, members: {a-db: {}, b-db: {}}}}\n",
    );
    // A sibling at one of the sites.
    let text = text.replace("hosts:\n", "hosts:\n  a-db2: {site: a, address: 192.0.2.12}\n");
    let text = text.replace("databases: [blog]", "followers: of_primary, databases: [blog]");
    let (before, blog) = text.split_once("blog:").expect("it is there");
    let text = format!("{before}blog:{}", blog.replacen("a-db: {}, b-db", "a-db: {}, a-db2: {}, b-db", 1));
    let text = text.replace(
        "  www.shop.test: {needs: [shop], dns: {}}\n",
        "  www.shop.test: {needs: [shop], dns: {}}\n  db.in.test: {needs: [orders], dns: {provider: bind}}\n",
    );
    let text = text
        + "  bind: {rfc2136: {zones: [in.test], update_at: [192.0.2.54], servers: [192.0.2.54], key: {name: k, secret: {env: T}}}}\n";
    crate::estate::parse(&Source::new("plain.yaml", text), Path::new("/"), None).expect("sound")
}

fn site(name: &str) -> SiteName {
    SiteName::new(name).expect("a name")
}

fn action(name: &str, item: Option<(Noun, &str)>, at: &str) -> BoundAction {
    let signature = crate::actions::catalogue::signature(name).expect("an action");
    let value = |kind: &ArgumentKind| match kind {
        ArgumentKind::Site => serde_json::json!(at),
        ArgumentKind::Argv => serde_json::json!(["true", "a b"]),
        ArgumentKind::Look => serde_json::json!({"run": ["look"], "prints": "well"}),
        ArgumentKind::Duration => serde_json::json!("5s"),
        ArgumentKind::OneOf(words) => serde_json::json!(words.first()),
        _ => serde_json::json!("x"),
    };
    let arguments = signature.arguments.iter().map(|argument| (argument.name.to_owned(), value(&argument.kind)));
    let item = item.map(|(noun, name)| (noun, name.to_owned()));
    BoundAction { name: name.to_owned(), item, arguments: arguments.collect() }
}

#[test]
fn every_action_of_the_catalogue_can_be_done_by_hand() {
    let estate = estate();
    let from = site("a");
    for signature in CATALOGUE {
        let items: &[Option<(Noun, &str)>] = match signature.noun {
            Some(Noun::Database) => {
                &[Some((Noun::Database, "orders")), Some((Noun::Database, "wiki")), Some((Noun::Database, "blog"))]
            }
            Some(Noun::Web) => &[Some((Noun::Web, "shop"))],
            Some(Noun::Entrance) => &[Some((Noun::Entrance, "www.shop.test")), Some((Noun::Entrance, "db.in.test"))],
            Some(Noun::Host) => &[Some((Noun::Host, "a-db"))],
            Some(Noun::Site) | None => &[None],
        };
        for item in items {
            for at in ["a", "b"] {
                let found = by_hand(&action(signature.name, *item, at), Some(&from), &estate);
                assert!(!found.steps.is_empty(), "{} on {item:?} has no text", signature.name);
                let typed = found.steps.iter().any(|hand| !hand.command.is_empty());
                // Where there is one member, nobody is beside it.
                let nobody = signature.name == "database.siblings_follow";
                assert!(typed || nobody || signature.noun.is_none(), "{} on {item:?}: nothing to type", signature.name);
                for hand in found.steps.iter().chain(&found.back) {
                    assert!(!hand.expect.is_empty(), "{} on {item:?}: {hand:?}", signature.name);
                    for (variable, lies) in &hand.secrets {
                        assert!(hand.command.contains(&format!("${variable}")), "{hand:?}");
                        assert!(lies.starts_with("environment variable"), "{lies}");
                    }
                }
                let reversible = signature.undo == crate::runbook::signature::Undo::Possible;
                assert_eq!(reversible, !found.back.is_empty(), "{} on {item:?}: the way back", signature.name);
            }
        }
    }
}

#[test]
fn each_acts_where_it_should() {
    let estate = estate();
    let from = site("a");
    let hosts = |name: &str, item: &str, at: &str| {
        let found = by_hand(&action(name, Some((Noun::Database, item)), at), Some(&from), &estate);
        let mut hosts: Vec<String> =
            found.steps.iter().filter_map(|hand| Some(hand.host.as_ref()?.to_string())).collect();
        hosts.dedup();
        hosts
    };
    assert_eq!(hosts("database.fence", "orders", "a"), ["a-db"]);
    assert_eq!(hosts("database.arrived", "orders", "b"), ["a-db", "b-db"]);
    assert_eq!(hosts("database.promote", "orders", "b"), ["b-db"]);
    assert_eq!(hosts("database.follow", "orders", "a"), ["b-db", "a-db"]);
    assert_eq!(hosts("database.fence", "wiki", "a"), ["a-db"]);
    let fence = by_hand(&action("database.fence", Some((Noun::Database, "blog")), "a"), Some(&from), &estate);
    assert!(fence.steps.iter().any(|hand| hand.command.contains("--host=a-db --port=3307")), "{fence:?}");
    assert!(fence.steps.iter().any(|hand| hand.command.contains("SET PERSIST super_read_only")), "{fence:?}");
}

#[test]
fn what_concerns_every_member_is_written_out_for_each() {
    let estate = estate();
    let from = site("a");
    let told = |name: &str, at: &str| {
        let found = by_hand(&action(name, Some((Noun::Database, "blog")), at), Some(&from), &estate);
        found.steps.into_iter().map(|hand| hand.command).collect::<Vec<_>>().join("\n")
    };
    for (name, at) in [
        ("database.follow", "a"),
        ("database.siblings_follow", "a"),
        ("database.marker_seen", "a"),
        ("database.ready", "b"),
        ("database.fence", "a"),
    ] {
        assert!(told(name, at).contains("--host=192.0.2.12"), "{name}: {}", told(name, at));
    }
    assert!(!told("database.promote", "b").contains("192.0.2.12"));
    assert!(!told("database.siblings_follow", "b").contains("--host"));
}
