//! On hosts of their own: links that are cut without a word, and a host that is silent instead of refusing.

mod partitions;

use std::time::{Duration, Instant};

use crate::lab::{Lab, lab};

#[test]
fn a_silent_host_is_no_proof_and_costs_a_time_out_not_a_hang() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    lab(&["crash", "a-db"]);
    let emergency = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg"];
    let began = Instant::now();
    let said = lab_.exits(&emergency, 4);
    assert!(said.stderr.contains("--accept-unfenced dallas"), "{}", said.stderr);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let mut accepted = emergency.to_vec();
    accepted.extend(["--accept-unfenced", "dallas", "--accept-data-loss", "orders", "--reason", "the host is gone"]);
    let began = Instant::now();
    lab_.ok(&accepted);
    eprintln!("an emergency fail-over from a silent host: {:.1?}", began.elapsed());
    assert_eq!(lab_.is_primary("b-db"), Some(true));
    let seen = lab_.client_stops();
    assert_eq!(seen.both, Vec::<serde_json::Value>::new(), "both sites took writes");
}

#[test]
fn a_planned_failover_is_refused_while_a_link_is_cut() {
    for (one, other) in [("operator", "a-db"), ("operator", "b-db"), ("a-db", "b-db")] {
        let lab_ = Lab::fresh();
        lab(&["cut", one, other]);
        if one != "operator" {
            // Until the receiver notices that it hears nothing, it says that it streams.
            lab_.sql("b-db", "select pg_terminate_backend(pid) from pg_stat_wal_receiver");
        }
        let said = lab_.run(&["failover", "--to", "nuremberg", "--yes"]);
        lab(&["heal"]);
        assert_eq!(said.code, 4, "{one} – {other}: {}", said.stderr);
        assert_eq!(lab_.is_primary("a-db"), Some(true), "{one} – {other}");
        assert_eq!(lab_.is_primary("b-db"), Some(false), "{one} – {other}");
    }
}

/// The estate, with a command that takes `a-db` off the power and one that says whether it is off.
fn with_a_cut_off(lab_: &mut Lab) {
    let folder = std::env::var("LAB_DIR").expect("run by tests/lab/run-tests");
    let text = std::fs::read_to_string(&lab_.estate).expect("the estate");
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab");
    let look = format!("[ -e {folder}/inits/a-db ] && echo power is on || echo power is off");
    let cut_off = format!(
        "  a-db:  {{cut_off: {{command: {{act: [{own}, crash, a-db], look: [sh, -c, '{look}'], off_prints: power is off}}}}, site: dallas,"
    );
    let changed = text.replace("  a-db:  {site: dallas,", &cut_off);
    assert_ne!(changed, text, "the estate's line for a-db is another");
    lab_.estate = lab_.estate.with_file_name("cut-off.yaml");
    std::fs::write(&lab_.estate, changed).expect("written");
}

#[test]
fn a_host_that_cannot_be_reached_is_cut_off_by_the_estates_own_commands() {
    let mut lab_ = Lab::fresh();
    with_a_cut_off(&mut lab_);
    lab_.client_starts();
    // The operator does not reach it; users, and the other site, still do.
    lab(&["cut", "operator", "a-db"]);
    let emergency = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg"];
    let mut accepted = emergency.to_vec();
    accepted.extend(["--accept-data-loss", "orders", "--reason", "dallas is silent"]);
    // No `--accept-unfenced`: that it is off is proven.
    lab_.ok(&accepted);
    lab(&["heal"]);
    let shown = lab_.ok(&["show"]);
    assert!(shown.stdout.contains("was cut off, as its own check says"), "{}", shown.stdout);
    assert_eq!((lab_.is_primary("a-db"), lab_.is_primary("b-db")), (None, Some(true)));
    let seen = lab_.client_stops();
    assert_eq!(seen.both, Vec::<serde_json::Value>::new(), "both sites took writes");
}

const EMERGENCY: [&str; 6] = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm"];

#[test]
fn a_frozen_primary_is_shut_out_and_takes_no_write_when_it_thaws() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    lab(&["freeze", "a-db"]);
    let mut order = EMERGENCY.to_vec();
    order.extend(["nuremberg", "--accept-data-loss", "orders", "--reason", "the server hangs"]);
    lab_.ok(&order);
    assert_eq!(lab_.is_primary("b-db"), Some(true));
    // Nothing of it is left to thaw, or what is left wakes up shut out.
    let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab");
    let _ = std::process::Command::new(tool).args(["thaw", "a-db"]).output();
    std::thread::sleep(Duration::from_secs(2));
    assert_ne!(lab_.is_primary("a-db"), Some(true), "the old primary takes writes again");
    let seen = lab_.client_stops();
    assert_eq!(seen.both, Vec::<serde_json::Value>::new(), "both sites took writes");
}

#[test]
fn a_frozen_primary_out_of_reach_is_refused_until_its_host_is_proven_off() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    lab(&["freeze", "a-db"]);
    lab(&["cut", "operator", "dallas"]);
    let mut order = EMERGENCY.to_vec();
    order.extend(["nuremberg", "--accept-data-loss", "orders", "--reason", "dallas is silent"]);
    // That it is silent proves nothing: it would take writes again when it thaws.
    let said = lab_.exits(&order, 4);
    assert!(said.stderr.contains("--accept-unfenced dallas"), "{}", said.stderr);
    assert_eq!(lab_.is_primary("b-db"), Some(false));
    with_a_cut_off(&mut lab_);
    lab_.ok(&order);
    lab(&["heal"]);
    assert_eq!((lab_.is_primary("a-db"), lab_.is_primary("b-db")), (None, Some(true)));
    let seen = lab_.client_stops();
    assert_eq!(seen.both, Vec::<serde_json::Value>::new(), "both sites took writes");
    // Its power comes back, and nothing could be written on its disk: two primaries are told, and nothing is done over them.
    lab(&["boot", "a-db", "--with-postgres"]);
    let said = lab_.exits(&["status"], 4);
    assert!(said.stderr.contains("takes writes at dallas and at nuremberg"), "{}", said.stderr);
    lab_.exits(&order, 4);
    lab(&["pg-stop", "a-db"]);
    lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    lab_.is_at_rest("b-db", "a-db");
}
