//! Dynamic update (RFC 2136) signed with TSIG: BIND, Knot, PowerDNS, Windows and others.
//!
//! Compare-and-set is the protocol's own: an update carries what must stand there, and the server decides
//! and changes in one act. Updates go over TCP, where an answer cannot be forged by who only guesses and
//! nothing is sent twice.
//!
//! The look at the credentials is an update without a change. It proves that the server takes our key for
//! the zone (`allow-update`); a policy for single names (`update-policy`) is judged by some servers only when
//! a name is changed.

mod key;
#[cfg(test)]
mod on_bind;
mod update;

use futures::future::BoxFuture;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::TSigner;
use tokio::sync::OnceCell;

use super::port::{Access, Change, Provider};
use crate::actions::dns::{ANSWER_MAX, Lost, NoAnswer, Server, connect, exchange, shown};
use crate::engine::action::{ActionError, Fault, Touch};
use crate::estate::model::{Rfc2136, TsigKey};
use update::Verdict;

/// Servers that take updates, and the key.
#[derive(Debug)]
pub struct SignedUpdates {
    update_at: Vec<Server>,
    key: TsigKey,
    /// Read at the first use and kept.
    signer: OnceCell<Signer>,
}

struct Signer(TSigner);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.0.signer_name())
    }
}

/// Why one server did not do it. The next one is tried only when nothing was changed.
struct Failed {
    fault: Fault,
    why: String,
}

impl SignedUpdates {
    pub fn new(provider: &Rfc2136) -> Self {
        Self { update_at: Server::list(&provider.update_at), key: provider.key.clone(), signer: OnceCell::new() }
    }

    async fn signer(&self) -> Result<&TSigner, ActionError> {
        let read = || async {
            let key = self.key.clone();
            let read = tokio::task::spawn_blocking(move || key::read(&key)).await;
            match read {
                Ok(Ok(signer)) => Ok(Signer(signer)),
                Ok(Err(bad)) => Err(ActionError::refused(format!("the TSIG key cannot be used: {bad}"))),
                Err(_) => Err(ActionError::transient("reading the TSIG key was broken off")),
            }
        };
        self.signer.get_or_try_init(read).await.map(|signer| &signer.0)
    }

    /// Sends one request to one server; with a `touch`, one that changes something.
    async fn send(
        &self,
        server: &Server,
        message: hickory_proto::op::Message,
        touch: Option<&Touch>,
    ) -> Result<Verdict, Failed> {
        let signer = self.signer().await.map_err(|error| Failed { fault: error.fault, why: error.message })?;
        let lost = |Lost { why, sent }| {
            let fault = if sent { Fault::InDoubt } else { why.fault() };
            Failed { fault, why: format!("{server}: {why}") }
        };
        let before = |why| lost(Lost { why, sent: false });
        let now_s = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
        let signed = update::sign(message, signer, now_s).map_err(|_| before(NoAnswer::NoQuestion))?;
        let address = server.address().await.map_err(before)?;
        let stream = connect(address).await.map_err(lost)?;
        if let Some(touch) = touch {
            touch.check().await.map_err(|error| Failed { fault: error.fault, why: error.message })?;
        }
        let deadline = tokio::time::Instant::now() + ANSWER_MAX;
        let answer = exchange(stream, &signed.bytes, deadline).await.map_err(lost)?;
        Ok(signed.read(&answer))
    }

    /// What a verdict other than [`Verdict::Done`] means for us.
    fn failed(&self, server: &Server, zone: &str, verdict: Verdict) -> Failed {
        let key = self.signer.get().map_or_else(String::new, |signer| signer.0.signer_name().to_ascii());
        let (fault, why) = match verdict {
            Verdict::UnknownKey => (Fault::Refused, format!("it knows no TSIG key `{key}` of this algorithm (BADKEY)")),
            Verdict::WrongSecret => (Fault::Refused, format!("its TSIG key `{key}` has another secret (BADSIG)")),
            Verdict::Clocks { apart_s } => {
                let apart = apart_s.map_or_else(String::new, |apart_s| format!(" by {apart_s} s"));
                (Fault::Refused, format!("its clock and ours differ{apart} (BADTIME)"))
            }
            Verdict::Declined(ResponseCode::Refused) => {
                (Fault::Refused, format!("it does not let TSIG key `{key}` change zone `{zone}` (REFUSED)"))
            }
            Verdict::Declined(ResponseCode::NotAuth) => {
                (Fault::Refused, format!("it is not authoritative for zone `{zone}` (NOTAUTH)"))
            }
            Verdict::Declined(code) => {
                let why = NoAnswer::Declined(code);
                (why.fault(), why.to_string())
            }
            Verdict::Unsigned => (Fault::InDoubt, "its answer is not signed by our key".to_owned()),
            Verdict::Done | Verdict::Otherwise => {
                (Fault::Transient, "something else stands there than was seen just before".to_owned())
            }
        };
        Failed { fault, why: format!("{server}: {why}") }
    }

    async fn replace_at(&self, server: &Server, change: &Change, touch: &Touch) -> Result<(), Failed> {
        let Change { zone, name, expected, records, ttl_s } = change;
        // Last, that it stands there already: another TTL, or a change that has not reached every server.
        for before in expected.iter().chain([records]) {
            let message = update::replace(zone, name, before, records, *ttl_s)
                .map_err(|why| Failed { fault: why.fault(), why: format!("`{name}` in zone `{zone}`: {why}") })?;
            match self.send(server, message, Some(touch)).await? {
                Verdict::Done => return Ok(()),
                Verdict::Otherwise => {}
                verdict => return Err(self.failed(server, zone, verdict)),
            }
        }
        let seen: Vec<String> = expected.iter().map(shown).collect();
        let why = format!("{server}: something else stands there than {}", seen.join(" or "));
        Err(Failed { fault: Fault::Transient, why })
    }
}

impl Provider for SignedUpdates {
    fn load(&self) -> BoxFuture<'_, Result<(), ActionError>> {
        Box::pin(async move { self.signer().await.map(|_| ()) })
    }

    fn check_access<'a>(&'a self, zone: &'a str) -> BoxFuture<'a, Result<Access, ActionError>> {
        Box::pin(async move {
            let mut failed = Vec::new();
            for server in &self.update_at {
                let message = update::access(zone)
                    .map_err(|why| ActionError::new(why.fault(), format!("zone `{zone}`: {why}")))?;
                match self.send(server, message, None).await {
                    Ok(Verdict::Done) => {
                        let passed_over = failed.into_iter().map(|failed: Failed| failed.why).collect();
                        return Ok(Access { by: server.to_string(), passed_over });
                    }
                    Ok(verdict) => failed.push(self.failed(server, zone, verdict)),
                    Err(why) => failed.push(why),
                }
            }
            // Nothing was to be changed, so that nothing can be in doubt.
            let mut error = all_failed(&format!("zone `{zone}` cannot be changed"), &failed);
            if error.fault == Fault::InDoubt {
                error.fault = Fault::Transient;
            }
            Err(error)
        })
    }

    fn replace<'a>(&'a self, touch: &'a Touch, change: &'a Change) -> BoxFuture<'a, Result<(), ActionError>> {
        Box::pin(async move {
            let mut failed = Vec::new();
            for server in &self.update_at {
                match self.replace_at(server, change, touch).await {
                    Ok(()) => return Ok(()),
                    Err(why) => {
                        let is_open = matches!(why.fault, Fault::InDoubt | Fault::Transient);
                        failed.push(why);
                        if is_open {
                            break;
                        }
                    }
                }
            }
            Err(all_failed(&format!("`{}` was not changed", change.name), &failed))
        })
    }
}

/// One error for all servers tried: that of the last when it left something open, else of the one that said
/// most; a server that refuses says more than one that is not there.
fn all_failed(what: &str, failed: &[Failed]) -> ActionError {
    let last_open = failed.last().filter(|last| matches!(last.fault, Fault::InDoubt | Fault::Transient));
    let told = last_open.or_else(|| failed.iter().find(|one| one.fault == Fault::Refused)).or_else(|| failed.last());
    let fault = told.map_or(Fault::Refused, |one| one.fault);
    let whys: Vec<&str> = failed.iter().map(|one| one.why.as_str()).collect();
    let why =
        if whys.is_empty() { "the estate names no server to send updates to".to_owned() } else { whys.join("; ") };
    let what = if fault == Fault::InDoubt {
        what.replace("was not changed", "may have been changed")
    } else {
        what.to_owned()
    };
    ActionError::new(fault, format!("{what}: {why}"))
}
