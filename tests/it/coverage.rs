//! `docs/coverage.md` speaks of every documented procedure, and names tests and actions that there are.

use std::path::Path;

use switchback::actions::catalogue::CATALOGUE;
use switchback::runbook::PROCEDURES;

use crate::documents::document;

/// Keys and state of each row.
fn rows() -> Vec<(String, String)> {
    let page = document("coverage.md");
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| key")).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{line}");
        (cells[0].to_owned(), cells[2].to_owned())
    });
    rows.collect()
}

#[test]
fn every_documented_procedure_has_one_row_in_its_order() {
    let documented: Vec<String> =
        PROCEDURES.iter().flat_map(|(letter, steps)| (1..=*steps).map(move |step| format!("{letter}{step}"))).collect();
    assert_eq!(rows().into_iter().map(|(key, _)| key).collect::<Vec<_>>(), documented);
}

#[test]
fn a_state_says_what_works_and_the_test_that_shows_it() {
    let words = |state: &str| -> Vec<String> { state.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/tests");
    for (key, state) in rows() {
        assert!(!state.is_empty(), "{key}");
        for action in words(&state).iter().filter(|word| word.contains('.')) {
            assert!(CATALOGUE.iter().any(|known| known.name == *action), "{key}: there is no action {action}");
        }
        let mut shown = 0;
        for named in state.split("lab `").skip(1) {
            // "lab `a`, `b`; more"
            let list = named.split([';', '.', '(', ')']).next().unwrap_or_default();
            for test in format!("`{list}").split('`').skip(1).step_by(2) {
                let file = tests.join(format!("{}.rs", test.replace("::", "/")));
                assert!(file.is_file(), "{key}: {} is no file of tests", file.display());
                shown += 1;
            }
        }
        let claims = state.split([' ', ':', ';', ',']).any(|word| matches!(word, "works" | "work"));
        assert!(!claims || shown > 0, "{key} works, and no test on the lab is named: {state}");
        assert!(claims || state.starts_with("as ") || state.contains("not yet"), "{key}: {state}");
    }
}
