//! YAML into a [`Node`], within limits. The one module that names the YAML library.
//!
//! What YAML offers and an estate must not have is refused here: tags (they would be dropped in
//! silence), merge keys, a key given twice, more than one document, and anything deep or large
//! enough to be an attack. `yes` and `off` are texts; only `true` and `false` are truth values.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::budget::BudgetBreach;
use serde_yaml::options::{MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_yaml::{Error, Location, Options, Spanned};

use super::place::{Extent, Source};
use super::problem::Problem;
use super::tree::{Key, Node, Value};

/// Maps and lists in one another.
const DEPTH_MAX: usize = 32;
/// Texts, lists and maps of one file, aliases counted as what they stand for.
const NODES_MAX: usize = 50_000;
const ALIASES_MAX: usize = 200;

/// Reads a file's text.
pub fn parse(source: &Arc<Source>) -> Result<Node, Problem> {
    let draft: Spanned<Draft> =
        serde_yaml::from_str_with_options(&source.text, options()).map_err(|error| problem(source, &error))?;
    let node = finish(source, draft)?;
    if node.value == Value::Null {
        return Err(Problem::whole(source, "is empty"));
    }
    Ok(node)
}

fn options() -> Options {
    serde_yaml::options! {
        with_snippet: false,
        strict_booleans: true,
        strict_indentation: true,
        reject_unsupported_tags: true,
        merge_keys: MergeKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: NODES_MAX },
        budget: serde_yaml::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_aliases: ALIASES_MAX,
            max_documents: 2,
        },
    }
}

/// A value as the library gives it, before its text is taken from the source.
enum Draft {
    Null,
    /// Something that the library took for a number or a truth value.
    Plain,
    Text(String),
    List(Vec<Spanned<Draft>>),
    Map(Vec<(Spanned<String>, Spanned<Draft>)>),
}

impl<'de> Deserialize<'de> for Draft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DraftVisitor)
    }
}

struct DraftVisitor;

impl<'de> Visitor<'de> for DraftVisitor {
    type Value = Draft;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E>(self) -> Result<Draft, E> {
        Ok(Draft::Null)
    }
    fn visit_none<E>(self) -> Result<Draft, E> {
        Ok(Draft::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Draft, D::Error> {
        Draft::deserialize(deserializer)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Draft, E> {
        Ok(Draft::Plain)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Draft, E> {
        Ok(Draft::Plain)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Draft, E> {
        Ok(Draft::Plain)
    }
    fn visit_u128<E>(self, _: u128) -> Result<Draft, E> {
        Ok(Draft::Plain)
    }
    fn visit_i128<E>(self, _: i128) -> Result<Draft, E> {
        Ok(Draft::Plain)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Draft, E> {
        Ok(Draft::Plain)
    }
    fn visit_str<E>(self, text: &str) -> Result<Draft, E> {
        Ok(Draft::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Draft, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Draft::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Draft, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Draft::Map(map))
    }
}

fn finish(source: &Arc<Source>, draft: Spanned<Draft>) -> Result<Node, Problem> {
    // An alias stands for what is written at its anchor, and that is where a mistake is mended.
    let extent = extent_of(source, draft.defined);
    refuse_tag(source, extent)?;
    let raw = source.text.get(extent.start..extent.end).unwrap_or_default();
    let value = match draft.value {
        Draft::Null => Value::Null,
        Draft::Plain => Value::Text { text: raw.to_owned(), plain: true },
        Draft::Text(text) => {
            Value::Text { text: harmless(source, text, extent)?, plain: !raw.starts_with(['"', '\'', '|', '>']) }
        }
        Draft::List(items) => {
            Value::List(items.into_iter().map(|item| finish(source, item)).collect::<Result<_, _>>()?)
        }
        Draft::Map(entries) => {
            let mut map = Vec::with_capacity(entries.len());
            for (key, item) in entries {
                let extent = extent_of(source, key.defined);
                refuse_tag(source, extent)?;
                let text = harmless(source, key.value, extent)?;
                let extent = source.extent(extent.start, extent.end);
                map.push((Key { text, extent }, finish(source, item)?));
            }
            Value::Map(map)
        }
    };
    Ok(Node { extent: source.extent(extent.start, extent.end), value })
}

/// Refuses characters that are written to play tricks on terminals and programs, however they are written (`"\e"`).
fn harmless(source: &Arc<Source>, text: String, extent: Extent) -> Result<String, Problem> {
    match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        Some(c) => {
            let sentence = format!("a control character (U+{:04X}) stands in this text", u32::from(c));
            Err(Problem::at(source, extent, sentence))
        }
        None => Ok(text),
    }
}

/// In the source's own bytes.
fn extent_of(source: &Source, location: Location) -> Extent {
    let span = location.span();
    let (start, len) = match span.byte_offset().zip(span.byte_len()) {
        Some((start, len)) => (narrow(start), narrow(len)),
        // Some errors know only a line and a column.
        None => (byte_at(&source.text, narrow(location.line()), narrow(location.column())), 0),
    };
    let start = start.min(source.text.len());
    Extent::new(start, start.saturating_add(len).min(source.text.len()))
}

fn byte_at(text: &str, line: usize, column: usize) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(line_start..).unwrap_or_default();
    line_start + rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
}

fn narrow(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Refuses the tags that the library knows itself (`!!str`, `!!binary`, `!`), which it would obey
/// without a word. It refuses all others.
fn refuse_tag(source: &Arc<Source>, extent: Extent) -> Result<(), Problem> {
    let Some((place, tag)) = tag_before(&source.text, extent.start) else {
        return Ok(());
    };
    let known = tag == "!" || tag.starts_with("!<") || tag.starts_with("!!");
    let closed = tag.ends_with([':', ',', '"', '\'']);
    if known && !closed { Err(tag_problem(source, place, tag)) } else { Ok(()) }
}

/// The tag that stands before a value on its line, an anchor between them or not.
fn tag_before(text: &str, start: usize) -> Option<(Extent, &str)> {
    let line = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let mut before = text.get(line..start)?;
    loop {
        let token_end = before.trim_end().len();
        if token_end == before.len() {
            return None;
        }
        let token_start = before[..token_end].rfind([' ', '\t']).map_or(0, |at| at + 1);
        let token = &before[token_start..token_end];
        if token.starts_with('!') {
            return Some((Extent::new(line + token_start, line + token_end), token));
        }
        if !token.starts_with('&') {
            return None;
        }
        before = &before[..token_start];
    }
}

fn tag_problem(source: &Arc<Source>, extent: Extent, tag: &str) -> Problem {
    let shown: String = tag.chars().take(40).collect();
    Problem::at(
        source,
        source.extent(extent.start, extent.end),
        format!("unknown tag `{shown}`: a tag would be dropped and the rest taken as it stands"),
    )
}

/// The library's error in our words.
fn problem(source: &Arc<Source>, error: &Error) -> Problem {
    let extent = error.location().map_or_else(Extent::default, |location| extent_of(source, location));
    let say = |sentence: String| Problem::at(source, source.extent(extent.start, extent.end), sentence);
    match error {
        Error::AliasError { error, .. } | Error::WithSnippet { error, .. } => problem(source, error),
        Error::DuplicateMappingKey { key: Some(key), .. } => say(format!("`{key}` is given twice")),
        Error::DuplicateMappingKey { key: None, .. } => say("a key is given twice".to_owned()),
        Error::MergeKeyNotAllowed { .. } => say("merge keys (`<<`) are not taken; write the keys out".to_owned()),
        Error::UnsupportedTag { tag, .. } => {
            let place = tag_before(&source.text, extent.start).map_or(extent, |(place, _)| place);
            tag_problem(source, place, tag)
        }
        Error::MultipleDocuments { .. } => say("a second document begins here; a file is one document".to_owned()),
        Error::Budget { breach, .. } => say(beyond(breach)),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => say("aliases stand for too much here".to_owned()),
        Error::RecursiveReferencesRequireWeakTypes { .. } => say("an alias stands for what it is part of".to_owned()),
        Error::UnknownAnchor { .. } => say("no anchor of this name stands before this alias".to_owned()),
        Error::NullIntoString { .. } | Error::Unexpected { .. } => say("a key must be a text".to_owned()),
        Error::Eof { .. } => say("the file ends in the middle of a value".to_owned()),
        Error::ExternalMessage { msg, .. } => say(format!("this is not YAML: {msg}"))
            .hint("texts that begin with a special character, or hold `: ` or ` #`, are written in quotes"),
        _ => say("this is YAML that is not taken here".to_owned()),
    }
}

fn beyond(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => format!("more than {DEPTH_MAX} maps and lists in one another"),
        BudgetBreach::Nodes { .. } => format!("more than {NODES_MAX} values in one file"),
        BudgetBreach::Aliases { .. } => format!("more than {ALIASES_MAX} aliases in one file"),
        _ => "more than one file may hold".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn said(text: &str) -> String {
        match parse(&Source::new("x", text)) {
            Ok(_) => "fine".to_owned(),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn what_is_refused_and_where() {
        for (text, expected) in [
            ("a: 1\na: 2\n", "x:2:1: `a` is given twice"),
            ("<<: {a: 1}\n", "x:1:1: merge keys (`<<`) are not taken; write the keys out"),
            ("a: !vault x\n", "x:1:4: unknown tag `!vault`: a tag would be dropped and the rest taken as it stands"),
            ("a: !!str 5\n", "x:1:4: unknown tag `!!str`: a tag would be dropped and the rest taken as it stands"),
            ("a: ! &x 5\n", "x:1:4: unknown tag `!`: a tag would be dropped and the rest taken as it stands"),
            ("a: 1\n---\nb: 2\n", "x:3:1: a second document begins here; a file is one document"),
            ("", "x: is empty"),
            ("# only\n", "x: is empty"),
            ("[a]: b\n", "x:1:1: a key must be a text"),
            ("~: b\n", "x:1:1: a key must be a text"),
            ("a: &x [*x]\n", "x:1:8: an alias stands for what it is part of"),
            ("a: *no\n", "x:1:4: no anchor of this name stands before this alias"),
            ("a: b: c\n", "x:1:5: this is not YAML: mapping values are not allowed in this context"),
            ("\"so !much\": x\nb: wow !\nc: d\n", "fine"),
            ("\u{feff}a: 1\r\nb:\r\n  c: 2\r\n", "fine"),
        ] {
            assert_eq!(said(text), expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_stay_as_written_and_yes_is_a_text() {
        let node = parse(&Source::new("x", "[017, 1_000, yes, true, 'true', 1e400, .inf, 12:30]")).expect("fine");
        let Value::List(items) = node.value else { panic!("a list") };
        let texts: Vec<(&str, bool)> = items
            .iter()
            .map(|item| match &item.value {
                Value::Text { text, plain } => (text.as_str(), *plain),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            texts,
            [
                ("017", true),
                ("1_000", true),
                ("yes", true),
                ("true", true),
                ("true", false),
                ("1e400", true),
                (".inf", true),
                ("12:30", true)
            ]
        );
    }

    #[test]
    fn a_bomb_is_refused_at_once() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..10 {
            let below = format!("*a{}", level - 1);
            let _ = writeln!(bomb, "a{level}: &a{level} [{}]", [below.as_str(); 9].join(", "));
        }
        let began = std::time::Instant::now();
        assert_ne!(said(&bomb), "fine");
        assert_ne!(said(&"[".repeat(100_000)), "fine");
        assert_eq!(said(&"- ".repeat(40)), format!("x:1:65: more than {DEPTH_MAX} maps and lists in one another"));
        assert!(began.elapsed() < std::time::Duration::from_secs(60));
    }
}
