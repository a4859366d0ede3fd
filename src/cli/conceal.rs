//! Source lines as they may be shown: whatever may be a secret is covered.
//!
//! A problem shows the line it is in, and that line may hold a password that somebody wrote in
//! clear, next to the mistake or as the mistake. The file may not even be YAML, so nothing but its
//! text can be gone by: after a key that is named like a secret, everything up to the end of the
//! line is covered, and deeper lines below it, unless a reference stands there. More is covered than
//! need be; nothing is covered too little.

use crate::base::place::Extent;

/// The text, byte for byte as long as it was, so that places stay true. Control characters, with
/// which a file could play tricks on a terminal, are covered too.
pub(super) fn concealed(text: &str, extent: Option<Extent>) -> String {
    let mut covered = vec![false; text.len()];
    let mut deeper_than: Option<usize> = None;
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let blank = line.trim().is_empty();
        if deeper_than.is_some_and(|outer| blank || indent > outer) {
            if !begins_reference(line.trim_start()) {
                cover(&mut covered, line_start + indent, line_start + line.len());
            }
        } else if let Some((from, key_indent)) = secret_value(line) {
            cover(&mut covered, line_start + from, line_start + line.len());
            deeper_than = Some(key_indent);
        } else {
            deeper_than = None;
        }
        line_start += line.len();
    }
    if let Some(extent) = extent {
        cover(&mut covered, extent.start, extent.end);
    }
    text.char_indices().map(|(at, c)| shown(c, covered.get(at).copied().unwrap_or(true))).collect()
}

fn cover(covered: &mut [bool], from: usize, to: usize) {
    let to = to.min(covered.len());
    if let Some(part) = covered.get_mut(from..to) {
        part.fill(true);
    }
}

/// A character of the same length in bytes.
fn shown(c: char, covered: bool) -> char {
    if matches!(c, '\n' | '\t' | '\r') || !(covered || c.is_control()) {
        return c;
    }
    match c.len_utf8() {
        1 => '*',
        2 => '·',
        3 => '•',
        _ => '\u{1d7d8}',
    }
}

/// Words under which a reference to a secret is written.
const REFERENCES: [&str; 5] = ["file:", "env:", "command:", "pgpass:", "tsig_file:"];

/// Where on a line a value begins that may be a secret, and the indentation of the line's first key.
fn secret_value(line: &str) -> Option<(usize, usize)> {
    let first_key = line.find(|c: char| !matches!(c, ' ' | '-'))?;
    for (colon, _) in line.match_indices(':') {
        let word_end = line[..colon].trim_end_matches([' ', '"', '\'']);
        let word_start = word_end
            .rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')))
            .map_or(0, |at| at + word_end[at..].chars().next().map_or(1, char::len_utf8));
        let value = line[colon + 1..].trim_start();
        // A webhook's URL is one; a map below the key is judged word by word.
        let url = &word_end[word_start..] == "webhook" && !value.is_empty() && !value.starts_with('{');
        if !(url || names_a_secret(&word_end[word_start..])) || is_reference(&word_end[word_start..], value) {
            continue;
        }
        return Some((line.len() - value.len(), first_key));
    }
    None
}

fn names_a_secret(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let path = ["passfile", "pgpass", "tsig_file"].contains(&word.as_str());
    let name = ["pass", "secret", "token", "credential"].iter().any(|part| word.contains(part));
    (name && !path) || word == "key" || word.ends_with("_key") || word == "apikey" || word == "url_from"
}

fn begins_reference(text: &str) -> bool {
    REFERENCES.iter().any(|known| text.starts_with(known))
}

/// Whether what follows on the line is plainly no secret: a reference, or the path of a key file.
fn is_reference(word: &str, value: &str) -> bool {
    match value.strip_prefix('{').map(str::trim_start) {
        // The parts of a TSIG key are judged one by one: `secret` is a word of its own.
        Some(inside) => inside.is_empty() || begins_reference(inside) || (word == "key" && inside.starts_with("name:")),
        None => word == "key" && value.starts_with(['~', '/', '.']),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_may_be_a_secret_is_covered() {
        for (text, expected) in [
            ("password: hunter2\nuser: x\n", "password: *******\nuser: x\n"),
            ("{user: x, password: hunter2, port: 1}", "{user: x, password: *****************"),
            ("\"api_key\" : 'a b'", "\"api_key\" : *****"),
            ("password:\n  hunter2\n  more\nuser: x", "password:\n  *******\n  ****\nuser: x"),
            ("password: |\n  hunter2\n\nuser: x", "password: *\n  *******\n\nuser: x"),
            ("- token: !vault s3cret", "- token: *************"),
            ("password: {text: hunter2}", "password: ***************"),
            ("password: {file: /etc/x}", "password: {file: /etc/x}"),
            ("password:\n  file: /etc/x\n", "password:\n  file: /etc/x\n"),
            ("replication: {user: r, passfile: /x}", "replication: {user: r, passfile: /x}"),
            ("host: {key: ~/.ssh/id}", "host: {key: ~/.ssh/id}"),
            ("key: c2VjcmV0", "key: ********"),
            ("slack: {webhook: https://x/y}", "slack: {webhook: ************"),
            ("webhook: {url: https://x, url_from: y}", "webhook: {url: https://x, url_from: **"),
            ("webhook: {file: /x}", "webhook: {file: /x}"),
            ("passphrase: pä€𝄞", "passphrase: *·•\u{1d7d8}"),
            ("a: \u{1b}[2J", "a: *[2J"),
        ] {
            assert_eq!(concealed(text, None), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn places_stay_true(text in "(password: |key: |[a-z{}:, \n\"ü€]){0,40}", start in 0..60_usize, len in 0..20_usize) {
            let extent = Extent::new(start, start + len);
            let said = concealed(&text, Some(extent));
            prop_assert_eq!(said.len(), text.len());
            prop_assert_eq!(said.matches('\n').count(), text.matches('\n').count());
        }
    }
}
