//! What the port's verbs give, and what they are asked by.

use super::Place;
use crate::base::name::SiteName;
use crate::engine::action::{ActionError, Evidence};

/// What a role change left behind in the database.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Receipt {
    pub timeline: u32,
    pub site: String,
    pub run: String,
    pub at: String,
    pub mode: String,
}

/// One thing that Switchback needs at a server.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Need {
    /// Database that the statement is for.
    pub database: String,
    /// SQL, without a semicolon at its end.
    pub statement: String,
    /// A lower-case sentence without a full stop.
    pub reason: &'static str,
    /// `None` where it cannot be seen.
    pub present: Option<bool>,
}

/// What a role change rests on. Each part may have failed by itself.
#[derive(Debug, Clone)]
pub struct Scene<P = SiteName> {
    /// How the member acted upon stands.
    pub standing: Result<Standing, ActionError>,
    /// Whether each other site is fenced.
    pub fences: Vec<(P, Result<Fence, ActionError>)>,
    /// Whether everything has arrived from the site that served last, where there is one.
    pub arrival: Option<Result<Arrival, ActionError>>,
}

impl<P: Place> Scene<P> {
    /// A scene of which only the standing is known. What was not looked at is an error, so that nothing can rest on it.
    pub fn unseen(standing: Result<Standing, ActionError>, places: Vec<P>, at: &P, from: Option<&P>) -> Self {
        let not_seen = |site: &P| ActionError::transient(format!("{site} was not looked at"));
        let elsewhere = places.into_iter().filter(|site| site != at);
        Self {
            standing,
            fences: elsewhere.map(|site| (site.clone(), Err(not_seen(&site)))).collect(),
            arrival: from.map(|site| Err(not_seen(site))),
        }
    }
}

/// How a member stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub role: Role,
    /// What makes it this database and no other: PostgreSQL's system identifier, a GTID domain.
    pub identity: String,
    /// Rises with every promotion; 0 for kinds that have none.
    pub timeline: u32,
    /// How far it is, in bytes of its log (kinds that count otherwise: in their own unit).
    pub position: u64,
    /// The position as the database's own people write it.
    pub position_text: String,
    /// For a standby: whom it is told to follow; `None` when nobody.
    pub follows: Option<String>,
    /// For a standby: it receives at this moment.
    pub streaming: bool,
    /// For a standby: what it has not replayed of what it knows of.
    pub lag_bytes: Option<u64>,
    pub lag_ms: Option<u64>,
    /// All of it in a sentence.
    pub summary: String,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Takes writes.
    Primary,
    /// In recovery: cannot take a write.
    Standby,
    /// Does not run; seen from the disk.
    Down,
}

/// Whether a site can take writes.
#[derive(Debug, Clone, PartialEq)]
pub enum Fence {
    /// It cannot; the evidence is the proof, and holds where its log ends when that is known.
    Proven(Evidence),
    /// It can, or may after a restart, and we can reach it to change that.
    Open(Evidence),
    /// It does not run, and any start would be read-only; that it ended in order is not proven, which can be tried
    /// (again) or accepted by name.
    Unproven(Evidence),
    /// Nothing proves that it cannot, and nothing can be done from here; the text says why.
    Unprovable(String),
}

/// When it is written down at a new primary that any start of it takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settling {
    /// By the promotion: nothing later does it.
    AtOnce,
    /// By a later step, when users are served already. Until then a start comes up read-only, which is the safe way to be wrong.
    Later,
}

/// Whether any start of a member that was promoted comes up as it serves now.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// It does.
    Yes(Evidence),
    /// It takes writes, and a start would not.
    Not(Evidence),
    /// This run promoted it, and a start since has made it read-only again.
    FellBack(Evidence),
    /// It takes no writes, and this run has not promoted it.
    NotPromoted(Evidence),
}

/// Whether the fenced primary's writes are all there.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// Every one.
    All(Evidence),
    /// Not yet, and waiting may help.
    NotYet(Evidence),
    /// These never will by themselves: the exact account, from the old primary's own log.
    Lost { bytes: u64, evidence: Evidence },
    /// The old primary's log cannot be read: what was last seen.
    Unknown(Evidence),
    /// The old primary still runs, so there is no end to compare with yet.
    StillWriting(Evidence),
}

/// Something that a look at everything found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// A lower-case sentence without a full stop that says what is wrong, where, and what to do.
    pub sentence: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The run must not begin.
    Blocks,
    /// To be known.
    Warns,
}

/// How a member is made to follow, as a runbook asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    #[default]
    Cheapest,
    Follow,
    Rewind,
    Copy,
}

/// How a member can be made to follow.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// It does.
    Already(Evidence),
    /// Start it with the right settings; it has nothing that the leader lacks.
    Follow(Evidence),
    /// Take back what it has of its own, then start it.
    Rewind(Evidence),
    /// Copy the leader anew, into a new directory.
    Copy(Evidence),
    /// Not possible, or not safe.
    Blocked(String),
}

/// What following would destroy.
#[derive(Debug, Clone, PartialEq)]
pub enum Keepsake {
    /// Nothing.
    Nothing(Evidence),
    /// Something, and it is kept already.
    Kept(Evidence),
    /// Something, and it is not kept yet.
    ToKeep(Evidence),
}

/// What a member wrote and the leader never got.
#[derive(Debug, Clone, PartialEq)]
pub enum Account {
    /// There is no such thing, or following would discard nothing: the evidence says how one sees it.
    Needless(Evidence),
    /// It is saved. The evidence has the figures: `lost_transactions`, `saved_rows`, `folder`, and the sentences in
    /// `not_recovered`, a list that is empty where everything was.
    Taken(Evidence),
    /// It is not saved yet.
    ToTake(Evidence),
}

/// A table that is to be the same at two members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub database: String,
    /// As people and the server write it, quoted where it must be: `public.orders`.
    pub name: String,
    /// The adapter's own name for it.
    pub key: String,
    /// About how large it is; for progress, and never 0.
    pub bytes: u64,
}

/// A part of a table that was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub same: Same,
    /// Rows in it at the leader.
    pub rows: u64,
    /// About how much of the table is compared with it, all parts before included, in bytes.
    pub bytes: u64,
    /// Where the next part begins; `None` where this was the last.
    pub next: Option<String>,
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Same {
    Equal,
    /// It is not the same although nobody was changing it; the text says where.
    Differs(String),
    /// It was changed all the while, so that nothing can be said.
    Changing(String),
}

/// Rows that Switchback writes into its own table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// Proves that a new primary takes writes.
    WriteTest,
    /// Proves that they reach the other site.
    Marker,
}
