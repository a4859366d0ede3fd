//! The short way from a replica to a primary, and what shortens it.

use std::time::{Duration, Instant};

use super::live::Session;
use super::member::Member;
use super::server::{self, Receiving};
use super::{events, rows};
use crate::actions::context::RunContext;
use crate::actions::database::port::{Settled, Settling};
use crate::engine::action::{ActionError, Evidence, Touch};

const SQL_MAX: Duration = Duration::from_secs(10);
/// How long a replica may take to catch up before the outage begins.
const CATCH_UP_MAX: Duration = Duration::from_secs(240);
/// How long what was received may take to be applied.
const APPLY_MAX: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(5);
const NOT_READ: &str = "NOTE: a restart would come up read-only, for the server does not read our settings";

/// Nothing has to be flushed here; what shortens the outage is that the other side is not behind when it begins.
pub async fn shorten(member: &Member, others: &[&Member]) -> Result<Evidence, ActionError> {
    let began = Instant::now();
    // For the detachment, the promotion, and whoever reads the test row back.
    futures::future::join_all(others.iter().map(|other| async {
        other.link.warm(3).await;
        rows::make_ready(other).await;
    }))
    .await;
    let goal = member.server().await?;
    for other in others {
        loop {
            let server = other.server().await?;
            if goal.own.missing_from(&server.own).is_empty() {
                break;
            }
            if began.elapsed() >= CATCH_UP_MAX || !server.streams() {
                let sentence = format!("{} is behind, so the outage may be longer: {}", other.name(), server.position);
                return Ok(Evidence::new(sentence));
            }
            tokio::time::sleep(POLL).await;
        }
    }
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Evidence::new(format!("what {} had written was applied elsewhere after {elapsed_ms} ms", member.name()))
        .with("caught_up_ms", elapsed_ms))
}

/// Stops receiving, and waits until everything that was received is applied. Whom it followed stays written down, so
/// that it can be taken back.
pub async fn detach(member: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    let (session, server) = member.apart().await?;
    if server.leader().is_some() {
        session.touch(touch, session.words().stop_receiving, &[], SQL_MAX).await?;
    }
    let applied_ms = drained(member, &session).await?;
    Ok(Evidence::new(format!("{} follows nobody, and has applied all that it received", member.name()))
        .with("applied_ms", applied_ms))
}

/// Waits until nothing comes in and nothing is left to be applied.
async fn drained(member: &Member, session: &Session) -> Result<u64, ActionError> {
    let began = Instant::now();
    loop {
        let server = server::look(session).await?;
        let receives = server.leader().is_some_and(|leader| leader.receiving != Receiving::No);
        let left = server.to_apply();
        if !receives && left == 0 {
            return Ok(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        }
        let stuck = server.leader().is_some_and(|leader| !leader.applying);
        if (stuck && left > 0) || began.elapsed() >= APPLY_MAX {
            let why = server.trouble().unwrap_or_else(|| "its applier does not run".to_owned());
            return Err(ActionError::transient(format!(
                "{} has {left} transactions that it received and has not applied: {why}",
                member.name()
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Makes it follow as it did before it was detached.
pub async fn attach(member: &Member, leader: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    let session = member.link.apart().await?;
    if server::look(&session).await?.leader().is_none() {
        return Err(ActionError::refused(format!("{} does not know any more whom it followed", member.name())));
    }
    session.touch(touch, session.words().start, &[], SQL_MAX).await?;
    Ok(Evidence::new(format!("{} follows {} again, as soon as that serves", member.name(), leader.name())))
}

/// Promotes. The caller has seen the fence and the arrival a moment ago.
pub async fn promote(
    (target, from): (&Member, Option<&Member>),
    service: &str,
    settling: Settling,
    touch: &Touch,
    context: &RunContext,
) -> Result<Evidence, ActionError> {
    let began = Instant::now();
    let (apart, mut term) = futures::join!(target.apart(), rows::next_term(target));
    let (session, before) = apart?;
    let words = session.words();
    let mut fork = before.position.clone();
    let mut statements = Vec::new();
    if let Some(leader) = before.leader() {
        let is_drained = leader.receiving == Receiving::No && before.to_apply() == 0;
        if before.read_only && !is_drained {
            session.touch(touch, words.stop_receiving, &[], SQL_MAX).await?;
            drained(target, &session).await?;
            session.touch(touch, words.stop, &[], SQL_MAX).await?;
            fork = server::look(&session).await?.position;
            term = rows::next_term(target).await;
        } else {
            statements.push(words.stop);
        }
        statements.push(words.forget);
    }
    if before.read_only {
        statements.extend(words.writable);
    }
    // In one round trip, in this order: what fails keeps what follows on it from being done.
    if !statements.is_empty() {
        session.touch_in_turn(touch, &statements, SQL_MAX).await?;
    }
    let writable_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let from_site = from.map_or("", |member| member.estate.site.as_str());
    let (starts, receipt, served) = futures::join!(
        async { if settling == Settling::AtOnce { target.starts_as_primary(touch).await } else { Ok(false) } },
        rows::write_receipt(target, touch, term, &fork, service, from_site, context),
        async { Ok::<_, ActionError>((events::enable(&session, touch).await?, server::is_writable(&session).await?)) }
    );
    let ((events, failed), is_writable) = served?;
    if !is_writable {
        return Err(ActionError::in_doubt(format!("{} was told to take writes, and is read-only", target.name())));
    }
    let term = receipt?;
    let starts_read_only = starts?;
    let mut summary = format!("{} takes writes, from {fork} on", target.name());
    if events > 0 {
        summary = format!("{summary}; {} of {events} events are enabled", events - failed.len());
    }
    if starts_read_only {
        summary = format!("{summary}; {NOT_READ}");
    }
    let evidence = Evidence::new(summary).with("fork", fork).with("term", term).with("writable_ms", writable_ms);
    Ok(if failed.is_empty() { evidence } else { evidence.with("events_failed", failed) })
}

/// Whether any start of a member that was promoted takes writes, as it does now.
pub async fn settled(member: &Member, context: &RunContext) -> Result<Settled, ActionError> {
    let (server, disk) = futures::join!(member.server(), member.disk());
    let (server, name) = (server?, member.name());
    if server.read_only {
        let promoted = server.leader().is_none() && rows::was_promoted_by(member, &context.run).await?;
        return Ok(if promoted {
            Settled::FellBack(Evidence::new(format!("{name} was promoted by this run, and started read-only since")))
        } else {
            Settled::NotPromoted(Evidence::new(format!("{name} is read-only")))
        });
    }
    let disk = disk?;
    Ok(match (disk.role.as_deref(), disk.starts_read_only) {
        (Some("primary"), false) => Settled::Yes(Evidence::new(format!("any start of {name} takes writes"))),
        (Some("primary"), true) => Settled::Yes(Evidence::new(format!("{name} takes writes; {NOT_READ}"))),
        (_, true) => Settled::Not(Evidence::new(format!("a start of {name} would be read-only → takes writes"))),
        (_, false) => Settled::Not(Evidence::new(format!("what a start of {name} is to be is not written down → is"))),
    })
}

/// Writes down that any start of a member takes writes.
pub async fn settle(member: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    // Never of one that is read-only: a start of it would be a promotion that nobody ordered.
    if !server::is_writable(&*member.link.session().await?).await? {
        return Err(ActionError::transient(format!("{} does not take writes any more", member.name())));
    }
    let starts_read_only = member.starts_as_primary(touch).await?;
    let summary = format!("any start of {} takes writes", member.name());
    let summary = if starts_read_only { format!("{} takes writes; {NOT_READ}", member.name()) } else { summary };
    Ok(Evidence::new(summary))
}

/// What a promotion that was cut off has left undone; `None` when nothing.
pub async fn rest(member: &Member, settling: Settling) -> Result<Option<String>, ActionError> {
    let (server, disk) = futures::join!(member.server(), member.disk());
    if server?.leader().is_some() {
        return Ok(Some("it is still told whom to follow".to_owned()));
    }
    if rows::lacks_receipt(member).await? {
        return Ok(Some("its receipt is missing".to_owned()));
    }
    let unsettled = disk.is_ok_and(|disk| disk.starts_read_only && disk.role.is_some_and(|role| role != "primary"));
    if unsettled && settling == Settling::AtOnce {
        return Ok(Some("a restart would come up read-only".to_owned()));
    }
    let session = member.link.session().await?;
    Ok(match events::waiting(&session).await? {
        0 => None,
        count => Some(format!("{count} events are not enabled")),
    })
}
