//! Everything that could make a promotion, or the way back, fail; looked at all at once, and said in sentences.

mod siblings;

use super::disk::Disk;
use super::gtid::{self, Gtids};
use super::member::{Member, Seen};
use super::server::{Receiving, Server};
use super::{following, hidden, preparation, semi_sync, versions, way};
use crate::actions::database::port::{Finding, Severity};
use crate::engine::action::ActionError;
use crate::runbook::bound::Mode;

pub use siblings::of_sibling;

/// Behind by more than this, a planned switch-over would take long.
const BEHIND_SECONDS_MAX: u64 = 60;

/// What a replica asks for is not, or no longer, in the log of whom it follows.
const NOT_IN_LOG: u32 = 1236;

struct Findings(Vec<Finding>);

impl Findings {
    fn blocks(&mut self, sentence: impl Into<String>) {
        self.0.push(Finding { severity: Severity::Blocks, sentence: sentence.into() });
    }
    fn warns(&mut self, sentence: impl Into<String>) {
        self.0.push(Finding { severity: Severity::Warns, sentence: sentence.into() });
    }
    /// In an emergency what would be nice to have is not waited for.
    fn says(&mut self, mode: Mode, sentence: impl Into<String>) {
        match mode {
            Mode::Planned => self.blocks(sentence),
            Mode::Emergency => self.warns(sentence),
        }
    }
}

/// Looks at the target and at the one that it would take over from.
pub async fn look(from: Option<&Member>, to: &Member, mode: Mode) -> Result<Vec<Finding>, ActionError> {
    let old = async {
        match from {
            Some(from) => Some((from, from.look().await)),
            None => None,
        }
    };
    let (seen, old) = futures::join!(to.look(), old);
    let server = seen.server.clone()?;
    let mut findings = Findings(Vec::new());
    of_target(to, &server, mode, &mut findings);
    of_disk(to, &seen, mode, &mut findings);
    let_serve(to, mode, &mut findings).await;
    of_semi_sync(old.as_ref().filter(|(_, seen)| seen.server.is_ok()).map(|(from, _)| *from), to, mode, &mut findings)
        .await;
    if let Some((from, mut seen)) = old {
        // What came in between the two looks is not errant: the one that writes is asked after the one that follows.
        if seen.server.as_ref().is_ok_and(|old| !server.own.missing_from(&old.own).is_empty()) {
            seen.server = from.server().await;
        }
        of_old(from, &seen, to, &server, mode, &mut findings);
        if let Ok(old) = &seen.server {
            of_hidden(from, old, to, &server, mode, &mut findings).await;
        }
        of_disk(from, &seen, mode, &mut findings);
        if mode == Mode::Planned {
            of_way_back(from, to, &server, &seen, &mut findings).await;
        }
    }
    Ok(findings.0)
}

fn same_number(one: &Member, other: &Member, server: &Server) -> String {
    format!("{} and {} have the same server_id, {}", one.name(), other.name(), server.number)
}

fn of_target(to: &Member, server: &Server, mode: Mode, findings: &mut Findings) {
    of_replica(to, server, mode, findings);
    of_settings(to.name(), server, mode, findings);
}

fn of_replica(replica: &Member, server: &Server, mode: Mode, findings: &mut Findings) {
    let name = replica.name();
    match server.followed.as_slice() {
        [] => findings.says(mode, format!("{name} follows nobody")),
        [leader] => {
            let trouble = server.trouble().map_or_else(String::new, |trouble| format!(": {trouble}"));
            if leader.receiving != Receiving::Yes {
                let anew = match leader.receive_error.0 {
                    NOT_IN_LOG => {
                        format!("; `switchback run rejoin --input site={}` makes it anew", replica.estate.site)
                    }
                    _ => String::new(),
                };
                findings.says(mode, format!("{name} does not receive from {}{trouble}{anew}", leader.host));
            }
            if !leader.applying {
                findings.blocks(format!("{name} does not apply what it received{trouble}"));
            }
            if !leader.by_gtid {
                findings.blocks(format!(
                    "{name} follows by file and place, not by GTID: set MASTER_USE_GTID or AUTO_POSITION"
                ));
            }
            if leader.delay_s > 0 {
                findings.blocks(format!("{name} is told to stay {} s behind", leader.delay_s));
            }
            if !leader.filters.is_empty() {
                findings.blocks(format!("{name} leaves out a part of what it receives ({})", leader.filters));
            }
            if leader.behind_s.is_some_and(|seconds| seconds > BEHIND_SECONDS_MAX) {
                let seconds = leader.behind_s.unwrap_or(0);
                findings.says(
                    mode,
                    format!(
                        "{name} is {seconds} s behind, {BEHIND_SECONDS_MAX} s allowed: wait until it has caught up"
                    ),
                );
            }
        }
        several => {
            let hosts: Vec<&str> = several.iter().map(|leader| leader.host.as_str()).collect();
            findings.blocks(format!(
                "{name} follows {} servers ({}); one is what can be moved",
                several.len(),
                hosts.join(", ")
            ));
        }
    }
}

fn of_settings(name: &str, server: &Server, mode: Mode, findings: &mut Findings) {
    if !server.keeps_log {
        findings.blocks(format!("{name} keeps no binary log (`log_bin`), so nobody could follow it"));
    }
    if !server.logs_what_it_applies {
        findings.blocks(format!(
            "{name} does not log what it applies (`log_slave_updates`), so what it has cannot be compared"
        ));
    }
    if !server.numbers_all {
        findings.blocks(format!(
            "{name} does not give every transaction a GTID (`gtid_mode` is not ON), so nothing can be compared"
        ));
    }
    match (server.strict, &server.own) {
        (true, _) => {}
        // Its positions would hide what somebody wrote at a replica.
        (false, Gtids::MariaDb(_)) => findings.says(
            mode,
            format!(
                "{name} does not insist on the order of GTIDs, so that a write at a replica would go unnoticed: \
                 `SET GLOBAL gtid_strict_mode = ON`, and in its settings"
            ),
        ),
        (false, Gtids::MySql(_)) => findings
            .warns(format!("{name} does not refuse what cannot be told by its GTID (`enforce_gtid_consistency`)")),
    }
    if !server.durable {
        findings.warns(format!(
            "{name} acknowledges commits before they are on disk: set `sync_binlog` and `innodb_flush_log_at_trx_commit` to 1"
        ));
    }
    if !server.row_format {
        findings.warns(format!(
            "the log of {name} is not written row by row (`binlog_format`), so what only it has could not be taken back"
        ));
    }
}

fn of_disk(member: &Member, seen: &Seen, mode: Mode, findings: &mut Findings) {
    let name = member.name();
    match &seen.disk {
        Err(error) => findings.says(mode, format!("the host of {name} cannot be looked at: {error}")),
        Ok(disk) => {
            if !disk.programs {
                findings.blocks(format!(
                    "{name} has neither mariadbd nor mysqld on its path: say where the programs lie (`bin_dir`)"
                ));
            }
            if let Some(given) = given_elsewhere(member, disk) {
                findings.blocks(format!(
                    "the server of {name} was started with `--defaults-file={given}`: say so as `config_file`"
                ));
            }
        }
    }
}

fn given_elsewhere<'a>(member: &Member, disk: &'a Disk) -> Option<&'a str> {
    let given = disk.running.as_ref()?.given.as_deref()?;
    let said = member.estate.config_file.as_ref().map(|file| file.display().to_string());
    (said.as_deref() != Some(given)).then_some(given)
}

async fn let_serve(to: &Member, mode: Mode, findings: &mut Findings) {
    match preparation::needs(to).await {
        Ok(needs) => {
            let missing: Vec<&str> =
                needs.iter().filter(|need| need.present == Some(false)).map(|need| need.statement.as_str()).collect();
            if let [first, rest @ ..] = missing.as_slice() {
                let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
                findings.says(
                    mode,
                    format!(
                        "{} lacks what Switchback needs (`{first}`{more}): `switchback prepare --apply`",
                        to.name()
                    ),
                );
            }
        }
        Err(error) => findings.warns(format!("what Switchback may do at {} cannot be seen: {error}", to.name())),
    }
}

fn of_old(from: &Member, seen: &Seen, to: &Member, new: &Server, mode: Mode, findings: &mut Findings) {
    let Ok(old) = &seen.server else {
        if let (Mode::Planned, Err(error)) = (mode, &seen.server) {
            findings.blocks(format!("the one that serves cannot be looked at: {error}"));
        }
        return;
    };
    if mode == Mode::Planned && old.read_only {
        findings.blocks(format!("{} takes no writes: {}", from.name(), old.position));
    }
    let errant = new.own.missing_from(&old.own);
    if !errant.is_empty() && !old.read_only {
        findings.says(
            mode,
            format!(
                "{} has {} that {} never wrote: somebody wrote there; compare the two, and make it a replica anew",
                to.name(),
                gtid::spoken(&errant),
                from.name()
            ),
        );
    }
    if new.leader().is_some() && !way::follows(new, from) {
        let host = new.leader().map_or("", |leader| leader.host.as_str());
        findings
            .says(mode, format!("{} follows {host}, which is not how the estate reaches {}", to.name(), from.name()));
    }
    let (older, newer) = (major(&new.version), major(&old.version));
    if older < newer {
        findings.warns(format!(
            "{} is {} {}, older than {} at {}, which could not follow it",
            to.name(),
            versions::name(to.estate.flavour),
            new.version,
            old.version,
            from.name()
        ));
    }
    if old.number == new.number {
        findings.blocks(same_number(from, to, old));
    }
    if old.scheduler && !new.scheduler {
        findings.warns(format!(
            "events run at {}, and would not at {}: `event_scheduler` is off there",
            from.name(),
            to.name()
        ));
    }
    of_settings(from.name(), old, mode, findings);
}

/// What somebody wrote at a replica, and replication has gone on beyond.
async fn of_hidden(from: &Member, old: &Server, to: &Member, new: &Server, mode: Mode, findings: &mut Findings) {
    match hidden::look(new, from, old).await {
        Ok(hidden) if hidden.is_empty() => {}
        Ok(hidden) => findings.says(
            mode,
            format!(
                "{} has transactions up to {} that {} never wrote, though it has gone on since: somebody wrote there; compare \
                 the two, and make it a replica anew",
                to.name(),
                hidden.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                from.name()
            ),
        ),
        Err(error) => findings.warns(format!("where the log of {} begins cannot be seen: {error}", from.name())),
    }
}

async fn of_semi_sync(from: Option<&Member>, to: &Member, mode: Mode, findings: &mut Findings) {
    let ask = async |member: &Member| semi_sync::look(&*member.link.session().await?).await;
    let new = ask(to).await;
    let old = match from {
        Some(from) => Some((from.name(), ask(from).await)),
        None => None,
    };
    match (&new, &old) {
        (Ok(new), None) => findings.0.extend(semi_sync::findings(None, (to.name(), new), mode)),
        (Ok(new), Some((name, Ok(old)))) => {
            findings.0.extend(semi_sync::findings(Some((name, old)), (to.name(), new), mode));
        }
        (Err(error), _) | (_, Some((_, Err(error)))) => {
            findings.warns(format!("whether commits wait for replicas cannot be seen: {error}"));
        }
    }
}

fn major(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).take(2).filter_map(|part| part.parse().ok()).collect()
}

/// Whether the old primary could follow: its account at the new one is tried from where it will be used.
async fn of_way_back(from: &Member, to: &Member, new: &Server, seen: &Seen, findings: &mut Findings) {
    let Ok(old) = &seen.server else { return };
    match way::compare(from, Some(old), to, new).await {
        Ok(compared) => {
            let gone = compared.purged.missing_from(&old.own);
            if !gone.is_empty() {
                findings.warns(format!(
                    "{} has purged {} from its log, which {} lacks, so that it would have to be copied anew afterwards",
                    to.name(),
                    gtid::spoken(&gone),
                    from.name()
                ));
            }
        }
        Err(error) => findings.warns(format!("where the log of {} begins cannot be seen: {error}", to.name())),
    }
    // Tried from here: an account that may come from the other member only is refused as well, so it blocks nothing.
    let user = &from.estate.replication.user;
    let refused = match following::password(from).await {
        Ok(password) => to.link.lets_in(user, &password).await.err(),
        Err(error) => Some(error.message),
    };
    if let Some(why) = refused {
        findings.warns(format!(
            "the account for replication, `{user}`, could not log in at {} from here, so {} may not be able to follow it: {why}",
            to.name(),
            from.name()
        ));
    }
}
