//! The arguments of an action: judged when a runbook is loaded, turned into plain values when it is
//! bound. One description, [`ArgumentKind`], serves both.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::reference;
use super::signature::ArgumentKind;
use super::written::InputKind;
use crate::base::closest::did_you_mean;
use crate::base::name::SiteName;
use crate::base::place::Extent;
use crate::base::quantity::{Size, Span};
use crate::base::tree::{Node, Value};

/// What a `$name` may stand for: an input of some kind, or the item of a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Input(InputKind),
    /// A name of the estate: of a site where the loop goes over sites.
    Item {
        site: bool,
    },
}

/// The names that may be used at some place, in the order in which a sentence lists them.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope(pub(super) Vec<(String, Meaning)>);

/// What is wrong with a value, where, and which names were used on the way.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub(super) wrong: Vec<(Extent, String)>,
    pub(super) used: Vec<String>,
}

impl Scope {
    pub(super) fn meaning(&self, name: &str) -> Option<Meaning> {
        self.0.iter().find(|(known, _)| known == name).map(|&(_, meaning)| meaning)
    }

    /// "no `$form` here; there are $to, $from, $database".
    pub(super) fn unknown(&self, name: &str) -> String {
        let known: Vec<String> = self.0.iter().map(|(known, _)| format!("${known}")).collect();
        let known =
            if known.is_empty() { "there are none".to_owned() } else { format!("there are {}", known.join(", ")) };
        // Names of the environment are written in capitals; names of a runbook never are.
        let environment = name.bytes().any(|b| b.is_ascii_uppercase()) && !name.bytes().any(|b| b.is_ascii_lowercase());
        let hint = if environment { "; for the environment write {env: …}" } else { "" };
        format!("no `${name}` here; {known}{hint}")
    }
}

/// Judges a value against what its argument may hold.
pub(super) fn judge(name: &str, node: &Node, kind: ArgumentKind, scope: &Scope) -> Judgement {
    let mut judgement = Judgement::default();
    judgement.value(name, node, kind, scope);
    judgement
}

impl Judgement {
    fn say(&mut self, node: &Node, sentence: String) {
        self.wrong.push((node.extent, sentence));
    }

    fn value(&mut self, name: &str, node: &Node, kind: ArgumentKind, scope: &Scope) {
        if let Value::Text { text, .. } = &node.value
            && let Some(reference) = reference::whole(text)
        {
            match scope.meaning(reference) {
                None => self.say(node, scope.unknown(reference)),
                Some(meaning) => {
                    self.used.push(reference.to_owned());
                    if !fits(kind, meaning) {
                        let sentence =
                            format!("`{name}` takes {}, and ${reference} is {}", noun(kind), is_what(meaning));
                        self.say(node, sentence);
                    }
                }
            }
            return;
        }
        match kind {
            ArgumentKind::Argv => self.argv(name, node, scope),
            ArgumentKind::Look => self.look(name, node, scope),
            _ => self.text(name, node, kind, scope),
        }
    }

    fn text(&mut self, name: &str, node: &Node, kind: ArgumentKind, scope: &Scope) {
        let Value::Text { text, .. } = &node.value else {
            self.say(node, format!("`{name}` takes {}, not {}", noun(kind), node.noun()));
            return;
        };
        match kind {
            ArgumentKind::Text => {
                for used in reference::names(text) {
                    match scope.meaning(used) {
                        Some(_) => self.used.push(used.to_owned()),
                        None => self.say(node, scope.unknown(used)),
                    }
                }
            }
            ArgumentKind::OneOf(words) if !words.contains(&text.as_str()) => {
                let slip = did_you_mean(text, words.iter().copied());
                self.say(node, format!("`{name}: {}` is none of {}{slip}", short(text), words.join(", ")));
            }
            _ if plain(text, kind).is_none() => {
                self.say(node, format!("`{name}: {}` is not {}", short(text), noun(kind)));
            }
            _ => {}
        }
    }

    fn argv(&mut self, name: &str, node: &Node, scope: &Scope) {
        let items = match &node.value {
            Value::List(items) if !items.is_empty() => items,
            _ => return self.say(node, format!("`{name}` takes {}", noun(ArgumentKind::Argv))),
        };
        for item in items {
            match &item.value {
                // A word of a command is prose only as a whole: `$5` inside an awk program stays what it is.
                Value::Text { text, .. } => {
                    let Some(used) = reference::whole(text) else { continue };
                    match scope.meaning(used) {
                        Some(_) => self.used.push(used.to_owned()),
                        None => self.say(item, scope.unknown(used)),
                    }
                }
                _ => self.say(item, format!("`{name}`: a word of a command is a text, not {}", item.noun())),
            }
        }
    }

    fn look(&mut self, name: &str, node: &Node, scope: &Scope) {
        let Value::Map(entries) = &node.value else {
            return self.say(node, format!("`{name}` takes {}", noun(ArgumentKind::Look)));
        };
        for (key, value) in entries {
            let kind = match key.text.as_str() {
                "run" => ArgumentKind::Argv,
                "exit" => ArgumentKind::Count,
                "prints" => ArgumentKind::Text,
                other => {
                    let slip = did_you_mean(other, ["run", "exit", "prints"]);
                    self.wrong.push((
                        key.extent,
                        format!("`{name}` has no key `{}`{slip}; it has run, exit, prints", short(other)),
                    ));
                    continue;
                }
            };
            self.value(&format!("{name}.{}", key.text), value, kind, scope);
        }
        if node.get("run").is_none() {
            self.say(node, format!("`{name}`: `run` is missing"));
        }
    }
}

fn fits(kind: ArgumentKind, meaning: Meaning) -> bool {
    matches!(
        (kind, meaning),
        (ArgumentKind::Text, _)
            | (ArgumentKind::Site, Meaning::Input(InputKind::Site) | Meaning::Item { site: true })
            | (ArgumentKind::Duration, Meaning::Input(InputKind::Duration))
            | (ArgumentKind::Flag, Meaning::Input(InputKind::Flag))
    )
}

fn is_what(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Input(InputKind::Site) | Meaning::Item { site: true } => "a site",
        Meaning::Input(InputKind::Host) => "a host",
        Meaning::Input(InputKind::Duration) => "a duration",
        Meaning::Input(InputKind::Flag) => "a flag",
        Meaning::Input(InputKind::Window) => "a window",
        Meaning::Input(InputKind::Text) => "a text",
        Meaning::Item { site: false } => "the item of the loop",
    }
}

/// What an argument holds, for sentences.
pub(super) fn noun(kind: ArgumentKind) -> String {
    match kind {
        ArgumentKind::Site => "a site".to_owned(),
        ArgumentKind::Duration => "a duration (30s, 5m, 1h)".to_owned(),
        ArgumentKind::Size => "a size (64KiB, 16MiB, 2GiB)".to_owned(),
        ArgumentKind::Count => "a whole number".to_owned(),
        ArgumentKind::Flag => "`true` or `false`".to_owned(),
        ArgumentKind::Text => "a text".to_owned(),
        ArgumentKind::Argv => "a command and its arguments: [PROGRAM, ARGUMENT, …]".to_owned(),
        ArgumentKind::Look => "{run: [PROGRAM, …], exit: 0, prints: TEXT}".to_owned(),
        ArgumentKind::OneOf(words) => format!("one of {}", words.join(", ")),
    }
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

/// A text as the plain value of its kind; `None` where it is none.
fn plain(text: &str, kind: ArgumentKind) -> Option<Json> {
    match kind {
        ArgumentKind::Site => SiteName::new(text).ok().map(|site| Json::from(site.as_str())),
        ArgumentKind::Duration => text.parse::<Span>().ok().map(|span| Json::from(span.to_string())),
        ArgumentKind::Size => Size::try_from(text.to_owned()).ok().map(|size| Json::from(size.to_string())),
        ArgumentKind::Count => {
            let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            text.parse::<u64>().ok().filter(|_| canonical).map(Json::from)
        }
        ArgumentKind::Flag => text.parse::<bool>().ok().map(Json::from),
        ArgumentKind::OneOf(words) => words.contains(&text).then(|| Json::from(text)),
        ArgumentKind::Text | ArgumentKind::Argv | ArgumentKind::Look => Some(Json::from(text)),
    }
}

/// The plain value of an argument that was judged to be good, every `$name` replaced.
pub(super) fn value(node: &Node, kind: ArgumentKind, values: &BTreeMap<String, String>) -> Json {
    match (&node.value, kind) {
        (Value::Text { text, .. }, ArgumentKind::Text) => Json::from(reference::fill(text, values)),
        (Value::Text { text, .. }, _) => {
            let text = reference::whole(text).and_then(|name| values.get(name)).unwrap_or(text);
            plain(text, kind).unwrap_or_else(|| Json::from(text.as_str()))
        }
        (Value::List(items), _) => {
            Json::Array(items.iter().map(|item| value(item, ArgumentKind::Argv, values)).collect())
        }
        (Value::Map(entries), _) => {
            let entry = |(key, node): &(crate::base::tree::Key, Node)| {
                let kind = match key.text.as_str() {
                    "exit" => ArgumentKind::Count,
                    "prints" => ArgumentKind::Text,
                    _ => ArgumentKind::Argv,
                };
                (key.text.clone(), value(node, kind, values))
            };
            Json::Object(entries.iter().map(entry).collect())
        }
        (Value::Null, _) => Json::Null,
    }
}
