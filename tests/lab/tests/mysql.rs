//! MySQL on real servers, in MariaDB's place: `tests/mysql` brings them and runs these.
//!
//! What is the engine's, or the same for both flavours, MariaDB's tests see to. Here is what differs: sets of transactions by
//! UUID, a read-only state that holds everybody and is persisted by the server itself, statements, columns and rights.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::lab::{Lab, lab};

const ESTATE: &str = "mariadb.yaml";
const FAILOVER: [&str; 4] = ["failover", "--to", "nuremberg", "--yes"];
const FAILBACK: [&str; 4] = ["failback", "--input", "soak=1s", "--yes"];
const EMERGENCY: [&str; 7] = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg"];
const ROUND_TRIPS: usize = 5;

/// What a server is, in one word.
fn role(lab_: &Lab, host: &str) -> &'static str {
    let threads = "select @@global.super_read_only, \
        (select count(*) from performance_schema.replication_connection_status where service_state = 'ON'), \
        (select count(*) from performance_schema.replication_applier_status where service_state = 'ON')";
    match lab_.mariadb(host, threads).as_str() {
        "0\t0\t0" => "primary",
        "1\t1\t1" => "replica",
        "1\t0\t0" => "read-only",
        _ => "something else",
    }
}

/// Sees that the one serves, and that the other follows it and has what it has.
fn is_at_rest(lab_: &Lab, primary: &str, replica: &str) {
    assert_eq!((role(lab_, primary), role(lab_, replica)), ("primary", "replica"));
    let position = lab_.mariadb(primary, "select @@gtid_executed").replace('\n', "");
    let waited = lab_.mariadb(replica, &format!("select wait_for_executed_gtid_set('{position}', 20)"));
    assert_eq!(waited, "0", "{replica} does not come to {position}");
}

fn ids(lab_: &Lab, host: &str) -> BTreeSet<u64> {
    lab_.mariadb(host, "select id from wiki.orders").lines().map(|line| line.parse().expect("an id")).collect()
}

fn is_refused(lab_: &Lab, arguments: &[&str], code: i32, words: &[&str]) {
    let said = lab_.exits(arguments, code);
    let text = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in:\n{}", said.stderr);
    }
}

fn serves_as_before(lab_: &Lab) {
    lab_.mariadb("a-db", "replace into wiki.pages values (-9, 'written', 'after the refusal')");
    assert_eq!(role(lab_, "a-db"), "primary");
    assert_eq!(lab_.mariadb("a-db", "select @@event_scheduler"), "ON");
}

#[test]
fn five_round_trips_of_mysql_lose_nothing() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("mariadb");
    for round in 1..=ROUND_TRIPS {
        eprintln!("round trip {round}");
        lab_.ok(&FAILOVER);
        is_at_rest(&lab_, "b-db", "a-db");
        lab_.ok(&FAILBACK);
        is_at_rest(&lab_, "a-db", "b-db");
    }
    let seen = lab_.client_stops();
    seen.is_whole("MySQL");
    eprintln!("longest gap between two acknowledged writes: {} ms", seen.longest_gap_ms);
    let said = lab_.ok(&["failover", "--to", "dallas", "--yes"]);
    assert!(said.stdout.contains("nothing was changed"), "{}", said.stdout);
    // Every table is compared before users go back.
    lab_.ok(&FAILOVER);
    lab_.ok(&["failback", "--input", "soak=1s", "--input", "checksums=true", "--yes"]);
    is_at_rest(&lab_, "a-db", "b-db");
}

/// The one account below this folder.
fn saved_sql(folder: &Path) -> PathBuf {
    let kept = std::fs::read_dir(folder.join("data.switchback/kept")).expect("something is kept");
    let files: Vec<PathBuf> =
        kept.flatten().map(|entry| entry.path().join("lost.sql")).filter(|at| at.exists()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.into_iter().next().expect("one")
}

#[test]
fn what_a_killed_mysql_had_not_sent_is_counted_saved_and_can_be_replayed() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("mariadb");
    lab(&["mariadb-hold"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    lab(&["mariadb-kill9", "a-db"]);
    is_refused(&lab_, &EMERGENCY, 4, &["--accept-data-loss wiki", "never came to b-db"]);
    assert_eq!(lab_.mariadb("b-db", "select @@super_read_only"), "1", "a refused fail-over changed something");
    let mut accepted = EMERGENCY.to_vec();
    accepted.extend(["--accept-data-loss", "wiki", "--reason", "the server is dead"]);
    let said = lab_.ok(&accepted);
    assert_eq!(role(&lab_, "b-db"), "primary");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let seen = lab_.client_stops();
    assert_eq!(seen.both, Vec::<serde_json::Value>::new(), "both sites took writes");
    let missing: BTreeSet<u64> = seen.missing.iter().filter_map(serde_json::Value::as_u64).collect();
    assert!(missing.len() > 10, "writes were held back, so some must be missing: the test lost its point: {missing:?}");
    // A write whose answer was lost with the server may be among them.
    let text = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let counted = [missing.len(), missing.len() + 1]
        .iter()
        .any(|count| text.contains(&format!("lost of `wiki`: {count} transactions, counted at the old primary")));
    assert!(counted, "{} are missing: {}", missing.len(), said.stderr);

    // No copy is made of MySQL, and nothing is taken back: said before anything is done, with what to do.
    is_refused(
        &lab_,
        &["run", "rejoin", "--input", "site=dallas", "--yes"],
        4,
        &["`switchback run account`", "by hand"],
    );
    lab_.ok(&["run", "account", "--input", "site=dallas", "--yes"]);
    let survived = ids(&lab_, "b-db");
    let file = saved_sql(&lab_.estate.with_file_name("a-db").join("mariadb"));
    let mut replay = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab"));
    replay.args(["mariadb", "b-db"]).stdin(Stdio::from(std::fs::File::open(&file).expect("readable")));
    assert!(replay.status().expect("the lab's command runs").success(), "{} cannot be replayed", file.display());
    let back: BTreeSet<u64> = ids(&lab_, "b-db").difference(&survived).copied().collect();
    let lost: Vec<&u64> = missing.difference(&back).collect();
    let more: Vec<&u64> = back.difference(&missing).collect();
    assert!(lost.is_empty() && more.len() <= 1, "not in the account: {lost:?}; only in the account: {more:?}");
    eprintln!("{} acknowledged writes were lost, counted, and brought back", missing.len());
}

#[test]
fn sessions_that_stand_in_the_way_of_mysql_are_waited_for_and_named() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("mariadb");
    lab(&["mariadb-fault", "a-db", "open-transaction"]);
    is_refused(&lab_, &FAILOVER, 6, &["1 transaction had not ended", "idle in its transaction"]);
    lab(&["mariadb-fault", "a-db", "sessions-end"]);
    serves_as_before(&lab_);
    lab(&["mariadb-fault", "a-db", "locked-table"]);
    is_refused(&lab_, &FAILOVER, 6, &["somebody holds a lock on", "`wiki.pages`"]);
    lab(&["mariadb-fault", "a-db", "sessions-end"]);
    serves_as_before(&lab_);
    is_at_rest(&lab_, "a-db", "b-db");
    // An event moves along.
    lab(&["mariadb-fault", "a-db", "event"]);
    lab_.ok(&FAILOVER);
    is_at_rest(&lab_, "b-db", "a-db");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let ticks = "select count(*) from wiki.ticks where site = 'b-db'";
    assert_ne!(lab_.mariadb("b-db", ticks), "0", "the event does not run where users are now");
    let status = "select status from information_schema.events where event_name = 'tick'";
    assert_eq!(lab_.mariadb("a-db", status), "REPLICA_SIDE_DISABLED");
    assert_eq!(
        lab_.mariadb("a-db", "select count(*) from wiki.ticks where site = 'a-db'"),
        lab_.mariadb("b-db", "select count(*) from wiki.ticks where site = 'a-db'")
    );
    // And back, where it was enabled before.
    lab_.ok(&FAILBACK);
    is_at_rest(&lab_, "a-db", "b-db");
    assert_eq!(
        (lab_.mariadb("a-db", status).as_str(), lab_.mariadb("b-db", status).as_str()),
        ("ENABLED", "REPLICA_SIDE_DISABLED")
    );
    lab_.ok(&FAILOVER);
    is_at_rest(&lab_, "b-db", "a-db");
    lab_.client_stops().is_whole("MySQL");
}

#[test]
fn a_replica_of_mysql_with_a_transaction_of_its_own_is_refused_by_its_name() {
    let lab_ = Lab::fresh_with(ESTATE);
    lab(&["mariadb-fault", "b-db", "errant"]);
    let own = format!("{}:1", lab_.mariadb("b-db", "select @@server_uuid"));
    is_refused(&lab_, &FAILOVER, 4, &[&own]);
    serves_as_before(&lab_);
}

#[test]
fn a_member_of_mysql_whose_leader_purged_what_it_lacks_is_refused_with_what_to_do() {
    let lab_ = Lab::fresh_with(ESTATE);
    lab(&["mariadb-hold"]);
    lab_.mariadb("a-db", "replace into wiki.pages values (-8, 'before', 'the purge')");
    lab(&["mariadb-fault", "a-db", "purged"]);
    is_refused(
        &lab_,
        &["run", "rejoin", "--input", "site=nuremberg", "--yes"],
        4,
        &["it lacks 1 transaction", "no longer has in its log", "by hand"],
    );
    serves_as_before(&lab_);
}

#[test]
fn a_wrong_replication_password_of_mysql_is_told_and_mended() {
    let lab_ = Lab::fresh_with(ESTATE);
    lab(&["mariadb-fault", "b-db", "replication-password"]);
    is_refused(&lab_, &FAILOVER, 5, &["could not log in at b-db from here", "Access denied for user 'replicator'"]);
    assert_eq!(role(&lab_, "b-db"), "primary");
    let secret = std::fs::read_to_string(lab_.estate.with_file_name("secrets/wiki-replicator")).expect("the secret");
    lab_.mariadb("b-db", &format!("set sql_log_bin = 0; alter user replicator@'%' identified by '{}'", secret.trim()));
    lab_.ok(&["resume", "--yes"]);
    is_at_rest(&lab_, "b-db", "a-db");
}

/// Each server comes up as what it was when it was killed.
#[test]
fn a_killed_mysql_comes_up_in_the_role_that_it_had() {
    let lab_ = Lab::fresh_with(ESTATE);
    lab_.ok(&FAILOVER);
    for host in ["a-db", "b-db"] {
        lab(&["mariadb-kill9", host]);
        lab(&["mariadb-start", host]);
    }
    assert_eq!(lab_.mariadb("a-db", "select @@super_read_only"), "1");
    assert_eq!(role(&lab_, "b-db"), "primary");
    lab_.mariadb("b-db", "replace into wiki.pages values (-9, 'written', 'after the start')");
    lab_.ok(&FAILBACK);
    is_at_rest(&lab_, "a-db", "b-db");
}
