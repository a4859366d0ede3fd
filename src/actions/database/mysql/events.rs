//! Events: what the server itself writes at set times. They belong to whoever serves.
//!
//! A replica keeps the primary's events as *disabled here*, and exactly those that were enabled there. So the promotion enables
//! what is disabled so; it is in the log, and every replica has it as disabled at once. What an old primary has
//! enabled is disabled before it follows.

use std::time::Duration;

use super::live::{LookSql, Session};
use crate::engine::action::{ActionError, Touch};

const SQL_MAX: Duration = Duration::from_secs(5);

/// Newer versions say REPLICA where older ones say SLAVE.
const DISABLED_HERE: LookSql = LookSql(
    "SELECT event_schema, event_name, definer FROM information_schema.events WHERE status LIKE '%SIDE\\_DISABLED' ORDER BY 1, 2",
);
const ENABLED: LookSql = LookSql(
    "SELECT event_schema, event_name, definer FROM information_schema.events WHERE status = 'ENABLED' ORDER BY 1, 2",
);

/// How many events wait for a promotion.
pub async fn waiting(session: &Session) -> Result<usize, ActionError> {
    session.look(DISABLED_HERE, &[], SQL_MAX).await.map(|rows| rows.count())
}

/// Enables what waits for a promotion. Gives how many there were, and what could not be enabled.
pub async fn enable(session: &Session, touch: &Touch) -> Result<(usize, Vec<String>), ActionError> {
    alter(session, touch, DISABLED_HERE, "ENABLE").await
}

/// Disables what only a primary carries out, here and without a word in the log. Where the read-only state holds everybody it
/// holds events, too, and nobody may alter them: they are disabled when what the new primary's log says of them arrives.
pub async fn disable_here(session: &Session, touch: &Touch) -> Result<(), ActionError> {
    if session.words().holds_everybody {
        return Ok(());
    }
    session.touch(touch, "SET SESSION sql_log_bin = 0", &[], SQL_MAX).await?;
    let disabled = alter(session, touch, ENABLED, session.words().event_off_here).await;
    session.touch(touch, "SET SESSION sql_log_bin = 1", &[], SQL_MAX).await?;
    match disabled? {
        (_, failed) if failed.is_empty() => Ok(()),
        (_, failed) => Err(ActionError::refused(format!("events would go on at a replica: {}", failed.join("; ")))),
    }
}

async fn alter(
    session: &Session,
    touch: &Touch,
    which: LookSql,
    how: &str,
) -> Result<(usize, Vec<String>), ActionError> {
    let rows = session.look(which, &[], SQL_MAX).await?;
    let mut failed = Vec::new();
    for row in 0..rows.count() {
        let text = |column| rows.text(row, column).unwrap_or_default();
        let (schema, name) = (identifier(text(0)), identifier(text(1)));
        let (user, host) = text(2).rsplit_once('@').unwrap_or((text(2), "%"));
        // Without its definer named, it would become ours.
        let definer = format!("{}@{}", identifier(user), identifier(host));
        let statement = format!("ALTER DEFINER = {definer} EVENT {schema}.{name} {how}");
        if let Err(error) = session.touch(touch, &statement, &[], SQL_MAX).await {
            failed.push(format!("event {schema}.{name}: {error}"));
        }
    }
    Ok((rows.count(), failed))
}

/// A name in a statement.
pub fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text in a statement that takes no parameters. Backslashes escape in our sessions.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_quotes() {
        assert_eq!(identifier("a`b"), "`a``b`");
        assert_eq!(literal(r"it's \"), r"'it''s \\'");
    }
}
