//! One session. What does not come back in time costs it its life, here and at the server.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use mysql_async::prelude::{Protocol, Queryable};
use mysql_async::{Conn, Error, Opts, Params, QueryResult, Value};
use tokio::sync::Mutex;

use super::fault::{ENDED, failure, fault, said};
use super::{CONNECT_MAX, LookSql, Rows};
use crate::actions::database::mysql::versions::Words;
use crate::engine::action::{ActionError, Fault, Touch};

/// How long the connection may have been waited for before the locks are looked at again.
const WAITED_MAX: Duration = Duration::from_millis(100);
/// How long an answer shows that the session lives.
const JUST_NOW: Duration = Duration::from_millis(50);

/// One session.
pub struct Session {
    conn: Mutex<Option<Conn>>,
    id: u32,
    opts: Opts,
    place: String,
    words: &'static Words,
    /// When the server answered last.
    answered: std::sync::Mutex<Option<Instant>>,
}

/// Ends a session at the server from another one, unless it is told that all is well.
struct Watchdog<'a> {
    session: &'a Session,
    armed: bool,
}

impl Drop for Watchdog<'_> {
    fn drop(&mut self) {
        if self.armed {
            tokio::spawn(kill(self.session.opts.clone(), self.session.id));
        }
    }
}

async fn kill(opts: Opts, id: u32) {
    let killing = async {
        if let Ok(mut conn) = Conn::new(opts).await {
            // It may be gone already, and then nothing is left to be ended.
            let _ = conn.query_drop(format!("KILL {id}")).await;
            let _ = conn.disconnect().await;
        }
    };
    let _ = tokio::time::timeout(CONNECT_MAX, killing).await;
}

impl Session {
    pub(super) fn new(conn: Conn, opts: Opts, place: String, words: &'static Words) -> Self {
        let id = conn.id();
        Self { conn: Mutex::new(Some(conn)), id, opts, place, words, answered: std::sync::Mutex::new(None) }
    }

    /// Looks.
    pub async fn look(&self, sql: LookSql, parameters: &[&str], limit: Duration) -> Result<Rows, ActionError> {
        self.run(sql.0, parameters, limit, None).await
    }

    /// Asks two things in one round trip: inside an outage, and far away, each counts.
    pub async fn look_twice(&self, first: LookSql, second: LookSql, limit: Duration) -> Result<[Rows; 2], ActionError> {
        let mut sets = self.run_all(&format!("{}; {}", first.0, second.0), &[], limit, None).await?.into_iter();
        Ok([sets.next().unwrap_or_default(), sets.next().unwrap_or_default()])
    }

    /// Changes something.
    pub async fn touch(
        &self,
        touch: &Touch,
        sql: &str,
        parameters: &[&str],
        limit: Duration,
    ) -> Result<Rows, ActionError> {
        self.run(sql, parameters, limit, Some(touch)).await
    }

    /// Changes something by several statements in one round trip. The first that fails is the last that is carried out.
    pub async fn touch_in_turn(
        &self,
        touch: &Touch,
        statements: &[&str],
        limit_of_each: Duration,
    ) -> Result<(), ActionError> {
        let count = u32::try_from(statements.len()).unwrap_or(u32::MAX);
        self.run_all(&statements.join("; "), &[], limit_of_each.saturating_mul(count), Some(touch)).await.map(drop)
    }

    /// Has the server take these apart beforehand: what takes parameters costs a round trip more the first time.
    pub async fn make_ready(&self, statements: &[&str]) {
        let mut slot = self.conn.lock().await;
        let Some(mut conn) = slot.take() else { return };
        let all = async {
            for statement in statements {
                conn.prep(*statement).await?;
            }
            Ok::<_, Error>(conn)
        };
        // What could not be made ready in time is lost as a session, and said by whoever needs it.
        if let Ok(Ok(conn)) = tokio::time::timeout(CONNECT_MAX, all).await {
            *slot = Some(conn);
        }
    }

    /// The first events of one of the server's logs, whose name may not be a parameter.
    pub async fn first_events(&self, log: &str, limit: Duration) -> Result<Rows, ActionError> {
        self.run(&format!("SHOW BINLOG EVENTS IN '{}' LIMIT 4", log.replace('\'', "''")), &[], limit, None).await
    }

    /// Looks with a query that was put together: names of tables and columns cannot be parameters. Reads only, which
    /// the server is told to hold it to.
    pub async fn look_at(&self, query: &str, limit: Duration) -> Result<Rows, ActionError> {
        self.run("START TRANSACTION READ ONLY", &[], limit, None).await?;
        let rows = self.run(query, &[], limit, None).await;
        self.run("COMMIT", &[], limit, None).await?;
        rows
    }

    /// The server's number for it.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// How this server calls things.
    pub fn words(&self) -> &'static Words {
        self.words
    }

    /// Whether the server answered just now.
    pub(super) fn has_just_answered(&self) -> bool {
        let answered = *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.is_some_and(|at| at.elapsed() < JUST_NOW)
    }

    /// Whether it was not lost so far as one knows.
    pub async fn is_alive(&self) -> bool {
        self.conn.lock().await.is_some()
    }

    /// Ends it at the server, and waits for that: what it holds is let go.
    pub async fn end(&self) {
        let conn = self.conn.lock().await.take();
        let told = match conn {
            Some(conn) => matches!(tokio::time::timeout(CONNECT_MAX, conn.disconnect()).await, Ok(Ok(()))),
            None => false,
        };
        if !told {
            kill(self.opts.clone(), self.id).await;
        }
    }

    pub(super) async fn run(
        &self,
        sql: &str,
        parameters: &[&str],
        limit: Duration,
        touch: Option<&Touch>,
    ) -> Result<Rows, ActionError> {
        Ok(self.run_all(sql, parameters, limit, touch).await?.into_iter().next().unwrap_or_default())
    }

    async fn run_all(
        &self,
        sql: &str,
        parameters: &[&str],
        limit: Duration,
        touch: Option<&Touch>,
    ) -> Result<Vec<Rows>, ActionError> {
        let mut slot = match touch {
            None => self.conn.lock().await,
            // Asked without the connection in hand, and again when somebody else had it for a while. Whoever has waited
            // long keeps his turn otherwise: two who hand it to one another would never speak.
            Some(touch) => loop {
                touch.check().await?;
                let asked = Instant::now();
                let slot = self.conn.lock().await;
                if asked.elapsed() < WAITED_MAX {
                    break slot;
                }
            },
        };
        let Some(mut conn) = slot.take() else {
            return Err(ActionError::transient(format!("{}: the session was lost", self.place)));
        };
        let mut watchdog = Watchdog { session: self, armed: true };
        let asked = tokio::time::timeout(limit, ask(&mut conn, sql, parameters)).await;
        match asked {
            Ok(Ok(rows)) => {
                watchdog.armed = false;
                *slot = Some(conn);
                *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                Ok(rows)
            }
            Ok(Err(error)) => {
                watchdog.armed = false;
                let fault = fault(&error, touch.is_some());
                if matches!(&error, Error::Server(said) if !ENDED.contains(&said.code)) {
                    *slot = Some(conn);
                }
                Err(failure(fault, &error, format!("{}: {}", self.place, said(&error))))
            }
            Err(_) => {
                drop(conn);
                let fault = if touch.is_some() { Fault::InDoubt } else { Fault::Unreachable };
                Err(ActionError::new(fault, format!("{}: no answer within {} ms", self.place, limit.as_millis())))
            }
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("place", &self.place).field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the statements gave, one after the other.
async fn ask(conn: &mut Conn, sql: &str, parameters: &[&str]) -> Result<Vec<Rows>, Error> {
    // What takes no parameters goes as text: many an administrative statement cannot be prepared.
    if parameters.is_empty() {
        return all(conn.query_iter(sql).await?).await;
    }
    let values: Vec<Value> = parameters.iter().map(|value| Value::Bytes(value.as_bytes().to_vec())).collect();
    all(conn.exec_iter(sql, Params::Positional(values)).await?).await
}

async fn all<P: Protocol>(mut result: QueryResult<'_, '_, P>) -> Result<Vec<Rows>, Error> {
    let mut sets = Vec::new();
    loop {
        let columns = names(result.columns_ref());
        let rows = result.collect::<mysql_async::Row>().await?;
        sets.push(Rows { columns, rows: rows.into_iter().map(texts).collect() });
        if result.is_empty() {
            break;
        }
    }
    result.drop_result().await?;
    Ok(sets)
}

fn names(columns: &[mysql_async::Column]) -> Vec<String> {
    columns.iter().map(|column| column.name_str().into_owned()).collect()
}

fn texts(row: mysql_async::Row) -> Vec<Option<String>> {
    row.unwrap().into_iter().map(text).collect()
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        // Queries of ours cast these to text; the driver's own words for them have quotes.
        other @ (Value::Date(..) | Value::Time(..)) => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}
