//! How a member can be made to follow another: the decision, pure, and the looks that it rests on.

use std::time::Duration;

use super::disk::{Data, Disk};
use super::gtid::{self, Gtids};
use super::live::LookSql;
use super::member::Member;
use super::server::Server;
use super::{keeping, place, rewinding, versions};
use crate::actions::database::port::{By, Way};
use crate::engine::action::{ActionError, Evidence};

const SQL_MAX: Duration = Duration::from_secs(5);

const LOGS: LookSql = LookSql("SHOW BINARY LOGS");

/// What the two have, as far as the decision needs it.
#[derive(Debug, Clone)]
pub struct Compared {
    pub own: Gtids,
    pub leader: Gtids,
    /// What the leader no longer has in its log, and could not send.
    pub purged: Gtids,
}

/// What is to be done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    Follow(String),
    /// It has transactions of its own.
    Errant(String),
    /// The leader has not kept what it lacks.
    Purged(String),
    Never(String),
}

/// Decides.
pub fn choose(compared: &Compared) -> Choice {
    let Compared { own, leader, purged } = compared;
    if own.is_empty() {
        return Choice::Never(
            "it has data and no position, so whether it has something of its own cannot be known: when that is so and nothing of it \
             is needed, stop it, write the reason into `<data_dir>.switchback/unusable` there, and run this again"
                .to_owned(),
        );
    }
    if !own.is_akin_to(leader) {
        return Choice::Never(format!(
            "it has {own}, the leader has {leader}, and nothing in common: they are two databases, and nothing of it may be overwritten"
        ));
    }
    let errant = own.missing_from(leader);
    if !errant.is_empty() {
        return Choice::Errant(format!("{} of its own never came to the leader", gtid::spoken(&errant)));
    }
    let gone = purged.missing_from(own);
    if !gone.is_empty() {
        return Choice::Purged(format!("it lacks {}, which the leader no longer has in its log", gtid::spoken(&gone)));
    }
    let behind = leader.missing_from(own);
    Choice::Follow(match gtid::count(&behind) {
        0 => "it has everything that the leader has, and nothing more".to_owned(),
        _ => format!("it lacks {}, which the leader will send, and has nothing more", gtid::spoken(&behind)),
    })
}

/// The way for a member to follow another; looks only.
pub async fn look(member: &Member, leader: &Member, by: By) -> Result<Way, ActionError> {
    // The leader last: what it wrote between two looks is not what only the member has.
    let seen = member.look().await;
    let lead = leader.server().await?;
    if let Ok(server) = &seen.server {
        if !server.read_only {
            return Ok(Way::Blocked(format!(
                "{} takes writes, and so does {}: settle which one is right, and fence the other by hand",
                member.name(),
                leader.name()
            )));
        }
        if follows(server, leader) && server.streams() {
            let sentence = format!("{} replicates from {}", member.name(), leader.name());
            return Ok(Way::Already(Evidence::new(sentence).with("position", server.position.clone())));
        }
    }
    let disk = seen.disk.as_ref().ok();
    if let Some(way) = under_way(member, disk, by) {
        return Ok(way);
    }
    let compared = match disk.filter(|_| seen.server.is_err()) {
        Some(Disk { unusable: Some(why), .. }) => {
            let why = format!("{why}, so its data directory must never be started");
            return copied(member, leader, by, &why).await;
        }
        Some(Disk { data: Data::Missing | Data::Empty, .. }) => {
            return copied(member, leader, by, "it has no data directory").await;
        }
        _ => compare(member, seen.server.as_ref().ok(), leader, &lead).await?,
    };
    let name = member.name();
    if compared.own.is_empty() && seen.server.is_err() {
        let sentence = format!("{name} does not run, and its log is empty → started read-only, and looked at again");
        return Ok(Way::Follow(Evidence::new(sentence)));
    }
    Ok(match (choose(&compared), by) {
        (Choice::Never(why), _) => Way::Blocked(format!("{name}: {why}")),
        (Choice::Follow(why), By::Cheapest | By::Follow) => Way::Follow(Evidence::new(format!("{name}: {why}"))),
        (Choice::Errant(why), By::Cheapest | By::Rewind) => {
            let errant = compared.own.missing_from(&compared.leader);
            match rewinding::fork(member, &keeping::arguments(&errant)).await? {
                Ok(fork) => Way::Rewind(Evidence::new(format!(
                    "{name}: {why} → saved, taken back to {fork} with what its log says was before, then follows"
                ))),
                Err(not) if by == By::Cheapest => {
                    copied(member, leader, by, &format!("{why}, and cannot be taken back: {not}")).await?
                }
                Err(not) => Way::Blocked(format!("{name}: {why}, and cannot be taken back, as was asked for: {not}")),
            }
        }
        (Choice::Follow(why), By::Rewind) => Way::Blocked(format!("{name}: nothing is to be taken back: {why}")),
        (Choice::Purged(why), By::Rewind) => Way::Blocked(format!("{name} has nothing to be taken back: {why}")),
        (Choice::Errant(why) | Choice::Purged(why), By::Follow) => {
            Way::Blocked(format!("{name} cannot just follow: {why}"))
        }
        (Choice::Purged(why) | Choice::Errant(why) | Choice::Follow(why), By::Cheapest | By::Copy) => {
            copied(member, leader, by, &why).await?
        }
    })
}

/// What was begun before and has not come to its end; a half-way place is no place to decide anew from.
fn under_way(member: &Member, disk: Option<&Disk>, by: By) -> Option<Way> {
    let (disk, name) = (disk?, member.name());
    if disk.is_replaced() {
        return Some(match by {
            By::Cheapest | By::Copy => {
                Way::Copy(Evidence::new(format!("{name} was being copied anew → finished, then follows")))
            }
            By::Follow | By::Rewind => Way::Blocked(format!("{name} was being copied anew, and only that can go on")),
        });
    }
    // Where the one cannot be brought to its end, the other may be asked for.
    let begun = disk.rewinding.as_deref().filter(|_| by != By::Copy)?;
    Some(Way::Rewind(Evidence::new(format!("{name} was being taken back ({begun}) → finished, then follows"))))
}

/// The way of a copy, where it can be gone.
async fn copied(member: &Member, leader: &Member, by: By, why: &str) -> Result<Way, ActionError> {
    let (name, leader_name) = (member.name(), leader.name());
    match by {
        By::Follow => return Ok(Way::Blocked(format!("{name} cannot just follow: {why}"))),
        By::Rewind => return Ok(Way::Blocked(format!("{name} cannot be taken back: {why}"))),
        By::Cheapest | By::Copy => {}
    }
    if !versions::is_copied(member.estate.flavour) {
        return Ok(Way::Blocked(by_hand(
            member,
            leader,
            &format!("{why}; it needs a copy of {leader_name}, which this version makes of MariaDB only"),
        )));
    }
    let (own, theirs) = futures::join!(place::look(member), place::look(leader));
    let (own, theirs) = (own?, theirs?);
    if let Some(not) = place::hindrance(&own, &theirs, (name, leader_name)) {
        let why = format!("{why}; it would have to be copied anew from {leader_name}, but {not}");
        return Ok(Way::Blocked(by_hand(member, leader, &why)));
    }
    let summary = format!("{name}: {why} → copied anew from {leader_name}, what is there is kept, then follows");
    Ok(Way::Copy(
        Evidence::new(summary)
            .with("bytes", theirs.bytes)
            .with("needed_bytes", place::needed_bytes(&theirs))
            .with("free_bytes", own.free_bytes),
    ))
}

/// What is left where no copy can be made.
fn by_hand(member: &Member, leader: &Member, why: &str) -> String {
    format!(
        "{}: {why}; mend that, or restore a copy of {} by hand with {} (what only it has is saved first by \
         `switchback run account`), set its position, and run this again",
        member.name(),
        leader.name(),
        versions::copies_with(member.estate.flavour)
    )
}

/// Whether this server is told to follow that member.
pub fn follows(server: &Server, leader: &Member) -> bool {
    let (address, port) = leader.reached_at();
    server.leader().is_some_and(|followed| followed.host == address && followed.port == port)
}

/// What the two have. Of a member that does not run, its log on disk tells.
pub async fn compare(
    member: &Member,
    server: Option<&Server>,
    leader: &Member,
    lead: &Server,
) -> Result<Compared, ActionError> {
    let own = match server {
        Some(server) => server.own.clone(),
        None => member.log_on_disk().await?,
    };
    let purged = match &lead.purged {
        Some(purged) => purged.clone(),
        None => begins(leader).await?,
    };
    Ok(Compared { own, leader: lead.own.clone(), purged })
}

/// What lies before the oldest log that a server of MariaDB has kept.
async fn begins(leader: &Member) -> Result<Gtids, ActionError> {
    let session = leader.link.session().await?;
    let flavour = session.words().flavour;
    let logs = session.look(LOGS, &[], SQL_MAX).await?;
    let Some(first) = logs.text(0, 0).filter(|name| !name.contains(['\'', '\\'])) else {
        return Ok(Gtids::none(flavour));
    };
    let rows = session.first_events(first, SQL_MAX).await?;
    let list = (0..rows.count()).find(|row| rows.named(*row, "Event_type") == Some("Gtid_list"));
    let text = list.and_then(|row| rows.named(row, "Info")).unwrap_or_default();
    let inner = text.trim_start_matches('[').split(']').next().unwrap_or_default();
    Gtids::parse(flavour, inner).ok_or_else(|| {
        ActionError::refused(format!("{}: where its log begins (`{text}`) cannot be read", leader.name()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::model::Flavour;

    fn chosen(own: &str, leader: &str, purged: &str) -> Choice {
        let gtids = |text| Gtids::parse(Flavour::MariaDb, text).expect("positions");
        choose(&Compared { own: gtids(own), leader: gtids(leader), purged: gtids(purged) })
    }

    #[test]
    fn a_member_follows_only_what_it_does_not_contradict() {
        assert!(
            matches!(chosen("0-1-100", "0-1-100,0-2-120", ""), Choice::Follow(why) if why.contains("20 transactions"))
        );
        assert!(matches!(chosen("0-1-105", "0-1-100,0-2-120", ""), Choice::Errant(why) if why.contains("0-1-101…105")));
        assert!(matches!(chosen("0-1-100", "0-1-100,0-2-120", "0-1-100,0-2-110"), Choice::Purged(_)));
        assert!(matches!(chosen("0-1-100,0-2-115", "0-1-100,0-2-120", "0-1-100,0-2-110"), Choice::Follow(_)));
        assert!(matches!(chosen("0-9-7", "0-1-100", ""), Choice::Never(_)));
        assert!(matches!(chosen("", "0-1-100", ""), Choice::Never(_)));
    }
}
