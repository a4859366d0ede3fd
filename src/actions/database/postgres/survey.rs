//! Everything that the pre-checks ask of one server and of its host; what it means is `findings`'.

use std::time::Duration;

use super::live::{LookSql, Rows};
use super::member::Member;
use super::programs;
use crate::engine::action::ActionError;

const SQL_MAX: Duration = Duration::from_secs(10);
const HOST_MAX: Duration = Duration::from_secs(20);
/// A transaction that is open for longer is told; a stop ends it, and takes it back.
const LONG_SECONDS: &str = "30";

const SETTINGS: LookSql = LookSql(
    "SELECT name, setting FROM pg_settings WHERE name IN ('recovery_min_apply_delay', 'recovery_target', 'recovery_target_name',
        'recovery_target_time', 'recovery_target_xid', 'recovery_target_lsn', 'recovery_target_timeline', 'synchronous_standby_names',
        'max_replication_slots', 'max_wal_senders', 'max_connections', 'max_worker_processes', 'max_prepared_transactions',
        'max_locks_per_transaction', 'full_page_writes', 'fsync', 'default_transaction_read_only', 'archive_mode')",
);
const STATE: LookSql = LookSql(
    "SELECT (SELECT count(*) FROM pg_replication_slots)::text,
            (SELECT count(*) FROM pg_stat_replication)::text,
            (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
                AND xact_start < clock_timestamp() - make_interval(secs => $1::int))::text,
            (SELECT count(*) FROM pg_prepared_xacts)::text,
            (SELECT string_agg(slot_name::text, ', ' ORDER BY slot_name) FROM pg_replication_slots WHERE slot_type = 'logical' AND NOT temporary),
            (SELECT string_agg(slot_name::text, ', ' ORDER BY slot_name) FROM pg_replication_slots
                WHERE slot_type = 'physical' AND NOT active AND NOT starts_with(slot_name::text, 'switchback_')),
            (SELECT (last_failed_time > coalesce(last_archived_time, '-infinity'))::text FROM pg_stat_archiver),
            (SELECT string_agg(subname::text, ', ') FROM pg_subscription WHERE subenabled)",
);
/// Logical slots that a standby of 17 or newer has got ready to go on with.
const SYNCED: LookSql = LookSql(
    "SELECT string_agg(slot_name::text, ', ' ORDER BY slot_name) FROM pg_replication_slots
     WHERE slot_type = 'logical' AND synced AND NOT temporary AND invalidation_reason IS NULL",
);
/// pg_subscription's other columns are not for everybody, and slots in the archive's queue only for monitors.
const ARCHIVE_QUEUE: LookSql = LookSql("SELECT count(*)::text FROM pg_ls_archive_statusdir() WHERE name ~ '\\.ready$'");
const SENDING: LookSql = LookSql(
    "SELECT r.application_name, s.slot_name::text, host(r.client_addr), r.state FROM pg_stat_replication r
     LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid",
);
const COLLATIONS: LookSql = LookSql(
    "SELECT string_agg(DISTINCT datcollate || ' ' || pg_database_collation_actual_version(oid), ', ' ORDER BY datcollate || ' ' || pg_database_collation_actual_version(oid))
     FROM pg_database WHERE datallowconn AND pg_database_collation_actual_version(oid) IS NOT NULL",
);
const IN_BACKUP: LookSql = LookSql("SELECT pg_is_in_backup()::text");
const UNLOGGED: LookSql = LookSql(
    "SELECT count(*)::text, min(oid::regclass::text) FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'",
);

/// One server, as far as pre-checks ask.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    settings: Vec<(String, String)>,
    pub slots_used: u64,
    pub senders_used: u64,
    pub long_transactions: u64,
    pub prepared_transactions: u64,
    pub logical_slots: Option<String>,
    /// The same that a standby has synchronised; only from version 17 on.
    pub synced_slots: Option<String>,
    /// Inactive physical slots that do not bear our name.
    pub foreign_slots: Option<String>,
    pub archiver_fails: bool,
    pub archive_queue: u64,
    pub subscriptions: Option<String>,
    pub sends_to: Vec<Receiver>,
    /// Versions of the collations in use, as the operating system has them.
    pub collations: Option<String>,
    pub in_backup: bool,
    /// Unlogged tables of each database: database, how many, one of them.
    pub unlogged: Vec<(String, u64, String)>,
}

/// Somebody to whom a server sends its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    pub application: String,
    pub slot: Option<String>,
    pub address: String,
    pub streaming: bool,
}

/// One host, as far as pre-checks ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostSurvey {
    pub missing_programs: Vec<String>,
    /// The data directory, or the folder that it lies in, is not ours to write.
    pub not_writable: bool,
    pub automation: Vec<String>,
    /// What came of reaching the other member for replication: its system identifier, or why not.
    pub reaches: Option<Result<String, String>>,
}

impl Survey {
    /// A setting's value; empty where there is none.
    pub fn setting(&self, name: &str) -> &str {
        self.settings.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
    /// A setting that is a number.
    pub fn number(&self, name: &str) -> u64 {
        self.setting(name).parse().unwrap_or(0)
    }
}

/// Asks a server. `version` is its major version.
pub async fn server(member: &Member, version: u32) -> Result<Survey, ActionError> {
    let link = &member.link;
    let none = || async { Ok::<Rows, ActionError>(Rows::default()) };
    let (settings, state, sending) = futures::join!(
        link.look(SETTINGS, &[], SQL_MAX),
        link.look(STATE, &[LONG_SECONDS], SQL_MAX),
        link.look(SENDING, &[], SQL_MAX)
    );
    let (settings, state, sending) = (settings?, state?, sending?);
    // Without the right to see it there is no queue to be told of; that the right is missing is told elsewhere.
    let queue = link.look(ARCHIVE_QUEUE, &[], SQL_MAX).await.unwrap_or_default();
    let collations = if version >= 15 { link.look(COLLATIONS, &[], SQL_MAX).await? } else { none().await? };
    let backup = if version < 15 { link.look(IN_BACKUP, &[], SQL_MAX).await? } else { none().await? };
    let synced = if version >= 17 { link.look(SYNCED, &[], SQL_MAX).await? } else { none().await? };
    let text = |column| state.text(0, column).map(str::to_owned);
    let count = |column| state.get(0, column).unwrap_or(0);
    Ok(Survey {
        settings: (0..settings.count())
            .filter_map(|row| Some((settings.text(row, 0)?.to_owned(), settings.text(row, 1)?.to_owned())))
            .collect(),
        slots_used: count(0),
        senders_used: count(1),
        long_transactions: count(2),
        prepared_transactions: count(3),
        logical_slots: text(4),
        synced_slots: synced.text(0, 0).map(str::to_owned),
        foreign_slots: text(5),
        archiver_fails: state.is(0, 6),
        archive_queue: queue.get(0, 0).unwrap_or(0),
        subscriptions: text(7),
        sends_to: (0..sending.count()).map(|row| receiver(&sending, row)).collect(),
        collations: collations.text(0, 0).map(str::to_owned),
        in_backup: backup.is(0, 0),
        unlogged: unlogged(member).await?,
    })
}

fn receiver(rows: &Rows, row: usize) -> Receiver {
    let text = |column| rows.text(row, column).unwrap_or_default().to_owned();
    Receiver {
        application: text(0),
        slot: rows.text(row, 1).map(str::to_owned),
        address: text(2),
        streaming: rows.text(row, 3) == Some("streaming"),
    }
}

async fn unlogged(member: &Member) -> Result<Vec<(String, u64, String)>, ActionError> {
    let mut found = Vec::new();
    for (index, database) in member.estate.databases.iter().enumerate() {
        // The standing session is to the first.
        let rows = if index == 0 {
            member.link.look(UNLOGGED, &[], SQL_MAX).await?
        } else {
            member.link.apart_to(database).await?.look(UNLOGGED, &[], SQL_MAX).await?
        };
        let count: u64 = rows.get(0, 0).unwrap_or(0);
        if count > 0 {
            found.push((database.clone(), count, rows.text(0, 1).unwrap_or_default().to_owned()));
        }
    }
    Ok(found)
}

/// Looks at a host, and has it try the way to `other`, when one is given.
pub async fn host(member: &Member, other: Option<&Member>) -> Result<HostSurvey, ActionError> {
    let source = other.map(|other| member.conninfo_to(other).as_str().to_owned()).unwrap_or_default();
    let output = member.look_script(&programs::CHECK, &[&source], HOST_MAX).await?;
    Ok(read(&output.stdout_or(&format!("{}: looking at the host", member.name()))?))
}

fn read(text: &str) -> HostSurvey {
    let mut survey = HostSurvey::default();
    for line in text.lines() {
        match line.split_once('=') {
            Some(("missing", program)) => survey.missing_programs.push(program.to_owned()),
            Some(("not_ours" | "parent_not_writable", _)) => survey.not_writable = true,
            Some(("automation", name)) => survey.automation.push(name.to_owned()),
            Some(("reaches", identifier)) => survey.reaches = Some(Ok(identifier.to_owned())),
            Some(("refused", why)) => survey.reaches = Some(Err(why.chars().take(300).collect())),
            _ => {}
        }
    }
    survey
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_answers_are_read() {
        let survey = read("missing=pg_rewind\nautomation=patroni\nreaches=7710480190015016757\n");
        assert_eq!(survey.missing_programs, ["pg_rewind"]);
        assert_eq!(survey.reaches, Some(Ok("7710480190015016757".to_owned())));
        let refused = read("refused=psql: error: FATAL:  no pg_hba.conf entry\nnot_ours=yes\n");
        assert!(refused.not_writable && matches!(refused.reaches, Some(Err(_))));
        assert_eq!(read(""), HostSurvey::default());
    }
}
