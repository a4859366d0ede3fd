//! What a runbook may say of an action: its name, its arguments and what it claims.
//!
//! Runbooks are read against a list of [`Signature`]s, not against a Rust enum: one list gives the
//! loader its exact sentences, `switchback actions` its pages, the JSON Schema its properties and
//! the order check its facts (docs/decisions/0003). The list itself is the catalogue, two floors up.

/// One action as runbooks know it.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// `database.fence`
    pub name: &'static str,
    /// One sentence, imperative: what it does.
    pub summary: &'static str,
    /// What is true when it is done, and how that is proven; one paragraph.
    pub done: &'static str,
    /// What it acts on; inside `for_each` of this noun the item is not written as an argument.
    pub noun: Option<Noun>,
    pub arguments: &'static [Argument],
    pub effect: Effect,
    /// A guard protects data: `when` and `on_failure: go_on` are refused on it.
    pub guard: bool,
    /// Whether a back-out can take it back.
    pub undo: Undo,
    /// Facts about the item (or the run) that must hold before it acts, looked at again by the action.
    pub needs: &'static [FactAt],
    /// Facts that hold when it is done.
    pub gives: &'static [FactAt],
    /// `within` where the step does not say, as text (`30s`).
    pub within: &'static str,
}

/// One argument of an action.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    pub name: &'static str,
    pub kind: ArgumentKind,
    pub required: bool,
    pub help: &'static str,
}

/// What an argument may hold. Wherever a value may stand, a whole `$name` may stand too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    Site,
    Duration,
    Size,
    Count,
    Flag,
    Text,
    /// A list of texts: a command and its arguments, given to no shell.
    Argv,
    /// A map `{run: argv, exit: count, prints: text}`: how to look.
    Look,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// What loops go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Noun {
    Database,
    Web,
    Entrance,
    Host,
    Site,
}

/// What repeating an act means after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Only looks.
    Look,
    /// Applying it twice is as applying it once.
    Idempotent,
    /// May be applied again when a look says that it is pending.
    Guarded,
    /// At most once; a crash in the middle needs a person.
    Once,
}

/// Whether an act can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Nothing to take back.
    Nothing,
    /// The action knows how.
    Possible,
    /// The point of no return.
    Impossible,
}

/// A fact and where it holds, in terms of an action's own arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactAt {
    pub fact: FactKind,
    pub whereabouts: Whereabouts,
}

/// Where a fact holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// At the site that this argument names.
    Argument(&'static str),
    /// At every other site that has a member of the item.
    Elsewhere(&'static str),
}

/// What actions need and give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// No write can be taken there.
    Fenced,
    /// Everything that the fenced primary had is there.
    CaughtUp,
    /// It follows nobody.
    Detached,
    /// It takes writes.
    Promoted,
    /// Users are led there.
    Led,
    /// It receives what the one that serves writes.
    Following,
    /// What only it wrote is saved, or there is no such thing.
    Accounted,
}

impl Noun {
    /// As runbooks write it; also the `$name` of a loop's item.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Web => "web",
            Self::Entrance => "entrance",
            Self::Host => "host",
            Self::Site => "site",
        }
    }

    /// As sentences say it, with its article.
    pub fn spoken(self) -> &'static str {
        match self {
            Self::Database => "a database",
            Self::Web => "a web service",
            Self::Entrance => "an entrance",
            Self::Host => "a host",
            Self::Site => "a site",
        }
    }
}

impl std::fmt::Display for Noun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
