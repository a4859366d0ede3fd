//! Connection strings for libpq on the members, and their quoting: libpq's, a configuration file's, SQL's.

use std::fmt::Write as _;

/// A libpq connection string, keyword by keyword.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conninfo(String);

impl Conninfo {
    /// Adds a keyword.
    #[must_use]
    pub fn with(mut self, keyword: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        let _ = write!(self.0, "{keyword}={}", value_quoted(value));
        self
    }

    /// As libpq reads it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// libpq: plain words as they are, all else in single quotes with `'` and `\` escaped.
fn value_quoted(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/' | b':');
    if !value.is_empty() && value.bytes().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A value of a configuration file, in single quotes. Its reader knows backslashes, so they are doubled, and a line
/// ends the value, whatever is quoted.
pub fn config_quoted(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('\'', "''").replace('\n', "\\n").replace('\r', "\\r");
    format!("'{value}'")
}

/// An SQL literal, whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!(" E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// An SQL identifier.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// libpq's reader (fe-connect.c, conninfo_parse), as far as we write.
    fn read_libpq(text: &str) -> Vec<(String, String)> {
        let mut chars = text.chars().peekable();
        let mut pairs = Vec::new();
        loop {
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            let mut name = String::new();
            while let Some(c) = chars.next_if(|c| *c != '=') {
                name.push(c);
            }
            if chars.next().is_none() {
                return pairs;
            }
            let mut value = String::new();
            if chars.next_if_eq(&'\'').is_some() {
                while let Some(c) = chars.next_if(|c| *c != '\'') {
                    value.push(if c == '\\' { chars.next().expect("escaped") } else { c });
                }
                chars.next();
            } else {
                while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                    value.push(if c == '\\' { chars.next().expect("escaped") } else { c });
                }
            }
            pairs.push((name, value));
        }
    }

    /// A configuration file's reader (guc-file.l, DeescapeQuotedString), as far as we write.
    fn read_config(text: &str) -> String {
        let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).expect("quoted");
        let mut chars = inner.chars();
        let mut out = String::new();
        while let Some(c) = chars.next() {
            match c {
                '\\' | '\'' => out.push(chars.next().expect("a pair")),
                other => out.push(other),
            }
        }
        out
    }

    #[test]
    fn plain_words_stay_plain() {
        let info = Conninfo::default().with("host", "10.0.0.1").with("passfile", "/a b").with("user", "o'x\\");
        assert_eq!(info.as_str(), r"host=10.0.0.1 passfile='/a b' user='o\'x\\'");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'"), " E'a\\\\'''");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }

    proptest! {
        #[test]
        fn libpq_reads_back_what_was_written(values in proptest::collection::vec("\\PC{0,20}", 1..5)) {
            let info = values.iter().fold(Conninfo::default(), |info, value| info.with("key", value));
            let read: Vec<String> = read_libpq(info.as_str()).into_iter().map(|(_, value)| value).collect();
            prop_assert_eq!(read, values);
        }

        #[test]
        fn a_configuration_file_reads_back_what_was_written(value in "\\PC{0,40}") {
            prop_assert_eq!(read_config(&config_quoted(&value)), value);
        }
    }
}
