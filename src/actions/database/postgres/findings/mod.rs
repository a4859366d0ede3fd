//! Everything that could make a promotion, or the way back, fail: looked at before anything is stopped, and
//! said all at once.

mod hosts;
mod old;
mod siblings;

use super::member::{Member, Seen};
use super::preparation;
use super::server::Server;
use super::survey::{self, Survey};
use crate::actions::database::port::{Finding, Severity};
use crate::engine::action::ActionError;
use crate::runbook::bound::Mode;
use hosts::{on_host, root, way_back};
use old::of_old;
pub use siblings::of_sibling;

/// A standby that has more to replay, or is older, would make the outage longer than anybody planned.
const LAG_BYTES_MAX: u64 = 1 << 30;
const LAG_MS_MAX: u64 = 300_000;

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
    // A server and the hosts are asked at once: in an emergency users wait for it.
    let (survey, there, here) =
        futures::join!(survey::server(to, target.version / 10_000), survey::host(to, None), async {
            match from {
                Some(from) => Some(survey::host(from, Some(to)).await),
                None => None,
            }
        });
    let survey = survey?;
    of_target(&mut found, to, &new, &target, &survey, members.len());
    preparation_at(&mut found, to).await?;
    let (Some(from), Some(here)) = (from, here) else {
        found.blocks_planned("which site served last is not known");
        on_host(&mut found, to, there);
        return Ok(found.list);
    };
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
