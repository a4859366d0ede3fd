//! What Switchback needs in a service's databases: each statement with its reason, and whether it is missing.
//!
//! Made on the primary once; standbys get it with everything else. Nothing here makes the role a superuser.

use std::time::Duration;

use super::conninfo::{identifier, literal};
use super::live::LookSql;
use super::member::Member;
use super::programs;
use crate::actions::database::port::Need;
use crate::engine::action::{ActionError, Fault, Touch};

const SQL_MAX: Duration = Duration::from_secs(5);
const APPLY_MAX: Duration = Duration::from_secs(60);
/// Where pg_rewind logs in, and so where its rights must be: rights on functions belong to one database.
pub const REWIND_DATABASE: &str = "postgres";

const SEEN: LookSql = LookSql(
    "SELECT pg_has_role(current_user, 'pg_monitor', 'USAGE')::text,
            CASE WHEN current_setting('server_version_num')::int < 150000 THEN NULL
                 ELSE coalesce((SELECT pg_has_role(current_user, oid, 'USAGE') FROM pg_roles WHERE rolname = 'pg_checkpoint'), false)::text END,
            has_function_privilege('pg_promote(boolean, integer)', 'EXECUTE')::text,
            (SELECT (rolreplication OR rolsuper)::text FROM pg_roles WHERE rolname = current_user),
            (to_regclass('switchback.receipt') IS NOT NULL)::text,
            (to_regclass('switchback.canary') IS NOT NULL)::text,
            (to_regclass('switchback.marker') IS NOT NULL)::text,
            (to_regnamespace('switchback') IS NOT NULL)::text",
);
const SEEN_FOR_REWIND: LookSql = LookSql(
    "SELECT (has_function_privilege($1, 'pg_ls_dir(text, boolean, boolean)', 'EXECUTE')
             AND has_function_privilege($1, 'pg_stat_file(text, boolean)', 'EXECUTE')
             AND has_function_privilege($1, 'pg_read_binary_file(text)', 'EXECUTE')
             AND has_function_privilege($1, 'pg_read_binary_file(text, bigint, bigint, boolean)', 'EXECUTE'))::text
     FROM pg_roles WHERE rolname = $1",
);

/// What is needed at a member's server, and what of it is there.
pub async fn needs(member: &Member) -> Result<Vec<Need>, ActionError> {
    let seen = member.link.look(SEEN, &[], SQL_MAX).await?;
    let role = identifier(&member.estate.user);
    let database = member.estate.databases.first().cloned().unwrap_or_else(|| "postgres".to_owned());
    let need = |statement: String, reason, column| Need {
        database: database.clone(),
        statement,
        reason,
        present: Some(seen.is(0, column)),
    };
    let mut needs = vec![need(
        format!("GRANT pg_monitor TO {role}"),
        "to see who streams, how far, and the settings that matter",
        0,
    )];
    if seen.text(0, 1).is_some() {
        needs.push(need(
            format!("GRANT pg_checkpoint TO {role}"),
            "to shorten the stop that is to come, and before a rewind",
            1,
        ));
    }
    needs.push(need(format!("GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO {role}"), "to promote", 2));
    needs.push(need(
        format!("ALTER ROLE {role} REPLICATION"),
        "to make and drop the replication slots of the members",
        3,
    ));
    needs.push(need(
        format!("CREATE SCHEMA IF NOT EXISTS switchback AUTHORIZATION {role}"),
        "a schema for what Switchback itself writes down",
        7,
    ));
    for (table, reason, column) in TABLES.iter().zip(4..).map(|((table, reason), column)| (table, *reason, column)) {
        let name = table.split(' ').next().unwrap_or_default();
        let statement =
            format!("CREATE TABLE IF NOT EXISTS switchback.{table}; ALTER TABLE switchback.{name} OWNER TO {role}");
        needs.push(need(statement, reason, column));
    }
    needs.push(rewind_need(member).await);
    Ok(needs)
}

const TABLES: &[(&str, &str)] = &[
    (
        "receipt (system_identifier text NOT NULL, timeline bigint NOT NULL, fork pg_lsn NOT NULL, service text NOT NULL, \
         site text NOT NULL, from_site text NOT NULL, run text NOT NULL, operator text NOT NULL, mode text NOT NULL, \
         accepted text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (system_identifier, timeline))",
        "the receipt of every role change",
    ),
    (
        "canary (timeline bigint PRIMARY KEY, site text NOT NULL, run text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())",
        "the row that proves that a new primary takes writes",
    ),
    (
        "marker (host text PRIMARY KEY, timeline bigint NOT NULL, started bigint NOT NULL, run text NOT NULL, \
         at timestamptz NOT NULL DEFAULT clock_timestamp())",
        "the row that proves that writes reach the other site",
    ),
];

async fn rewind_need(member: &Member) -> Need {
    let user = &member.estate.replication.user;
    let grantee = identifier(user);
    let present = match member.link.apart_to(REWIND_DATABASE).await {
        Ok(session) => session.look(SEEN_FOR_REWIND, &[user], SQL_MAX).await.ok().map(|rows| rows.is(0, 0)),
        Err(_) => None,
    };
    Need {
        database: REWIND_DATABASE.to_owned(),
        statement: format!(
            "GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean), \
             pg_read_binary_file(text), pg_read_binary_file(text, bigint, bigint, boolean) TO {grantee}"
        ),
        reason: "so that pg_rewind can read from the one that serves, when a member has to be taken back",
        present,
    }
}

/// Carries out what is missing, as a superuser over the member's own socket. Gives the statements that were run.
pub async fn make(member: &Member, touch: &Touch) -> Result<Vec<Need>, ActionError> {
    let missing: Vec<Need> = needs(member).await?.into_iter().filter(|need| need.present != Some(true)).collect();
    let mut databases: Vec<&str> = missing.iter().map(|need| need.database.as_str()).collect();
    databases.dedup();
    for database in databases {
        let statements: Vec<&str> =
            missing.iter().filter(|need| need.database == database).map(|need| need.statement.as_str()).collect();
        let sql = format!("SET client_min_messages = warning;\n{};", statements.join(";\n"));
        let output = member.touch_script(touch, &programs::PREPARE, &[database, &sql], APPLY_MAX).await?;
        if !output.is_ok() {
            let what = format!("{}: preparing database {}", member.name(), literal(database));
            return Err(ActionError::new(Fault::Refused, format!("{what}: {}", output.complaint())));
        }
    }
    Ok(missing)
}
