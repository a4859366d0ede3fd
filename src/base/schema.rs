//! JSON Schemas of the words of this floor, for editors.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::name::{EntranceName, HostName, ProviderName, ServiceName, SiteName};
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
    EntranceName: "Entrance", r"^(\*\.)?[A-Za-z0-9][A-Za-z0-9._-]{0,252}$", "A DNS name, without the final dot.";
    Span: "Duration", r"^[0-9]+(ms|s|m|h|d)$", "A number and its unit: 20ms, 30s, 5m, 1h, 7d.";
    Size: "Size", r"^[0-9]+(B|KiB|MiB|GiB|TiB)$", "A number and its unit: 64KiB, 16MiB, 2GiB.";
}
