//! Secrets: written as references, resolved late, never shown.
//!
//! A [`SecretRef`] says where a secret lies. A [`Secret`] holds the text and shows `***` to every
//! formatter, so that it cannot reach a journal or a message by accident; the one way to the text
//! is [`Secret::expose`], which reads as what it is.

pub mod pgpass;
mod read;

use std::fmt;
use std::path::PathBuf;

pub use read::BadSecret;

/// Where a secret lies.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretRef {
    /// The whole file, less one newline at its end. Others must not be able to read it.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
    /// What the command prints, less one newline at its end.
    Command(Vec<String>),
    /// The line of a libpq password file that fits the connection.
    Pgpass(PathBuf),
}

/// A secret's text. Wherever it is formatted, it is `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text.
    pub fn new(text: String) -> Self {
        Self(text)
    }
    /// Gives the text to whoever must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The reference, never what it leads to. Of a command only the program is named: arguments are
/// where people put things that they should not.
impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "secret file `{}`", path.display()),
            Self::Env(variable) => write!(f, "environment variable `{variable}`"),
            Self::Command(argv) => write!(f, "secret command `{}`", argv.first().map_or("", String::as_str)),
            Self::Pgpass(path) => write!(f, "password file `{}`", path.display()),
        }
    }
}
