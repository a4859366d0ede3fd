//! What Switchback needs at a service's servers: each statement with its reason, and whether it is missing.
//!
//! Made on the primary once; replicas get it with everything else, as far as the account is there too. The rights are
//! named one by one, so that the account need not be an administrator's.

use std::collections::BTreeSet;
use std::time::Duration;

use super::events::{identifier, literal};
use super::live::LookSql;
use super::member::Member;
use super::programs;
use crate::actions::database::port::Need;
use crate::engine::action::{ActionError, Fault, Touch};

const SQL_MAX: Duration = Duration::from_secs(5);
const APPLY_MAX: Duration = Duration::from_secs(60);

const GRANTS: LookSql = LookSql("SHOW GRANTS");
const WHO: LookSql = LookSql("SELECT current_user()");
const TABLES_SEEN: LookSql =
    LookSql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'switchback'");

/// A right on everything, and why.
pub type Right = (&'static str, &'static str);

pub const OF_MARIADB: &[Right] = &[
    ("PROCESS", "to see who writes, and to name them"),
    ("RELOAD", "to lock everything for a moment, so that administrators write nothing either"),
    ("CONNECTION ADMIN", "to end the sessions of a primary that hands over"),
    ("READ_ONLY ADMIN", "to make a server read-only, and to let it write again"),
    ("BINLOG MONITOR", "to see what a server has in its log"),
    ("BINLOG ADMIN", "to leave out of the log what is a member's own"),
    ("SLAVE MONITOR", "to see whom a replica follows, and how far it is"),
    ("REPLICATION SLAVE ADMIN", "to begin and end following"),
    ("SUPER", "to stop events on a primary that hands over"),
    ("EVENT", "to see events, and to enable them where the service is"),
    ("SET USER", "to leave an event with its definer"),
];

pub const OF_MYSQL: &[Right] = &[
    ("PROCESS", "to see who writes, and to name them"),
    ("RELOAD", "to forget whom a new primary followed"),
    ("REPLICATION CLIENT", "to see whom a replica follows, and how far it is"),
    ("EVENT", "to see events, and to enable them where the service is"),
    ("CONNECTION_ADMIN", "to end the sessions of a primary that hands over"),
    ("SYSTEM_VARIABLES_ADMIN", "to make a server read-only, also after a restart, and to let it write again"),
    ("REPLICATION_SLAVE_ADMIN", "to begin and end following"),
    ("BINLOG_ADMIN", "to leave out of the log what is a member's own"),
    ("SESSION_VARIABLES_ADMIN", "to leave out of the log what is a member's own"),
];
/// Before 8.2; 8.4 knows it no more.
pub const SET_USER_ID: &[Right] = &[("SET_USER_ID", "to leave an event with its definer")];
/// From 8.2 on.
pub const SET_ANY_DEFINER: &[Right] = &[("SET_ANY_DEFINER", "to leave an event with its definer")];
/// From 8.0.16 on: before it nobody's account is of a kind that others may not touch.
pub const SYSTEM_USER: &[Right] =
    &[("SYSTEM_USER", "to end an administrator's session, and to leave his event with him")];

const TABLES: &[(&str, &str, &str)] = &[
    (
        "receipt",
        "(term bigint unsigned NOT NULL PRIMARY KEY, position text NOT NULL, service varchar(255) NOT NULL, site varchar(255) NOT NULL, \
         from_site varchar(255) NOT NULL, run varchar(64) NOT NULL, operator varchar(255) NOT NULL, mode varchar(16) NOT NULL, \
         accepted text NOT NULL, at timestamp(3) NOT NULL DEFAULT current_timestamp(3)) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4",
        "the receipt of every role change",
    ),
    (
        "canary",
        "(term bigint unsigned NOT NULL PRIMARY KEY, site varchar(255) NOT NULL, run varchar(64) NOT NULL, \
         at timestamp(3) NOT NULL DEFAULT current_timestamp(3)) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4",
        "the row that proves that a new primary takes writes",
    ),
    (
        "marker",
        "(host varchar(255) NOT NULL PRIMARY KEY, term bigint unsigned NOT NULL, started bigint unsigned NOT NULL, run varchar(64) NOT NULL, \
         at timestamp(3) NOT NULL DEFAULT current_timestamp(3)) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4",
        "the row that proves that writes reach the other site",
    ),
    (
        "client_write",
        "(id tinyint unsigned NOT NULL PRIMARY KEY, run varchar(64) NOT NULL, number bigint unsigned NOT NULL, \
         at timestamp(3) NOT NULL DEFAULT current_timestamp(3)) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4",
        "the one row that the canary writes, where the estate has one, to measure what a client sees",
    ),
];

/// What is needed at a member's server, and what of it is there.
pub async fn needs(member: &Member) -> Result<Vec<Need>, ActionError> {
    let link = &member.link;
    let grants = link.look(GRANTS, &[], SQL_MAX).await?;
    let grants: Vec<&str> = grants.first_column().collect();
    let who = link.look(WHO, &[], SQL_MAX).await?;
    let (user, host) = who.text(0, 0).and_then(|who| who.rsplit_once('@')).unwrap_or((&member.estate.user, "%"));
    let account = format!("{}@{}", literal(user), literal(host));
    let seen = link.look(TABLES_SEEN, &[], SQL_MAX).await?;
    let seen: BTreeSet<&str> = seen.first_column().collect();
    let session = link.session().await?;
    let rights = session.words().rights;
    let need = |statement: String, reason: &'static str, present: bool| Need {
        database: String::new(),
        statement,
        reason,
        present: Some(present),
    };
    let mut needs: Vec<Need> = rights
        .iter()
        .copied()
        .flatten()
        .map(|(right, why)| need(format!("GRANT {right} ON *.* TO {account}"), why, has(&grants, right, "*.*")))
        .collect();
    for database in &member.estate.databases {
        let on = format!("{}.*", identifier(database));
        let present = has(&grants, "SELECT", &on);
        needs.push(need(format!("GRANT SELECT ON {on} TO {account}"), "to compare the members' tables", present));
    }
    let ours = has(&grants, "INSERT", "`switchback`.*");
    needs.push(need(
        "CREATE DATABASE IF NOT EXISTS switchback".to_owned(),
        "a database for what Switchback itself writes down",
        !seen.is_empty(),
    ));
    for (table, columns, why) in TABLES {
        let statement = format!("CREATE TABLE IF NOT EXISTS switchback.{table} {columns}");
        needs.push(need(statement, why, seen.contains(table)));
    }
    needs.push(need(
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON `switchback`.* TO {account}"),
        "to write and read these",
        ours,
    ));
    Ok(needs)
}

/// Whether one of the grants gives a right on something; one on everything gives it as well.
fn has(grants: &[&str], right: &str, on: &str) -> bool {
    grants.iter().any(|grant| {
        let Some((rights, rest)) = grant.strip_prefix("GRANT ").and_then(|rest| rest.split_once(" ON ")) else {
            return false;
        };
        let object = rest.split(" TO ").next().unwrap_or_default();
        (object == on || object == "*.*")
            // MySQL writes no space between the newer ones.
            && rights.split(',').map(str::trim).any(|given| given == right || given == "ALL PRIVILEGES" || is_new_name(given, right))
    })
}

/// Rights that a server shows under another name than it takes.
fn is_new_name(shown: &str, asked: &str) -> bool {
    matches!(
        (shown, asked),
        ("REPLICA MONITOR", "SLAVE MONITOR") | ("REPLICATION REPLICA ADMIN", "REPLICATION SLAVE ADMIN")
    )
}

/// Carries out what is missing, as an administrator over the member's own socket. Gives the statements that were run.
pub async fn make(member: &Member, touch: &Touch) -> Result<Vec<Need>, ActionError> {
    let missing: Vec<Need> = needs(member).await?.into_iter().filter(|need| need.present != Some(true)).collect();
    if missing.is_empty() {
        return Ok(missing);
    }
    let statements: Vec<&str> = missing.iter().map(|need| need.statement.as_str()).collect();
    let sql = format!("{};", statements.join(";\n"));
    let output = member.touch_script(touch, &programs::PREPARE, &[&sql], APPLY_MAX).await?;
    if !output.is_ok() {
        let sentence = format!("{}: preparing the server: {}", member.name(), output.complaint());
        return Err(ActionError::new(Fault::Refused, sentence));
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_read_off_grants() {
        let grants = [
            "GRANT PROCESS, BINLOG MONITOR, SLAVE MONITOR ON *.* TO `sb`@`%` IDENTIFIED BY PASSWORD '*A'",
            "GRANT SELECT, INSERT ON `switchback`.* TO `sb`@`%`",
        ];
        assert!(has(&grants, "BINLOG MONITOR", "*.*") && has(&grants, "INSERT", "`switchback`.*"));
        assert!(
            !has(&grants, "INSERT", "*.*") && !has(&grants, "RELOAD", "*.*") && !has(&grants, "INSERT", "`shop`.*")
        );
        // As MySQL 9.7 says them.
        let grants = [
            "GRANT RELOAD, PROCESS, REPLICATION CLIENT, EVENT ON *.* TO `sb`@`%`",
            "GRANT BINLOG_ADMIN,CONNECTION_ADMIN,REPLICATION_SLAVE_ADMIN,SYSTEM_VARIABLES_ADMIN ON *.* TO `sb`@`%`",
        ];
        assert!(["EVENT", "BINLOG_ADMIN", "REPLICATION_SLAVE_ADMIN"].iter().all(|right| has(&grants, right, "*.*")));
        assert!(has(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"], "RELOAD", "*.*"));
    }
}
