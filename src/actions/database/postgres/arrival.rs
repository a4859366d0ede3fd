//! Whether everything that the fenced primary wrote is at the other site; where it is not, the account.

use std::time::{Duration, Instant};

use super::disk::Cluster;
use super::lsn::Lsn;
use super::member::{Member, Seen};
use super::server::{self, Server};
use super::{judge, programs};
use crate::actions::database::port::Arrival;
use crate::engine::action::{ActionError, Evidence};
use crate::runbook::bound::Mode;

/// How long a standby is given to replay what it has received before an account is taken.
const REPLAY_MAX: Duration = Duration::from_secs(2);
const ACCOUNT_MAX: Duration = Duration::from_secs(60);

/// What the old primary's own log says of what lies past a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    pub commits: u64,
    pub end: Option<Lsn>,
    pub first: String,
    pub last: String,
}

/// Compares the old primary's end with what has arrived.
pub async fn look(from: &Member, to: &Member, mode: Mode) -> Result<Arrival, ActionError> {
    let (old, new) = futures::join!(from.look(), to.look());
    of((from, old), (to, new), mode).await
}

/// The same of members that were looked at a moment ago.
pub async fn of(
    (from, old): (&Member, Result<Seen, ActionError>),
    (to, new): (&Member, Result<Seen, ActionError>),
    mode: Mode,
) -> Result<Arrival, ActionError> {
    let new = new?;
    let target = new.server.as_ref().map_err(Clone::clone)?;
    if !target.in_recovery {
        return Ok(Arrival::All(Evidence::new(format!("{} is a primary itself", to.name()))));
    }
    // An old primary that cannot be identified may still be looked at by eye; it is no source of proof.
    let old = old?;
    let Some(cluster) = old.cluster() else { return Ok(unknown(from, to, &old, target)) };
    if cluster.control.system_identifier != target.system_identifier {
        return Err(ActionError::refused(format!(
            "{} has system identifier {}, {} has {}: they were never one database",
            from.name(),
            cluster.control.system_identifier,
            to.name(),
            target.system_identifier
        )));
    }
    if let Ok(server) = &old.server {
        return Ok(still_running(from, to, server, target, mode));
    }
    if cluster.running.is_some() && !cluster.control.state.is_shut_down() {
        return Ok(Arrival::StillWriting(Evidence::new(format!("{} runs, and does not answer", from.name()))));
    }
    match cluster.end() {
        Some(end) if has_arrived(cluster, end, target) => {
            let summary = format!(
                "{} ended at {end} on timeline {}, and {} has all of it",
                from.name(),
                cluster.timeline(),
                to.name()
            );
            Ok(Arrival::All(token(Evidence::new(summary), end, target)))
        }
        // Its last bytes are on their way, or never left.
        Some(end) if mode == Mode::Planned || target.streaming => {
            let behind = end.since(target.position);
            let summary = format!(
                "{} ended at {end}, {} is at {}: {behind} bytes to come",
                from.name(),
                to.name(),
                target.position
            );
            Ok(Arrival::NotYet(token(Evidence::new(summary), end, target).with("lag_bytes", behind)))
        }
        _ => lost(from, to, cluster).await,
    }
}

fn token(evidence: Evidence, end: Lsn, target: &Server) -> Evidence {
    evidence.with("end", end.to_string()).with("received", target.position.to_string())
}

/// On the same timeline, and past the end: what was received is replayed before a promotion ends.
fn has_arrived(cluster: &Cluster, end: Lsn, target: &Server) -> bool {
    let segment = cluster.control.segment_bytes;
    cluster.timeline() == target.timeline && target.position.past_header(segment) >= end.past_header(segment)
}

fn still_running(from: &Member, to: &Member, server: &Server, target: &Server, mode: Mode) -> Arrival {
    if server.in_recovery {
        return both_in_recovery((from.name(), server), (to.name(), target));
    }
    let behind = server.position.since(target.position);
    let at = server.position;
    let summary = format!("{} still writes, at {at}; {} is {behind} bytes behind", from.name(), to.name());
    let evidence = Evidence::new(summary).with("lag_bytes", behind);
    // A clean stop would wait for a standby that is attached, and for no other.
    if mode == Mode::Emergency && !target.streaming && behind > 0 {
        return Arrival::Lost { bytes: behind, evidence };
    }
    Arrival::StillWriting(evidence)
}

/// Compares a server that nobody writes to any more with another.
fn both_in_recovery((from, server): (&str, &Server), (to, target): (&str, &Server)) -> Arrival {
    // A place means something on its own timeline only: of two that parted, either may have what the other has not.
    if server.timeline != target.timeline {
        return Arrival::Unknown(Evidence::new(parted(from, server.timeline, to, target.timeline)));
    }
    let behind = server.position.since(target.position);
    let summary = format!("{from} is in recovery at {}, {to} is at {}", server.position, target.position);
    let evidence = Evidence::new(summary).with("lag_bytes", behind);
    if behind == 0 { Arrival::All(evidence) } else { Arrival::NotYet(evidence) }
}

fn unknown(from: &Member, to: &Member, old: &Seen, target: &Server) -> Arrival {
    let why = judge::why_no_cluster(from, old);
    let last = match &target.last_commit {
        Some(at) => format!("the last transaction that {} has was committed at {at}", to.name()),
        None => format!("{} has replayed no transaction since it was started", to.name()),
    };
    let summary = format!("how much is unknown, since the log of {} cannot be read ({why}); {last}", from.name());
    let evidence = Evidence::new(summary).with("received", target.position.to_string());
    Arrival::Unknown(match &target.last_commit {
        Some(at) => evidence.with("last_commit", at.clone()),
        None => evidence,
    })
}

/// Counts what the old primary's log holds and the standby has not. From where the standby has *replayed*
/// to: a record of which only a part arrived counts as lost.
async fn lost(from: &Member, to: &Member, cluster: &Cluster) -> Result<Arrival, ActionError> {
    let target = settled(to).await?;
    let have = target.replayed.unwrap_or(target.position);
    let timeline = cluster.timeline();
    let arguments = [timeline.to_string(), have.to_string()];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = from.look_script(&programs::ACCOUNT, &arguments, ACCOUNT_MAX).await?;
    let segment = cluster.control.segment_bytes;
    let account = read(&output.stdout_or(&format!("{}: reading its log", from.name()))?, segment);
    if let Some(why) = unaccounted(cluster, have, target.timeline, &account) {
        let why = format!("how much is unknown, since the log of {} cannot be counted: {why}", from.name());
        return Ok(Arrival::Unknown(Evidence::new(why).with("received", have.to_string())));
    }
    let end = account.end.or(cluster.end()).unwrap_or(have).max(have);
    let bytes = end.since(have);
    let evidence = |summary: String| {
        Evidence::new(summary)
            .with("lost_bytes", bytes)
            .with("lost_transactions", account.commits)
            .with("end", end.to_string())
            .with("received", have.to_string())
            .with("exact", true)
    };
    if account.commits == 0 {
        let rest =
            if bytes == 0 { String::new() } else { format!("; {bytes} bytes more in the old log hold no commit") };
        return Ok(Arrival::All(evidence(format!("every transaction of {} is at {}{rest}", from.name(), to.name()))));
    }
    let when = match (account.first.as_str(), account.last.as_str()) {
        ("", _) => String::new(),
        (first, last) if first == last => format!(", of {first}"),
        (first, last) => format!(", of {first} to {last}"),
    };
    let plural = if account.commits == 1 { "" } else { "s" };
    let summary = format!(
        "{} transaction{plural} ({bytes} bytes{when}) of {} never reached {}",
        account.commits,
        from.name(),
        to.name()
    );
    Ok(Arrival::Lost { bytes, evidence: evidence(summary) })
}

/// Why what was read of the old log is not all that there is of it: a log that cannot be read holds no commits
/// either, and must not pass for one that was read.
fn unaccounted(cluster: &Cluster, have: Lsn, timeline: u32, account: &Account) -> Option<String> {
    if cluster.timeline() != timeline {
        return Some(parted("it", cluster.timeline(), "the other", timeline));
    }
    let control = &cluster.control;
    // Of one that crashed only its last checkpoint is known.
    let known = cluster.end().unwrap_or(control.checkpoint).past_header(control.segment_bytes);
    let read = account.end.unwrap_or(have).max(have).past_header(control.segment_bytes);
    (read < known).then(|| format!("it goes to {known} at least, and is read to {read} only (are segments missing?)"))
}

fn parted(one: &str, timeline: u32, other: &str, others: u32) -> String {
    format!("{one} is on timeline {timeline}, {other} on {others}: each may have what the other has not")
}

/// The standby once it has replayed what it has received, as far as it does.
async fn settled(to: &Member) -> Result<Server, ActionError> {
    let began = Instant::now();
    let mut last = server::look(&to.link).await?;
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = server::look(&to.link).await?;
        let stands = now.replayed == last.replayed;
        if (stands && began.elapsed() > Duration::from_millis(100))
            || now.replayed >= now.received
            || began.elapsed() > REPLAY_MAX
        {
            return Ok(now);
        }
        last = now;
    }
}

/// Where a log ends, by the look at it.
pub fn end_in(text: &str, segment_bytes: u64) -> Option<Lsn> {
    read(text, segment_bytes).end
}

/// What the look at a log printed.
pub fn read(text: &str, segment_bytes: u64) -> Account {
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).filter(|value| !value.is_empty())
    };
    let record: Option<(Lsn, u64)> =
        field("lsn").and_then(|at| Some((at.parse().ok()?, field("total")?.parse().ok()?)));
    Account {
        commits: field("commits").and_then(|count| count.parse().ok()).unwrap_or(0),
        end: record.map(|(at, total)| at.end_of_record(total, segment_bytes)),
        first: field("first").unwrap_or_default().to_owned(),
        last: field("last").unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::database::postgres::control_data;
    use crate::actions::database::postgres::disk::{self, Data};
    use crate::actions::database::postgres::server::tests::standby;

    #[test]
    fn an_account_is_read() {
        let text = "records=3\ncommits=2\nlsn=0/33000028\ntotal=114\nfirst=2026-11-21 04:46:08 UTC\nlast=2026-11-21 04:46:09 UTC\n";
        let account = read(text, 16 << 20);
        assert_eq!((account.commits, account.end), (2, "0/330000A0".parse().ok()));
        assert_eq!(account.last, "2026-11-21 04:46:09 UTC");
        assert_eq!(read("records=0\ncommits=0\nlsn=\ntotal=\nfirst=\nlast=\n", 16 << 20), Account::default());
    }

    #[test]
    fn two_in_recovery_are_compared_on_one_timeline_only() {
        let compare = |old: Server, new: Server| both_in_recovery(("a", &old), ("b", &new));
        assert!(matches!(compare(standby(1, 100), standby(1, 100)), Arrival::All(_)));
        assert!(matches!(compare(standby(1, 108), standby(1, 100)), Arrival::NotYet(_)));
        // It was promoted, took writes and was fenced; the other has more, of another past.
        assert!(matches!(compare(standby(2, 100), standby(1, 900)), Arrival::Unknown(_)));
    }

    #[test]
    fn a_log_that_cannot_be_read_does_not_hold_nothing() {
        let text =
            format!("data=found\nversion=15\ncheckpoint_bytes=114\n== control\n{}", control_data::tests::PRINTED);
        let Data::Found(cluster) = disk::parse(&text).expect("a disk").data else { panic!("no cluster") };
        let (timeline, end) = (cluster.timeline(), cluster.end().expect("an end"));
        let whole = Account { end: Some(end), ..Account::default() };
        let nothing = Account::default();
        assert_eq!(unaccounted(&cluster, Lsn(end.0 - 4096), timeline, &whole), None);
        assert_eq!(unaccounted(&cluster, end, timeline, &nothing), None);
        let missing = unaccounted(&cluster, Lsn(end.0 - (64 << 20)), timeline, &nothing);
        assert!(missing.is_some_and(|why| why.contains("segments missing")));
        assert!(unaccounted(&cluster, end, timeline + 1, &whole).is_some_and(|why| why.contains("timeline")));
    }
}
