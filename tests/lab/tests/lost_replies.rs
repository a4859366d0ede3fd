//! The request arrives, the act is done, and the answer is lost on the way: over SSH and HTTP. That is in
//! doubt, never a failure and never a success; a look finds it done, and it is not done again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::lab::Lab;
use crate::running::{Running, is_of};

/// Forwards connections. Once told, answers on those that exist are swallowed for a while, and then they end;
/// connections that come later are whole.
struct Proxy {
    address: SocketAddr,
    swallow: Arc<AtomicBool>,
}

impl Proxy {
    /// With `request`, the answer to the first one that holds these bytes is lost; else it is told when.
    fn before(server: &str, request: Option<&'static str>) -> Self {
        let host = server.split(':').next().expect("address:port");
        let listener = TcpListener::bind((host, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let swallow = Arc::new(AtomicBool::new(false));
        let (told, server) = (Arc::clone(&swallow), server.to_owned());
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
                forward(server, client, move |_| hears.load(Ordering::SeqCst));
            }
        });
        Self { address, swallow }
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

/// A fail-over in which the answers to one step's act are lost once `is_under_way` has come back.
fn answer_is_lost(lab: &mut Lab, proxy: &Proxy, step: &str, is_under_way: impl FnOnce()) {
    lab.client_starts();
    let mut running = Running::begin(lab, &["failover", "--to", "nuremberg", "--yes"]);
    assert!(running.until(step, "intended"), "{step} was never intended");
    is_under_way();
    proxy.loses_answers();
    let (said, events) = running.ends();
    assert!(!events.is_empty(), "{}", said.stderr);
    let of_step: Vec<&Value> = events.iter().filter(|event| is_of(event, step)).collect();
    eprintln!("{}", of_step.iter().map(|event| format!("{event}\n")).collect::<String>());
    let doubted = of_step.iter().any(|event| event["event"] == "act_failed" && event["error"]["fault"] == "in_doubt");
    assert!(doubted, "{step} was never in doubt: {}", said.stderr);
    let intended = of_step.iter().filter(|event| event["event"] == "intended").count();
    assert_eq!(intended, 1, "{step} was carried out again");
    // The answer that never came may have cost more than an objective allows.
    assert!(matches!(said.code, 0 | 10), "{}: {}", said.code, said.stderr);
    lab.is_at_rest("b-db", "a-db");
    let seen = lab.client_stops();
    assert_eq!((seen.missing, seen.both), (Vec::new(), Vec::new()));
}

#[test]
fn a_fence_whose_answer_over_ssh_is_lost_is_adopted() {
    let mut lab = Lab::fresh();
    let (host, port) = (lab_variable("LAB_A_DB"), lab_variable("LAB_SSH_PORT"));
    let proxy = Proxy::before(&format!("{host}:{port}"), None);
    let known = lab.estate.with_file_name("keys").join("known_hosts");
    let mut keys = std::fs::read_to_string(&known).expect("the host keys");
    let own = format!("[{host}]:{port}");
    let more: String = keys
        .lines()
        .filter(|line| line.contains(&own))
        .map(|line| format!("{}\n", line.replace(&own, &format!("[{host}]:{}", proxy.address.port()))))
        .collect();
    keys.push_str(&more);
    std::fs::write(&known, keys).expect("written");
    let from = format!("a-db:  {{site: dallas,    address: {host}}}");
    let to = format!("a-db:  {{site: dallas,    address: {host}, port: {}}}", proxy.address.port());
    changed_estate(&mut lab, &from, &to);
    answer_is_lost(&mut lab, &proxy, "fence-databases/orders", || {
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
    let api = lab_variable("LAB_PDNS_URL");
    let api = api.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let proxy = Proxy::before(&api, Some("PATCH "));
    changed_estate(&mut lab, &format!("http://{api}"), &format!("http://{}", proxy.address));
    answer_is_lost(&mut lab, &proxy, "point/www.shop.test", || ());
}
