//! How a member can be made to follow another: the decision, pure, and the looks that it rests on.

use std::time::Duration;

use super::gtid::{self, Gtids};
use super::live::LookSql;
use super::member::Member;
use super::server::Server;
use super::{keeping, rewinding, versions};
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
        return Choice::Purged("it has no position, so where it would go on is not known".to_owned());
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
    if let Some(begun) = disk.and_then(|disk| disk.rewinding.as_deref()) {
        let sentence = format!("{} was being taken back ({begun}) → finished, then follows", member.name());
        return Ok(Way::Rewind(Evidence::new(sentence)));
    }
    let compared = compare(member, seen.server.as_ref().ok(), leader, &lead).await?;
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
                Err(not) => Way::Blocked(by_hand(member, leader, &format!("{why}, and cannot be taken back: {not}"))),
            }
        }
        (Choice::Follow(why), By::Rewind) => Way::Blocked(format!("{name}: nothing is to be taken back: {why}")),
        (Choice::Errant(why) | Choice::Purged(why), By::Follow) => {
            Way::Blocked(format!("{name} cannot just follow: {why}"))
        }
        (Choice::Purged(why) | Choice::Errant(why) | Choice::Follow(why), _) => {
            Way::Blocked(by_hand(member, leader, &why))
        }
    })
}

/// What only a copy mends, which is made by hand.
fn by_hand(member: &Member, leader: &Member, why: &str) -> String {
    let program = match versions::key(member.estate.flavour) {
        "mariadb" => "mariadb-backup",
        _ => "the clone plugin or a physical backup",
    };
    format!(
        "{}: {why}; it needs a copy of {}, which this version does not make: restore one with {program}, set its position, and run this again",
        member.name(),
        leader.name()
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
        assert!(matches!(chosen("", "0-1-100", ""), Choice::Purged(_)));
    }
}
