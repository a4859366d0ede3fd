//! MariaDB: the same procedures as for PostgreSQL, on a server of another kind.

mod copies;
mod semi_sync;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::lab::{Lab, lab};

const ESTATE: &str = "mariadb.yaml";
const FAILOVER: [&str; 4] = ["failover", "--to", "nuremberg", "--yes"];
const ROUND_TRIPS: usize = 5;

#[test]
fn five_round_trips_of_mariadb_lose_nothing() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("mariadb");
    for round in 1..=ROUND_TRIPS {
        eprintln!("round trip {round}");
        lab_.ok(&FAILOVER);
        lab_.mariadb_is_at_rest("b-db", "a-db");
        lab_.ok(&["failback", "--input", "soak=1s", "--yes"]);
        lab_.mariadb_is_at_rest("a-db", "b-db");
    }
    let seen = lab_.client_stops();
    seen.is_whole("MariaDB");
    eprintln!("longest gap between two acknowledged writes: {} ms", seen.longest_gap_ms);
    // And a second order for the same changes nothing.
    let said = lab_.ok(&["failover", "--to", "dallas", "--yes"]);
    assert!(said.stdout.contains("nothing was changed"), "{}", said.stdout);
}

/// All files of an account below this folder that can be carried out again.
fn saved_sql(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                found.push(path);
            }
        }
    }
    found
}

/// Carries an account out where users are now; says whether all of it was.
fn replay(file: &Path) -> bool {
    let lab_program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab");
    let mut replay = Command::new(lab_program);
    replay.args(["mariadb", "b-db"]).stdin(Stdio::from(std::fs::File::open(file).expect("readable")));
    replay.stderr(Stdio::null()).status().expect("the lab's command runs").success()
}

fn ids(lab_: &Lab, host: &str) -> BTreeSet<u64> {
    lab_.mariadb(host, "select id from wiki.orders").lines().map(|line| line.parse().expect("an id")).collect()
}

#[test]
fn what_a_killed_mariadb_had_not_sent_is_accounted_for_and_can_be_replayed() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("mariadb");
    // Writes that never reach the other site.
    lab(&["mariadb-hold"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    lab(&["mariadb-kill9", "a-db"]);
    let emergency = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg"];
    let said = lab_.exits(&emergency, 4);
    assert!(said.stderr.contains("--accept-data-loss wiki"), "{}", said.stderr);
    assert_eq!(lab_.mariadb("b-db", "select @@read_only"), "1", "a refused fail-over changed something");
    let mut accepted = emergency.to_vec();
    accepted.extend(["--accept-data-loss", "wiki", "--reason", "the server is dead"]);
    let said = lab_.ok(&accepted);
    assert_eq!(lab_.mariadb_role("b-db"), Some("primary"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    let seen = lab_.client_stops();
    assert_eq!(seen.both, Vec::<serde_json::Value>::new(), "both sites took writes");
    let missing: BTreeSet<u64> = seen.missing.iter().filter_map(serde_json::Value::as_u64).collect();
    assert!(missing.len() > 10, "writes were held back, so some must be missing: the test lost its point: {missing:?}");
    // The summary counts them; a write whose answer was lost with the server may be among them.
    let text = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let counted = [missing.len(), missing.len() + 1]
        .iter()
        .any(|count| text.contains(&format!("lost of `wiki`: {count} transactions, counted at the old primary")));
    assert!(counted, "{} are missing: {}", missing.len(), said.stderr);

    // Saved by itself first, as whoever wants the rows before anything else would: the old server is not started.
    lab_.ok(&["run", "account", "--input", "site=dallas", "--yes"]);
    assert_eq!(lab_.mariadb_role("a-db"), None);
    lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    lab_.mariadb_is_at_rest("b-db", "a-db");
    let survived = ids(&lab_, "b-db");
    assert_eq!(ids(&lab_, "a-db"), survived, "the rejoined server has what the survivor has, and no more");

    // What was saved, carried out where users are now, brings back exactly what the client misses. A write whose answer
    // was lost with the server may be among it.
    let files = saved_sql(&lab_.estate.with_file_name("a-db").join("mariadb"));
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(replay(&files[0]), "{} cannot be replayed", files[0].display());
    let back: BTreeSet<u64> = ids(&lab_, "b-db").difference(&survived).copied().collect();
    let lost: Vec<&u64> = missing.difference(&back).collect();
    let more: Vec<&u64> = back.difference(&missing).collect();
    assert!(lost.is_empty() && more.len() <= 1, "not in the account: {lost:?}; only in the account: {more:?}");
    assert!(!replay(&files[0]), "a second replay is no error");
    assert_eq!(ids(&lab_, "b-db"), survived.union(&back).copied().collect(), "a second replay wrote something");
    eprintln!("{} acknowledged writes were lost, accounted for, and brought back", missing.len());
    lab_.mariadb_is_at_rest("b-db", "a-db");
}

/// The way back saves first what the emergency lost; its own loss is another thing.
#[test]
fn what_an_emergency_lost_is_no_loss_of_the_way_back() {
    let lab_ = Lab::fresh_with(ESTATE);
    lab(&["mariadb-hold"]);
    lab_.mariadb("a-db", "replace into wiki.pages values (-7, 'never', 'sent')");
    let emergency = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg"];
    let said = lab_.ok(&[&emergency[..], &["--accept-data-loss", "wiki", "--reason", "users cannot wait"]].concat());
    assert!(said.stderr.contains("lost of `wiki`: 1 transaction, counted"), "{}", said.stderr);
    let said = lab_.ok(&["failback", "--input", "soak=1s", "--yes"]);
    assert!(said.stderr.contains("1 transactions of a-db that were lost"), "{}", said.stderr);
    assert!(said.stderr.contains("lost of `wiki`: nothing"), "{}", said.stderr);
    lab_.mariadb_is_at_rest("a-db", "b-db");
}

/// A fail-over that must end with this exit code and these words, and leave the primary taking writes.
fn backs_out(lab_: &Lab, code: i32, words: &[&str]) {
    is_refused(lab_, code, words);
    serves_as_before(lab_);
}

fn is_refused(lab_: &Lab, code: i32, words: &[&str]) {
    let said = lab_.exits(&FAILOVER, code);
    let text = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in:\n{}", said.stderr);
    }
}

fn serves_as_before(lab_: &Lab) {
    lab_.mariadb("a-db", "replace into wiki.pages values (-9, 'written', 'after the refusal')");
    assert_eq!(lab_.mariadb("a-db", "select @@read_only"), "0");
    assert_eq!(lab_.mariadb("a-db", "select @@event_scheduler"), "ON");
}

#[test]
fn sessions_that_stand_in_the_way_are_waited_for_and_named() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("mariadb");
    lab(&["mariadb-fault", "a-db", "open-transaction"]);
    backs_out(&lab_, 6, &["1 transaction had not ended", "idle in its transaction"]);
    lab(&["mariadb-fault", "a-db", "sessions-end"]);
    lab(&["mariadb-fault", "a-db", "locked-table"]);
    is_refused(&lab_, 6, &["somebody holds a lock on", "`wiki.pages`"]);
    lab(&["mariadb-fault", "a-db", "sessions-end"]);
    serves_as_before(&lab_);
    lab_.mariadb_is_at_rest("a-db", "b-db");
    // An event of an administrator's, which `read_only` does not hold: it moves along.
    lab(&["mariadb-fault", "a-db", "event"]);
    lab_.ok(&FAILOVER);
    lab_.mariadb_is_at_rest("b-db", "a-db");
    let ticks = "select count(*) from wiki.ticks where site = 'b-db'";
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_ne!(lab_.mariadb("b-db", ticks), "0", "the event does not run where users are now");
    lab_.mariadb_is_at_rest("b-db", "a-db");
    lab_.client_stops().is_whole("MariaDB");
}

#[test]
fn a_replica_that_has_gone_its_own_way_is_refused() {
    let lab_ = Lab::fresh_with(ESTATE);
    lab(&["mariadb-fault", "b-db", "errant"]);
    backs_out(&lab_, 4, &["9-2-1"]);
    // A transaction of its own where replication would write: the next event is out of order.
    lab(&["mariadb-fault", "b-db", "errant-in-domain"]);
    lab_.mariadb("a-db", "replace into wiki.pages values (-8, 'out of', 'order')");
    std::thread::sleep(std::time::Duration::from_millis(500));
    backs_out(&lab_, 4, &["out-of-order", "(1950)"]);
}

#[test]
fn a_write_at_a_replica_is_found_although_replication_has_gone_on() {
    let lab_ = Lab::fresh_with(ESTATE);
    let strict =
        |on: &str| ["a-db", "b-db"].map(|host| lab_.mariadb(host, &format!("set global gtid_strict_mode = {on}")));
    strict("off");
    lab(&["mariadb-fault", "b-db", "errant-in-domain"]);
    for _ in 0..3 {
        lab_.mariadb("a-db", "replace into wiki.pages values (-8, 'one', 'more')");
    }
    lab_.mariadb_is_at_rest("a-db", "b-db");
    let writer = format!("0-{}-", lab_.mariadb("b-db", "select @@server_id"));
    backs_out(&lab_, 4, &["gtid_strict_mode", &writer]);
    // Whoever sets it then still has what was written before.
    strict("on");
    backs_out(&lab_, 4, &[&writer]);
}

#[test]
fn a_replication_account_that_is_not_let_in_is_told_before_and_refused_at_once_after() {
    let lab_ = Lab::fresh_with(ESTATE);
    lab(&["mariadb-fault", "b-db", "replication-password"]);
    // It may be let in from there and not from here, so it is told and not refused; users are served either way.
    let began = std::time::Instant::now();
    let said = lab_.exits(&FAILOVER, 5);
    let words = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("could not log in at b-db from here"), "{}", said.stderr);
    assert!(words.contains("Access denied for user 'replicator'"), "{}", said.stderr);
    assert!(began.elapsed() < std::time::Duration::from_secs(60), "it waited {:?}", began.elapsed());
    assert_eq!(lab_.mariadb_role("b-db"), Some("primary"));
    // Users are served there; the account set right, it goes on from where it stopped.
    lab_.mariadb("b-db", "replace into wiki.pages values (-9, 'written', 'after the refusal')");
    let secret = std::fs::read_to_string(lab_.estate.with_file_name("secrets/wiki-replicator")).expect("the secret");
    lab_.mariadb("b-db", &format!("set sql_log_bin = 0; alter user replicator@'%' identified by '{}'", secret.trim()));
    lab_.ok(&["resume", "--yes"]);
    lab_.mariadb_is_at_rest("b-db", "a-db");
}
