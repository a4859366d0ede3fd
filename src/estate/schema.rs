//! The JSON Schema of `switchback.yaml`, made of the types that read it.

use serde_json::{Value, json};

use super::written::Estate;
use crate::base::schema::tidied;

/// The schema (draft 2020-12). It serves editors; `switchback check` knows more than any schema can say.
pub fn schema() -> Value {
    let mut schema = tidied(schemars::schema_for!(Estate));
    if let Some(map) = schema.as_object_mut() {
        map.insert("title".to_owned(), json!("Switchback estate"));
    }
    // Exactly one kind, as a count of keys and not as alternatives: editors then offer all of them.
    for (name, kinds) in [("Service", &["postgres", "web"][..]), ("Provider", &["powerdns", "rfc2136"])] {
        if let Some(definition) = schema.pointer_mut(&format!("/$defs/{name}")).and_then(Value::as_object_mut) {
            let required: Vec<Value> = kinds.iter().map(|kind| json!({"required": [kind]})).collect();
            definition.insert("oneOf".to_owned(), Value::Array(required));
        }
    }
    schema
}
