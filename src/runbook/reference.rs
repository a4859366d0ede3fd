//! `$name`: the only notation in a runbook that stands for something else.
//!
//! In an argument it is the whole value; in prose it may stand anywhere, and `$$` is a dollar. There
//! are no expressions: what a runbook says can be read without running it in one's head.

use std::collections::BTreeMap;

/// The name, where the whole text is `$name`.
pub(super) fn whole(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    (!name.is_empty() && name.bytes().all(is_name_byte)).then_some(name)
}

/// The names in prose, in order.
pub(super) fn names(prose: &str) -> Vec<&str> {
    let mut names = Vec::new();
    walk(prose, |part| {
        if let Part::Name(name) = part {
            names.push(name);
        }
    });
    names
}

/// Prose with every name replaced; one without a value stays as it was written.
pub(super) fn fill(prose: &str, values: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(prose.len());
    walk(prose, |part| match part {
        Part::Text(text) => out.push_str(text),
        Part::Name(name) => {
            if let Some(value) = values.get(name) {
                out.push_str(value);
            } else {
                out.push('$');
                out.push_str(name);
            }
        }
    });
    out
}

enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn walk<'a>(prose: &'a str, mut each: impl FnMut(Part<'a>)) {
    let mut rest = prose;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        each(Part::Text(before));
        let after = &from[1..];
        let name_len = after.bytes().take_while(|&b| is_name_byte(b)).count();
        let skipped = match after.bytes().next() {
            Some(b'$') => {
                each(Part::Text("$"));
                1
            }
            _ if name_len == 0 => {
                // A lone dollar, as in "5 $": it stands for itself.
                each(Part::Text("$"));
                0
            }
            _ => {
                each(Part::Name(&after[..name_len]));
                name_len
            }
        };
        rest = &after[skipped..];
    }
    each(Part::Text(rest));
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stand_whole_or_in_prose() {
        for (text, expected) in
            [("$to", Some("to")), ("$TO_1", Some("TO_1")), ("to", None), ("$", None), ("$to.x", None), ("$$to", None)]
        {
            assert_eq!(whole(text), expected, "{text}");
        }
        let values = BTreeMap::from([("to".to_owned(), "dallas".to_owned())]);
        assert_eq!(fill("Move to $to, for 5 $$ or 5 $ ($no).$", &values), "Move to dallas, for 5 $ or 5 $ ($no).$");
        assert_eq!(names("$a-$b$$c ü$d"), ["a", "b", "d"]);
    }

    proptest! {
        #[test]
        fn prose_without_a_dollar_is_left_alone(text in "[^$]{0,40}") {
            prop_assert_eq!(fill(&text, &BTreeMap::new()), text);
        }
        #[test]
        fn no_prose_makes_it_panic(text in "(\\$|\\PC){0,40}") {
            names(&text);
            fill(&text, &BTreeMap::new());
        }
    }
}
