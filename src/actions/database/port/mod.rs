//! What the actions need of a database, whatever kind it is. Owned by the actions, implemented by adapters.
//!
//! Verbs of the domain, not SQL: an adapter decides how *fenced* is proven for its kind, the actions decide
//! what follows from it. Look verbs change nothing; touch verbs take a [`Touch`].

mod found;

use std::fmt;

use futures::future::BoxFuture;

use crate::actions::database::lock::MemberLock;
use crate::base::name::{HostName, SiteName};
use crate::engine::action::{ActionError, Evidence, Touch};
use crate::runbook::bound::Mode;

pub use found::{
    Account, Arrival, By, Fence, Finding, Keepsake, Need, Part, Receipt, Role, Row, Same, Scene, Settled, Settling,
    Severity, Standing, Table, Way,
};

/// What a port's verbs give.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ActionError>>;

/// What a member is named by: to the actions its site, to an adapter its host.
pub trait Place: Clone + Ord + fmt::Display + fmt::Debug + Send + Sync + 'static {}
impl Place for SiteName {}
impl Place for HostName {}

/// One service's database. To the actions a site is one member: the one that leads there, with its siblings behind it
/// ([`Sites`](crate::actions::database::sites::Sites)). An adapter knows servers, by host, and nothing of who stands beside whom.
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
    fn promotion_rest<'a>(&'a self, _site: &'a P, _settling: Settling) -> Answer<'a, Option<String>> {
        Box::pin(async { Ok(None) })
    }
    /// Whether any start of the member that this run promoted comes up as it serves now. For a kind that writes that down
    /// itself when it is promoted, it does.
    fn settled<'a>(&'a self, site: &'a P) -> Answer<'a, Settled> {
        Box::pin(async move {
            let standing = self.standing(site).await?;
            let evidence = Evidence::new(standing.summary);
            Ok(if standing.role == Role::Primary { Settled::Yes(evidence) } else { Settled::NotPromoted(evidence) })
        })
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
    fn promote<'a>(
        &'a self,
        touch: &'a Touch,
        from: Option<&'a P>,
        to: &'a P,
        settling: Settling,
    ) -> Answer<'a, Evidence>;
    /// Writes down that any start of the member, which takes writes, comes up so.
    fn settle<'a>(&'a self, _touch: &'a Touch, _site: &'a P) -> Answer<'a, Evidence> {
        Box::pin(async { Ok(Evidence::new("what a start comes up as was written down by the promotion")) })
    }
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
    /// The lock of the estate at each member, not yet taken; for [`lock::acquire`](crate::actions::database::lock::acquire).
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
