//! Several members at one site: MariaDB with two servers at dallas and one at nuremberg, all of them replicas of the one that
//! serves.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, lab};

const ESTATE: &str = "siblings.yaml";
const FAILOVER: [&str; 4] = ["failover", "--to", "nuremberg", "--yes"];
const FAILBACK: [&str; 4] = ["failback", "--input", "soak=1s", "--yes"];

/// `primary` serves, and both others follow it.
fn at_rest(lab_: &Lab, primary: &str) {
    for replica in ["a-db", "a-db2", "b-db"].into_iter().filter(|host| *host != primary) {
        lab_.mariadb_is_at_rest(primary, replica);
        let status = lab(&["mariadb", replica, "--execute", "show slave status\\G"]);
        let followed = format!("Master_Host: {}", address(primary));
        assert!(status.contains(&followed), "{replica} is to follow {primary} itself: {status}");
    }
}

fn address(host: &str) -> String {
    let name = format!("LAB_{}", host.to_uppercase().replace('-', "_"));
    std::env::var(&name).unwrap_or_else(|_| panic!("{name}: run by tests/lab/run-tests"))
}

fn ids(lab_: &Lab, host: &str) -> BTreeSet<u64> {
    lab_.mariadb(host, "select id from wiki.orders").lines().map(|line| line.parse().expect("an id")).collect()
}

/// The words of what was said, whatever the lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_round_trip_takes_the_sibling_along_and_loses_nothing() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    let said = lab_.ok(&["status"]);
    assert!(said.stdout.contains("wiki at dallas (a-db2): read-only, replicates from"), "{}", said.stdout);
    let said = lab_.ok(&["plan", "failover", "--to", "nuremberg"]);
    assert!(words(&said.stdout).contains("a-db2"), "{}", said.stdout);
    lab_.client_writes_to("mariadb");
    lab_.ok(&FAILOVER);
    at_rest(&lab_, "b-db");
    let again = lab_.ok(&FAILOVER);
    assert!(again.stdout.contains("nothing was changed"), "{}", again.stdout);
    lab_.ok(&FAILBACK);
    at_rest(&lab_, "a-db");
    let seen = lab_.client_stops();
    seen.is_whole("MariaDB with siblings");
    eprintln!("longest gap between two acknowledged writes: {} ms", seen.longest_gap_ms);
    let ours = ids(&lab_, "a-db");
    assert_eq!(ids(&lab_, "a-db2"), ours);
    assert_eq!(ids(&lab_, "b-db"), ours);
}

#[test]
fn a_sibling_that_does_not_follow_or_writes_is_refused_with_a_sentence() {
    let lab_ = Lab::fresh_with(ESTATE);
    let refused = |sentence: &str| {
        let said = lab_.exits(&FAILOVER, 4);
        assert!(words(&said.stderr).contains(sentence), "`{sentence}` is not in:\n{}", said.stderr);
        assert_eq!(lab_.mariadb_role("a-db"), Some("primary"), "a refused fail-over changed something");
    };
    lab(&["mariadb-hold", "a-db2"]);
    refused("a-db2 does not receive from");
    lab_.mariadb("a-db2", "start slave");
    lab(&["mariadb-stop", "a-db2"]);
    refused("a-db2 cannot be asked, and would be left behind");
    lab(&["mariadb-start", "a-db2"]);
    lab_.mariadb_is_at_rest("a-db", "a-db2");
    lab_.mariadb("a-db2", "set global read_only = 0");
    let said = lab_.exits(&FAILOVER, 4);
    assert!(words(&said.stderr).contains("`wiki` takes writes at a-db and at a-db2"), "{}", said.stderr);
    lab_.exits(&["status"], 4);
    lab_.mariadb("a-db2", "set global read_only = 1");
    lab(&["mariadb-fault", "a-db2", "errant"]);
    refused("a-db2 has 1 transaction (9-3-1) that a-db never wrote");
}

#[test]
fn after_an_emergency_the_siblings_come_back_too_at_either_site() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("mariadb");
    // Writes that reach the sibling and never the other site.
    lab(&["mariadb-hold", "b-db"]);
    std::thread::sleep(Duration::from_millis(500));
    lab(&["mariadb-hold", "a-db2"]);
    std::thread::sleep(Duration::from_millis(300));
    lab(&["mariadb-kill9", "a-db"]);
    let emergency = |to| ["failover", "--to", to, "--mode", "emergency", "--confirm", to];
    let said = lab_.exits(&emergency("nuremberg"), 4);
    assert!(said.stderr.contains("--accept-data-loss wiki"), "{}", said.stderr);
    assert_eq!(lab_.mariadb("b-db", "select @@read_only"), "1", "a refused fail-over changed something");
    let accept = ["--accept-data-loss", "wiki", "--reason", "the server is dead"];
    lab_.ok(&[&emergency("nuremberg")[..], &accept[..]].concat());
    assert_eq!(lab_.mariadb_role("b-db"), Some("primary"));
    assert_ne!(lab_.mariadb_role("a-db2"), Some("primary"));
    assert_eq!(lab_.mariadb("a-db2", "select @@read_only"), "1");
    std::thread::sleep(Duration::from_millis(500));
    let seen = lab_.client_stops();
    assert_eq!(seen.both, Vec::<Value>::new(), "both sites took writes");
    let missing: BTreeSet<u64> = seen.missing.iter().filter_map(Value::as_u64).collect();
    let at_the_sibling = ids(&lab_, "a-db2").intersection(&missing).count();
    assert!(
        at_the_sibling > 10 && at_the_sibling < missing.len(),
        "the sibling is to have some of what was lost, and not all: {at_the_sibling} of {}",
        missing.len()
    );
    lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    at_rest(&lab_, "b-db");
    let survived = ids(&lab_, "b-db");
    assert_eq!(ids(&lab_, "a-db"), survived, "the rejoined server has what the survivor has, and no more");
    assert_eq!(ids(&lab_, "a-db2"), survived, "so has its sibling");

    // The site with two takes over from one that is lost: its first leads, the other follows at once.
    lab(&["mariadb-kill9", "b-db"]);
    lab_.ok(&[&emergency("dallas")[..], &accept[..]].concat());
    lab_.mariadb_is_at_rest("a-db", "a-db2");
    lab_.ok(&["run", "rejoin", "--input", "site=nuremberg", "--yes"]);
    at_rest(&lab_, "a-db");
}
