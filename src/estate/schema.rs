//! The JSON Schema of `switchback.yaml`, made of the types that read it.

use serde_json::{Value, json};

use super::Estate as Model;
use super::written::Estate;
use crate::base::name::{HostName, ProviderName, ServiceName, SiteName};
use crate::base::schema::tidied;

/// The schema (draft 2020-12). It serves editors; `switchback check` knows more than any schema can say.
pub fn schema() -> Value {
    let mut schema = tidied(schemars::schema_for!(Estate));
    if let Some(map) = schema.as_object_mut() {
        map.insert("title".to_owned(), json!("Switchback estate"));
    }
    // Exactly one kind, as a count of keys and not as alternatives: editors then offer all of them.
    for (name, kinds) in [
        ("Service", &["postgres", "mysql", "web"][..]),
        ("Provider", &["powerdns", "rfc2136"]),
        ("Notify", &["slack", "webhook", "pagerduty", "email", "command"]),
    ] {
        if let Some(definition) = schema.pointer_mut(&format!("/$defs/{name}")).and_then(Value::as_object_mut) {
            let required: Vec<Value> = kinds.iter().map(|kind| json!({"required": [kind]})).collect();
            definition.insert("oneOf".to_owned(), Value::Array(required));
        }
    }
    schema
}

/// The schema with the names of this estate, so that an editor offers them where one is referred to. A name
/// that is not there yet is still no mistake to the schema: whoever writes may be about to add it.
pub fn schema_of(estate: &Model) -> Value {
    let mut schema = schema();
    let names = |names: Vec<&str>| json!(names);
    let sites = names(estate.sites.keys().map(SiteName::as_str).collect());
    let hosts = names(estate.hosts.keys().map(HostName::as_str).collect());
    let services = names(estate.services.keys().map(ServiceName::as_str).collect());
    let providers = names(estate.providers.keys().map(ProviderName::as_str).collect());
    for (place, names) in [
        ("/$defs/Host/properties/site", &sites),
        ("/$defs/Records/propertyNames", &sites),
        ("/$defs/Postgres/properties/members/propertyNames", &hosts),
        ("/$defs/Web/properties/members/propertyNames", &hosts),
        ("/$defs/Service/properties/needs/items", &services),
        ("/$defs/Entrance/properties/needs/items", &services),
        ("/$defs/Dns/properties/provider", &providers),
        ("/$defs/DnsDefaults/properties/provider", &providers),
    ] {
        let Some(node) = schema.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
        let Some(pattern) = node.remove("pattern") else { continue };
        node.insert("anyOf".to_owned(), json!([{"enum": names}, {"pattern": pattern}]));
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::place::Source;

    #[test]
    fn an_editor_is_offered_the_names_of_the_estate() {
        let text =
            "format: 1\nestate: e\nsites: {here: {}, there: {}}\nhosts:\n  a: {site: here}\n  b: {site: there}\n";
        let source = Source::new("e.yaml", text);
        let estate = crate::estate::parse(&source, std::path::Path::new("/"), None).expect("sound");
        let schema = schema_of(&estate);
        let offered = |place: &str| schema.pointer(place).cloned().unwrap_or_default();
        assert_eq!(offered("/$defs/Host/properties/site/anyOf/0/enum"), json!(["here", "there"]));
        assert_eq!(offered("/$defs/Postgres/properties/members/propertyNames/anyOf/0/enum"), json!(["a", "b"]));
        // A site that is still to be written is no mistake to an editor.
        assert!(offered("/$defs/Host/properties/site/anyOf/1/pattern").is_string());
    }
}
