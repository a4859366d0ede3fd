//! JSON Schemas of the words of this floor, for editors.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::name::{EntranceName, HostName, OtherName, ProviderName, ServiceName, SiteName};
use super::quantity::{Size, Span};

macro_rules! texts {
    ($($kind:ty: $name:literal, $pattern:literal, $says:literal;)*) => {$(
        impl JsonSchema for $kind {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern, "description": $says})
            }
        }
    )*};
}

texts! {
    SiteName: "Site", r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", "A site's name.";
    HostName: "Host", r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", "A host's name.";
    ServiceName: "Service", r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", "A service's name.";
    ProviderName: "Provider", r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", "A provider's name.";
    OtherName: "Other", r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", "A name of a window or a contact.";
    EntranceName: "Entrance", r"^(\*\.)?[A-Za-z0-9][A-Za-z0-9._-]{0,252}$", "A DNS name, without the final dot.";
    Span: "Duration", r"^[0-9]+(ms|s|m|h|d)$", "A number and its unit: 20ms, 30s, 5m, 1h, 7d.";
    Size: "Size", r"^[0-9]+(B|KiB|MiB|GiB|TiB)$", "A number and its unit: 64KiB, 16MiB, 2GiB.";
}

/// A derived schema as editors serve it best: no `null` beside what a key may hold (a key without a
/// value is refused), and a choice of words as a list of words.
pub fn tidied(schema: Schema) -> serde_json::Value {
    let mut value = schema.to_value();
    tidy(&mut value);
    value
}

fn tidy(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|one| one != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
                choices.retain(|one| one.get("type").is_none_or(|kind| kind != "null"));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    only.into_iter().for_each(|(key, inner)| {
                        map.entry(key).or_insert(inner);
                    });
                }
            }
            if let Some(Value::Array(words)) = map.get_mut("enum") {
                words.retain(|word| !word.is_null());
            }
            // `uint16` says nothing to who writes YAML; the bounds stand beside it.
            map.remove("format")
                .filter(|format| !format.is_string())
                .map(|other| map.insert("format".to_owned(), other));
            if let Some(words) = map.get("oneOf").and_then(Value::as_array).and_then(|choices| words_of(choices)) {
                map.remove("oneOf");
                map.insert("type".to_owned(), "string".into());
                map.insert("enum".to_owned(), words);
            }
            // What a missing key means is said in words; `null` as a default would say nothing.
            if map.get("default").is_some_and(|default| default.is_null() || default.is_object()) {
                map.remove("default");
            }
            for (key, inner) in map.iter_mut() {
                match inner {
                    // Names of keys and of types stand here, whatever words they are.
                    Value::Object(named) if key == "properties" || key == "$defs" => named.values_mut().for_each(tidy),
                    _ => tidy(inner),
                }
            }
        }
        _ => {}
    }
}

fn words_of(choices: &[serde_json::Value]) -> Option<serde_json::Value> {
    let mut words = Vec::new();
    for choice in choices {
        match (choice.get("const"), choice.get("enum").and_then(|list| list.as_array())) {
            (Some(word), _) => words.push(word.clone()),
            (None, Some(list)) => words.extend(list.iter().cloned()),
            (None, None) => return None,
        }
    }
    Some(serde_json::Value::Array(words))
}
