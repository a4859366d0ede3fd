//! The JSON Schemas, judged by a validator that is not ours: they take what the program takes, and see slips.

use switchback::actions::catalogue::CATALOGUE;
use switchback::base::place::Source;
use switchback::base::tree::{Node, Value as Tree};
use switchback::base::yaml;
use switchback::runbook::SHIPPED;
use switchback::{estate, runbook};

use crate::bench::case;
use crate::documents::{document, snippets, with_sections};

/// A tree as JSON: what stands without quotes is a number or a truth value where it looks like one.
fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Tree::Null => serde_json::Value::Null,
        Tree::Text { text, plain: true } => match text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            _ => text.parse::<u64>().map_or_else(|_| text.as_str().into(), Into::into),
        },
        Tree::Text { text, plain: false } => text.as_str().into(),
        Tree::List(items) => items.iter().map(json).collect(),
        Tree::Map(entries) => entries.iter().map(|(key, node)| (key.text.clone(), json(node))).collect(),
    }
}

fn valid(schema: &serde_json::Value, name: &str, text: &str) -> Vec<String> {
    let tree = yaml::parse(&Source::new(name, text)).unwrap_or_else(|problem| panic!("{problem}"));
    let validator = jsonschema::validator_for(schema).expect("a schema");
    validator.iter_errors(&json(&tree)).map(|error| format!("{name}: {}: {error}", error.instance_path())).collect()
}

#[test]
fn the_schemas_take_what_the_program_takes() {
    let estates = estate::schema::schema();
    let mut wrong = Vec::new();
    for name in ["shop/switchback.yaml", "plain.yaml"] {
        // A member without a value is a map of none to the program; to a schema it is null.
        wrong.extend(valid(&estates, name, &case(name).replace("a-db:\n        b-db", "a-db: {}\n        b-db")));
    }
    let snippets_of_estate = snippets(&document("estate.md"));
    for snippet in &snippets_of_estate {
        wrong.extend(valid(&estates, "docs/estate.md", &with_sections(&snippets_of_estate[0], snippet)));
    }
    let runbooks = runbook::schema::schema(CATALOGUE);
    for (name, text) in SHIPPED {
        wrong.extend(valid(&runbooks, name, text));
    }
    for snippet in snippets(&document("runbooks.md")) {
        wrong.extend(valid(&runbooks, "docs/runbooks.md", &snippet));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_schemas_see_slips() {
    let estates = estate::schema::schema();
    let text = case("plain.yaml");
    for (from, to) in [
        ("preferred: true", "prefered: true"),
        ("ttl: 30s", "ttl: 30"),
        ("password: {env: ORDERS_PASSWORD}", "password: hunter2"),
        ("layout: {debian: 15/main}", "tls: maybe"),
        ("{site: b}", "{}"),
    ] {
        assert!(!valid(&estates, "plain.yaml", &text.replace(from, to)).is_empty(), "{to}");
    }
    let runbooks = runbook::schema::schema(CATALOGUE);
    let (name, text) = SHIPPED[0];
    for (from, to) in [
        ("database.promote: {at: $to}", "database.promote: {to: $to}"),
        ("database.promote: {at: $to}", "database.promte: {at: $to}"),
        ("within: 60s", "within: 60"),
        ("for_each: entrance", "for_each: entrances"),
    ] {
        assert!(!valid(&runbooks, name, &text.replace(from, to)).is_empty(), "{to}");
    }
}
