//! The read lock that holds administrators too: ours as long as a session of ours stands, and found again where a program of
//! ours that is gone has left one behind.
//!
//! A server takes a lock back with its session, and believes in the session of a machine that vanished, or of a program
//! that was stopped, until it has been silent for long enough. Meanwhile nobody at all can write, and nothing that can be
//! asked over SQL says why. So the session is tended and short-lived, and before it takes the read lock it takes a
//! lock of our own by name: whoever of ours comes later finds the session by that, and ends it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::disk::Disk;
use super::live::{LookSql, Session};
use super::member::Member;
use crate::engine::action::{ActionError, Touch};

const SQL_MAX: Duration = Duration::from_secs(5);
/// How long its session may be silent: as long as the run's own locks may go without a look.
const SILENT_SECONDS: u64 = 30;
const TEND_EVERY: Duration = Duration::from_secs(2);
/// How often, and how long apart, a session that was ended is looked for.
const ENDS: u32 = 100;
const ENDS_POLL: Duration = Duration::from_millis(20);

const ALIVE: LookSql = LookSql("SELECT 1");
const TAKE: LookSql = LookSql("SELECT GET_LOCK('switchback/read-lock', 0)");
const OTHER: LookSql = LookSql(
    "SELECT CAST(l.id AS CHAR) FROM (SELECT IS_USED_LOCK('switchback/read-lock') AS id) l WHERE l.id <> CONNECTION_ID()",
);

/// A read lock in our hands; let go when its session ends, however it ends.
#[derive(Debug)]
pub struct Held {
    session: Arc<Session>,
    /// What the server's disk told right before: a start would be read-only.
    disk: Disk,
    tending: JoinHandle<()>,
}

impl Held {
    /// Keeps what this session has locked. `disk` is what was seen when it was written down what a start would be.
    pub fn by(session: Session, disk: Disk) -> Self {
        let session = Arc::new(session);
        let tended = Arc::clone(&session);
        let tending = tokio::spawn(async move {
            // It has just been spoken to, and whoever asks for it next waits.
            tokio::time::sleep(TEND_EVERY).await;
            while tended.look(ALIVE, &[], SQL_MAX).await.is_ok() {
                tokio::time::sleep(TEND_EVERY).await;
            }
        });
        Self { session, disk, tending }
    }

    /// What the disk told, as long as the session stands: the server has not ended since, so that nothing has been started that
    /// could have read anything else.
    pub async fn stands(&self) -> Option<Disk> {
        self.session.look(ALIVE, &[], SQL_MAX).await.is_ok().then(|| self.disk.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.tending.abort();
    }
}

/// Lets go of the read lock, if this program holds one.
pub async fn let_go(member: &Member) {
    if let Some(held) = member.held.lock().await.take() {
        held.session.end().await;
    }
}

/// Makes this session the one that may take the read lock: it can be found, and goes when nobody tends it.
pub async fn may_lock(session: &Session, lock_seconds: u64, touch: &Touch) -> Result<(), ActionError> {
    let settings = format!("SET SESSION lock_wait_timeout = {lock_seconds}, wait_timeout = {SILENT_SECONDS}");
    session.touch(touch, &settings, &[], SQL_MAX).await?;
    end_of_others(session, touch).await?;
    if session.look(TAKE, &[], SQL_MAX).await?.is(0, 0) {
        return Ok(());
    }
    Err(ActionError::transient("another program of ours is about to freeze this server".to_owned()))
}

/// Ends the session of another program of ours that holds the read lock. One run an estate: what holds it is left over.
pub async fn end_of_others(session: &Session, touch: &Touch) -> Result<(), ActionError> {
    for _ in 0..ENDS {
        let other = session.look(OTHER, &[], SQL_MAX).await?;
        let Some(id) = other.get::<u64>(0, 0) else { return Ok(()) };
        match session.touch(touch, &format!("KILL CONNECTION {id}"), &[], SQL_MAX).await {
            // It has gone by itself.
            Err(error) if error.evidence.number("code") == Some(NO_SUCH_SESSION) => {}
            other => drop(other?),
        }
        tokio::time::sleep(ENDS_POLL).await;
    }
    Err(ActionError::transient(
        "a read lock that a program of ours left behind is still held, though its session was told to end".to_owned(),
    ))
}

/// "Unknown thread id".
pub const NO_SUCH_SESSION: u64 = 1094;
