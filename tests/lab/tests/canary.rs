//! What the canary says a client saw, beside what a client of another making saw: the lab's own.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kills::killed_when;
use crate::lab::{Lab, Seen};
use crate::running::is_of;

const FAILOVER: [&str; 4] = ["failover", "--to", "nuremberg", "--yes"];
const FAILBACK: [&str; 4] = ["failback", "--input", "soak=1s", "--yes"];
/// Two clients that try every ten and every twenty milliseconds; and a quarter of the outage for the canary's TLS, which
/// the lab's client does without, on a machine that has other things to do.
const APART_MS: f64 = 100.0;
const APART_PART: f64 = 0.25;

fn variable(name: &str) -> String {
    std::env::var(name).expect("run by tests/lab/run-tests")
}

/// Has the estate ask for a canary.
pub fn asks_for(lab: &mut Lab, canary: &str) {
    let text = std::fs::read_to_string(&lab.estate).expect("the estate");
    lab.estate = lab.estate.with_file_name("with-canary.yaml");
    std::fs::write(&lab.estate, format!("{text}\ncanary: {canary}\n")).expect("written");
}

/// What the last run measured, as its journal has it; each process's part.
fn measured(lab: &Lab) -> Vec<Value> {
    let events = lab.ok(&["show", "--format", "json"]).stdout;
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    events.filter(|event| event["event"] == "measured").map(|event| event["measured"].clone()).collect()
}

fn only_part(lab: &Lab) -> Value {
    let parts = measured(lab);
    assert_eq!(parts.len(), 1, "{parts:#?}");
    parts.into_iter().next().expect("a part")
}

fn gap_ms(part: &Value) -> f64 {
    assert_eq!(part["gap"]["whole"], true, "{part:#}");
    part["gap"]["to_ms"].as_f64().expect("an end") - part["gap"]["from_ms"].as_f64().expect("a beginning")
}

/// Who took writes, in order.
fn turns(part: &Value) -> Vec<&str> {
    part["turns"].as_array().expect("turns").iter().filter_map(|turn| turn["at"].as_str()).collect()
}

fn is_about(part: &Value, seen: &Seen) {
    let gap = gap_ms(part);
    eprintln!("the canary: {gap} ms without a write; the client: {} ms", seen.longest_gap_ms);
    let apart_ms = APART_MS + seen.longest_gap_ms * APART_PART;
    assert!((gap - seen.longest_gap_ms).abs() < apart_ms, "{gap} ms and {} ms: {part:#}", seen.longest_gap_ms);
    assert_eq!(part["split"], Value::Null, "{part:#}");
}

fn report(lab: &Lab) -> Value {
    serde_json::from_str(&lab.ok(&["report", "--json"]).stdout).expect("JSON")
}

/// The measure of this name in the report.
fn measure(report: &Value, name: &str) -> Value {
    let all = report["measures"].as_array().expect("measures");
    all.iter().find(|measure| measure["name"] == name).cloned().unwrap_or_else(|| panic!("{name} in {report:#}"))
}

/// The messages in the first timeline's log of a-db since a place.
fn messages_since(at: &str) -> Vec<String> {
    let dump = Command::new(std::path::Path::new(&variable("LAB_PG_BIN")).join("pg_waldump"))
        .args(["-p", &format!("{}/pg_wal", variable("LAB_A_DB_DATA")), "-t", "1", "-s", at, "-r", "LogicalMessage"])
        .output()
        .expect("pg_waldump runs");
    let (text, error) = (String::from_utf8_lossy(&dump.stdout), String::from_utf8_lossy(&dump.stderr));
    // It ends with an error where the log ends; there is nothing to be counted where it does not begin.
    let ends = ["invalid record length", "could not find a valid record"];
    assert!(dump.status.success() || ends.iter().any(|end| error.contains(end)), "{at}: {error}");
    text.lines().filter(|line| line.contains("prefix \"switchback\"")).map(str::to_owned).collect()
}

const SEEN: &str = "no writes, as a client saw it";

#[test]
fn of_postgresql_it_sees_the_outage_that_a_client_sees() {
    let mut lab = Lab::fresh();
    asks_for(&mut lab, "{entrance: db.shop.internal, service: orders}");
    let at = lab.sql("a-db", "select pg_current_wal_flush_lsn()");
    for look in [&["plan", "failover", "--to", "nuremberg"][..], &["failover", "--to", "nuremberg", "--dry-run"]] {
        assert!(lab.ok(look).stdout.contains("canary: while the run lasts, every 20ms a write to `orders`"));
    }
    lab.ok(&["drill", "failover", "--to", "nuremberg"]);
    assert!(messages_since(&at).is_empty(), "it wrote although nothing was carried out");
    lab.client_starts();
    let metrics = lab.state.path().join("run.prom");
    let mut order = FAILOVER.to_vec();
    order.extend(["--metrics", metrics.to_str().expect("a path")]);
    let said = lab.ok(&order);
    let seen = lab.client_stops();
    seen.is_whole("a fail-over with a canary");
    let part = only_part(&lab);
    is_about(&part, &seen);
    let messages = messages_since(&at);
    // One every 20 ms until the fence, which a quick machine comes to in 200 ms.
    assert!(messages.len() > 2, "what is not seen here proves nothing above: since {at} {messages:#?}");
    assert_eq!(turns(&part), ["dallas", "nuremberg"], "{part:#}");
    let terms: Vec<u64> =
        part["turns"].as_array().expect("turns").iter().filter_map(|turn| turn["term"].as_u64()).collect();
    assert!(terms[0] > 0 && terms[1] == terms[0] + 1, "a promotion begins a timeline: {part:#}");
    assert!(said.stderr.contains("a client that wrote to `orders` by `db.shop.internal` saw"), "{}", said.stderr);
    // It is the figure that the objective is held against, since it saw all of it.
    let report = report(&lab);
    assert_eq!((&measure(&report, SEEN)["met"], &measure(&report, "no writes")["met"]), (&true.into(), &Value::Null));
    let text = std::fs::read_to_string(&metrics).expect("the figures");
    assert!(text.contains("switchback_run_client_gap_seconds{"), "{text}");
    let past: Value =
        serde_json::from_str(lab.ok(&["history", "--format", "json"]).stdout.lines().next().expect("a run"))
            .expect("JSON");
    assert_eq!(past["client_ms"].as_f64(), Some(gap_ms(&part)), "{past}");
    // And back, where it writes nothing but messages: no table of ours has more rows for it.
    lab.ok(&FAILBACK);
    lab.is_at_rest("a-db", "b-db");
    assert_eq!(turns(&only_part(&lab)), ["nuremberg", "dallas"]);
    assert_eq!(lab.sql("a-db", "select count(*) from pg_tables where schemaname = 'switchback'"), "3");
}

#[test]
fn of_mariadb_it_sees_the_outage_and_writes_one_row_of_its_own() {
    let mut lab = Lab::fresh_with("mariadb.yaml");
    asks_for(&mut lab, "{entrance: wiki.shop.internal, service: wiki, every: 10ms}");
    lab.client_writes_to("mariadb");
    lab.ok(&FAILOVER);
    let seen = lab.client_stops();
    seen.is_whole("MariaDB");
    let part = only_part(&lab);
    is_about(&part, &seen);
    assert_eq!(turns(&part), ["dallas", "nuremberg"], "{part:#}");
    lab.mariadb_is_at_rest("b-db", "a-db");
    lab.ok(&FAILBACK);
    lab.mariadb_is_at_rest("a-db", "b-db");
    assert_eq!(lab.mariadb("b-db", "select count(*) from switchback.client_write"), "1");
}

/// Leads the name of a database to another address, as somebody might who forgot the procedure.
fn lead_by_hand(name: &str, address: &str) {
    let server = variable("LAB_BIND");
    let (host, port) = server.rsplit_once(':').expect("address:port");
    let mut nsupdate = Command::new("nsupdate")
        .args(["-k", &variable("LAB_TSIG_KEY")])
        .stdin(Stdio::piped())
        .spawn()
        .expect("nsupdate runs");
    let orders = format!(
        "server {host} {port}\nzone shop.internal\nupdate delete {name}. A\nupdate add {name}. 2 A {address}\nsend\n"
    );
    nsupdate.stdin.take().expect("an input").write_all(orders.as_bytes()).expect("written");
    assert!(nsupdate.wait().expect("nsupdate ends").success(), "nsupdate");
}

/// Our account may write to a MariaDB that is read-only. A transaction of the canary's there would set the replica apart
/// from the primary that it follows.
#[test]
fn a_replica_to_which_users_are_led_takes_no_write_of_the_canarys() {
    let mut lab = Lab::fresh_with("mariadb.yaml");
    asks_for(&mut lab, "{entrance: wiki.shop.internal, service: wiki, every: 10ms}");
    lead_by_hand("wiki.shop.internal", &variable("LAB_B_DB"));
    lab.ok(&FAILOVER);
    let part = only_part(&lab);
    assert!(part["failed"].as_u64().is_some_and(|failed| failed > 0), "it was not led to the replica: {part:#}");
    assert_eq!(turns(&part), ["nuremberg"], "{part:#}");
    assert_eq!(part["gap"]["whole"], false, "the beginning of the outage was not seen: {part:#}");
    lab.mariadb_is_at_rest("b-db", "a-db");
    // What the replica had of its own would be told here.
    lab.ok(&FAILBACK);
    lab.mariadb_is_at_rest("a-db", "b-db");
}

#[test]
fn by_http_it_sees_what_users_of_the_shop_see() {
    let mut lab = Lab::fresh();
    let url = format!("http://www.shop.test:{}/orders", variable("LAB_HTTP_PORT"));
    asks_for(&mut lab, &format!("{{entrance: www.shop.test, url: \"{url}\", method: POST}}"));
    let before: u64 = lab.sql("a-db", "select count(*) from orders").parse().expect("a count");
    lab.ok(&FAILOVER);
    let part = only_part(&lab);
    eprintln!("a user of the shop saw {} ms without an order", gap_ms(&part));
    assert_eq!(turns(&part), ["dallas", "nuremberg"], "{part:#}");
    let after: u64 = lab.sql("b-db", "select count(*) from orders").parse().expect("a count");
    let (taken, unknown) = (part["taken"].as_u64().expect("a count"), part["unknown"].as_u64().expect("a count"));
    assert!((taken..=taken + unknown + 1).contains(&(after - before)), "{} orders: {part:#}", after - before);
    assert_eq!(measure(&report(&lab), SEEN)["met"], true);
}

#[test]
fn an_entrance_that_hangs_holds_nothing_up() {
    let mut lab = Lab::fresh();
    // It takes the connection and never says a word; and nobody at all at the other site.
    let mute = TcpListener::bind((variable("LAB_A_WEB"), 0)).expect("a port");
    let port = mute.local_addr().expect("an address").port();
    asks_for(&mut lab, &format!("{{entrance: www.shop.test, url: \"http://www.shop.test:{port}/orders\"}}"));
    lab.client_starts();
    let began = Instant::now();
    let said = lab.ok(&FAILOVER);
    assert!(began.elapsed() < Duration::from_secs(30), "it took {:?}", began.elapsed());
    let seen = lab.client_stops();
    seen.is_whole("a fail-over with a canary that hangs");
    assert!(said.stderr.contains("writes acknowledged"), "{}", said.stderr);
    let part = only_part(&lab);
    assert_eq!((&part["taken"], &part["gap"]["whole"]), (&0.into(), &false.into()), "{part:#}");
    drop(mute);
}

/// A process that is killed has measured nothing; the next one says what it saw, and that it did not see the beginning.
#[test]
fn each_process_measures_for_itself() {
    let mut lab = Lab::fresh();
    asks_for(&mut lab, "{entrance: db.shop.internal, service: orders}");
    lab.client_starts();
    let fence = |event: &Value| event["event"] == "intended" && is_of(event, "fence-databases");
    assert!(killed_when(&lab, &FAILOVER, fence), "it came to its end");
    lab.ok(&["resume", "--yes"]);
    lab.client_stops().is_whole("killed at the fence and resumed");
    let parts = measured(&lab);
    assert_eq!(parts.len(), 1, "only the one that lived to its end has a part: {parts:#?}");
    let client = report(&lab)["client"].clone();
    let told = client[1].as_str().expect("a sentence");
    assert!(told.contains("2 processes, of which 1 measured to their end"), "{client:#}");
}
