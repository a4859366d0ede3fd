//! A part of a file that a written type keeps as it stands, to be judged later by rules of its own.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, SeqAccess, Visitor};

use super::super::at::{At, Entries};
use super::super::place::Extent;
use super::super::tree::{Key, Node, Value};
use super::NODE;
use super::fault::Fault;
use super::reader::Reader;

/// A node, handed over as: start, end, kind, value.
pub(super) struct Untyped<'de, 'w> {
    pub(super) reader: Reader<'de, 'w>,
    pub(super) part: u8,
}

const NULL: u8 = 0;
const PLAIN: u8 = 1;
const QUOTED: u8 = 2;
const LIST: u8 = 3;

impl<'de> SeqAccess<'de> for Untyped<'de, '_> {
    type Error = Fault;
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.part += 1;
        let extent = self.reader.place();
        let kind = match &self.reader.node.value {
            Value::Null => NULL,
            Value::Text { plain: true, .. } => PLAIN,
            Value::Text { plain: false, .. } => QUOTED,
            Value::List(_) => LIST,
            Value::Map(_) => LIST + 1,
        };
        match self.part {
            1 => seed.deserialize((extent.start as u64).into_deserializer()).map(Some),
            2 => seed.deserialize((extent.end as u64).into_deserializer()).map(Some),
            3 => seed.deserialize(kind.into_deserializer()).map(Some),
            _ => seed.deserialize(self.reader).map(Some),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NODE, NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Node, A::Error> {
        let missing = || serde::de::Error::custom("a value without a place");
        let start: u64 = parts.next_element()?.ok_or_else(missing)?;
        let end: u64 = parts.next_element()?.ok_or_else(missing)?;
        let kind: u8 = parts.next_element()?.ok_or_else(missing)?;
        let value = match kind {
            NULL => Value::Null,
            PLAIN | QUOTED => Value::Text { text: parts.next_element()?.ok_or_else(missing)?, plain: kind == PLAIN },
            LIST => Value::List(parts.next_element()?.ok_or_else(missing)?),
            _ => {
                let entries: Entries<String, Node> = parts.next_element()?.ok_or_else(missing)?;
                let entry = |(key, node)| {
                    let At { value: text, extent } = key;
                    (Key { text, extent }, node)
                };
                Value::Map(entries.0.into_iter().map(entry).collect())
            }
        };
        let narrow = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(Node { extent: Extent::new(narrow(start), narrow(end)), value })
    }
}
