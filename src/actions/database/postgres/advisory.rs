//! The run's lock at one server: a session advisory lock, which goes when the session goes, however it goes.
//!
//! Such a lock is one of a database, and another copy of the estate may name another database first. So whoever takes it
//! looks afterwards who else holds the same lock in any database of the server, and gives it back where somebody does:
//! of two who come at once none may win, and both try again.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::live::{Link, LookSql, Session};
use crate::actions::database::lock::{Hold, MemberLock};
use crate::engine::action::{ActionError, Touch};

const SQL_MAX: Duration = Duration::from_secs(5);

const TAKE: LookSql = LookSql("SELECT pg_try_advisory_lock($1::bigint)::text");
const GIVE_BACK: LookSql = LookSql("SELECT pg_advisory_unlock($1::bigint)::text");
const IS_OURS: LookSql = LookSql(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
                    AND objsubid = 1 AND ((classid::bigint << 32) | objid::bigint) = $1::bigint)::text",
);
/// In whichever database, but not this very session.
const HOLDER: LookSql = LookSql(
    "SELECT a.application_name, coalesce(host(a.client_addr), 'the server itself'), a.pid::text,
            to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"')
     FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid()
       AND ((l.classid::bigint << 32) | l.objid::bigint) = $1::bigint",
);

/// Sessions of our own role need no privilege to be ended.
const END_HOLDER: &str = "SELECT a.application_name, coalesce(host(a.client_addr), 'the server itself'),
            pg_terminate_backend(a.pid)::text
     FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid()
       AND a.usename = current_user AND ((l.classid::bigint << 32) | l.objid::bigint) = $1::bigint";

/// The lock of an estate at one server.
#[derive(Debug)]
pub struct AdvisoryLock {
    link: Arc<Link>,
    member: String,
    key: String,
    session: Mutex<Option<Session>>,
}

impl AdvisoryLock {
    /// Not taken yet.
    pub fn new(link: Arc<Link>, member: String, estate: &str) -> Self {
        Self { link, member, key: key(estate).to_string(), session: Mutex::new(None) }
    }

    async fn take(&self) -> Result<Hold, ActionError> {
        let mut kept = self.session.lock().await;
        if let Some(session) = kept.as_ref() {
            match session.look(IS_OURS, &[&self.key], SQL_MAX).await {
                Ok(rows) if rows.is(0, 0) => return Ok(Hold::Ours),
                _ => *kept = None,
            }
        }
        let session = self.link.apart().await?;
        let taken = session.look(TAKE, &[&self.key], SQL_MAX).await?.is(0, 0);
        let rows = session.look(HOLDER, &[&self.key], SQL_MAX).await?;
        if taken && rows.count() == 0 {
            *kept = Some(session);
            return Ok(Hold::Ours);
        }
        if taken {
            // The server hears of the end of a session later than of this.
            session.look(GIVE_BACK, &[&self.key], SQL_MAX).await?;
        }
        let text = |column| rows.text(0, column).filter(|text| !text.is_empty()).unwrap_or("unknown");
        Ok(Hold::Theirs(format!(
            "{} from {}, since {} (pid {} at {})",
            text(0),
            text(1),
            text(3),
            text(2),
            self.member
        )))
    }
}

impl MemberLock for AdvisoryLock {
    fn hold(&self) -> BoxFuture<'_, Hold> {
        Box::pin(async move { self.take().await.unwrap_or_else(Hold::Unreachable) })
    }
    fn let_go(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let kept = self.session.lock().await.take();
            if let Some(session) = kept {
                // The server hears of the end of a session later than of this. Where it cannot be told, the session goes.
                let _ = session.look(GIVE_BACK, &[&self.key], SQL_MAX).await;
            }
        })
    }
    fn end_holder<'a>(&'a self, touch: &'a Touch) -> BoxFuture<'a, Result<Option<String>, ActionError>> {
        Box::pin(async move {
            let session = self.link.apart().await?;
            let rows = session.touch(touch, END_HOLDER, &[&self.key], SQL_MAX).await?;
            let text = |column| rows.text(0, column).filter(|text| !text.is_empty()).unwrap_or("unknown");
            Ok((rows.count() > 0).then(|| format!("{} from {} at {}", text(0), text(1), self.member)))
        })
    }
}

/// The same number for the same estate, whoever computes it.
fn key(estate: &str) -> i64 {
    let digest = Sha256::digest(format!("switchback/{estate}").as_bytes());
    let mut first = [0_u8; 8];
    for (to, from) in first.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    i64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_never_changes() {
        // Another number would let two versions of the program run at once.
        assert_eq!(key("shop"), key("shop"));
        assert_eq!(key("shop"), KEY_OF_SHOP);
        assert_ne!(key("shop"), key("shop2"));
    }

    const KEY_OF_SHOP: i64 = -8_794_264_392_833_411_511;
}
