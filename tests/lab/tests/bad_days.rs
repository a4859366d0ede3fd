//! The unplanned: the primary's server killed, its host gone; what must be accepted, and the way back.

use std::os::unix::fs::DirBuilderExt;

use crate::lab::{Lab, lab};

#[test]
fn a_host_that_is_gone_needs_acceptances_by_name() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    std::fs::DirBuilder::new().mode(0o700).create(lab_.state.path().join("state")).expect("a state directory");
    lab_.ok(&["status"]);
    lab(&["crash", "a-db"]);
    let emergency = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg"];
    let said = lab_.exits(&emergency, 4);
    assert!(said.stderr.contains("--accept-unfenced dallas"), "{}", said.stderr);
    assert!(said.stderr.contains("--accept-data-loss orders"), "{}", said.stderr);
    // The disk is gone with the host; what `status` saw before is what is left to say.
    let last = said.stderr.split("last seen at ").nth(1).unwrap_or_else(|| panic!("{}", said.stderr));
    let words: String = last.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(": dallas was at 0/") && words.contains("bytes behind it"), "{words}");
    assert_eq!(lab_.is_primary("b-db"), Some(false), "a refused fail-over changed something");
    let mut accepted = emergency.to_vec();
    accepted.extend(["--accept-unfenced", "dallas", "--accept-data-loss", "orders", "--reason", "the host is gone"]);
    lab_.ok(&accepted);
    assert_eq!(lab_.is_primary("b-db"), Some(true));
    std::thread::sleep(std::time::Duration::from_millis(500));

    // The old site comes back, and must not serve as it is.
    lab(&["boot", "a-db"]);
    lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    lab_.is_at_rest("b-db", "a-db");
    lab_.ok(&["failback", "--input", "soak=1s", "--yes"]);
    lab_.is_at_rest("a-db", "b-db");
    let seen = lab_.client_stops();
    assert_eq!(seen.both, Vec::<serde_json::Value>::new(), "both sites took writes");
}

#[test]
fn a_killed_server_is_fenced_and_what_was_lost_is_counted() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    // Writes that never reach the other site.
    lab(&["hold-wal"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    lab(&["kill9", "a-db"]);
    lab(&["release-wal"]);
    let emergency = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg"];
    let said = lab_.exits(&emergency, 4);
    assert!(said.stderr.contains("--accept-data-loss orders"), "{}", said.stderr);
    let mut accepted = emergency.to_vec();
    accepted.extend(["--accept-data-loss", "orders", "--reason", "the server is dead"]);
    lab_.ok(&accepted);
    assert_eq!(lab_.is_primary("b-db"), Some(true));
    std::thread::sleep(std::time::Duration::from_millis(500));
    lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    lab_.is_at_rest("b-db", "a-db");
    lab_.ok(&["failback", "--input", "soak=1s", "--yes"]);
    lab_.is_at_rest("a-db", "b-db");
    let seen = lab_.client_stops();
    assert!(!seen.missing.is_empty(), "writes were held back, so some must be missing: the test lost its point");
    assert_eq!(seen.both, Vec::<serde_json::Value>::new(), "both sites took writes");
}

#[test]
fn a_primary_that_answers_and_is_cut_off_from_the_other_is_left_before_its_end() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    lab(&["hold-wal"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    // It is shut down in order, and its shutdown checkpoint at least never arrives: that must not stop the run
    // between the promotion and the redirection.
    let emergency = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg"];
    let mut accepted = emergency.to_vec();
    accepted.extend(["--accept-data-loss", "orders", "--reason", "the sites do not see each other"]);
    lab_.ok(&accepted);
    assert_eq!((lab_.is_primary("a-db"), lab_.is_primary("b-db")), (None, Some(true)));
    lab(&["release-wal"]);
    lab_.ok(&["run", "rejoin", "--input", "site=dallas", "--yes"]);
    lab_.is_at_rest("b-db", "a-db");
    let seen = lab_.client_stops();
    assert_eq!(seen.both, Vec::<serde_json::Value>::new(), "both sites took writes");
}

#[test]
fn a_crashed_primary_that_cannot_be_replayed_is_accepted_by_name() {
    let mut lab_ = Lab::fresh();
    lab_.client_starts();
    let data = lab_.sql("a-db", "show data_directory");
    lab(&["kill9", "a-db"]);
    lab(&["ssh", "a-db", &format!("rm {data}/pg_wal/0*")]);
    // Its log is gone with what a replay would need; what was lost cannot be counted either.
    let emergency = ["failover", "--to", "nuremberg", "--mode", "emergency", "--confirm", "nuremberg"];
    let loss = ["--accept-data-loss", "orders", "--reason", "its log is gone"];
    let said = lab_.exits(&[&emergency[..], &loss].concat(), 5);
    let words = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("does not come up in quarantine"), "{words}");
    assert!(words.contains("--accept-unfenced dallas"), "{words}");
    assert_eq!(lab_.is_primary("b-db"), Some(false), "nobody accepted that");
    lab_.ok(&["resume", "--yes", "--accept-unfenced", "dallas", "--reason", "it starts read-only if at all"]);
    assert_eq!(lab_.is_primary("b-db"), Some(true));
    let report = lab_.ok(&["report"]).stdout;
    assert!(report.contains("it starts read-only if at all"), "{report}");
    assert_eq!(lab_.client_stops().both, Vec::<serde_json::Value>::new(), "both sites took writes");
}
