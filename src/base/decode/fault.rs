//! What can be wrong with the shape of a file, as the decoder meets it, and its sentence.

use std::fmt;

use super::super::closest::{closest, did_you_mean};
use super::super::place::{Extent, Source};
use super::super::problem::Problem;
use super::super::tree::Step;

/// What does not fit, and where. The place is added on the way out, where it is known.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// The way to what must be mended.
    pub(super) path: Option<Vec<Step>>,
    pub(super) extent: Extent,
    pub(super) concealed: bool,
}

#[derive(Debug)]
pub(super) enum FaultKind {
    Said(String),
    UnknownKey { key: String, keys: &'static [&'static str] },
    UnknownWord { word: String, words: &'static [&'static str] },
    Missing(&'static str),
}

impl Fault {
    pub(super) fn said(sentence: impl Into<String>) -> Self {
        Self::of(FaultKind::Said(sentence.into()))
    }

    fn of(kind: FaultKind) -> Self {
        Self { kind, path: None, extent: Extent::default(), concealed: false }
    }

    /// Says where, unless somebody further in has said so already.
    pub(super) fn located(mut self, extent: Extent, path: impl FnOnce() -> Vec<Step>) -> Self {
        if self.path.is_none() {
            self.path = Some(path());
            self.extent = extent;
        }
        self
    }

    /// Which key was meant by one that is not known.
    pub(super) fn meant(&self, later: Later) -> Meant {
        let FaultKind::UnknownKey { key, keys } = &self.kind else { return Meant::Nothing };
        let parents = self.path.as_deref().and_then(|path| path.split_last()).map_or(&[][..], |(_, parents)| parents);
        let names: Vec<&str> = parents.iter().filter_map(Step::key).collect();
        match closest(key, keys.iter().copied()) {
            _ if later(&names, key).is_some() => Meant::Any,
            Some(meant) => Meant::Key(meant.to_owned()),
            None => Meant::Nothing,
        }
    }

    /// As a problem; `later` knows words that only a later version takes.
    pub(super) fn problem(&self, source: &std::sync::Arc<Source>, later: Later) -> Problem {
        let path = self.path.as_deref().unwrap_or_default();
        let (about, key) = match (&self.kind, path.split_last()) {
            (FaultKind::UnknownKey { key, .. }, Some((_, parents))) => (parents, Some(key)),
            _ => (path, None),
        };
        let names: Vec<&str> = about.iter().filter_map(Step::key).collect();
        let not_yet = match (&self.kind, key) {
            (_, Some(key)) => later(&names, key),
            (FaultKind::UnknownWord { word, .. }, None) => later(&names, word),
            _ => None,
        };
        let sentence = not_yet.unwrap_or_else(|| self.kind.to_string());
        let prefix = names.join(".");
        let sentence = if prefix.is_empty() { sentence } else { format!("{prefix}: {sentence}") };
        let mut problem = Problem::at(source, self.extent, sentence);
        problem.concealed = self.concealed;
        if let FaultKind::UnknownKey { keys, .. } = self.kind {
            problem = problem.hint(format!("keys here: {}", keys.join(", ")));
        }
        problem
    }
}

/// The key that was meant by one that is not known.
#[derive(Debug)]
pub(super) enum Meant {
    Nothing,
    Key(String),
    /// One that only a later version takes, in place of whichever is missing.
    Any,
}

impl Meant {
    pub(super) fn is(&self, key: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Key(meant) => meant == key,
            Self::Any => true,
        }
    }
}

/// Says of a key or a word that this version does not know it yet: the path to it, the word, the sentence.
pub type Later = fn(&[&str], &str) -> Option<String>;

impl Step {
    fn key(&self) -> Option<&str> {
        match self {
            Self::Key(name) => Some(name),
            Self::Item(_) => None,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(sentence) => f.write_str(sentence),
            Self::UnknownKey { key, keys } => {
                let shown: String = key.chars().take(60).collect();
                write!(f, "no key `{shown}` here{}", did_you_mean(key, keys.iter().copied()))
            }
            Self::UnknownWord { word, words } => {
                let shown: String = word.chars().take(60).collect();
                write!(f, "`{shown}` is none of {}{}", words.join(", "), did_you_mean(word, words.iter().copied()))
            }
            Self::Missing(key) => write!(f, "`{key}` is missing"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::said(message.to_string())
    }
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::of(FaultKind::UnknownKey { key: field.to_owned(), keys: expected })
    }
    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::of(FaultKind::UnknownWord { word: variant.to_owned(), words: expected })
    }
    fn missing_field(field: &'static str) -> Self {
        Self::of(FaultKind::Missing(field))
    }
    /// Never shows what stands there: it may be a secret at the wrong place.
    fn invalid_type(_: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::said(format!("{expected} is expected here"))
    }
    fn invalid_value(_: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::said(format!("{expected} is expected here"))
    }
}
