//! What only the old primary can tell: who receives from it, what would hold up its stop, what would not go over.

use super::super::member::{Member, Seen};
use super::super::server::Server;
use super::super::survey::{self, Survey};
use super::{Found, recovery_target};

/// Segments that wait for the archiver (repmgr's figures): a clean stop waits for all of them.
const ARCHIVE_QUEUE_WARNS: u64 = 16;
const ARCHIVE_QUEUE_BLOCKS: u64 = 128;
/// What a standby's must not be smaller than its primary's (PostgreSQL manual, "Administrator's Overview" of hot standby).
const NOT_SMALLER: [&str; 5] = [
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
];

/// What only matters while the old primary is there to be asked.
pub(super) async fn of_old(
    found: &mut Found,
    members: &[Member],
    old: (&Member, &Seen),
    new: (&Member, &Server, &Survey),
) {
    let ((from, seen), (to, target, there)) = (old, new);
    let name = from.name();
    let server = match &seen.server {
        Ok(server) => server,
        Err(error) => {
            found.blocks_planned(format!("{name} cannot be asked: {error}"));
            return;
        }
    };
    if server.system_identifier != target.system_identifier {
        found.blocks(format!(
            "{name} and {} have different system identifiers: they were never one database",
            to.name()
        ));
        return;
    }
    if server.version / 10_000 != target.version / 10_000 {
        found.blocks(format!(
            "{name} has PostgreSQL {}, {} has {}: one cannot follow the other",
            server.version / 10_000,
            to.name(),
            target.version / 10_000
        ));
    }
    let here = match survey::server(from, server.version / 10_000).await {
        Ok(here) => here,
        Err(error) => return found.blocks_planned(format!("{name} cannot be asked: {error}")),
    };
    if server.in_recovery {
        found.blocks_planned(format!(
            "neither {name} nor {} takes writes: there is nothing to take over from",
            to.name()
        ));
    } else {
        left_behind(found, from, server, to, target);
        if found.may_see {
            attached(found, from, (to, target), &here);
            others_attached(found, members, from, to, &here);
        }
        stop_would_wait(found, name, &here);
    }
    for setting in NOT_SMALLER {
        let (small, large) = (here.number(setting), there.number(setting));
        if small < large {
            found.blocks_planned(format!(
                "{setting} is {small} at {name} and {large} at {}: {name} could not follow it; make it the same",
                to.name()
            ));
        }
    }
    if let (Some(a), Some(b)) = (&here.collations, &there.collations)
        && a != b
    {
        found.blocks_planned(format!(
            "the operating systems sort text differently ({name}: {a}; {}: {b}): indexes on text would be wrong",
            to.name()
        ));
    }
    recovery_target(found, name, &here);
    let logical: Vec<&str> =
        here.logical_slots.as_deref().unwrap_or_default().split(", ").filter(|slot| !slot.is_empty()).collect();
    let synced: Vec<&str> = there.synced_slots.as_deref().unwrap_or_default().split(", ").collect();
    let lost: Vec<&str> = logical.into_iter().filter(|slot| !synced.contains(slot)).collect();
    if !lost.is_empty() {
        found.blocks_planned(format!(
            "logical slots of {name} are not at {}, so their consumers would lose their place: {}",
            to.name(),
            lost.join(", ")
        ));
    }
    if let Some(subscriptions) = &here.subscriptions {
        found.warns(format!(
            "subscriptions go on at {}, from where the last commit left them: {subscriptions}",
            to.name()
        ));
    }
    if let Some(slots) = &here.foreign_slots {
        found.warns(format!(
            "slots at {name} hold the log for somebody who is away, and are not at {}: {slots}",
            to.name()
        ));
    }
}

/// A member that another took over from, and that was never made to follow it: what that one wrote since is not
/// here, and going back at once would lose it. No acceptance helps while the one that took over answers.
fn left_behind(found: &mut Found, from: &Member, server: &Server, to: &Member, target: &Server) {
    if server.timeline > target.timeline && !target.streaming {
        found.blocks(format!(
            "{} was left behind when {} was promoted (timeline {} there, {} here) and has not followed since; settle that \
             first: `switchback run rejoin --input site={}`",
            to.name(),
            from.name(),
            server.timeline,
            target.timeline,
            to.estate.site
        ));
    }
}

fn attached(found: &mut Found, from: &Member, to: (&Member, &Server), here: &Survey) {
    let (to, target) = to;
    let slot = to.estate.slot();
    let is_it =
        |receiver: &&survey::Receiver| receiver.application == to.name() || receiver.slot.as_deref() == Some(&slot);
    let sent = here.sends_to.iter().find(is_it);
    let from_there = target.sender.as_deref().is_some_and(|sender| from.is_reached_at(sender));
    match (sent, target.streaming) {
        (Some(receiver), true) if receiver.streaming && from_there => {}
        (_, true) if !from_there => {
            let sender = target.sender.as_deref().unwrap_or("another");
            found.blocks_planned(format!(
                "{} streams from {sender}, which is not the address of {}",
                to.name(),
                from.name()
            ));
        }
        (Some(_), _) => {
            found.blocks_planned(format!("{} is attached to {} and does not stream yet", to.name(), from.name()));
        }
        (None, true) => found.blocks_planned(format!(
            "{} streams, but {} sees no standby with application_name `{}` or slot `{slot}`",
            to.name(),
            from.name(),
            to.name()
        )),
        (None, false) => found.blocks_planned(format!(
            "{} does not stream from {}: what is written now does not reach it",
            to.name(),
            from.name()
        )),
    }
}

/// Somebody else who receives the log would silently be left behind on the old timeline.
fn others_attached(found: &mut Found, members: &[Member], from: &Member, to: &Member, here: &Survey) {
    for receiver in &here.sends_to {
        let is_member = members.iter().any(|member| {
            receiver.application == member.name()
                || receiver.slot.as_deref() == Some(&member.estate.slot())
                || member.is_reached_at(&receiver.address)
        });
        if is_member {
            continue;
        }
        let who = format!("`{}` at {}", receiver.application, receiver.address);
        if receiver.streaming {
            found.blocks_planned(format!(
                "{who} receives the log of {} and is not in the estate: it would not follow {}",
                from.name(),
                to.name()
            ));
        } else {
            found.warns(format!("{who} is copying from {} at this moment", from.name()));
        }
    }
}

/// What would make a clean stop long.
fn stop_would_wait(found: &mut Found, name: &str, here: &Survey) {
    if here.archive_queue > ARCHIVE_QUEUE_BLOCKS {
        found.blocks_planned(format!(
            "{} segments wait for the archiver at {name}: a stop would wait for all of them",
            here.archive_queue
        ));
    } else if here.archive_queue > ARCHIVE_QUEUE_WARNS {
        found.warns(format!("{} segments wait for the archiver at {name}", here.archive_queue));
    }
    if here.setting("archive_mode") != "off" && here.archiver_fails {
        found.warns(format!("the archiver fails at {name}; its server may linger after it is shut down"));
    }
    if here.in_backup {
        found.blocks_planned(format!("an exclusive backup is under way at {name}; end it with pg_stop_backup()"));
    }
    if here.long_transactions > 0 {
        found.warns(format!(
            "{} transactions have been open for more than 30 s at {name}; the stop takes them back",
            here.long_transactions
        ));
    }
    if here.prepared_transactions > 0 {
        found.warns(format!(
            "{} prepared transactions at {name} go over as they are; whoever prepared them must end them",
            here.prepared_transactions
        ));
    }
}
