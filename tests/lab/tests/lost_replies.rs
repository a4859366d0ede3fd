//! The request arrives, the act is done, and the answer is lost on the way: over SSH, HTTP and SQL. That is in
//! doubt, never a failure and never a success; a look finds it done, and it is not done again. And answers
//! that come so late that nobody can wait for them: a sentence and an end, never a hang.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::Lab;
use crate::running::{Running, is_of};

/// Forwards connections. Once told, answers on those that exist are swallowed for a while, and then they end;
/// connections that come later are whole.
struct Proxy {
    address: SocketAddr,
    swallow: Arc<AtomicBool>,
    /// By how many milliseconds each piece of an answer is late.
    late_ms: Arc<AtomicU64>,
}

impl Proxy {
    /// With `request`, the answer to the first one that holds these bytes is lost; else it is told when.
    fn before(server: &str, request: Option<&'static str>) -> Self {
        let host = server.split(':').next().expect("address:port");
        let listener = TcpListener::bind((host, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (swallow, late_ms) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (told, slow, server) = (Arc::clone(&swallow), Arc::clone(&late_ms), server.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                // Who comes after it was told is served as usual.
                let told = if told.load(Ordering::SeqCst) { Arc::default() } else { Arc::clone(&told) };
                let (from, to) = (client.try_clone().expect("twice"), server.try_clone().expect("twice"));
                let (tells, hears) = (Arc::clone(&told), told);
                forward(from, to, move |bytes| {
                    if request.is_some_and(|request| String::from_utf8_lossy(bytes).contains(request)) {
                        tells.store(true, Ordering::SeqCst);
                    }
                    false
                });
                let slow = Arc::clone(&slow);
                forward(server, client, move |_| {
                    std::thread::sleep(Duration::from_millis(slow.load(Ordering::SeqCst)));
                    hears.load(Ordering::SeqCst)
                });
            }
        });
        Self { address, swallow, late_ms }
    }

    /// From now on each piece of an answer takes this much longer.
    fn is_late_by(&self, late: Duration) {
        let late_ms = u64::try_from(late.as_millis()).expect("small");
        self.late_ms.store(late_ms, Ordering::SeqCst);
    }

    /// From now on no answer comes, and after so long the connections end.
    fn loses_answers(&self) {
        self.swallow.store(true, Ordering::SeqCst);
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, mut swallows: impl FnMut(&[u8]) -> bool + Send + 'static) {
    std::thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let bytes = bytes.get(..count).unwrap_or_default();
            if swallows(bytes) {
                // What was asked for is carried out meanwhile.
                std::thread::sleep(Duration::from_secs(3));
                break;
            }
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(std::net::Shutdown::Both), to.shutdown(std::net::Shutdown::Both));
    });
}

fn lab_variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name}: run by tests/lab/run-tests"))
}

/// Writes the estate with one text in place of another that stands in it.
fn changed_estate(lab: &mut Lab, from: &str, to: &str) {
    let text = std::fs::read_to_string(&lab.estate).expect("the estate");
    assert!(text.contains(from), "`{from}` is not in the estate");
    let path = lab.estate.with_file_name("proxied.yaml");
    std::fs::write(&path, text.replacen(from, to, 1)).expect("written");
    lab.estate = path;
}

/// A fail-over in which the answers to one step's act are lost once `is_under_way` has come back. An act of several
/// parts is found half done, and a second intention is for the rest.
fn answer_is_lost(lab: &mut Lab, proxy: &Proxy, step: &str, intentions: usize, is_under_way: impl FnOnce()) {
    lab.client_starts();
    let mut running = Running::begin(lab, &["failover", "--to", "nuremberg", "--yes"]);
    let intended = running.until(step, "intended");
    assert!(intended, "{step} was never intended: {:?}", running.ends().0);
    is_under_way();
    proxy.loses_answers();
    let (said, events) = running.ends();
    assert!(!events.is_empty(), "{}", said.stderr);
    let of_step: Vec<&Value> = events.iter().filter(|event| is_of(event, step)).collect();
    eprintln!("{}", of_step.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let doubted = of_step.iter().any(|event| event["event"] == "act_failed" && event["error"]["fault"] == "in_doubt");
    assert!(doubted, "{step} was never in doubt: {}", said.stderr);
    let intended = of_step.iter().filter(|event| event["event"] == "intended").count();
    assert_eq!(intended, intentions, "{step} was carried out again");
    // The answer that never came may have cost more than an objective allows.
    assert!(matches!(said.code, 0 | 10), "{}: {}", said.code, said.stderr);
    lab.is_at_rest("b-db", "a-db");
    let seen = lab.client_stops();
    assert_eq!((seen.missing, seen.both), (Vec::new(), Vec::new()));
}

/// The estate's way to a host over SSH leads through a proxy, with the host's own key.
fn ssh_proxied(lab: &mut Lab, host: &str) -> Proxy {
    let (address, port) = (lab_variable(&variable_of(host)), lab_variable("LAB_SSH_PORT"));
    let proxy = Proxy::before(&format!("{address}:{port}"), None);
    let known = lab.estate.with_file_name("keys").join("known_hosts");
    let mut keys = std::fs::read_to_string(&known).expect("the host keys");
    let own = format!("[{address}]:{port}");
    let theirs = format!("[{address}]:{}", proxy.address.port());
    let lines: Vec<String> =
        keys.lines().filter(|line| line.contains(&own)).map(|line| line.replace(&own, &theirs)).collect();
    keys.push_str(&lines.join("\n"));
    keys.push('\n');
    std::fs::write(&known, keys).expect("written");
    let from = format!("address: {address}}}");
    let to = format!("address: {address}, port: {}}}", proxy.address.port());
    changed_estate(lab, &from, &to);
    proxy
}

/// The estate's way to the database on `b-db` leads through a proxy.
fn sql_proxied(lab: &mut Lab, request: Option<&'static str>) -> Proxy {
    let proxy = Proxy::before(&format!("{}:{}", lab_variable("LAB_B_DB"), lab_variable("LAB_PG_PORT")), request);
    let data = format!("          data_dir: {}\n", lab_variable("LAB_B_DB_DATA"));
    let port = format!("{data}          port: {}\n", proxy.address.port());
    changed_estate(lab, &data, &port);
    // The other member comes the same way when it follows.
    let file = lab_variable("LAB_A_DB_PGPASS");
    let passwords = std::fs::read_to_string(&file).expect("the passfile");
    let own = format!(":{}:", lab_variable("LAB_PG_PORT"));
    assert!(passwords.contains(&own), "{file} names no port");
    let theirs = passwords.replace(&own, &format!(":{}:", proxy.address.port()));
    std::fs::write(&file, format!("{passwords}{theirs}")).expect("written");
    proxy
}

fn http_proxied(lab: &mut Lab, request: Option<&'static str>) -> Proxy {
    let api = lab_variable("LAB_PDNS_URL");
    let api = api.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let proxy = Proxy::before(&api, request);
    changed_estate(lab, &format!("http://{api}"), &format!("http://{}", proxy.address));
    proxy
}

fn variable_of(host: &str) -> String {
    format!("LAB_{}", host.to_uppercase().replace('-', "_"))
}

#[test]
fn a_fence_whose_answer_over_ssh_is_lost_is_adopted() {
    let mut lab = Lab::fresh();
    let proxy = ssh_proxied(&mut lab, "a-db");
    answer_is_lost(&mut lab, &proxy, "fence-databases/orders", 1, || {
        // The first thing that a fence does, well before it ends.
        let signal = std::path::PathBuf::from(lab_variable("LAB_A_DB_DATA")).join("standby.signal");
        for _ in 0..20_000 {
            if signal.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

#[test]
fn a_redirection_whose_answer_over_http_is_lost_is_adopted() {
    let mut lab = Lab::fresh();
    let proxy = http_proxied(&mut lab, Some("PATCH "));
    answer_is_lost(&mut lab, &proxy, "point/www.shop.test", 1, || ());
}

#[test]
fn a_promotion_whose_answer_over_sql_is_lost_is_adopted() {
    let mut lab = Lab::fresh();
    // In clear, so that the proxy can tell the promotion from the looks.
    let ca = format!("      tls: {{ca: {}}}\n", lab_variable("LAB_CA"));
    changed_estate(&mut lab, &ca, "      tls: off\n");
    let rules = lab.sql("b-db", "show hba_file");
    let before = std::fs::read_to_string(&rules).expect("the access rules");
    for host in ["a-db", "b-db"] {
        let rules = lab.sql(host, "show hba_file");
        std::fs::write(&rules, format!("host all switchback all scram-sha-256\n{before}")).expect("written");
        lab.sql(host, "select pg_reload_conf()");
    }
    let proxy = sql_proxied(&mut lab, Some("SELECT pg_promote("));
    // What it finds is a primary without its receipt; the rest is finished.
    answer_is_lost(&mut lab, &proxy, "promote/orders", 2, || ());
    lab.sql("b-db", "checkpoint");
    assert_eq!(lab.sql("b-db", "select timeline_id from pg_control_checkpoint()"), "2", "it was promoted once");
}

/// Past every limit of a single look and of a connection.
const TOO_LATE: Duration = Duration::from_secs(12);

#[test]
fn a_server_that_answers_too_slowly_is_a_refusal_with_a_sentence() {
    type Proxied = fn(&mut Lab) -> Proxy;
    let ways: [(&str, Proxied, &str); 3] = [
        ("SQL", |lab| sql_proxied(lab, None), "did not answer within"),
        ("HTTP", |lab| http_proxied(lab, None), "did not answer within"),
        ("SSH", |lab| ssh_proxied(lab, "b-db"), "cannot be reached over ssh"),
    ];
    for (way, proxied, sentence) in ways {
        let mut lab = Lab::fresh();
        proxied(&mut lab).is_late_by(TOO_LATE);
        let began = Instant::now();
        let said = lab.exits(&["failover", "--to", "nuremberg", "--yes"], 4);
        let words = format!("{} {}", said.stdout, said.stderr);
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(sentence), "{way}: {}\n{}", said.stdout, said.stderr);
        assert!(began.elapsed() < Duration::from_secs(60), "{way}: {:?}", began.elapsed());
        assert_eq!((lab.is_primary("a-db"), lab.is_primary("b-db")), (Some(true), Some(false)), "{way}");
    }
}

#[test]
fn a_server_that_becomes_too_slow_during_the_outage_does_not_keep_users_waiting() {
    let mut lab = Lab::fresh();
    let proxy = sql_proxied(&mut lab, None);
    lab.client_starts();
    let mut running = Running::begin(&lab, &["failover", "--to", "nuremberg", "--yes"]);
    let intended = running.until("fence-databases/orders", "intended");
    assert!(intended, "the fence was never intended: {:?}", running.ends().0);
    proxy.is_late_by(TOO_LATE);
    let began = Instant::now();
    let (said, _) = running.ends();
    // It goes back by itself: nobody could be promoted.
    assert_eq!(said.code, 6, "{}", said.stderr);
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
    assert_eq!((lab.is_primary("a-db"), lab.is_primary("b-db")), (Some(true), Some(false)));
    proxy.is_late_by(Duration::ZERO);
    lab.receives_again_from("a-db");
    lab.ok(&["failover", "--to", "nuremberg", "--yes"]);
    lab.is_at_rest("b-db", "a-db");
    let seen = lab.client_stops();
    assert_eq!((seen.missing, seen.both), (Vec::new(), Vec::new()));
}
