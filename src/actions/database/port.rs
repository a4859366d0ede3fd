//! What the actions need of a database, whatever kind it is. Owned by the actions, implemented by adapters.
//!
//! Verbs of the domain, not SQL: an adapter decides how *fenced* is proven for its kind, the actions decide
//! what follows from it. Look verbs change nothing; touch verbs take a [`Touch`].

use std::fmt;

use futures::future::BoxFuture;

use super::lock::MemberLock;
use crate::base::name::{HostName, SiteName};
use crate::engine::action::{ActionError, Evidence, Touch};
use crate::runbook::bound::Mode;

/// What a port's verbs give.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ActionError>>;

/// What a member is named by: to the actions its site, to an adapter its host.
pub trait Place: Clone + Ord + fmt::Display + fmt::Debug + Send + Sync + 'static {}
impl Place for SiteName {}
impl Place for HostName {}

/// One service's database. To the actions a site is one member: the one that leads there, with its siblings behind it
/// ([`Sites`](super::sites::Sites)). An adapter knows servers, by host, and nothing of who stands beside whom.
pub trait Database<P: Place = SiteName>: Eyes<P> + Hands<P> {}
impl<P: Place, T: Eyes<P> + Hands<P>> Database<P> for T {}

/// Looks. None of them changes anything.
pub trait Eyes<P: Place = SiteName>: fmt::Debug + Send + Sync {
    /// The places that have a member.
    fn places(&self) -> Vec<P>;
    /// The members at a place beside the one that leads there; none where a place is one member.
    fn siblings(&self, _place: &P) -> Vec<HostName> {
        Vec::new()
    }
    /// How the member at a site stands. An error when it cannot be known, over SQL or from the disk.
    fn standing<'a>(&'a self, site: &'a P) -> Answer<'a, Standing>;
    /// Whether a site is proven unable to take a write, also after a restart.
    fn fence_look<'a>(&'a self, site: &'a P) -> Answer<'a, Fence>;
    /// Whether everything that the (fenced) primary at `from` wrote has arrived at `to`.
    fn arrival<'a>(&'a self, from: &'a P, to: &'a P) -> Answer<'a, Arrival>;
    /// What a role change at `at` rests on. A kind that can look at all members at once, and once for all of it, does:
    /// inside an outage every look counts. Here it is one look after the other, as far as they make sense.
    fn scene<'a>(&'a self, at: &'a P, from: Option<&'a P>) -> BoxFuture<'a, Scene<P>> {
        Box::pin(async move {
            let mut scene = Scene::unseen(self.standing(at).await, self.places(), at, from);
            if !scene.standing.as_ref().is_ok_and(|standing| standing.role != Role::Primary) {
                return scene;
            }
            for (site, fence) in &mut scene.fences {
                *fence = self.fence_look(site).await;
                if fence.is_err() {
                    return scene;
                }
            }
            if let Some(from) = from {
                scene.arrival = Some(self.arrival(from, at).await);
            }
            scene
        })
    }
    /// How the member at a site stands, where only its role matters: what is done next proves the rest.
    fn role<'a>(&'a self, site: &'a P) -> Answer<'a, Role> {
        Box::pin(async move { self.standing(site).await.map(|standing| standing.role) })
    }
    /// Everything that could make a promotion at `to`, or the way back, fail; all of it at once.
    fn findings<'a>(&'a self, from: Option<&'a P>, to: &'a P, mode: Mode) -> Answer<'a, Vec<Finding>>;
    /// How the member at `site` could be made to follow the one at `leader`.
    fn way_to_follow<'a>(&'a self, site: &'a P, leader: &'a P, by: By) -> Answer<'a, Way>;
    /// Whether there is something at `site` that following `leader` would destroy, and whether it is kept already.
    fn keepsake<'a>(&'a self, site: &'a P, leader: &'a P, label: &'a str) -> Answer<'a, Keepsake>;
    /// Whether the member at `site` wrote what never reached the one at `leader`, and whether the account of it is taken.
    fn lost_writes<'a>(&'a self, site: &'a P, leader: &'a P) -> Answer<'a, Account>;
    /// What there is to compare between the leader and the member at `site`, which follows it; in a fixed order.
    fn tables<'a>(&'a self, site: &'a P, leader: &'a P) -> Answer<'a, Vec<Table>>;
    /// Compares the next part of a table, beginning where the part before said that it ended (`None`: at its beginning).
    /// A call takes seconds, not minutes.
    fn compare<'a>(&'a self, site: &'a P, leader: &'a P, table: &'a Table, from: Option<&'a str>) -> Answer<'a, Part>;
    /// Whether this kind of row, written on the leader's present timeline, can be read at `site`.
    fn has_row<'a>(&'a self, site: &'a P, row: Row) -> Answer<'a, Option<Evidence>>;
    /// What a promotion of ours that was cut off has not done yet at a site that takes writes; `None` when nothing.
    fn promotion_rest<'a>(&'a self, _site: &'a P) -> Answer<'a, Option<String>> {
        Box::pin(async { Ok(None) })
    }
    /// Why the member at a site may have been promoted, for all that can be seen; `None` when it is proven to
    /// have stayed a follower, also one that has stopped since. A kind that can tell that from the disk says so.
    fn doubt_that_it_followed<'a>(&'a self, site: &'a P) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let standing = self.standing(site).await?;
            Ok((standing.role != Role::Standby).then_some(standing.summary))
        })
    }
    /// What role changes of ours have left over, a sentence each.
    fn leftovers(&self) -> Answer<'_, Vec<String>>;
}

/// Touches. Each is repeatable, and gives what it saw at its end.
pub trait Hands<P: Place = SiteName> {
    /// Flushes what a clean stop would have to flush.
    fn shorten<'a>(&'a self, touch: &'a Touch, site: &'a P) -> Answer<'a, Evidence>;
    /// Stops the member at `site` from taking writes, now and after a restart, and proves it.
    fn fence<'a>(&'a self, touch: &'a Touch, site: &'a P, mode: Mode) -> Answer<'a, Fence>;
    /// Takes a fence back: the member serves as it did. The caller has seen that nobody was promoted.
    fn unfence<'a>(&'a self, touch: &'a Touch, site: &'a P) -> Answer<'a, Evidence>;
    /// Makes the member at `site` follow nobody.
    fn detach<'a>(&'a self, touch: &'a Touch, site: &'a P) -> Answer<'a, Evidence>;
    /// Takes a detachment back: the member follows the one at `leader` again.
    fn attach<'a>(&'a self, touch: &'a Touch, site: &'a P, leader: &'a P) -> Answer<'a, Evidence>;
    /// Promotes the member at `to`; proves where it forked from the one at `from`, leaves the receipt.
    fn promote<'a>(&'a self, touch: &'a Touch, from: Option<&'a P>, to: &'a P) -> Answer<'a, Evidence>;
    /// Writes a row of this kind at `leader` and reads it back at `seen_at`.
    fn write_row<'a>(&'a self, touch: &'a Touch, leader: &'a P, seen_at: &'a P, row: Row) -> Answer<'a, Evidence>;
    /// Makes the member at `site` follow the one at `leader`, in this way, until it is seen to stream.
    fn follow<'a>(&'a self, touch: &'a Touch, site: &'a P, leader: &'a P, way: &'a Way) -> Answer<'a, Evidence>;
    /// Keeps aside what following `leader` would destroy at `site`.
    fn keep<'a>(&'a self, touch: &'a Touch, site: &'a P, leader: &'a P, label: &'a str) -> Answer<'a, Evidence>;
    /// Saves what the member at `site` wrote and the one at `leader` never got, so that people can write it again.
    /// Changes nothing that a later `follow` would not change, and nothing that is the only evidence.
    fn take_account<'a>(&'a self, touch: &'a Touch, site: &'a P, leader: &'a P) -> Answer<'a, Evidence>;
    /// Drops what `leftovers` found.
    fn tidy<'a>(&'a self, touch: &'a Touch) -> Answer<'a, Evidence>;
}

/// What is done outside a run's steps: the lock, what a service's servers need, what role changes left behind.
pub trait Upkeep<P: Place = SiteName> {
    /// The lock of the estate at each member, not yet taken; for [`lock::acquire`](super::lock::acquire).
    fn locks(&self, estate: &str) -> Vec<Box<dyn MemberLock>>;
    /// The receipts of role changes that the member at a site holds, newest first.
    fn receipts<'a>(&'a self, site: &'a P) -> Answer<'a, Vec<Receipt>>;
    /// What Switchback needs at the server of a site, and what of it is there.
    fn needs<'a>(&'a self, site: &'a P) -> Answer<'a, Vec<Need>>;
    /// Makes what is missing at the server of a site, which must be the one that takes writes. Gives what was made.
    fn prepare<'a>(&'a self, touch: &'a Touch, site: &'a P) -> Answer<'a, Vec<Need>>;
}

/// All that an adapter is.
pub trait Adapter<P: Place = SiteName>: Database<P> + Upkeep<P> {}
impl<P: Place, T: Database<P> + Upkeep<P>> Adapter<P> for T {}

/// An adapter, member by member, with what it knows of those that neither lead nor are to lead.
pub trait Kin: Adapter<HostName> {
    /// Everything that would keep this member from following the one at `to`, or makes it a danger to it; all at once.
    fn sibling_findings<'a>(
        &'a self,
        sibling: &'a HostName,
        from: Option<&'a HostName>,
        to: &'a HostName,
        mode: Mode,
    ) -> Answer<'a, Vec<Finding>>;
}

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
