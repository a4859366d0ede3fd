//! Everything that could make a promotion, or the way back, fail: looked at before anything is stopped, and
//! said all at once.
//!
//! This file is long because it is one list: every check with its sentence, to be read from top to bottom.

use super::member::{Member, Seen};
use super::server::Server;
use super::survey::{self, HostSurvey, Survey};
use super::{preparation, way};
use crate::actions::database::port::{Finding, Severity};
use crate::actions::ssh::As;
use crate::engine::action::ActionError;
use crate::estate::model::Control;
use crate::runbook::bound::Mode;

/// A standby that has more to replay, or is older, would make the outage longer than anybody planned.
const LAG_BYTES_MAX: u64 = 1 << 30;
const LAG_MS_MAX: u64 = 300_000;
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

/// Gathers findings.
struct Found {
    mode: Mode,
    /// Without the rights that `prepare` gives, who is attached cannot be seen.
    may_see: bool,
    list: Vec<Finding>,
}

impl Found {
    fn blocks(&mut self, sentence: impl Into<String>) {
        self.list.push(Finding { severity: Severity::Blocks, sentence: sentence.into() });
    }
    fn warns(&mut self, sentence: impl Into<String>) {
        self.list.push(Finding { severity: Severity::Warns, sentence: sentence.into() });
    }
    /// What a planned run must not begin with, and an emergency cannot help.
    fn blocks_planned(&mut self, sentence: impl Into<String>) {
        if self.mode == Mode::Planned { self.blocks(sentence) } else { self.warns(sentence) }
    }
}

/// Looks at `to`, which is to be promoted, and at `from`, which serves or served.
pub async fn look(
    members: &[Member],
    from: Option<&Member>,
    to: &Member,
    mode: Mode,
) -> Result<Vec<Finding>, ActionError> {
    let mut found = Found { mode, may_see: false, list: Vec::new() };
    let (old, new) = futures::join!(
        async {
            match from {
                Some(from) => Some(from.look().await),
                None => None,
            }
        },
        to.look()
    );
    let new = new?;
    let target = new.server.clone()?;
    let survey = survey::server(to, target.version / 10_000).await?;
    of_target(&mut found, to, &new, &target, &survey, members.len());
    preparation_at(&mut found, to).await?;
    let Some(from) = from else {
        found.blocks_planned("which site served last is not known");
        on_host(&mut found, to, survey::host(to, None).await);
        return Ok(found.list);
    };
    let (there, here) = futures::join!(survey::host(to, None), survey::host(from, Some(to)));
    on_host(&mut found, to, there);
    match old {
        Some(Ok(seen)) => of_old(&mut found, members, (from, &seen), (to, &target, &survey)).await,
        Some(Err(error)) => found.blocks(error.message),
        None => {}
    }
    let reaches = here.as_ref().ok().and_then(|host| host.reaches.clone());
    on_host(&mut found, from, here);
    way_back(&mut found, from, to, reaches, &target);
    root(&mut found, &[from, to]).await;
    Ok(found.list)
}

fn of_target(found: &mut Found, to: &Member, seen: &Seen, target: &Server, survey: &Survey, members: usize) {
    let name = to.name();
    if target.version < 130_000 {
        found.blocks(format!(
            "PostgreSQL at {name} is version {}, and 13 is the oldest that can be moved",
            target.version / 10_000
        ));
    }
    if let Err(error) = &seen.disk {
        found.blocks(format!("the files of {name} cannot be looked at: {error}"));
    }
    if target.replay_paused {
        found.blocks(format!("replay is paused at {name}: a promotion would wait for ever; resume it with `SELECT pg_wal_replay_resume()`"));
    }
    if survey.number("recovery_min_apply_delay") > 0 {
        found.blocks(format!(
            "{name} replays late on purpose (recovery_min_apply_delay = {} ms)",
            survey.number("recovery_min_apply_delay")
        ));
    }
    recovery_target(found, name, survey);
    let (bytes, age) = (target.lag_bytes().unwrap_or(0), target.replay_age_ms.unwrap_or(0));
    if bytes > LAG_BYTES_MAX || (bytes > 0 && age > LAG_MS_MAX) {
        found.blocks_planned(format!(
            "{name} is {bytes} bytes and {} s behind in replay; {} MiB and {} s are allowed",
            age / 1000,
            LAG_BYTES_MAX >> 20,
            LAG_MS_MAX / 1000
        ));
    }
    let names = survey.setting("synchronous_standby_names");
    if !names.is_empty() {
        found.blocks(format!(
            "synchronous_standby_names at {name} is `{names}`: once promoted, the first commit would wait for a standby that is not there yet; \
             empty it at {name} and set it again when the other site follows"
        ));
    }
    let (slots, used) = (survey.number("max_replication_slots"), survey.slots_used);
    let needed = u64::try_from(members.saturating_sub(1)).unwrap_or(1);
    if slots < used + needed {
        found.blocks(format!("no replication slot is free at {name} for those who will follow it: {used} of max_replication_slots = {slots} are taken"));
    }
    let (senders, used) = (survey.number("max_wal_senders"), survey.senders_used);
    if senders < used + needed + 1 {
        found.blocks(format!("no WAL sender is free at {name} for those who will follow it: {used} of max_wal_senders = {senders} are taken"));
    }
    if survey.setting("default_transaction_read_only") == "on" {
        found.blocks(format!(
            "default_transaction_read_only is on at {name}: clients could not write after the promotion"
        ));
    }
    for name_ in ["fsync", "full_page_writes"] {
        if survey.setting(name_) == "off" {
            found.warns(format!("{name_} is off at {name}: a crash there would damage the cluster"));
        }
    }
    for (database, count, one) in &survey.unlogged {
        found.warns(format!(
            "{count} unlogged tables of database {database} ({one}, …) will be empty at {name}: they are not replicated"
        ));
    }
}

fn recovery_target(found: &mut Found, name: &str, survey: &Survey) {
    for target in [
        "recovery_target",
        "recovery_target_name",
        "recovery_target_time",
        "recovery_target_xid",
        "recovery_target_lsn",
    ] {
        if !survey.setting(target).is_empty() {
            found.blocks(format!("{target} is set at {name}: it would stop short, and might promote itself"));
        }
    }
    let timeline = survey.setting("recovery_target_timeline");
    if !timeline.is_empty() && timeline != "latest" {
        found.blocks(format!("recovery_target_timeline at {name} is `{timeline}`, so it could not follow a new primary; `latest` is needed"));
    }
}

async fn preparation_at(found: &mut Found, to: &Member) -> Result<(), ActionError> {
    let needs = preparation::needs(to).await?;
    let missing: Vec<&str> = needs.iter().filter(|need| need.present == Some(false)).map(|need| need.reason).collect();
    if !missing.is_empty() {
        found.blocks(format!(
            "the database lacks what Switchback needs ({}); `switchback prepare` shows and makes it",
            missing.join("; ")
        ));
    }
    found.may_see = missing.is_empty();
    Ok(())
}

/// What only matters while the old primary is there to be asked.
async fn of_old(found: &mut Found, members: &[Member], old: (&Member, &Seen), new: (&Member, &Server, &Survey)) {
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

fn on_host(found: &mut Found, member: &Member, host: Result<HostSurvey, ActionError>) {
    let name = member.name();
    let host = match host {
        Ok(host) => host,
        Err(error) => return found.blocks_planned(error.message),
    };
    let (vital, useful): (Vec<&str>, Vec<&str>) = host
        .missing_programs
        .iter()
        .map(String::as_str)
        .partition(|program| !matches!(*program, "pg_rewind" | "pg_basebackup" | "pg_waldump" | "sha256sum"));
    if !vital.is_empty() {
        found.blocks_planned(format!(
            "{name} lacks {} (bin_dir is {})",
            vital.join(", "),
            member.estate.bin_dir.display()
        ));
    }
    if !useful.is_empty() {
        found.warns(format!(
            "{name} lacks {}, without which a member that diverged cannot be brought back",
            useful.join(", ")
        ));
    }
    if host.not_writable {
        found.blocks_planned(format!(
            "{} at {name}, or the folder that it lies in, cannot be written by us; does `run_as` name its owner?",
            member.data_dir()
        ));
    }
    for automation in host.automation {
        found.blocks(format!("{automation} runs at {name} and would act on its own; stop it at every member first"));
    }
}

fn way_back(found: &mut Found, from: &Member, to: &Member, reaches: Option<Result<String, String>>, target: &Server) {
    match reaches {
        Some(Ok(identifier)) if identifier == target.system_identifier => {}
        Some(Ok(identifier)) => found.blocks(format!(
            "what {} would follow at the address of {} has system identifier {identifier}, not {}",
            from.name(),
            to.name(),
            target.system_identifier
        )),
        Some(Err(why)) => found.blocks_planned(format!("{} could not follow {}: {why}", from.name(), to.name())),
        None => {}
    }
}

/// The service is started and stopped as root where systemd is in charge; and the room for a copy.
async fn root(found: &mut Found, members: &[&Member]) {
    for member in members {
        if let Control::Systemd { .. } = member.estate.control {
            let tried =
                member.host.look_argv(&["true".to_owned()], As::User("root"), super::member::DISK_LOOK_MAX).await;
            if let Err(error) = tried {
                found
                    .blocks_planned(format!("the service at {} cannot be stopped and started: {error}", member.name()));
            }
        }
    }
    let [from, to] = members else { return };
    if let Ok(room) = way::room(from, to).await {
        if room.free_bytes < room.needed_bytes {
            found.warns(format!(
                "if {} ever had to be copied anew, {} MiB would be needed and {} MiB are free",
                from.name(),
                room.needed_bytes >> 20,
                room.free_bytes >> 20
            ));
        }
        if room.cannot_exchange || room.wal_elsewhere {
            found.warns(format!(
                "if {} ever had to be copied anew, that would be by hand: its directory cannot be exchanged",
                from.name()
            ));
        }
    }
    if let Ok(disk) = from.disk().await
        && let super::disk::Data::Found(cluster) = disk.data
        && !cluster.control.rewindable
    {
        found.warns(format!(
            "{} has neither data checksums nor wal_log_hints: if it ever diverges it must be copied anew",
            from.name()
        ));
    }
}
