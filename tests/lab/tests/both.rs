//! Both kinds of database and a web service in one estate: moved in order of priority, and each with a point of no return of
//! its own.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::lab::{Lab, lab};

const ESTATE: &str = "both.yaml";
const FAILOVER: [&str; 4] = ["failover", "--to", "nuremberg", "--yes"];

/// The steps of the last run in the order in which they were begun.
fn begun(lab_: &Lab) -> Vec<String> {
    let shown = lab_.ok(&["--format", "json", "show"]);
    let events = shown.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events
        .filter(|event| event["event"] == "intended")
        .filter_map(|event| event["step_id"].as_str().map(str::to_owned))
        .collect()
}

fn place(steps: &[String], step: &str) -> usize {
    steps.iter().position(|one| one == step).unwrap_or_else(|| panic!("{step} is not in {steps:?}"))
}

/// Runs a fail-over, and does something to the lab right after this step's intention is on disk. Gives the exit code.
fn with_mishap(lab_: &Lab, step: &str, mishap: &[&str]) -> i32 {
    let mut all = vec!["--format", "json"];
    all.extend_from_slice(&FAILOVER);
    let mut child = lab_.command(&all).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("switchback runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut happened = false;
    for line in lines.map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["event"] == "intended" && event["step_id"] == step {
            lab(mishap);
            happened = true;
        }
    }
    assert!(happened, "{step} was never intended");
    child.wait().expect("ended").code().unwrap_or(-1)
}

#[test]
fn both_kinds_move_in_order_of_priority_there_and_back() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("both");
    lab_.ok(&FAILOVER);
    let steps = begun(&lab_);
    // Users of the first are served before the second is touched.
    let first_is_led = place(&steps, "redirect.1/point/db.shop.internal");
    assert!(place(&steps, "promote.1/promote/orders") < first_is_led, "{steps:?}");
    assert!(
        place(&steps, "redirect.1/point/www.shop.test") < place(&steps, "fence.2/fence-databases/wiki"),
        "{steps:?}"
    );
    assert!(first_is_led < place(&steps, "fence.2/fence-databases/wiki"), "{steps:?}");
    assert!(
        place(&steps, "promote.2/promote/wiki") < place(&steps, "redirect.2/point/wiki.shop.internal"),
        "{steps:?}"
    );
    lab_.is_at_rest("b-db", "a-db");
    lab_.mariadb_is_at_rest("b-db", "a-db");
    lab_.ok(&["failback", "--input", "soak=1s", "--yes"]);
    let steps = begun(&lab_);
    let of = |service: &str, what: &str| {
        let found = steps.iter().position(|step| step.contains(what) && step.ends_with(&format!("/{service}")));
        found.unwrap_or_else(|| panic!("{what} of {service} is not in {steps:?}"))
    };
    assert!(of("orders", "promote") < of("wiki", "promote"), "{steps:?}");
    assert!(of("db.shop.internal", "point") < of("wiki", "promote"), "{steps:?}");
    assert!(of("www.shop.test", "point") < of("wiki", "promote"), "{steps:?}");
    lab_.is_at_rest("a-db", "b-db");
    lab_.mariadb_is_at_rest("a-db", "b-db");
    let (orders, wiki) = lab_.client_of_both_stops();
    orders.is_whole("PostgreSQL");
    wiki.is_whole("MariaDB");
    eprintln!("longest gaps: PostgreSQL {} ms, MariaDB {} ms", orders.longest_gap_ms, wiki.longest_gap_ms);
}

#[test]
fn a_failure_of_the_second_leaves_the_first_where_it_is_and_can_be_resumed() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("both");
    let code = with_mishap(&lab_, "promote.1/promote/orders", &["mariadb-fault", "a-db", "locked-table"]);
    assert_eq!(code, 5, "the first has moved, the second has not");
    // The first serves at nuremberg, the second at dallas, and takes writes there.
    assert_eq!((lab_.is_primary("b-db"), lab_.mariadb_role("a-db")), (Some(true), Some("primary")));
    let shown = lab_.ok(&["show"]);
    for word in ["wiki", "wiki.pages"] {
        assert!(shown.stdout.contains(word), "`{word}` is not in:\n{}", shown.stdout);
    }
    lab(&["mariadb-fault", "a-db", "sessions-end"]);
    lab_.ok(&["resume", "--yes"]);
    lab_.is_at_rest("b-db", "a-db");
    lab_.mariadb_is_at_rest("b-db", "a-db");
    let (orders, wiki) = lab_.client_of_both_stops();
    orders.is_whole("PostgreSQL");
    wiki.is_whole("MariaDB");
}

#[test]
fn a_rollback_takes_back_only_the_second_and_says_so() {
    let mut lab_ = Lab::fresh_with(ESTATE);
    lab_.client_writes_to("both");
    // Killed in the second wave, before its point of no return.
    let mut all = vec!["--format", "json"];
    all.extend_from_slice(&FAILOVER);
    let mut child = lab_.command(&all).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("switchback runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in lines.map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["event"] == "intended" && event["step_id"] == "detach.2/detach-databases/wiki" {
            child.kill().expect("killed");
        }
    }
    child.wait().expect("gone");
    let said = lab_.exits(&["rollback"], 5);
    assert!(said.stdout.contains("stays: promote.1/promote/orders"), "{}", said.stdout);
    assert_eq!(lab_.is_primary("b-db"), Some(true));
    assert_ne!(lab_.is_primary("a-db"), Some(true), "the old primary of the first was started");
    lab_.mariadb_is_at_rest("a-db", "b-db");
    let (orders, wiki) = lab_.client_of_both_stops();
    orders.is_whole("PostgreSQL");
    wiki.is_whole("MariaDB");
}
