//! Where MariaDB and MySQL, and their versions, differ in words: one table, and nowhere else.
//!
//! What differs in meaning (a position of MariaDB is not a set of MySQL) is in `gtid`; what one of them lacks is
//! said here as a flag, so that nobody asks for a version anywhere else.

use super::live::LookSql;
use super::preparation::{self, Right, SET_ANY_DEFINER, SET_USER_ID, SYSTEM_USER};
use crate::estate::model::Flavour;

/// How one kind of server calls things.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    pub flavour: Flavour,
    /// Everything that one look needs to know, in the order that `server` reads it.
    pub look: LookSql,
    /// Whether it is read-only, and nothing else.
    pub is_read_only: LookSql,
    /// When it began, by its host's clock, in seconds since 1970. Apart from `look`, since the server sums up all that it counts to
    /// answer: four times what the rest of a look costs it.
    pub started: LookSql,
    /// Everything that it has, and nothing else: it is asked again and again while nobody can write.
    pub own: LookSql,
    /// Whom it follows: a row for each connection.
    pub following: LookSql,
    pub columns: Columns,
    /// Stops both threads; one of them.
    pub stop: &'static str,
    pub stop_receiving: &'static str,
    pub start: &'static str,
    pub start_receiving: &'static str,
    /// Forgets whom it followed.
    pub forget: &'static str,
    /// Makes it read-only; the first of them waits for writers and may be refused.
    pub read_only: &'static [&'static str],
    pub writable: &'static [&'static str],
    /// Waits until it has applied a position: the position, seconds. Gives 0, or something else in time.
    pub wait: LookSql,
    /// Whether read-only holds for every account, also those of administrators.
    pub holds_everybody: bool,
    /// Tells it whom to follow; the options begin with the second.
    pub change: (&'static str, &'static str),
    /// What follows on the options that both have.
    pub by_position: &'static str,
    /// The option that is added where the server's certificate is not to be verified: newer versions verify where nothing is said.
    pub unverified: Option<&'static str>,
    /// The option that is added on a connection without encryption, without which the usual kind of password cannot be sent.
    pub unencrypted: Option<&'static str>,
    /// How an event is disabled where it is not to run as long as the server follows.
    pub event_off_here: &'static str,
    /// What our account needs, each with its reason; in lists, since versions differ by some.
    pub rights: &'static [&'static [Right]],
    /// Semi-sync, under each of the names that it may have here, the newest first.
    pub semi_sync: &'static [SemiSyncNames],
}

/// The names of semi-sync's settings and figures.
#[derive(Debug, PartialEq, Eq)]
pub struct SemiSyncNames {
    pub waits: &'static str,
    pub timeout: &'static str,
    pub acknowledges: &'static str,
    pub is_on: &'static str,
    pub replicas: &'static str,
    pub waiting: &'static str,
}

const SEMI_SYNC_OLD_TERMS: SemiSyncNames = SemiSyncNames {
    waits: "rpl_semi_sync_master_enabled",
    timeout: "rpl_semi_sync_master_timeout",
    acknowledges: "rpl_semi_sync_slave_enabled",
    is_on: "Rpl_semi_sync_master_status",
    replicas: "Rpl_semi_sync_master_clients",
    waiting: "Rpl_semi_sync_master_wait_sessions",
};

/// Of the plugins that came with MySQL 8.0.26; the old ones go on beside them, under the old names.
const SEMI_SYNC: SemiSyncNames = SemiSyncNames {
    waits: "rpl_semi_sync_source_enabled",
    timeout: "rpl_semi_sync_source_timeout",
    acknowledges: "rpl_semi_sync_replica_enabled",
    is_on: "Rpl_semi_sync_source_status",
    replicas: "Rpl_semi_sync_source_clients",
    waiting: "Rpl_semi_sync_source_wait_sessions",
};

/// The names of columns of `following`, which changed with the terms.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    pub host: &'static str,
    pub port: &'static str,
    pub user: &'static str,
    pub receiving: &'static str,
    pub applying: &'static str,
    pub behind_s: &'static str,
    pub received: &'static str,
    pub by_gtid: &'static str,
}

macro_rules! own_of_mariadb {
    () => {
        "concat_ws(',', nullif(@@gtid_binlog_state, ''), nullif(@@gtid_slave_pos, ''))"
    };
}

macro_rules! look_of_mariadb {
    () => {
        concat!("SELECT @@version, @@server_id, @@read_only, ", own_of_mariadb!(), ",
                @@datadir, @@port, @@log_bin, @@log_slave_updates, @@event_scheduler, @@gtid_strict_mode,
                @@binlog_format, @@sync_binlog, @@innodb_flush_log_at_trx_commit, NULL, @@gtid_current_pos, @@gtid_slave_pos, 'ON'")
    };
}

macro_rules! look_of_mysql {
    ($log_updates:literal) => {
        concat!("SELECT @@version, @@server_id, @@super_read_only, @@gtid_executed, @@datadir, @@port, @@log_bin, ",
                $log_updates, ", @@event_scheduler,
                @@enforce_gtid_consistency, @@binlog_format, @@sync_binlog, @@innodb_flush_log_at_trx_commit, @@gtid_purged,
                @@gtid_executed, @@gtid_executed, @@gtid_mode")
    };
}

/// MariaDB 10.11 and newer.
const MARIADB: Words = Words {
    flavour: Flavour::MariaDb,
    look: LookSql(look_of_mariadb!()),
    is_read_only: LookSql("SELECT @@read_only"),
    started: LookSql(
        "SELECT UNIX_TIMESTAMP() - variable_value FROM information_schema.global_status WHERE variable_name = 'UPTIME'",
    ),
    own: LookSql(concat!("SELECT ", own_of_mariadb!())),
    following: LookSql("SHOW ALL SLAVES STATUS"),
    columns: Columns {
        host: "Master_Host",
        port: "Master_Port",
        user: "Master_User",
        receiving: "Slave_IO_Running",
        applying: "Slave_SQL_Running",
        behind_s: "Seconds_Behind_Master",
        received: "Gtid_IO_Pos",
        by_gtid: "Using_Gtid",
    },
    stop: "STOP SLAVE",
    stop_receiving: "STOP SLAVE IO_THREAD",
    start: "START SLAVE",
    start_receiving: "START SLAVE IO_THREAD",
    forget: "RESET SLAVE ALL",
    read_only: &["SET GLOBAL read_only = 1"],
    writable: &["SET GLOBAL read_only = 0"],
    wait: LookSql("SELECT MASTER_GTID_WAIT(?, ?)"),
    holds_everybody: false,
    change: ("CHANGE MASTER TO", "MASTER"),
    // What the member wrote as a primary counts as applied from here on: it is the leader's past.
    by_position: "MASTER_USE_GTID = slave_pos, MASTER_DEMOTE_TO_SLAVE = 1",
    unverified: Some("MASTER_SSL_VERIFY_SERVER_CERT = 0"),
    unencrypted: None,
    // MySQL knows REPLICA beside it since 8.2, and takes this still.
    event_off_here: "DISABLE ON SLAVE",
    rights: &[preparation::OF_MARIADB],
    semi_sync: &[SEMI_SYNC_OLD_TERMS],
};

/// MySQL 8.0.0 to 8.0.15, in the old terms.
const MYSQL_OLD_TERMS: Words = Words {
    flavour: Flavour::MySql,
    look: LookSql(look_of_mysql!("@@log_slave_updates")),
    is_read_only: LookSql("SELECT @@super_read_only"),
    started: LookSql(
        "SELECT UNIX_TIMESTAMP() - variable_value FROM performance_schema.global_status WHERE variable_name = 'Uptime'",
    ),
    own: LookSql("SELECT @@gtid_executed"),
    following: LookSql("SHOW SLAVE STATUS"),
    columns: Columns { received: "Retrieved_Gtid_Set", by_gtid: "Auto_Position", ..MARIADB.columns },
    read_only: &["SET PERSIST super_read_only = ON"],
    writable: &[
        "RESET PERSIST IF EXISTS super_read_only",
        "RESET PERSIST IF EXISTS read_only",
        "SET GLOBAL super_read_only = OFF",
        "SET GLOBAL read_only = OFF",
    ],
    wait: LookSql("SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)"),
    holds_everybody: true,
    by_position: "MASTER_AUTO_POSITION = 1",
    unverified: None,
    unencrypted: Some("GET_MASTER_PUBLIC_KEY = 1"),
    rights: &[preparation::OF_MYSQL, SET_USER_ID],
    ..MARIADB
};

/// MySQL 8.0.16 to 8.0.22: administrators are of a kind of their own.
const MYSQL_SYSTEM_USERS: Words =
    Words { rights: &[preparation::OF_MYSQL, SET_USER_ID, SYSTEM_USER], ..MYSQL_OLD_TERMS };

/// MySQL 8.0.23 to 8.0.25: statements and columns in the new terms, variables in the old ones.
const MYSQL_NEW_STATEMENTS: Words = Words {
    following: LookSql("SHOW REPLICA STATUS"),
    columns: Columns {
        host: "Source_Host",
        port: "Source_Port",
        user: "Source_User",
        receiving: "Replica_IO_Running",
        applying: "Replica_SQL_Running",
        behind_s: "Seconds_Behind_Source",
        received: "Retrieved_Gtid_Set",
        by_gtid: "Auto_Position",
    },
    stop: "STOP REPLICA",
    stop_receiving: "STOP REPLICA IO_THREAD",
    start: "START REPLICA",
    start_receiving: "START REPLICA IO_THREAD",
    forget: "RESET REPLICA ALL",
    change: ("CHANGE REPLICATION SOURCE TO", "SOURCE"),
    by_position: "SOURCE_AUTO_POSITION = 1",
    unencrypted: Some("GET_SOURCE_PUBLIC_KEY = 1"),
    ..MYSQL_SYSTEM_USERS
};

/// MySQL 8.0.26 to 8.1; 8.4 knows no other statements.
const MYSQL_NEW_VARIABLES: Words = Words {
    look: LookSql(look_of_mysql!("@@log_replica_updates")),
    own: LookSql("SELECT @@gtid_executed"),
    semi_sync: &[SEMI_SYNC, SEMI_SYNC_OLD_TERMS],
    ..MYSQL_NEW_STATEMENTS
};

/// MySQL 8.2 and newer, which part rights that were one.
const MYSQL: Words = Words { rights: &[preparation::OF_MYSQL, SET_ANY_DEFINER, SYSTEM_USER], ..MYSQL_NEW_VARIABLES };

/// The oldest that is known, by flavour.
const OLDEST: [(Flavour, Version); 2] = [(Flavour::MariaDb, (10, 11, 0)), (Flavour::MySql, (8, 0, 0))];

type Version = (u32, u32, u32);

/// The words of a server by the version that it says.
pub fn words(flavour: Flavour, version: &str) -> Result<&'static Words, String> {
    let found = flavour_of(version);
    if found != flavour {
        return Err(format!("it is {} {version}, and the estate says `flavour: {}`", name(found), key(flavour)));
    }
    let number = parse(version).ok_or_else(|| format!("its version `{version}` cannot be read"))?;
    if let Some((_, (major, minor, _))) = OLDEST.iter().find(|(kind, oldest)| *kind == flavour && number < *oldest) {
        return Err(format!("it is version {version}; {} {major}.{minor} and newer are known", name(flavour)));
    }
    Ok(match flavour {
        Flavour::MariaDb => &MARIADB,
        Flavour::MySql if number < (8, 0, 16) => &MYSQL_OLD_TERMS,
        Flavour::MySql if number < (8, 0, 23) => &MYSQL_SYSTEM_USERS,
        Flavour::MySql if number < (8, 0, 26) => &MYSQL_NEW_STATEMENTS,
        Flavour::MySql if number < (8, 2, 0) => &MYSQL_NEW_VARIABLES,
        Flavour::MySql => &MYSQL,
    })
}

/// As people call it.
pub fn name(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MariaDb => "MariaDB",
        Flavour::MySql => "MySQL",
    }
}

/// Whether a member can be made anew as a copy of another.
pub fn is_copied(flavour: Flavour) -> bool {
    flavour == Flavour::MariaDb
}

/// What people copy a server with.
pub fn copies_with(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MariaDb => "mariadb-backup",
        Flavour::MySql => "the clone plugin or a physical backup",
    }
}

/// The option of the configuration that keeps it read-only over a restart.
pub fn read_only_option(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MariaDb => "read_only",
        Flavour::MySql => "super_read_only",
    }
}

/// As the estate calls it.
pub fn key(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MariaDb => "mariadb",
        Flavour::MySql => "mysql",
    }
}

/// Which of the two says such a version.
fn flavour_of(version: &str) -> Flavour {
    if version.to_ascii_lowercase().contains("mariadb") { Flavour::MariaDb } else { Flavour::MySql }
}

fn parse(version: &str) -> Option<Version> {
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let mut next = || parts.next()?.ok();
    Some((next()?, next()?, next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_its_words() {
        let stop = |flavour, version| words(flavour, version).map(|words| (words.stop, words.change.0));
        let (old, new) = (("STOP SLAVE", "CHANGE MASTER TO"), ("STOP REPLICA", "CHANGE REPLICATION SOURCE TO"));
        assert_eq!(stop(Flavour::MariaDb, "10.11.19-MariaDB-0+deb12u1-log"), Ok(old));
        assert_eq!(stop(Flavour::MariaDb, "12.1.2-MariaDB"), Ok(old));
        assert_eq!(stop(Flavour::MySql, "8.0.20"), Ok(old));
        let oldest = words(Flavour::MySql, "8.0.15").map(|words| words.rights);
        assert_eq!(oldest, Ok(&[preparation::OF_MYSQL, SET_USER_ID][..]));
        assert_eq!(stop(Flavour::MySql, "8.0.23"), Ok(new));
        assert_eq!(stop(Flavour::MySql, "8.0.40-0ubuntu0.22.04.1"), Ok(new));
        assert_eq!(stop(Flavour::MySql, "8.4.3"), Ok(new));
        assert!(stop(Flavour::MySql, "10.11.4-MariaDB").is_err_and(|why| why.contains("flavour: mysql")));
        assert!(stop(Flavour::MariaDb, "10.5.1-MariaDB").is_err_and(|why| why.contains("10.11 and newer")));
        assert!(stop(Flavour::MySql, "5.7.44").is_err());
    }

    /// The table of names, by the version at which each changed.
    #[test]
    fn every_name_changes_at_its_version() {
        let words = |version| words(Flavour::MySql, version).expect("known");
        let old = ("SHOW SLAVE STATUS", "RESET SLAVE ALL", "CHANGE MASTER TO");
        let new = ("SHOW REPLICA STATUS", "RESET REPLICA ALL", "CHANGE REPLICATION SOURCE TO");
        for (version, statements, log_updates, semi_sync, key) in [
            ("8.0.22", old, "@@log_slave_updates", "master", "GET_MASTER_PUBLIC_KEY = 1"),
            ("8.0.23", new, "@@log_slave_updates", "master", "GET_SOURCE_PUBLIC_KEY = 1"),
            ("8.0.25", new, "@@log_slave_updates", "master", "GET_SOURCE_PUBLIC_KEY = 1"),
            ("8.0.26", new, "@@log_replica_updates", "source", "GET_SOURCE_PUBLIC_KEY = 1"),
            ("8.4.3", new, "@@log_replica_updates", "source", "GET_SOURCE_PUBLIC_KEY = 1"),
            ("9.7.4-2", new, "@@log_replica_updates", "source", "GET_SOURCE_PUBLIC_KEY = 1"),
        ] {
            let (following, forget, change) = statements;
            let words = words(version);
            assert_eq!(
                (words.following, words.forget, words.change.0),
                (LookSql(following), forget, change),
                "{version}"
            );
            assert_eq!(words.unencrypted, Some(key), "{version}");
            assert!(words.look.0.contains(log_updates) && words.look.0.contains("@@super_read_only"), "{version}");
            assert!(words.semi_sync.first().is_some_and(|names| names.waits.contains(semi_sync)), "{version}");
            let rights: Vec<&str> = words.rights.iter().copied().flatten().map(|right| right.0).collect();
            let definers = if version < "8.2" { "SET_USER_ID" } else { "SET_ANY_DEFINER" };
            assert_eq!(
                rights.iter().filter(|right| right.starts_with("SET_")).collect::<Vec<_>>(),
                [&definers],
                "{version}"
            );
            assert!(rights.contains(&"SYSTEM_USER"), "{version}");
            // Everything in the terms that this version knows, and position by what it has executed.
            let terms = [words.stop, words.start, words.stop_receiving, words.start_receiving];
            assert!(
                terms.iter().all(|statement| statement.contains("SLAVE") == (version < "8.0.23")),
                "{version}: {terms:?}"
            );
            assert!(words.by_position.starts_with(words.change.1) && words.by_position.ends_with("AUTO_POSITION = 1"));
            assert!(words.wait.0.contains("WAIT_FOR_EXECUTED_GTID_SET") && words.holds_everybody);
            assert_eq!(words.read_only, ["SET PERSIST super_read_only = ON"]);
        }
    }

    #[test]
    fn only_mysql_holds_administrators_too() {
        let holds = |words: &[Words]| words.iter().map(|words| words.holds_everybody).collect::<Vec<_>>();
        assert_eq!(holds(&[MARIADB, MYSQL_OLD_TERMS, MYSQL]), [false, true, true]);
    }
}
