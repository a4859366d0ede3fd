//! Making a member follow another: its settings first, then whom it follows, until both threads are seen to run.

use std::time::{Duration, Instant};

use super::events::{self, literal};
use super::live::Session;
use super::member::{Member, StartsAs};
use super::server::{self, Receiving};
use super::versions::Words;
use super::{copying, read_lock, rewinding, way};
use crate::actions::database::port::{By, Way};
use crate::base::secret::Secret;
use crate::engine::action::{ActionError, Evidence, Touch};
use crate::estate::model::Tls;

const SQL_MAX: Duration = Duration::from_secs(10);
/// How long a member may take to replicate once it was told to.
const STREAM_MAX: Duration = Duration::from_secs(60);
/// Why a server is not let in: the account, its password, or where it comes from. It tries again, in vain.
const HOPELESS: [u32; 4] = [1044, 1045, 1130, 1698];
const POLL: Duration = Duration::from_millis(10);

/// How often the way is looked at again: a server that did not run is started first, what only it has is taken back, or
/// all of it is copied anew.
const ROUNDS: u32 = 4;

/// Makes `member` follow `leader` in this way, until it is seen to replicate.
pub async fn follow(member: &Member, leader: &Member, way: &Way, touch: &Touch) -> Result<Evidence, ActionError> {
    let mut way = way.clone();
    let mut how = "followed as it was";
    let mut why = None;
    for _ in 0..ROUNDS {
        match &way {
            Way::Already(evidence) => return Ok(evidence.clone()),
            Way::Blocked(why) => return Err(ActionError::refused(why.clone())),
            Way::Copy(evidence) => {
                how = "copied anew";
                why.get_or_insert(evidence.summary.clone());
                Box::pin(copying::copy(member, leader, touch)).await?;
            }
            Way::Rewind(evidence) => {
                how = "taken back to where the two parted";
                why.get_or_insert(evidence.summary.clone());
                Box::pin(rewinding::take_back(member, leader, touch)).await?;
            }
            // Its disk does not tell all that its server would: looked at again when it runs.
            Way::Follow(_) if member.server().await.is_err() => come_up(member, touch).await?,
            Way::Follow(evidence) => {
                why.get_or_insert(evidence.summary.clone());
                let took_ms = Box::pin(tell(member, leader, touch)).await?;
                let summary = format!("{} replicates from {}, {how}", member.name(), leader.name());
                return Ok(Evidence::new(summary)
                    .with("how", how)
                    .with("why", why)
                    .with("streaming_after_ms", took_ms));
            }
        }
        way = way::look(member, leader, By::Cheapest).await?;
    }
    Err(ActionError::transient(format!("{} still does not fit {}", member.name(), leader.name())))
}

/// Runs, read-only and without events, and answers.
pub async fn come_up(member: &Member, touch: &Touch) -> Result<(), ActionError> {
    let disk = member.disk().await?;
    let scheduler = disk.scheduler_before.unwrap_or(disk.scheduler);
    let after = member.starts_as(touch, StartsAs::Fenced, scheduler).await?;
    if !after.starts_read_only {
        return Err(ActionError::refused(format!(
            "{}: the server does not read {}, so a restart would take writes",
            member.name(),
            member.estate.config_dir.display()
        )));
    }
    member.enable(touch).await?;
    member.restart(touch).await
}

async fn tell(member: &Member, leader: &Member, touch: &Touch) -> Result<u64, ActionError> {
    let disk = member.disk().await?;
    // While it is not seen to replicate, a start carries out no events.
    let scheduler = disk.scheduler_before.unwrap_or(disk.scheduler);
    if !member.starts_as(touch, StartsAs::Fenced, scheduler).await?.starts_read_only {
        return Err(ActionError::refused(format!(
            "{}: the server does not read {}, so a restart would take writes",
            member.name(),
            member.estate.config_dir.display()
        )));
    }
    member.enable(touch).await?;
    read_lock::let_go(member).await;
    let session = member.link.apart().await?;
    read_lock::end_of_others(&session, touch).await?;
    let words = session.words();
    for statement in words.read_only {
        session.touch(touch, statement, &[], SQL_MAX).await?;
    }
    events::disable_here(&session, touch).await?;
    let password = password(member).await?;
    let began = Instant::now();
    if server::look(&session).await?.leader().is_some() {
        session.touch(touch, words.stop, &[], SQL_MAX).await?;
        session.touch(touch, words.forget, &[], SQL_MAX).await?;
    }
    session.touch(touch, &change(words, member, leader, &password), &[], SQL_MAX).await.map_err(|error| {
        // The statement holds a password; the server may quote some of it.
        let code = error.evidence.number("code").unwrap_or(0);
        ActionError::new(error.fault, format!("{}: whom to follow was refused ({code})", member.name()))
    })?;
    session.touch(touch, words.start, &[], SQL_MAX).await?;
    streams(member, leader, &session).await?;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if scheduler {
        session.touch(touch, "SET GLOBAL event_scheduler = ON", &[], SQL_MAX).await?;
    }
    member.starts_as(touch, StartsAs::Follower, scheduler).await?;
    Ok(took_ms)
}

/// What the member logs in with at another.
pub async fn password(member: &Member) -> Result<Secret, ActionError> {
    let secret = member.estate.replication.password.clone();
    let read = tokio::task::spawn_blocking(move || secret.read().map_err(|error| error.to_string())).await;
    read.unwrap_or_else(|_| Err("reading its secret was cut off".to_owned()))
        .map_err(|why| ActionError::refused(format!("{}: the password for replication: {why}", member.name())))
}

/// Whom to follow, in the server's own words.
fn change(words: &Words, member: &Member, leader: &Member, password: &Secret) -> String {
    let (statement, term) = words.change;
    let (address, port) = leader.reached_at();
    let replication = &member.estate.replication;
    let mut options = vec![
        format!("{term}_HOST = {}", literal(address)),
        format!("{term}_PORT = {port}"),
        format!("{term}_USER = {}", literal(&replication.user)),
        format!("{term}_PASSWORD = {}", literal(password.expose())),
        format!("{term}_CONNECT_RETRY = 1"),
        format!("{term}_HEARTBEAT_PERIOD = 2"),
    ];
    let encrypted = member.estate.tls != Tls::Off;
    options.push(format!("{term}_SSL = {}", u8::from(encrypted)));
    if let Some(ca) = replication.sslrootcert.as_ref().filter(|_| encrypted) {
        options.push(format!("{term}_SSL_CA = {}", literal(&ca.display().to_string())));
        options.push(format!("{term}_SSL_VERIFY_SERVER_CERT = 1"));
    } else {
        options.extend(words.unverified.map(str::to_owned));
    }
    if !encrypted {
        options.extend(words.unencrypted.map(str::to_owned));
    }
    options.push(words.by_position.to_owned());
    format!("{statement} {}", options.join(", "))
}

/// Waits until it replicates; says why not in the server's own words.
async fn streams(member: &Member, leader: &Member, session: &Session) -> Result<(), ActionError> {
    let began = Instant::now();
    loop {
        let server = server::look(session).await?;
        if server.streams() {
            return Ok(());
        }
        let stopped = server.leader().is_some_and(|leader| leader.receiving == Receiving::No || !leader.applying);
        let trouble = server.trouble();
        if let Some(leader_of) = server.leader().filter(|leader| HOPELESS.contains(&leader.receive_error.0)) {
            let (code, said) = &leader_of.receive_error;
            return Err(ActionError::refused(format!(
                "{} is not let in by {} to replicate ({code}: {said}); set the account `{}` right there, then resume",
                member.name(),
                leader.name(),
                leader_of.user
            )));
        }
        // What it retries (a leader that is away) may pass; what stopped it does not.
        if (stopped && trouble.is_some()) || began.elapsed() >= STREAM_MAX {
            let trouble = trouble.unwrap_or_else(|| "its log says why".to_owned());
            return Err(ActionError::transient(format!(
                "{} does not replicate from {}: {trouble}",
                member.name(),
                leader.name()
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}
