//! What a look at a member means: how it stands, and whether it can take writes. Pure.

use super::control_data::ClusterState;
use super::disk::{Cluster, Data, Disk};
use super::member::{Member, Seen};
use super::server::Server;
use crate::actions::database::port::{Fence, Role, Standing};
use crate::base::quantity::spoken;
use crate::engine::action::{ActionError, Evidence, Fault};

/// How a member stands.
pub fn standing(member: &Member, seen: &Seen) -> Result<Standing, ActionError> {
    match (&seen.server, seen.cluster()) {
        (Ok(server), _) => Ok(of_server(server)),
        (Err(error), Some(cluster)) if cluster.running.is_some() => match cluster.control.state {
            // It cannot take writes, whoever cannot log in to it.
            ClusterState::InArchiveRecovery if error.fault != Fault::Refused => Ok(of_disk(cluster, Role::Standby)),
            _ => Err(error.clone()),
        },
        (Err(_), Some(cluster)) => Ok(of_disk(cluster, Role::Down)),
        (Err(error), None) => Err(match &seen.disk {
            Err(disk) => both(member, error, disk),
            Ok(_) => ActionError::refused(why_no_cluster(member, seen)),
        }),
    }
}

/// Why a member may have been promoted; `None` when it is in recovery, or was when it stopped or died, and any
/// start of it would be in recovery again.
pub fn doubt_that_it_followed(member: &Member, seen: &Seen) -> Result<Option<String>, ActionError> {
    if let (Err(_), Some(cluster)) = (&seen.server, seen.cluster())
        && cluster.running.is_none()
        && cluster.standby_signal
        && matches!(cluster.control.state, ClusterState::InArchiveRecovery | ClusterState::ShutDownInRecovery)
    {
        return Ok(None);
    }
    let standing = standing(member, seen)?;
    if seen.server.is_ok() && seen.cluster().is_some_and(|cluster| !cluster.stays_in_recovery()) {
        return Ok(Some(format!("{}, and not as a standby", standing.summary)));
    }
    Ok((standing.role != Role::Standby).then_some(standing.summary))
}

fn both(member: &Member, server: &ActionError, disk: &ActionError) -> ActionError {
    let fault = if server.fault == Fault::Refused { Fault::Refused } else { disk.fault };
    ActionError::new(fault, format!("{} cannot be looked at: {server}; {disk}", member.name()))
}

fn of_server(server: &Server) -> Standing {
    let Server { timeline, position, streaming, .. } = server;
    let lag_bytes = server.in_recovery.then(|| server.lag_bytes()).flatten();
    let lag_ms = server.in_recovery.then(|| server.replay_age_ms.unwrap_or(0));
    let follows = match (server.in_recovery, &server.sender, &server.leader, server.told_to_follow) {
        (false, ..) | (_, None, None, Some(false)) => None,
        (_, Some(whom), ..) | (_, None, Some(whom), _) => Some(whom.clone()),
        // Told to follow somebody without a host, or not for us to see.
        _ => Some("another".to_owned()),
    };
    let summary = match (server.in_recovery, &follows) {
        (false, _) => format!("takes writes, on timeline {timeline} at {position}"),
        (true, Some(whom)) if *streaming => {
            let behind = match lag_bytes {
                Some(0) | None => String::new(),
                Some(bytes) => format!(", {bytes} bytes to replay ({})", spoken(lag_ms.unwrap_or(0))),
            };
            format!("in recovery, streams from {whom} on timeline {timeline} at {position}{behind}")
        }
        (true, Some(whom)) => {
            format!("in recovery on timeline {timeline} at {position}, told to follow {whom}, does not stream")
        }
        (true, None) => format!("in recovery on timeline {timeline} at {position}, follows nobody"),
    };
    Standing {
        role: if server.in_recovery { Role::Standby } else { Role::Primary },
        identity: server.system_identifier.clone(),
        timeline: *timeline,
        position: position.0,
        position_text: position.to_string(),
        follows,
        streaming: *streaming,
        lag_bytes,
        lag_ms,
        summary,
    }
}

fn of_disk(cluster: &Cluster, role: Role) -> Standing {
    let control = &cluster.control;
    let position = cluster.end().unwrap_or(control.checkpoint.max(control.min_recovery_end));
    let runs = match role {
        Role::Down => "does not run",
        Role::Primary | Role::Standby => "runs without answering",
    };
    let crashed = if role == Role::Down && !control.state.is_shut_down() { ", so it crashed" } else { "" };
    let words = control.state.words();
    let summary =
        format!("{runs}; its control data says `{words}`{crashed}, on timeline {} at {position}", cluster.timeline());
    Standing {
        role,
        identity: control.system_identifier.clone(),
        timeline: cluster.timeline(),
        position: position.0,
        position_text: position.to_string(),
        follows: cluster.follows.clone().map(|whom| if whom.is_empty() { "another".to_owned() } else { whom }),
        streaming: false,
        lag_bytes: None,
        lag_ms: None,
        summary,
    }
}

/// Whether a member can take writes, now or after a restart. Only what was looked at counts: the control
/// data of a server that does not run, or recovery seen at the server. `None` where the host does not
/// answer: then only its `cut_off` can tell.
pub fn fence(member: &Member, seen: &Seen) -> Result<Option<Fence>, ActionError> {
    let name = member.name();
    match (&seen.server, seen.cluster()) {
        (Ok(server), cluster) if server.in_recovery => {
            let disk = cluster.ok_or_else(|| why_no_cluster(member, seen));
            Ok(Some(of_recovering(name, server, disk)))
        }
        (Ok(server), Some(_)) => {
            let sentence = format!(
                "{name} takes writes on timeline {} → shut down, and any start comes up read-only",
                server.timeline
            );
            Ok(Some(Fence::Open(Evidence::new(sentence))))
        }
        // Nobody may accept that as unproven: it is proven to be open.
        (Ok(_), None) => Err(ActionError::refused(format!(
            "{name} takes writes at this moment, and its files cannot be reached to stop it: {}",
            why_no_cluster(member, seen)
        ))),
        (Err(_), Some(cluster)) => Ok(Some(of_cluster(name, cluster))),
        (Err(_), None) => match &seen.disk {
            Err(_) => Ok(None),
            Ok(_) => Ok(Some(Fence::Unprovable(why_no_cluster(member, seen)))),
        },
    }
}

/// Recovery seen at a server proves that it takes no writes only while nothing ends it: a server that recovers to a
/// point in time answers, too, and takes writes as soon as it is there. The error says why the disk was not seen.
fn of_recovering(name: &str, server: &Server, disk: Result<&Cluster, String>) -> Fence {
    let timeline = server.timeline;
    let why = match disk {
        Ok(cluster) if !cluster.stays_in_recovery() => {
            return Fence::Open(Evidence::new(format!(
                "{name} is in recovery on timeline {timeline}, and not as a standby: where that recovery ends it takes writes \
                 → shut down, and any start comes up read-only"
            )));
        }
        Ok(_) => None,
        // Only a standby receives; what recovers to a point in time reads from an archive.
        Err(_) if server.streaming => None,
        Err(why) => Some(why),
    };
    match why {
        None => {
            let evidence = Evidence::new(format!("{name} is in recovery, on timeline {timeline}"));
            Fence::Proven(evidence.with("how", "in_recovery").with("timeline", timeline))
        }
        Some(why) => Fence::Unprovable(format!(
            "{name} is in recovery and receives from nobody, and whether it stays in recovery is not to be seen: {why}"
        )),
    }
}

/// Why nothing is to be read from a member's disk.
pub fn why_no_cluster(member: &Member, seen: &Seen) -> String {
    match &seen.disk {
        Err(error) => error.to_string(),
        Ok(Disk { elsewhere: Some(place), .. }) => format!(
            "a server listens on port {} at {}, and none runs in {}: is that its data directory? (the other's: {place})",
            member.estate.port,
            member.name(),
            member.data_dir()
        ),
        Ok(disk) => match disk.data {
            Data::Missing => {
                format!("there is no {} at {}; is a file system not mounted?", member.data_dir(), member.name())
            }
            Data::Unreadable => {
                format!("{} at {} cannot be read; does `run_as` name its owner?", member.data_dir(), member.name())
            }
            Data::Empty | Data::Found(_) => format!("{} at {} holds no cluster", member.data_dir(), member.name()),
        },
    }
}

fn of_cluster(name: &str, cluster: &Cluster) -> Fence {
    let (control, words) = (&cluster.control, cluster.control.state.words());
    match &cluster.running {
        Some(running)
            if control.state == ClusterState::InArchiveRecovery && cluster.stays_in_recovery() && !running.frozen =>
        {
            let evidence = Evidence::new(format!("{name} runs in recovery, as its control data says"));
            Fence::Proven(evidence.with("how", "in_recovery").with("timeline", cluster.timeline()))
        }
        // Its control data is final while the postmaster may still wait for an archiver that hangs.
        running if control.state.is_shut_down() && cluster.starts_read_only() => {
            let going = if running.is_some() { ", and it is going away" } else { "" };
            let end = cluster.end().map_or_else(String::new, |end| format!(" at {end}"));
            let evidence = Evidence::new(format!(
                "{name} is `{words}`{end} on timeline {}{going}; a start would come up read-only",
                cluster.timeline()
            ));
            Fence::Proven(token(cluster, evidence))
        }
        Some(_) => Fence::Open(Evidence::new(format!(
            "{name} runs without answering (`{words}`) → shut down, and any start comes up read-only"
        ))),
        None if control.state.is_shut_down() => Fence::Open(Evidence::new(format!(
            "{name} is `{words}`, and a start would take writes → any start comes up read-only"
        ))),
        None if cluster.starts_read_only() => Fence::Unproven(Evidence::new(format!(
            "{name} crashed (`{words}`), and any start comes up read-only → replayed in quarantine and shut down"
        ))),
        None => Fence::Open(Evidence::new(format!(
            "{name} crashed (`{words}`) → replayed in quarantine, shut down, and any start comes up read-only"
        ))),
    }
}

/// What a promotion elsewhere is held against: whose log it was, and where it ended.
fn token(cluster: &Cluster, evidence: Evidence) -> Evidence {
    let control = &cluster.control;
    let evidence = evidence
        .with("how", "shut_down")
        .with("system_identifier", control.system_identifier.clone())
        .with("state", control.state.words())
        .with("timeline", cluster.timeline())
        .with("checkpoint", control.checkpoint.to_string())
        .with("redo", control.redo.to_string())
        .with("redo_file", control.redo_file.clone())
        .with("checkpoint_time", control.checkpoint_time.clone());
    match cluster.end() {
        Some(end) => evidence.with("end", end.to_string()),
        None => evidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::database::postgres::server::tests::standby;
    use crate::actions::database::postgres::{control_data, disk};

    fn cluster(fields: &str, state: &str) -> Cluster {
        let control = control_data::tests::PRINTED
            .replace("state:               shut down", &format!("state:               {state}"));
        match disk::parse(&format!("data=found\nversion=15\n{fields}== control\n{control}")).expect("a disk").data {
            Data::Found(cluster) => cluster,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn recovery_to_a_point_in_time_is_no_proof_of_a_fence() {
        let server = standby(3, 100);
        let judged = |fields| of_recovering("a-db", &server, Ok(&cluster(fields, "in archive recovery")));
        assert!(matches!(judged("standby_signal=yes\n"), Fence::Proven(_)));
        for fields in ["", "recovery_signal=yes\n", "standby_signal=yes\nrecovery_signal=yes\n"] {
            assert!(matches!(judged(fields), Fence::Open(_)), "{fields}");
        }
        // Its disk is not seen: whoever receives is a standby, of any other it is not known.
        let unseen = |server: &Server| of_recovering("a-db", server, Err("no route".to_owned()));
        assert!(matches!(unseen(&Server { streaming: true, ..server.clone() }), Fence::Proven(_)));
        assert!(matches!(unseen(&server), Fence::Unprovable(why) if why.contains("no route")));
    }

    #[test]
    fn a_directory_beside_which_another_server_listens_proves_nothing() {
        let text = format!("data=found\nversion=15\nstandby_signal=yes\n== control\n{}", control_data::tests::PRINTED);
        let seen = |elsewhere: &str| Seen {
            disk: disk::parse(&format!("{elsewhere}{text}")).map_err(ActionError::refused),
            server: Err(ActionError::unreachable("no answer")),
        };
        assert!(seen("").cluster().is_some());
        assert!(seen("elsewhere=/srv/other\n").cluster().is_none());
    }

    #[test]
    fn what_crashed_is_proven_only_by_a_replay_and_may_be_accepted_once_any_start_is_read_only() {
        for state in ["in production", "shutting down", "in crash recovery", "in archive recovery"] {
            let judged = |fields: &str| of_cluster("a-db", &cluster(fields, state));
            assert!(matches!(judged("standby_signal=yes\n"), Fence::Unproven(_)), "{state}");
            assert!(matches!(judged(""), Fence::Open(_)), "{state}");
        }
    }

    #[test]
    fn nor_is_it_where_the_server_does_not_answer() {
        let running = "running=406\nstarted=1795236068\nport=5432\nprocess=S\n";
        let judged = |fields: &str| of_cluster("a-db", &cluster(&format!("{running}{fields}"), "in archive recovery"));
        assert!(matches!(judged("standby_signal=yes\n"), Fence::Proven(_)));
        assert!(matches!(judged("recovery_signal=yes\n"), Fence::Open(_)));
        // Its signal was written while it ran, and it never read it.
        assert!(matches!(judged("standby_signal=yes\nrecovery_signal=yes\n"), Fence::Open(_)));
    }
}
