//! The run's lock at one server: a session's named lock, which goes when the session goes, however it goes.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::live::{Link, LookSql, Session};
use crate::actions::database::lock::{Hold, MemberLock};
use crate::engine::action::{ActionError, Touch};

const SQL_MAX: Duration = Duration::from_secs(5);

const TAKE: LookSql = LookSql("SELECT GET_LOCK(?, 0)");
const IS_OURS: LookSql = LookSql("SELECT IS_USED_LOCK(?) = CONNECTION_ID()");
const HOLDER: LookSql = LookSql(
    "SELECT CAST(p.id AS CHAR), p.user, p.host FROM information_schema.processlist p WHERE p.id = IS_USED_LOCK(?)",
);
const GIVE_BACK: LookSql = LookSql("SELECT RELEASE_LOCK(?)");
/// Sessions of one's own account need no privilege to be ended.
const OWN_HOLDER: LookSql = LookSql(
    "SELECT CAST(p.id AS CHAR), p.host FROM information_schema.processlist p
     WHERE p.id = IS_USED_LOCK(?) AND p.user = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND p.id <> CONNECTION_ID()",
);
/// Tended every other second; a machine that vanished holds nothing for long.
const LET_GO: LookSql = LookSql("SET SESSION wait_timeout = 20");

/// The lock of an estate at one server.
#[derive(Debug)]
pub struct NamedLock {
    link: Arc<Link>,
    member: String,
    name: String,
    session: Mutex<Option<Session>>,
}

impl NamedLock {
    /// Not taken yet.
    pub fn new(link: Arc<Link>, member: String, estate: &str) -> Self {
        Self { link, member, name: name(estate), session: Mutex::new(None) }
    }

    async fn take(&self) -> Result<Hold, ActionError> {
        let mut kept = self.session.lock().await;
        if let Some(session) = kept.as_ref() {
            match session.look(IS_OURS, &[&self.name], SQL_MAX).await {
                Ok(rows) if rows.is(0, 0) => return Ok(Hold::Ours),
                _ => *kept = None,
            }
        }
        let session = self.link.apart().await?;
        session.look(LET_GO, &[], SQL_MAX).await?;
        if session.look(TAKE, &[&self.name], SQL_MAX).await?.is(0, 0) {
            *kept = Some(session);
            return Ok(Hold::Ours);
        }
        let rows = session.look(HOLDER, &[&self.name], SQL_MAX).await?;
        let text = |column| rows.text(0, column).filter(|text| !text.is_empty()).unwrap_or("unknown");
        Ok(Hold::Theirs(format!("{} from {} (session {} at {})", text(1), text(2), text(0), self.member)))
    }
}

impl MemberLock for NamedLock {
    fn hold(&self) -> BoxFuture<'_, Hold> {
        Box::pin(async move { self.take().await.unwrap_or_else(Hold::Unreachable) })
    }
    fn let_go(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let kept = self.session.lock().await.take();
            if let Some(session) = kept {
                // The server hears of the end of a session later than of this. Where it cannot be told, the session goes.
                let _ = session.look(GIVE_BACK, &[&self.name], SQL_MAX).await;
            }
        })
    }
    fn end_holder<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Option<String>, ActionError>> {
        Box::pin(async move {
            let session = self.link.apart().await?;
            let rows = session.look(OWN_HOLDER, &[&self.name], SQL_MAX).await?;
            let Some(id) = rows.get::<u64>(0, 0) else { return Ok(None) };
            session.touch(touch, &format!("KILL CONNECTION {id}"), &[], SQL_MAX).await?;
            let from = rows.text(0, 1).unwrap_or("unknown");
            Ok(Some(format!("session {id} from {from} at {}", self.member)))
        })
    }
}

/// The same name for the same estate, whoever computes it, within the 64 characters that a lock's name may have.
fn name(estate: &str) -> String {
    let digest = Sha256::digest(format!("switchback/{estate}").as_bytes());
    let first = digest.iter().take(16).fold(0_u128, |all, byte| (all << 8) | u128::from(*byte));
    format!("switchback/{first:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_never_changes() {
        // Another name would let two versions of the program run at once.
        assert_eq!(name("shop"), NAME_OF_SHOP);
        assert_ne!(name("shop"), name("shop2"));
    }

    const NAME_OF_SHOP: &str = "switchback/85f47f20f44c5649c51c7a9ae00a9049";
}
