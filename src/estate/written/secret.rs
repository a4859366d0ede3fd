//! A secret as written: a reference, never the text.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};

use crate::base::decode::CONCEALED;
use crate::base::secret::SecretRef;

/// A reference to a secret. Whatever else stands in its place is refused without being shown.
#[derive(Debug, Clone)]
pub struct WrittenSecret(pub SecretRef);

impl<'de> Deserialize<'de> for WrittenSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(CONCEALED, ReferenceVisitor)
    }
}

struct ReferenceVisitor;

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = WrittenSecret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference to a secret")
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<WrittenSecret, D::Error> {
        SecretRef::deserialize(deserializer).map(WrittenSecret)
    }
}

impl JsonSchema for WrittenSecret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "Where a secret lies; never the secret itself.",
            "properties": {
                "file": {
                    "type": "string",
                    "description": "A file that others cannot read (mode 0600): all of it, less one newline at its end."
                },
                "env": {"type": "string", "description": "A variable of the environment."},
                "command": {
                    "type": "array", "items": {"type": "string"}, "minItems": 1,
                    "description": "A command and its arguments, given to no shell: what it prints within 10 s."
                },
                "pgpass": {
                    "type": "string",
                    "description": "A libpq password file: the line that fits host, port, database and user."
                }
            },
            "minProperties": 1, "maxProperties": 1, "additionalProperties": false
        })
    }
}
