//! The parts of a node as serde reads them: items, entries, and the one word of several.

use serde::de::Visitor;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess};

use super::super::at::AT;
use super::super::tree::{Key, Node};
use super::fault::Fault;
use super::reader::{Reader, Way};

/// What [`crate::base::at::At`] is given: start, end, value.
pub(super) struct Placed<'de, 'w> {
    pub(super) reader: Reader<'de, 'w>,
    pub(super) part: u8,
}

impl<'de> SeqAccess<'de> for Placed<'de, '_> {
    type Error = Fault;
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.part += 1;
        let extent = self.reader.place();
        match self.part {
            1 => seed.deserialize((extent.start as u64).into_deserializer()).map(Some),
            2 => seed.deserialize((extent.end as u64).into_deserializer()).map(Some),
            _ => seed.deserialize(self.reader).map(Some),
        }
    }
}

pub(super) struct Items<'de, 'w> {
    pub(super) rest: &'de [Node],
    pub(super) next: usize,
    pub(super) parent: Reader<'de, 'w>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Fault;
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(node) = self.rest.get(self.next) else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        let reader = Reader { node, named: node.extent, way: Way::Item(&self.parent.way, index) };
        seed.deserialize(reader).map_err(|fault| reader.locate(fault)).map(Some)
    }
}

pub(super) struct Map<'de, 'w> {
    pub(super) entries: &'de [(Key, Node)],
    pub(super) next: Option<&'de (Key, Node)>,
    pub(super) parent: Reader<'de, 'w>,
}

impl<'de> MapAccess<'de> for Map<'de, '_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some((first, rest)) = self.entries.split_first() else {
            return Ok(None);
        };
        self.entries = rest;
        self.next = Some(first);
        let reader = KeyReader { key: &first.0, parent: &self.parent.way };
        seed.deserialize(reader).map_err(|fault| reader.locate(fault)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let (key, node) = self.next.take().ok_or_else(|| Fault::said("a value without a key"))?;
        let reader = Reader { node, named: key.extent, way: Way::Key(&self.parent.way, &key.text) };
        seed.deserialize(reader).map_err(|fault| reader.locate(fault))
    }
}

/// Reads a key, as a word or as a name with its place.
#[derive(Clone, Copy)]
struct KeyReader<'de, 'w> {
    key: &'de Key,
    parent: &'w Way<'w>,
}

impl KeyReader<'_, '_> {
    fn locate(&self, fault: Fault) -> Fault {
        fault.located(self.key.extent, || Way::Key(self.parent, &self.key.text).steps())
    }
}

impl<'de> Deserializer<'de> for KeyReader<'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(&self.key.text).map_err(|fault: Fault| self.locate(fault))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name {
            AT => visitor.visit_seq(PlacedKey { reader: self, part: 0 }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// As [`Placed`], for a key.
struct PlacedKey<'de, 'w> {
    reader: KeyReader<'de, 'w>,
    part: u8,
}

impl<'de> SeqAccess<'de> for PlacedKey<'de, '_> {
    type Error = Fault;
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.part += 1;
        let extent = self.reader.key.extent;
        match self.part {
            1 => seed.deserialize((extent.start as u64).into_deserializer()).map(Some),
            2 => seed.deserialize((extent.end as u64).into_deserializer()).map(Some),
            _ => seed.deserialize(self.reader).map(Some),
        }
    }
}

/// One of several words, alone or as the one key of a map.
pub(super) struct Choice<'de, 'w> {
    pub(super) reader: Reader<'de, 'w>,
    /// The key and its value; `None` where the word stands alone.
    pub(super) entry: Option<&'de (Key, Node)>,
}

impl<'de> EnumAccess<'de> for Choice<'de, '_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let word = match self.entry {
            Some((key, _)) => {
                let reader = KeyReader { key, parent: &self.reader.way };
                seed.deserialize(reader).map_err(|fault| reader.locate(fault))
            }
            None => seed.deserialize(self.reader.text()?.into_deserializer()),
        };
        Ok((word?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'de, '_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.entry {
            None => Ok(()),
            Some((key, _)) => Err(Fault::said(format!("`{}` takes no value", key.text))),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        let Some((key, node)) = self.entry else {
            let word = self.reader.text()?;
            return Err(Fault::said(format!("`{word}` needs a value: {{{word}: …}}")));
        };
        let reader = Reader { node, named: key.extent, way: Way::Key(&self.reader.way, &key.text) };
        seed.deserialize(reader).map_err(|fault| reader.locate(fault))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(Fault::said("a list is not taken here"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        let Some((key, node)) = self.entry else {
            return Err(Fault::said("a map is expected"));
        };
        Reader { node, named: key.extent, way: Way::Key(&self.reader.way, &key.text) }.deserialize_map(visitor)
    }
}
