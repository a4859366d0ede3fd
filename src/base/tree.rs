//! What a YAML file holds, with the place of everything in it: texts, lists and maps, not yet typed.
//!
//! A number or a truth value is kept as the text that was written, so that `017` stays what it is
//! until somebody knows what it should be.

use super::place::Extent;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// For a text all of it; for a list or a map where it begins.
    pub extent: Extent,
    pub value: Value,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    Text {
        text: String,
        /// Without quotes: only then may it be a number, `true` or `false`.
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order written, no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub text: String,
    pub extent: Extent,
}

/// One step on the way from the root to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Item(usize),
}

impl Node {
    /// Takes a node out of the tree; whether it was there.
    pub fn prune(&mut self, path: &[Step]) -> bool {
        let Some((first, rest)) = path.split_first() else {
            return false;
        };
        match (&mut self.value, first) {
            (Value::Map(entries), Step::Key(name)) => {
                let Some(index) = entries.iter().position(|(key, _)| &key.text == name) else {
                    return false;
                };
                if rest.is_empty() {
                    entries.remove(index);
                    return true;
                }
                entries[index].1.prune(rest)
            }
            (Value::List(items), Step::Item(index)) if *index < items.len() => {
                if rest.is_empty() {
                    items.remove(*index);
                    return true;
                }
                items[*index].prune(rest)
            }
            _ => false,
        }
    }

    /// `a text`, `a list`, `a map`, `nothing`.
    pub fn noun(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Text { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Node {
    /// The value of a key, where this is a map that has it.
    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node),
            _ => None,
        }
    }
}
