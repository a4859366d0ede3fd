//! The JSON Schema of runbooks: the types that read them, and for `do` the catalogue.

use serde_json::{Map, Value, json};

use super::signature::{Argument, ArgumentKind, Signature};
use super::written::Runbook;
use crate::base::schema::tidied;

/// The schema (draft 2020-12). Under `do` every action is a property of one object that may have
/// just one: editors then offer all names with their help, and complain about the right argument.
pub fn schema(catalogue: &[Signature]) -> Value {
    let mut schema = tidied(schemars::schema_for!(Runbook));
    let actions: Map<String, Value> =
        catalogue.iter().map(|signature| (signature.name.to_owned(), action(signature))).collect();
    let action = json!({
        "description": "Exactly one action with its arguments.",
        "type": "object",
        "properties": actions,
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
    });
    if let Some(map) = schema.as_object_mut() {
        map.insert("title".to_owned(), json!("Switchback runbook"));
        if let Some(definitions) = map.get_mut("$defs").and_then(Value::as_object_mut) {
            definitions.insert("Action".to_owned(), action);
        }
    }
    schema
}

fn action(signature: &Signature) -> Value {
    let arguments: Map<String, Value> =
        signature.arguments.iter().map(|known| (known.name.to_owned(), argument(known))).collect();
    let required: Vec<&str> =
        signature.arguments.iter().filter(|known| known.required).map(|known| known.name).collect();
    json!({
        "description": format!("{}. Done when: {}.", signature.summary, signature.done),
        "type": "object",
        "properties": arguments,
        "required": required,
        "additionalProperties": false,
    })
}

/// Wherever a value may stand, a whole `$name` may stand too.
fn argument(argument: &Argument) -> Value {
    const NAME: &str = r"\$[A-Za-z0-9_]+";
    let mut schema = match argument.kind {
        ArgumentKind::Duration => json!({"type": "string", "pattern": format!("^([0-9]+(ms|s|m|h|d)|{NAME})$")}),
        ArgumentKind::Size => json!({"type": "string", "pattern": format!("^([0-9]+(B|KiB|MiB|GiB|TiB)|{NAME})$")}),
        ArgumentKind::Count => json!({"type": ["integer", "string"], "minimum": 0, "pattern": format!("^{NAME}$")}),
        ArgumentKind::Flag => json!({"type": ["boolean", "string"], "pattern": format!("^{NAME}$")}),
        ArgumentKind::Site | ArgumentKind::Text => json!({"type": "string"}),
        ArgumentKind::Argv => argv(),
        ArgumentKind::Look => json!({
            "type": "object",
            "properties": {
                "run": argv(),
                "exit": {"type": "integer", "minimum": 0, "description": "The exit code that means yes; 0 where not said."},
                "prints": {"type": "string", "description": "What it prints, somewhere, when the answer is yes."},
            },
            "required": ["run"],
            "additionalProperties": false,
        }),
        ArgumentKind::OneOf(words) => json!({"type": "string", "enum": words}),
    };
    if let Some(map) = schema.as_object_mut() {
        map.insert("description".to_owned(), json!(argument.help));
    }
    schema
}

fn argv() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "minItems": 1})
}
