//! The account of lost writes: what the old primary committed past the fork, saved before anything discards it.
//!
//! The log says which transactions those were and which places in which tables they wrote to. The rows themselves are
//! read by a server that is started on the old directory itself, alone and read-only: it replays its own log, as any
//! start would, and removes none of it. A copy would be no safer and takes a disk of the same size
//! (docs/decisions/0009).

use std::time::Duration;

use super::disk::{Data, JobState};
use super::keeping;
use super::lsn::Lsn;
use super::member::Member;
use super::{arrival, fencing, following, programs, promotion, server, way};
use crate::actions::database::port::{Account, By, Way};
use crate::engine::action::{ActionError, Evidence, Fault, Touch};

const LOOK_MAX: Duration = Duration::from_secs(10);
/// How long counting may take: less than a look may.
const COUNT_MAX: Duration = Duration::from_secs(40);
/// Limits of what is saved; what is past them is said, and lies in the log that is kept.
const ROWS_MAX: u64 = 500_000;
const BYTES_MAX: u64 = 2 << 30;
/// How many tables an account names one by one; all of them are in its file.
const TABLES_MAX: usize = 50;
/// The same in its sentence, of tables and of what is not recovered.
const TOLD_MAX: usize = 5;

/// What an account would be about.
#[derive(Debug)]
struct Lost {
    timeline: u32,
    fork: Lsn,
    end: Lsn,
    segment_bytes: u64,
    leader_timeline: u32,
    why: String,
}

/// An account, as it lies on the host.
#[derive(Debug, Default, PartialEq, Eq)]
struct Taken {
    /// The folder, with the log beside it, that what was kept has; `None` where nothing is kept yet.
    kept: Option<String>,
    /// Where the account lies; `None` where there is none yet.
    folder: Option<String>,
    transactions: u64,
    first: String,
    last: String,
    tables: Vec<TableRow>,
    not_recovered: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct TableRow {
    table: String,
    inserted: u64,
    updated: u64,
    deleted: u64,
    saved: u64,
}

/// Whether there is something to account for, and whether that is done.
pub async fn look(member: &Member, leader: &Member) -> Result<Account, ActionError> {
    let lost = match lost(member, leader).await? {
        Ok(lost) => lost,
        Err(needless) => return Ok(Account::Needless(needless)),
    };
    let taken = taken(member, &lost).await?;
    if taken.folder.is_some() {
        return Ok(Account::Taken(taken.evidence(member, &lost)));
    }
    count(member, &lost).await
}

/// Takes it. What lasts runs on the host, and is adopted by whoever comes next.
pub async fn take(member: &Member, leader: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    following::wait_for_job(member).await?;
    let found = match lost(member, leader).await? {
        Ok(found) => found,
        Err(needless) => return Ok(needless),
    };
    let before = taken(member, &found).await?;
    if before.folder.is_some() {
        return Ok(before.evidence(member, &found));
    }
    // First of all the log: it is the evidence, whatever becomes of the rest.
    let kept = match before.kept {
        Some(kept) => kept,
        None => keeping::keep_log(member, leader, "account", touch).await?,
    };
    settle(member, touch).await?;
    let more = arguments(&kept, &found, &member.estate.user);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    following::begin(member, touch, "account", programs::SAVE, &more).await?;
    let disk = following::wait_for_job(member).await?;
    if following::job_state(&disk) != Some(JobState::Done) {
        let said = following::last_words(member).await;
        return Err(ActionError::refused(format!(
            "{}: what only it wrote could not be saved ({said}); the log is kept in {}.switchback/kept/{kept}",
            member.name(),
            member.data_dir()
        )));
    }
    let after = taken(member, &found).await?;
    if after.folder.is_none() {
        return Err(ActionError::transient(format!("{}: the account is not where it was put", member.name())));
    }
    Ok(after.evidence(member, &found))
}

/// A server that crashed is fenced and brought to an end in order; one that was fenced is so already.
async fn settle(member: &Member, touch: &Touch) -> Result<(), ActionError> {
    let disk = member.disk().await?;
    let Data::Found(cluster) = &disk.data else { return Ok(()) };
    if cluster.control.state.is_shut_down() && cluster.standby_signal {
        return Ok(());
    }
    fencing::settle(member, touch).await.map(drop)
}

/// What is lost by following, or how one sees that nothing is.
async fn lost(member: &Member, leader: &Member) -> Result<Result<Lost, Evidence>, ActionError> {
    let needless = |why: String| Ok(Err(Evidence::new(why)));
    let why = match way::look(member, leader, By::Cheapest).await? {
        Way::Already(evidence) | Way::Follow(evidence) => {
            return needless(format!("nothing would be lost: {}", evidence.summary));
        }
        Way::Blocked(why) => return needless(format!("nothing will be replaced: {why}")),
        Way::Rewind(evidence) | Way::Copy(evidence) => evidence.summary,
    };
    let seen = member.look().await?;
    let disk = seen.disk.as_ref().map_err(Clone::clone)?;
    let Data::Found(cluster) = &disk.data else {
        return needless("there is no cluster, so there is nothing to account for".to_owned());
    };
    if let Some(why) = &disk.unusable {
        return needless(format!("its own writes were dealt with before that: {why}"));
    }
    if let Some(job) = disk.job.as_ref().filter(|job| job.state == JobState::Running && job.name != "account") {
        return needless(format!("a {} is under way, and what it replaces was dealt with before", job.name));
    }
    let leading = server::look(&leader.link).await?;
    let timeline = cluster.timeline();
    let Some(fork) = promotion::history(leader, leading.timeline).await?.end_of(timeline) else {
        return needless(format!(
            "{why}; its log and the leader's have no place in common on timeline {timeline}, so no transactions can be \
             told apart: `database.keep_aside` keeps its log"
        ));
    };
    let end = way::end_of_log(member, &seen, cluster).await?;
    let segment_bytes = cluster.control.segment_bytes;
    if end.past_header(segment_bytes) <= fork.past_header(segment_bytes) {
        return needless(format!("it has nothing past {fork}, where the leader left timeline {timeline}"));
    }
    Ok(Ok(Lost { timeline, fork, end, segment_bytes, leader_timeline: leading.timeline, why }))
}

/// Counts what is lost. A log that holds no transaction needs no account; one that cannot be read does.
async fn count(member: &Member, lost: &Lost) -> Result<Account, ActionError> {
    let (timeline, fork) = (lost.timeline.to_string(), lost.fork.to_string());
    let counted = member.look_script(&programs::ACCOUNT, &[&timeline, &fork], COUNT_MAX).await;
    let account = match counted {
        Ok(output) => {
            arrival::read(&output.stdout_or(&format!("{}: reading its log", member.name()))?, lost.segment_bytes)
        }
        Err(error) if error.fault == Fault::Unreachable => {
            let summary = format!("{}; more is lost than can be counted at a look → it is saved", lost.why);
            return Ok(Account::ToTake(Evidence::new(summary)));
        }
        Err(error) => return Err(error),
    };
    let end = account.end.unwrap_or(lost.fork).past_header(lost.segment_bytes);
    if account.commits == 0 && end >= lost.end.past_header(lost.segment_bytes) {
        let summary =
            format!("no transaction is lost: {} bytes past {} hold no commit", lost.end.since(lost.fork), lost.fork);
        return Ok(Account::Needless(Evidence::new(summary)));
    }
    let summary = format!(
        "{} transactions of {} never reached the other side ({}) → they are saved beside {}",
        account.commits,
        member.name(),
        between(&account.first, &account.last),
        member.data_dir()
    );
    Ok(Account::ToTake(Evidence::new(summary).with("lost_transactions", account.commits)))
}

async fn taken(member: &Member, lost: &Lost) -> Result<Taken, ActionError> {
    let data = member.data_dir();
    let [timeline, end, leader] =
        keeping::state_name(lost.timeline, lost.end, lost.segment_bytes, lost.leader_timeline);
    let arguments = [data.as_str(), &timeline, &end, &leader];
    let output = member.host.look(&programs::ACCOUNTS, &arguments, member.owner(), LOOK_MAX).await?;
    Ok(read(&output.stdout_or(&format!("{}: looking for an account", member.name()))?))
}

/// What the script takes after the places.
fn arguments(kept: &str, lost: &Lost, role: &str) -> Vec<String> {
    let segment = lost.fork.0 / lost.segment_bytes.max(1);
    let numbers = [u64::from(lost.timeline), segment, lost.segment_bytes].map(|number| number.to_string());
    let places = [padded(lost.fork), lost.end.to_string(), role.to_owned()];
    let limits = [ROWS_MAX, BYTES_MAX].map(|number| number.to_string());
    std::iter::once(kept.to_owned()).chain(numbers).chain(places).chain(limits).collect()
}

/// As text that compares like what it stands for.
fn padded(at: Lsn) -> String {
    format!("{:08X}/{:08X}", at.0 >> 32, at.0 & 0xffff_ffff)
}

fn between(first: &str, last: &str) -> String {
    match (first, last) {
        ("", _) => "at an unknown time".to_owned(),
        (first, last) if first == last => first.to_owned(),
        (first, last) => format!("{first} to {last}"),
    }
}

/// The first of a list, and how many more there are.
fn told(list: &[String], count: usize) -> String {
    let first = list.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join("; ");
    match count.saturating_sub(TOLD_MAX) {
        0 => first,
        more => format!("{first}; and {more} more"),
    }
}

fn read(text: &str) -> Taken {
    let mut taken = Taken::default();
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        match name {
            "kept" => taken.kept = Some(value.to_owned()),
            "folder" => taken.folder = Some(value.to_owned()),
            "transactions" => taken.transactions = value.parse().unwrap_or(0),
            "first" => value.clone_into(&mut taken.first),
            "last" => value.clone_into(&mut taken.last),
            "not_recovered" => taken.not_recovered.push(value.to_owned()),
            "table" => taken.tables.extend(table(value)),
            _ => {}
        }
    }
    taken
}

fn table(line: &str) -> Option<TableRow> {
    let mut parts = line.split('\t');
    let (database, name) = (parts.next()?, parts.next()?);
    let mut number = || parts.next()?.parse().ok();
    Some(TableRow {
        table: format!("{database}: {name}"),
        inserted: number()?,
        updated: number()?,
        deleted: number()?,
        saved: number()?,
    })
}

impl Taken {
    fn evidence(&self, member: &Member, lost: &Lost) -> Evidence {
        let folder = self.folder.clone().unwrap_or_default();
        let sum = |of: fn(&TableRow) -> u64| self.tables.iter().map(of).sum::<u64>();
        let saved = sum(|table| table.saved);
        let tables: Vec<String> = self.tables.iter().take(TABLES_MAX).map(ToString::to_string).collect();
        let what = if tables.is_empty() { String::new() } else { format!("; {}", told(&tables, self.tables.len())) };
        let rest = match self.not_recovered.len() {
            0 => String::new(),
            count => format!("; not recovered: {}", told(&self.not_recovered, count)),
        };
        let summary = format!(
            "{} transactions of {} never reached the other side ({}): {saved} statements that write their rows again lie in \
             {folder} at {}{what}{rest}",
            self.transactions,
            member.name(),
            between(&self.first, &self.last),
            member.name()
        );
        Evidence::new(summary)
            .with("lost_transactions", self.transactions)
            .with("first", self.first.clone())
            .with("last", self.last.clone())
            .with("rows_inserted", sum(|table| table.inserted))
            .with("rows_updated", sum(|table| table.updated))
            .with("rows_deleted", sum(|table| table.deleted))
            .with("saved_rows", saved)
            .with("tables", tables)
            .with("folder", folder)
            .with("fork", lost.fork.to_string())
            .with("not_recovered", self.not_recovered.clone())
    }
}

impl std::fmt::Display for TableRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { table, inserted, updated, deleted, .. } = self;
        write!(f, "{table} {inserted} inserted, {updated} updated, {deleted} deleted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_and_its_sentence_stays_short() {
        let mut text =
            "kept=before-rejoin-1-5081948-2\nfolder=/data.switchback/kept/x/account\naccount=1\ntransactions=12\n\
                        first=2026-11-21 07:54:38\nlast=2026-11-21 07:54:39\ntable=shop\tpublic.\"a b\"\t2\t1\t1\t4\n"
                .to_owned();
        let taken = read(&text);
        assert_eq!((taken.transactions, taken.kept.as_deref()), (12, Some("before-rejoin-1-5081948-2")));
        assert_eq!(taken.tables[0].to_string(), "shop: public.\"a b\" 2 inserted, 1 updated, 1 deleted");
        assert!(taken.folder.is_some() && taken.not_recovered.is_empty());
        let more: Vec<String> = (0..100).map(|table| format!("not_recovered=shop: {table} is no table")).collect();
        text.push_str(&more.join("\n"));
        let list = read(&text).not_recovered;
        assert!(told(&list, list.len()).ends_with("; and 95 more"));
        assert_eq!(read("").folder, None, "what is not there is not taken");
        assert_eq!(read("table=half\ta line\n").tables, []);
    }

    #[test]
    fn places_compare_as_texts() {
        assert!(padded(Lsn(0x0506_5D38)) < padded(Lsn(0x1_0000_0000)));
        assert_eq!(padded(Lsn(0x2_0506_5D38)), "00000002/05065D38");
    }
}
