//! Who is told of a fail-over, while a client writes.

use serde_json::Value;

use crate::lab::Lab;

#[test]
fn a_fail_over_is_told_and_those_who_hang_do_not_make_it_slower() {
    let mut lab = Lab::fresh();
    // It takes the connection and never says a word.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = mute.local_addr().expect("an address").port();
    let told = lab.state.path().join("told");
    let text = std::fs::read_to_string(&lab.estate).expect("the estate");
    let notify = format!(
        "notify:\n  beside: {{command: [tee, -a, {}]}}\n  mute: {{webhook: {{url: \"http://127.0.0.1:{port}/\"}}}}\n  \
         deaf: {{email: {{server: \"127.0.0.1:{port}\", from: a@b, to: [c@d]}}}}\n",
        told.display()
    );
    lab.estate = lab.estate.with_file_name("with-notify.yaml");
    std::fs::write(&lab.estate, format!("{text}\n{notify}")).expect("written");
    lab.client_starts();
    let said = lab.ok(&["failover", "--to", "nuremberg", "--yes"]);
    lab.client_stops().is_whole("a fail-over that is told");
    assert!(said.stderr.contains("! not everybody was told:"), "{}", said.stderr);
    let told = std::fs::read_to_string(told).expect("what the command read");
    let events: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names, ["started", "no_return", "done"]);
    let done = events.last().expect("the end");
    // An attempt at somebody who is mute takes eight seconds; the estate allows an outage of less.
    assert!(done["outage_ms"].as_u64().is_some_and(|ms| ms < 8_000), "{done}");
    assert!(events[1]["outage_ms"].is_u64(), "nobody writes at the point of no return: {}", events[1]);
    let report: Value = serde_json::from_str(&lab.ok(&["report", "--json"]).stdout).expect("JSON");
    let count = |delivered: bool| {
        let notices = report["notices"].as_array().expect("notices");
        notices.iter().filter(|notice| notice["delivered"] == delivered).count()
    };
    assert_eq!((count(true), count(false)), (3, 6), "{}", report["notices"]);
    drop(mute);
}
