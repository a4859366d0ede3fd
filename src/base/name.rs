//! Names of things in an estate, as types, so that a host is never taken for a site.
//!
//! A name reaches command lines, file names, SQL identifiers and DNS queries. What it may hold is
//! therefore decided once, here: letters, digits, `.`, `_` and `-`, beginning with a letter or
//! digit (so that it can never be read as an option), at most 63 characters. Entrances are DNS
//! names and may be longer and begin with `*.`.

use std::fmt;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a name: {why}")]
pub struct BadName {
    text: String,
    why: &'static str,
}

/// The longest name of a site, host, service or provider, in characters.
pub const NAME_CHARS_MAX: usize = 63;
/// The longest entrance, in characters: the limit of a DNS name.
pub const ENTRANCE_CHARS_MAX: usize = 253;

fn check(text: &str, chars_max: usize) -> Result<(), &'static str> {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return Err("it is empty");
    };
    if text.chars().count() > chars_max {
        return Err("it is too long");
    }
    if !first.is_ascii_alphanumeric() {
        return Err("it must begin with a letter or a digit");
    }
    if !chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
        return Err("only letters, digits, `.`, `_` and `-` may stand in it");
    }
    Ok(())
}

fn check_entrance(text: &str) -> Result<(), &'static str> {
    check(text.strip_prefix("*.").unwrap_or(text), ENTRANCE_CHARS_MAX)
}

fn check_plain(text: &str) -> Result<(), &'static str> {
    check(text, NAME_CHARS_MAX)
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $check:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Makes a name, or says why the text is none.
            pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
                let text = text.into();
                match $check(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(why) => Err(BadName { text: text.chars().take(80).collect(), why }),
                }
            }
            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    )*};
}

names! {
    /// A place that can serve.
    SiteName: check_plain;
    /// A machine reached over SSH.
    HostName: check_plain;
    /// Something with members at the sites.
    ServiceName: check_plain;
    /// How users get in: a DNS name for now.
    EntranceName: check_entrance;
    /// Who answers for entrances.
    ProviderName: check_plain;
    /// A window or a contact: what only people call by name.
    OtherName: check_plain;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_name() {
        for good in ["a", "a-db", "x1.y_2", "9lives"] {
            assert!(HostName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-x", "a b", "a;b", "$(x)", "a\n", "a\0", "ü", ".a", &"x".repeat(64)] {
            assert!(HostName::new(bad).is_err(), "{bad:?}");
        }
        assert!(EntranceName::new("*.shop.test").is_ok());
        assert!(EntranceName::new("*").is_err());
    }
}
