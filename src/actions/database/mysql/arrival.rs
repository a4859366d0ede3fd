//! Whether everything that the old primary wrote has been applied: by what each of the two says that it has.

use std::time::Duration;

use super::gtid::{self, Gtids, Stretch};
use super::member::Member;
use super::server::{Receiving, Server};
use crate::actions::database::port::Arrival;
use crate::engine::action::{ActionError, Evidence};
use crate::runbook::bound::Mode;

/// How long one look waits at the server, in seconds: it answers in the moment in which the last of it is applied.
const WAIT_SECONDS: &str = "0.5";
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Compares what the one has with what the other has.
pub async fn look(from: &Member, to: &Member, mode: Mode) -> Result<Arrival, ActionError> {
    let (old, new) = futures::join!(from.server(), to.server());
    of((from, old), (to, new?), mode).await
}

/// The same of members that were looked at a moment ago.
pub async fn of(
    (from, old): (&Member, Result<Server, ActionError>),
    (to, new): (&Member, Server),
    mode: Mode,
) -> Result<Arrival, ActionError> {
    let old = match old {
        Ok(old) => old,
        Err(silent) => return Box::pin(by_disk(from, to, &new, silent)).await,
    };
    if !old.read_only {
        return Ok(Arrival::StillWriting(Evidence::new(format!("{} takes writes, at {}", from.name(), old.position))));
    }
    let missing = old.own.missing_from(&new.own);
    if missing.is_empty() {
        return Ok(Arrival::All(all(from, to, &old.own)));
    }
    if mode == Mode::Emergency && !comes_in(&new) {
        return Ok(lost(from, to, &missing, "as the server itself says"));
    }
    let session = to.link.session().await?;
    session.look(session.words().wait, &[&old.position, WAIT_SECONDS], WAIT_MAX).await?;
    let new = to.server().await?;
    let missing = old.own.missing_from(&new.own);
    if missing.is_empty() {
        return Ok(Arrival::All(all(from, to, &old.own)));
    }
    let trouble = new.trouble().map_or_else(String::new, |trouble| format!("; {} says: {trouble}", to.name()));
    let sentence = format!("{} of {} not applied at {} yet{trouble}", gtid::spoken(&missing), from.name(), to.name());
    Ok(Arrival::NotYet(Evidence::new(sentence).with("missing", gtid::count(&missing))))
}

/// Whether what the old primary has still can come in by itself.
fn comes_in(new: &Server) -> bool {
    new.leader().is_some_and(|leader| leader.receiving == Receiving::Yes)
}

fn all(from: &Member, to: &Member, own: &Gtids) -> Evidence {
    Evidence::new(format!("everything that {} has ({own}) is applied at {}", from.name(), to.name()))
        .with("end", own.to_string())
        .with("missing", 0)
}

fn lost(from: &Member, to: &Member, missing: &[Stretch], by: &str) -> Arrival {
    let count = gtid::count(missing);
    let sentence = match count {
        0 => format!("{} has everything that {} wrote, {by}", to.name(), from.name()),
        _ => format!("{} of {} never came to {}, {by}", gtid::spoken(missing), from.name(), to.name()),
    };
    let stretches: Vec<String> = missing.iter().map(Stretch::to_string).collect();
    Arrival::Lost {
        bytes: count,
        evidence: Evidence::new(sentence)
            .with("missing", count)
            .with("lost_transactions", count)
            .with("transactions", stretches),
    }
}

/// The old primary does not answer: its log tells, where its disk can be read.
async fn by_disk(from: &Member, to: &Member, new: &Server, silent: ActionError) -> Result<Arrival, ActionError> {
    let disk = match from.disk().await {
        Ok(disk) => disk,
        Err(error) => return Ok(Arrival::Unknown(last_seen(from, to, new, &format!("{silent}; {error}")))),
    };
    if disk.running.is_some() && !disk.is_sealed() {
        return Ok(Arrival::StillWriting(Evidence::new(format!("{} runs without answering: {silent}", from.name()))));
    }
    let own = match from.log_on_disk().await {
        Ok(own) => own,
        Err(error) => return Ok(Arrival::Unknown(last_seen(from, to, new, &error.to_string()))),
    };
    // What was received is applied before a promotion.
    let mut has = new.own.clone();
    for leader in &new.followed {
        has.join(&leader.received);
    }
    let missing = own.missing_from(&has);
    if missing.is_empty() && new.to_apply() == 0 {
        return Ok(Arrival::All(all(from, to, &own)));
    }
    Ok(lost(from, to, &missing, "by the log on its disk"))
}

fn last_seen(from: &Member, to: &Member, new: &Server, why: &str) -> Evidence {
    Evidence::new(format!("what {} wrote last cannot be read ({why}); {} has {}", from.name(), to.name(), new.own))
}
