//! A node as serde reads it.

use serde::de::{Deserializer, Visitor};

use super::super::at::AT;
use super::super::place::Extent;
use super::super::tree::{Key, Node, Step, Value};
use super::fault::Fault;
use super::parts::{Choice, Items, Map, Placed};
use super::untyped::Untyped;
use super::{CONCEALED, NODE, SECRET_SENTENCE};

#[derive(Clone, Copy)]
pub(super) struct Reader<'de, 'w> {
    pub(super) node: &'de Node,
    /// The key or list item that it is the value of: where a problem of a whole map is shown.
    pub(super) named: Extent,
    pub(super) way: Way<'w>,
}

impl<'de> Reader<'de, '_> {
    pub(super) fn place(&self) -> Extent {
        match self.node.value {
            Value::Text { .. } if !self.node.extent.is_empty() => self.node.extent,
            _ if self.named.is_empty() => self.node.extent,
            _ => self.named,
        }
    }
    pub(super) fn locate(&self, fault: Fault) -> Fault {
        fault.located(self.place(), || self.way.steps())
    }
    fn expected<T>(&self, what: &str) -> Result<T, Fault> {
        let found = match self.node.value {
            Value::Null => "and nothing stands here".to_owned(),
            _ => format!("not {}", self.node.noun()),
        };
        Err(self.locate(Fault::said(format!("{what} is expected, {found}"))))
    }
    pub(super) fn text(&self) -> Result<&'de str, Fault> {
        match &self.node.value {
            Value::Text { text, .. } => Ok(text),
            _ => self.expected("a text"),
        }
    }
    fn whole_number(&self, max: u64) -> Result<u64, Fault> {
        let written = match &self.node.value {
            Value::Text { text, plain: true } => text.as_str(),
            _ => "",
        };
        // Digits only, and no leading zero: what `017` means depends on who reads it.
        let canonical = written.bytes().all(|b| b.is_ascii_digit()) && (written == "0" || !written.starts_with('0'));
        match written.parse::<u64>() {
            Ok(number) if canonical && number <= max => Ok(number),
            _ => {
                let range = if max > u64::from(u32::MAX) { String::new() } else { format!(" from 0 to {max}") };
                Err(self.locate(Fault::said(format!("a whole number{range} without quotes is expected"))))
            }
        }
    }
    fn map<V: Visitor<'de>>(self, entries: &'de [(Key, Node)], visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Map { entries, next: None, parent: self }).map_err(|fault| self.locate(fault))
    }
    fn concealed<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let conceal = |_| {
            let mut fault = Fault::said(SECRET_SENTENCE).located(self.place(), || self.way.steps());
            fault.concealed = true;
            fault
        };
        match &self.node.value {
            Value::Map(_) => visitor.visit_newtype_struct(self).map_err(conceal),
            _ => Err(conceal(Fault::said(""))),
        }
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $kind:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let number = self.whole_number(u64::from(<$kind>::MAX))?;
            visitor.visit_u64(number).map_err(|fault: Fault| self.locate(fault))
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => visitor.visit_unit().map_err(|fault: Fault| self.locate(fault)),
            Value::Text { text, .. } => visitor.visit_str(text).map_err(|fault: Fault| self.locate(fault)),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(entries) => self.map(entries, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Text { text, plain: true } if text == "true" => visitor.visit_bool(true),
            Value::Text { text, plain: true } if text == "false" => visitor.visit_bool(false),
            _ => Err(self.locate(Fault::said("`true` or `false` is expected"))),
        }
    }

    whole_numbers! {
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.text()?).map_err(|fault: Fault| self.locate(fault))
    }
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Null => Err(self.locate(Fault::said("has no value; write one, or leave the key out"))),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name {
            AT => visitor.visit_seq(Placed { reader: self, part: 0 }),
            NODE => visitor.visit_seq(Untyped { reader: self, part: 0 }),
            CONCEALED => self.concealed(visitor),
            _ => visitor.visit_newtype_struct(self).map_err(|fault| self.locate(fault)),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::List(items) => {
                visitor.visit_seq(Items { rest: items, next: 0, parent: self }).map_err(|fault| self.locate(fault))
            }
            _ => self.expected("a list"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Map(entries) => self.map(entries, visitor),
            _ => self.expected("a map"),
        }
    }

    /// Nothing where keys may stand is a map of none: `members: {a-db: , b-db: }`.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => self.map(&[], visitor),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Text { .. } => visitor.visit_enum(Choice { reader: self, entry: None }),
            Value::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(Choice { reader: self, entry: entries.first() })
            }
            _ => Err(Fault::said(format!("exactly one of {} is expected", words.join(", ")))),
        }
        .map_err(|fault| self.locate(fault))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }
}

/// The way from the root, kept on the stack.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    Root,
    Key(&'a Way<'a>, &'a str),
    Item(&'a Way<'a>, usize),
}

impl Way<'_> {
    pub(super) fn steps(&self) -> Vec<Step> {
        let (mut steps, last) = match self {
            Self::Root => return Vec::new(),
            Self::Key(parent, name) => (parent.steps(), Step::Key((*name).to_owned())),
            Self::Item(parent, index) => (parent.steps(), Step::Item(*index)),
        };
        steps.push(last);
        steps
    }
}
