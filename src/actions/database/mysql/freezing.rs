//! The freeze of a running server: no write is taken from here on, and what was taken is seen to be all.
//!
//! The order is that of those who have done it for long (MaxScale, replication-manager, MySQL Shell): whoever writes
//! is waited for *before* anything is frozen; then read-only; then, where read-only does not hold administrators, a
//! read lock that holds them too, and stays in our hands until the other side serves. Every wait is bounded, a lock
//! that is not had in time is let go of at the server, and whatever fails, the server takes writes again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::gtid::Gtids;
use super::live::{LookSql, Session};
use super::member::{Member, StartsAs};
use super::read_lock::{self, Held, NO_SUCH_SESSION};
use super::semi_sync;
use super::server::{self, Server};
use crate::engine::action::{ActionError, Evidence, Fault, Touch};
use crate::runbook::bound::Mode;

/// How long writers may take that are at it when the freeze is asked for.
const WRITERS_MAX: Duration = Duration::from_secs(10);
/// The server answers from a copy that it renews only when nobody has read it for a tenth of a second.
const WRITERS_POLL: Duration = Duration::from_millis(150);
/// How long a lock is waited for at the server, in seconds; the write outage of a freeze that fails.
const LOCK_SECONDS: u64 = 3;
const LOCK_MAX: Duration = Duration::from_secs(LOCK_SECONDS + 2);
const SQL_MAX: Duration = Duration::from_secs(5);
/// How often the end of the log must be seen at the same place, how far apart, and how often it is looked at at most, together
/// with the sessions that were ended.
const SAMPLES: u32 = 3;
const SAMPLE_POLL: Duration = Duration::from_millis(3);
const SAMPLES_MAX: u32 = 80;

/// Transactions that have changed something and are not at their end.
const WRITERS: LookSql = LookSql(
    "SELECT CAST(t.trx_id AS CHAR), CAST(p.id AS CHAR), p.user, p.host, p.command, CAST(t.trx_rows_modified AS CHAR), left(coalesce(p.info, ''), 80)
     FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
     WHERE t.trx_rows_modified > 0 AND p.user NOT IN ('system user', 'event_scheduler') ORDER BY p.id",
);
/// Sessions of clients: neither the server's own, nor those of replicas, nor ours.
const CLIENTS: LookSql = LookSql(
    "SELECT CAST(id AS CHAR) FROM information_schema.processlist
     WHERE command NOT LIKE 'Binlog Dump%' AND command NOT LIKE 'Slave%' AND command <> 'Daemon'
       AND user NOT IN ('system user', 'event_scheduler', 'unauthenticated user', substring_index(current_user(), '@', 1),
                        substring_index(user(), '@', 1))",
);
/// How many are told to end in one statement's place, and how often the list is gone through where some of them have gone by themselves.
const ENDED_AT_ONCE: usize = 200;
const ENDING_ROUNDS: u32 = 4;
const LOCKED_TABLES: LookSql = LookSql("SHOW OPEN TABLES WHERE In_use > 0");
/// How many of them a sentence names, and how often they are looked at before.
const TABLES_NAMED_MAX: usize = 5;
const LOCKED_LOOKS: u32 = 5;
const LOCKED_POLL: Duration = Duration::from_millis(40);

/// Whether nobody, not even an administrator, can write to a server that is read-only.
pub async fn holds_everybody(member: &Member) -> bool {
    let Ok(session) = member.link.session().await else { return false };
    session.words().holds_everybody || still_held(member).await.is_some()
}

/// What the disk of a server told when we froze it, while our read lock stands.
pub async fn still_held(member: &Member) -> Option<Disk> {
    member.held.lock().await.as_ref()?.stands().await
}

/// Freezes it. On whatever failure it takes writes again, or the error says that this is not known.
pub async fn freeze(member: &Member, server: &Server, touch: &Touch, mode: Mode) -> Result<Evidence, ActionError> {
    // In an emergency users wait already, and what a writer has not ended it will not end.
    if !server.read_only && mode == Mode::Planned {
        wait_for_writers(member).await?;
    }
    let disk = member.disk().await?;
    // A fence that is being made again remembers what the first one found.
    let scheduler = disk.scheduler_before.filter(|_| server.read_only).unwrap_or(server.scheduler);
    let disk = member.starts_as(touch, StartsAs::Fenced, scheduler).await?;
    if !disk.starts_read_only {
        let _ = member.starts_as(touch, StartsAs::Primary, scheduler).await;
        return Err(ActionError::refused(format!(
            "{}: the server does not read {}, so a restart would take writes: name a folder that it reads last as \
             `config_dir`, and the file that it is started with as `config_file`",
            member.name(),
            member.estate.config_dir.display()
        )));
    }
    let began = Instant::now();
    let frozen = Box::pin(stop_writes(member, server, disk, touch)).await;
    let frozen_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match frozen {
        Ok((own, ended)) => {
            let evidence = Evidence::new(format!(
                "{} is read-only, also after a restart, and stands at {own}; {ended} sessions were ended",
                member.name()
            ));
            Ok(evidence.with("how", "frozen").with("end", own.to_string()).with("frozen_ms", frozen_ms))
        }
        Err(error) if server.read_only => Err(error),
        Err(error) => match Box::pin(thaw(member, touch)).await {
            Ok(_) => Err(ActionError::new(
                if error.fault == Fault::InDoubt { Fault::Transient } else { error.fault },
                format!("{error}; {} takes writes again", member.name()),
            )),
            Err(worse) => Err(ActionError::in_doubt(format!("{error}; and it may not take writes again: {worse}"))),
        },
    }
}

/// Waits until every transaction that has written something by now is at its end. Ending it instead would roll it
/// back, which takes as long as it took, and nobody could be told how long.
async fn wait_for_writers(member: &Member) -> Result<(), ActionError> {
    let session = member.link.session().await?;
    let began = Instant::now();
    let mut first: Option<BTreeSet<String>> = None;
    loop {
        let rows = session.look(WRITERS, &[], SQL_MAX).await?;
        let now: BTreeSet<String> = rows.first_column().map(str::to_owned).collect();
        let left: BTreeSet<String> = match &first {
            None => now.clone(),
            Some(first) => first.intersection(&now).cloned().collect(),
        };
        first.get_or_insert(now);
        if left.is_empty() {
            return Ok(());
        }
        if began.elapsed() >= WRITERS_MAX {
            let text = |row, column| rows.text(row, column).unwrap_or_default();
            let named: Vec<String> = (0..rows.count())
                .filter(|row| left.contains(text(*row, 0)))
                .take(5)
                .map(|row| {
                    let doing = if text(row, 6).is_empty() { "idle in its transaction" } else { text(row, 6) };
                    format!(
                        "session {} of {}@{}, {} rows: {doing}",
                        text(row, 1),
                        text(row, 2),
                        text(row, 3),
                        text(row, 5)
                    )
                })
                .collect();
            return Err(ActionError::refused(format!(
                "{}: {} transaction{} had not ended after {} s, and nothing was frozen: {}; wait for them, or end them with KILL",
                member.name(),
                left.len(),
                if left.len() == 1 { "" } else { "s" },
                WRITERS_MAX.as_secs(),
                named.join("; ")
            )));
        }
        tokio::time::sleep(WRITERS_POLL).await;
    }
}

/// From here on nobody writes. Gives what the server has, and how many sessions were ended.
async fn stop_writes(
    member: &Member,
    server: &Server,
    disk: Disk,
    touch: &Touch,
) -> Result<(Gtids, usize), ActionError> {
    read_lock::let_go(member).await;
    let session = member.link.apart().await?;
    let words = session.words();
    read_lock::may_lock(&session, LOCK_SECONDS, touch).await?;
    if server.scheduler {
        session.touch(touch, "SET GLOBAL event_scheduler = OFF", &[], SQL_MAX).await?;
    }
    for statement in words.read_only {
        if let Err(error) = session.touch(touch, statement, &[], LOCK_MAX).await {
            return Err(who_held_it_up(member, error).await);
        }
    }
    if !words.holds_everybody
        && let Err(error) = session.touch(touch, "FLUSH TABLES WITH READ LOCK", &[], LOCK_MAX).await
    {
        return Err(who_held_it_up(member, error).await);
    }
    let ended = end_clients(&session, touch).await?;
    let own = stands_still(member, &session, &ended).await?;
    if !words.holds_everybody {
        *member.held.lock().await = Some(Held::by(session, disk));
    }
    Ok((own, ended.len()))
}

/// Ends every client's session: those that were open may hold a transaction that commits as soon as the lock is gone,
/// and pools must come again to find out where they are led. Gives which were told to end. All in one round trip: users wait.
async fn end_clients(session: &Session, touch: &Touch) -> Result<BTreeSet<String>, ActionError> {
    let mut told = BTreeSet::new();
    for round in 1..=ENDING_ROUNDS {
        let clients = session.look(CLIENTS, &[], SQL_MAX).await?;
        told.extend(clients.first_column().map(str::to_owned));
        let all: Vec<String> = clients.first_column().map(|id| format!("KILL {id}")).collect();
        // Where sessions come and go faster than they can be told together, each is told alone.
        let at_once = if round == ENDING_ROUNDS { 1 } else { ENDED_AT_ONCE };
        let mut all_told = true;
        for together in all.chunks(at_once) {
            match session.touch(touch, &together.join("; "), &[], SQL_MAX).await {
                // One has gone by itself, and those behind it were not told.
                Err(error) if error.evidence.number("code") == Some(NO_SUCH_SESSION) => all_told &= together.len() == 1,
                other => drop(other?),
            }
        }
        if all_told {
            break;
        }
    }
    Ok(told)
}

/// The end of the log, seen to stay where it is, the last time when these sessions were gone. Both at once: users wait.
async fn stands_still(member: &Member, session: &Session, ended: &BTreeSet<String>) -> Result<Gtids, ActionError> {
    let (mut last, mut same, mut gone) = (String::new(), 0, ended.is_empty());
    for _ in 0..SAMPLES_MAX {
        let own = if gone {
            session.look(session.words().own, &[], SQL_MAX).await?
        } else {
            let [clients, own] = session.look_twice(CLIENTS, session.words().own, SQL_MAX).await?;
            gone = !clients.first_column().any(|id| ended.contains(id));
            own
        };
        let now = own.text(0, 0).unwrap_or_default().to_owned();
        same = if same > 0 && now == last { same + 1 } else { 1 };
        last = now;
        if gone && same >= SAMPLES {
            return Gtids::parse(member.estate.flavour, &last).ok_or_else(|| {
                ActionError::refused(format!("{} says that it has `{last}`, which cannot be read", member.name()))
            });
        }
        tokio::time::sleep(SAMPLE_POLL).await;
    }
    Err(ActionError::transient(if gone {
        format!("{} is read-only, and its log goes on growing ({last})", member.name())
    } else {
        "sessions that were told to end are still there; one may be rolling back a large transaction".to_owned()
    }))
}

/// Names the tables that somebody has locked, where that is why a lock was not to be had.
async fn who_held_it_up(member: &Member, error: ActionError) -> ActionError {
    let Ok(session) = member.link.apart().await else { return error };
    if let Some(waiting) = semi_sync::look(&session).await.ok().and_then(|semi_sync| semi_sync.holds_up()) {
        session.end().await;
        let sentence = format!(
            "{}: {waiting}, so that the server could not be made read-only within {LOCK_SECONDS} s; let a replica acknowledge, or lower \
             that time ({error})",
            member.name()
        );
        return ActionError { fault: Fault::Refused, message: sentence, evidence: error.evidence };
    }
    // A statement under way uses its tables, too, but not for long: what is seen every time is held.
    let mut tables: Option<Vec<String>> = None;
    for _ in 0..LOCKED_LOOKS {
        let rows = session.look(LOCKED_TABLES, &[], SQL_MAX).await.unwrap_or_default();
        let name = |row| {
            let text = |column| rows.text(row, column).unwrap_or_default();
            format!("`{}.{}`", text(0), text(1))
        };
        let now: Vec<String> = (0..rows.count()).map(name).collect();
        tables = Some(match tables {
            Some(before) => before.into_iter().filter(|table| now.contains(table)).collect(),
            None => now,
        });
        tokio::time::sleep(LOCKED_POLL).await;
    }
    session.end().await;
    let mut tables = tables.unwrap_or_default();
    tables.truncate(TABLES_NAMED_MAX);
    let what = if tables.is_empty() {
        "somebody holds a lock".to_owned()
    } else {
        format!("somebody holds a lock on {}", tables.join(", "))
    };
    let sentence = format!(
        "{}: {what}, so that the server could not be made read-only within {LOCK_SECONDS} s; wait for it, or end the session ({error})",
        member.name()
    );
    // Trying again would hold everybody up again, for as long, and as vainly.
    ActionError { fault: Fault::Refused, message: sentence, evidence: error.evidence }
}

/// It takes writes again, with its events, also after a restart. Repeatable.
pub async fn thaw(member: &Member, touch: &Touch) -> Result<Server, ActionError> {
    read_lock::let_go(member).await;
    let session = member.link.apart().await?;
    read_lock::end_of_others(&session, touch).await?;
    for statement in session.words().writable {
        session.touch(touch, statement, &[], LOCK_MAX).await?;
    }
    let disk = member.disk().await?;
    if disk.scheduler_before == Some(true) {
        session.touch(touch, "SET GLOBAL event_scheduler = ON", &[], SQL_MAX).await?;
    }
    member.starts_as(touch, StartsAs::Primary, false).await?;
    let server = server::look(&session).await?;
    if server.read_only {
        return Err(ActionError::transient(format!("{} says that it is read-only still", member.name())));
    }
    Ok(server)
}
