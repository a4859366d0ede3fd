//! What a look at a member means: how it stands, and whether it can take writes. Pure.

use super::disk::{Data, Disk};
use super::member::{Member, Rank, Seen};
use super::server::{Receiving, Server};
use crate::actions::database::port::{Fence, Role, Standing};
use crate::base::quantity::spoken;
use crate::engine::action::{ActionError, Evidence, Fault};

/// How a member stands.
pub fn standing(member: &Member, seen: &Seen) -> Result<Standing, ActionError> {
    match (&seen.server, &seen.disk) {
        (Ok(server), _) => Ok(of_server(server)),
        (Err(_), Ok(disk)) if disk.data == Data::Found && disk.running.is_none() => Ok(of_disk(disk)),
        (Err(error), Ok(disk)) if disk.data == Data::Found && disk.is_sealed() => {
            let mut standing = of_disk(disk);
            standing.summary = format!("runs, and lets nobody in from outside ({error})");
            Ok(standing)
        }
        (Err(error), Ok(disk)) if disk.data == Data::Found => Err(error.clone()),
        (Err(_), Ok(disk)) => Err(ActionError::refused(no_data(member, disk))),
        (Err(error), Err(disk)) => {
            let fault = if error.fault == Fault::Refused { Fault::Refused } else { disk.fault };
            Err(ActionError::new(fault, format!("{} cannot be looked at: {error}; {disk}", member.name())))
        }
    }
}

fn no_data(member: &Member, disk: &Disk) -> String {
    let (name, data) = (member.name(), member.data_dir());
    if let Some(why) = &disk.unusable {
        return format!("{name}: {data} must not be started: {why}");
    }
    match disk.data {
        Data::Missing => format!("{name}: there is no {data}"),
        Data::Unreadable => format!("{name}: {data} cannot be read; does `run_as` name its owner?"),
        Data::Empty | Data::Found => format!("{name}: {data} is no data directory"),
    }
}

/// How a running server stands.
pub fn of_server(server: &Server) -> Standing {
    let position = &server.position;
    let leader = server.leader();
    let follows = leader.filter(|leader| leader.receiving != Receiving::No).map(|leader| leader.host.clone());
    let to_apply = server.to_apply();
    let behind_ms = leader.and_then(|leader| leader.behind_s).map(|seconds| seconds * 1000);
    let trouble = server.trouble().map_or_else(String::new, |trouble| format!(": {trouble}"));
    let summary = match (server.read_only, leader) {
        (false, _) => format!("takes writes, at {position}"),
        (true, Some(leader)) if server.streams() => {
            let behind = match to_apply {
                0 => String::new(),
                count => format!(", {count} transactions to apply ({})", spoken(behind_ms.unwrap_or(0))),
            };
            format!("read-only, replicates from {} at {position}{behind}", leader.host)
        }
        (true, Some(leader)) => {
            format!("read-only at {position}, told to follow {}, does not replicate{trouble}", leader.host)
        }
        (true, None) => format!("read-only at {position}, follows nobody"),
    };
    Standing {
        role: if server.read_only { Role::Standby } else { Role::Primary },
        identity: String::new(),
        timeline: 0,
        position: server.own.height(),
        position_text: position.clone(),
        follows,
        streaming: server.read_only && server.streams(),
        lag_bytes: server.read_only.then_some(to_apply),
        lag_ms: server.read_only.then(|| behind_ms.unwrap_or(0)),
        summary,
    }
}

fn of_disk(disk: &Disk) -> Standing {
    let start = match (disk.starts_read_only, disk.starts_without_network) {
        (true, true) => "read-only, and without a listener",
        (true, false) => "read-only",
        (false, _) => "as one that takes writes",
    };
    Standing {
        role: Role::Down,
        identity: String::new(),
        timeline: 0,
        position: 0,
        position_text: String::new(),
        follows: None,
        streaming: false,
        lag_bytes: None,
        lag_ms: None,
        summary: format!("does not run; it would start {start}"),
    }
}

/// Whether a member can take writes, now or after a restart. `held`: nobody at all can write to it at this moment,
/// administrators included. `None` where neither server nor host answers: then only its `cut_off` can tell.
pub fn fence(member: &Member, seen: &Seen, held: bool) -> Result<Option<Fence>, ActionError> {
    let name = member.name();
    match (&seen.server, &seen.disk) {
        (Ok(server), Ok(disk)) => Ok(Some(of_running(name, member.rank, server, disk, held))),
        // Nobody may accept that as unproven: it is proven to be open.
        (Ok(server), Err(error)) if !server.read_only => Err(ActionError::refused(format!(
            "{name} takes writes at this moment, and its files cannot be reached to stop that for good: {error}"
        ))),
        (Ok(_), Err(error)) => Ok(Some(Fence::Unprovable(format!(
            "{name} is read-only, and whether a restart would be is not to be seen: {error}"
        )))),
        (Err(_), Ok(disk)) if disk.data != Data::Found => Ok(Some(Fence::Unprovable(no_data(member, disk)))),
        (Err(_), Ok(disk)) if !disk.programs => {
            Ok(Some(Fence::Unprovable(format!("{name} has no server's program to be asked what a start would be"))))
        }
        (Err(_), Ok(disk)) => Ok(Some(of_silent(name, disk))),
        (Err(_), Err(_)) => Ok(None),
    }
}

/// Why a server may have been promoted; `None` for one that knows whom it follows, or followed, and takes no writes. A
/// promotion makes it forget that in the same breath, and until it is settled a start is read-only again.
pub fn may_have_been_promoted(server: &Server) -> Option<String> {
    let standing = of_server(server);
    if standing.role != Role::Standby {
        return Some(standing.summary);
    }
    let forgot = server.leader().is_none();
    forgot.then(|| format!("{}; it does not know whom it followed, as one that was promoted", standing.summary))
}

fn of_running(name: &str, rank: Rank, server: &Server, disk: &Disk, held: bool) -> Fence {
    if !server.read_only {
        let sentence = format!("{name} takes writes at {} → read-only, also after a restart", server.position);
        return Fence::Open(Evidence::new(sentence));
    }
    if !disk.starts_read_only {
        let sentence = format!("{name} is read-only, and a restart would take writes → read-only after a restart too");
        return Fence::Open(Evidence::new(sentence));
    }
    if let Some(leader) = server.leader().filter(|_| server.streams()) {
        let evidence =
            Evidence::new(format!("{name} is read-only, also after a restart, and replicates from {}", leader.host));
        return Fence::Proven(evidence.with("how", "replica"));
    }
    // Users are never led to a sibling. What hinders it from receiving may be the very loss of the one that it follows.
    if let Some(leader) = server.leader().filter(|_| rank == Rank::Sibling && server.is_replica()) {
        let evidence = Evidence::new(format!(
            "{name} is read-only, also after a restart, and a replica of {}, from which nothing comes in",
            leader.host
        ));
        return Fence::Proven(evidence.with("how", "replica"));
    }
    if held {
        let sentence =
            format!("{name} is read-only for everybody, also after a restart, and stands at {}", server.position);
        return Fence::Proven(Evidence::new(sentence).with("how", "frozen").with("end", server.own.to_string()));
    }
    Fence::Open(Evidence::new(format!(
        "{name} is read-only, which does not hold accounts with READ_ONLY ADMIN → locked for them too"
    )))
}

fn of_silent(name: &str, disk: &Disk) -> Fence {
    match &disk.running {
        None if disk.is_sealed() => {
            let sentence = format!("{name} does not run; a start would come up read-only and without a listener");
            Fence::Proven(Evidence::new(sentence).with("how", "sealed"))
        }
        None => Fence::Open(Evidence::new(format!(
            "{name} does not run, and a start might take writes → any start is read-only and without a listener"
        ))),
        Some(_) => Fence::Open(Evidence::new(format!(
            "{name} runs without answering us → stopped, and any start is read-only and without a listener"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::gtid::Gtids;
    use super::super::server::Followed;
    use super::*;
    use crate::estate::model::Flavour;

    fn replica(receiving: Receiving, applying: bool) -> Server {
        let none = Gtids::none(Flavour::MariaDb);
        let followed = Followed {
            host: "10.0.0.1".to_owned(),
            port: 3306,
            user: "repl".to_owned(),
            receiving,
            applying,
            received: none.clone(),
            by_gtid: true,
            behind_s: None,
            delay_s: 0,
            receive_error: (0, String::new()),
            apply_error: (0, String::new()),
            filters: String::new(),
        };
        Server {
            version: "10.11.6-MariaDB".to_owned(),
            number: 3,
            read_only: true,
            own: none,
            position: "0-1-7".to_owned(),
            data_dir: "/var/lib/mysql/".to_owned(),
            port: 3306,
            keeps_log: true,
            logs_what_it_applies: true,
            scheduler: false,
            strict: true,
            row_format: true,
            durable: true,
            purged: None,
            applied: String::new(),
            numbers_all: true,
            followed: vec![followed],
        }
    }

    #[test]
    fn a_read_only_server_that_forgot_whom_it_followed_may_have_been_promoted() {
        let mut server = replica(Receiving::No, false);
        assert_eq!(may_have_been_promoted(&server), None, "it was detached");
        server.followed.clear();
        assert!(may_have_been_promoted(&server).is_some_and(|why| why.contains("as one that was promoted")));
        assert!(may_have_been_promoted(&Server { read_only: false, ..replica(Receiving::Yes, true) }).is_some());
    }

    #[test]
    fn a_replica_beside_another_is_fenced_by_being_one() {
        let settled = Disk { data: Data::Found, starts_read_only: true, ..Disk::default() };
        let proven = |rank, server: &Server, disk: &Disk| {
            matches!(of_running("a-db2", rank, server, disk, false), Fence::Proven(_))
        };
        let (streams, alone) = (replica(Receiving::Yes, true), replica(Receiving::Connecting, true));
        assert!(proven(Rank::First, &streams, &settled) && proven(Rank::Sibling, &streams, &settled));
        // The one that it follows is what was lost. Users may have been led to the first of a site, and not to a sibling.
        assert!(proven(Rank::Sibling, &alone, &settled) && !proven(Rank::First, &alone, &settled));
        let mut broken = replica(Receiving::No, false);
        assert!(!proven(Rank::Sibling, &broken, &settled), "it was told to stop, as who was made a primary is");
        broken.followed[0].apply_error = (1950, "out of order".to_owned());
        assert!(proven(Rank::Sibling, &broken, &settled));
        broken.followed.clear();
        assert!(!proven(Rank::Sibling, &broken, &settled), "a primary that was frozen follows nobody");
        assert!(!proven(Rank::Sibling, &streams, &Disk { starts_read_only: false, ..settled.clone() }));
        assert!(!proven(Rank::Sibling, &Server { read_only: false, ..streams }, &settled));
    }
}
