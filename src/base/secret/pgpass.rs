//! A libpq password file, read by libpq's own rules (PostgreSQL manual, "The Password File").
//!
//! `host:port:database:user:password`, the first line that fits wins. `*` alone fits everything;
//! `\:` and `\\` stand for a colon and a backslash; a line that begins with `#` is a comment.

use super::Secret;

/// What a line must fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection<'a> {
    /// As written in the connection: a name is not resolved. `localhost` for a socket.
    pub host: &'a str,
    pub port: u16,
    /// `replication` for a replication connection.
    pub database: &'a str,
    pub user: &'a str,
}

/// The password for a connection, where a line fits it and its password is not empty.
pub fn find(text: &str, connection: &Connection<'_>) -> Option<Secret> {
    let port = connection.port.to_string();
    let asked = [connection.host, &port, connection.database, connection.user];
    text.lines().find_map(|line| password_of(line, asked)).map(Secret::new)
}

fn password_of(line: &str, asked: [&str; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut rest = line;
    for value in asked {
        rest = after_field(rest, value)?;
    }
    let password = unescaped(rest);
    (!password.is_empty()).then_some(password)
}

/// What follows the field and its colon, where the field fits.
fn after_field<'a>(line: &'a str, value: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut wanted = value.chars();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ':' => return wanted.next().is_none().then_some(&line[at + 1..]),
            '\\' => {
                // A backslash takes the next character as it is; at the end of the line there is none.
                let (_, escaped) = chars.next()?;
                (wanted.next() == Some(escaped)).then_some(())?;
            }
            plain => (wanted.next() == Some(plain)).then_some(())?,
        }
    }
    None
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().unwrap_or('\\')),
            plain => out.push(plain),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ASKED: Connection<'static> = Connection { host: "10.0.0.1", port: 5432, database: "shop", user: "sb" };

    fn found(text: &str) -> Option<String> {
        find(text, &ASKED).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn the_first_line_that_fits_wins() {
        for (text, expected) in [
            ("10.0.0.1:5432:shop:sb:one\n*:*:*:*:two\n", Some("one")),
            ("*:*:*:*:two\n10.0.0.1:5432:shop:sb:one\n", Some("two")),
            ("#10.0.0.1:5432:shop:sb:one\n", None),
            ("10.0.0.1:5433:shop:sb:one\n", None),
            ("10.0.0.1:5432:shop:sbx:one\n", None),
            ("10.0.0.11:5432:shop:sb:one\n", None),
            ("10.0.0.1:5432:shop:sb:a\\:b\\\\c:d\n", Some("a:b\\c:d")),
            ("10.0.0.1:5432:s\\hop:sb:one\r\n", Some("one")),
            ("10.0.0.1:5432:shop:sb:\n*:*:*:*:two", Some("two")),
            ("10.0.0.1:5432:shop:sb", None),
            ("", None),
        ] {
            assert_eq!(found(text).as_deref(), expected, "{text:?}");
        }
    }

    fn escaped(text: &str) -> String {
        text.replace('\\', "\\\\").replace(':', "\\:")
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_found_again(host in "[^\n\r#*]{1,12}", user in "[^\n\r]{1,12}", password in "[^\n\r]{1,20}") {
            let line = format!("{}:*:shop:{}:{}\n", escaped(&host), escaped(&user), escaped(&password));
            let asked = Connection { host: &host, user: &user, ..ASKED };
            let secret = find(&line, &asked);
            prop_assert_eq!(secret.as_ref().map(Secret::expose), Some(password.as_str()));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            let _ = find(&text, &ASKED);
        }
    }
}
