//! There and back, planned, under load: nothing lost, nothing written twice, nothing left to do.

use crate::lab::Lab;

const ROUND_TRIPS: usize = 5;

#[test]
fn five_round_trips_lose_nothing() {
    let mut lab = Lab::fresh();
    lab.client_starts();
    for round in 1..=ROUND_TRIPS {
        eprintln!("round trip {round}");
        lab.ok(&["failover", "--to", "nuremberg", "--yes"]);
        lab.is_at_rest("b-db", "a-db");
        lab.ok(&["failback", "--input", "soak=1s", "--yes"]);
        lab.is_at_rest("a-db", "b-db");
    }
    let seen = lab.client_stops();
    assert!(seen.acknowledged > 200, "the client wrote only {} rows", seen.acknowledged);
    assert_eq!(seen.missing, Vec::<serde_json::Value>::new(), "acknowledged writes are missing");
    assert_eq!(seen.both, Vec::<serde_json::Value>::new(), "both sites took writes");
    eprintln!("longest gap between two acknowledged writes: {} ms", seen.longest_gap_ms);
}

#[test]
fn a_second_failover_changes_nothing() {
    let lab = Lab::fresh();
    lab.ok(&["failover", "--to", "nuremberg", "--yes"]);
    let before = lab.sql("b-db", "select pg_current_wal_lsn()");
    let said = lab.ok(&["failover", "--to", "nuremberg"]);
    assert!(said.stdout.contains("nothing was changed"), "{}", said.stdout);
    let moved = lab.sql("b-db", &format!("select pg_current_wal_lsn() - '{before}'::pg_lsn < 4096"));
    assert_eq!(moved, "t", "the second fail-over wrote to the database");
    lab.is_at_rest("b-db", "a-db");
}

#[test]
fn a_failback_to_where_it_is_changes_nothing() {
    let lab = Lab::fresh();
    let said = lab.ok(&["failback", "--yes"]);
    assert!(said.stdout.contains("it is there already"), "{}", said.stdout);
    lab.is_at_rest("a-db", "b-db");
}
