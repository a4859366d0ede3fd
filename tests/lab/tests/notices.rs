//! Who is told of a fail-over, while a client writes.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::Sender;

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

/// A mail server that asks for TLS and a login, with a certificate of the lab's; what it is told goes to the channel.
fn mail_server(address: &str, folder: &str, told: Sender<String>) -> u16 {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_file(format!("{folder}/server.crt")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(format!("{folder}/server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they fit");
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind((address, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = plain(stream, &config, &told);
        }
    });
    port
}

/// Until STARTTLS; nothing else is taken in clear.
fn plain(mut stream: TcpStream, config: &Arc<rustls::ServerConfig>, told: &Sender<String>) -> std::io::Result<()> {
    stream.write_all(b"220 mail.test\r\n")?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let _ = told.send(format!("clear: {}", line.trim()));
        match line.split_whitespace().next() {
            Some("EHLO") => stream.write_all(b"250-mail.test\r\n250 STARTTLS\r\n")?,
            Some("STARTTLS") => {
                stream.write_all(b"220 go on\r\n")?;
                let connection = rustls::ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
                return covered(rustls::StreamOwned::new(connection, stream), told);
            }
            _ => stream.write_all(b"530 first STARTTLS\r\n")?,
        }
    }
}

fn covered(
    stream: rustls::StreamOwned<rustls::ServerConnection, TcpStream>,
    told: &Sender<String>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut in_data = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let _ = told.send(format!("covered: {}", line.trim_end()));
        let answer: &[u8] = match line.split_whitespace().next() {
            Some(".") if in_data => {
                in_data = false;
                b"250 taken\r\n"
            }
            _ if in_data => continue,
            Some("EHLO") => b"250-mail.test\r\n250 AUTH PLAIN\r\n",
            Some("AUTH") => b"235 welcome\r\n",
            Some("DATA") => {
                in_data = true;
                b"354 go on\r\n"
            }
            _ => b"250 fine\r\n",
        };
        reader.get_mut().write_all(answer)?;
    }
}

#[test]
fn a_mail_goes_over_tls_to_a_server_that_is_who_it_says() {
    let mut lab = Lab::fresh();
    let (sender, told) = std::sync::mpsc::channel();
    let top = lab.estate.parent().expect("the lab's folder").display().to_string();
    let address = std::env::var("LAB_A_DB").expect("run by tests/lab/run-tests");
    let port = mail_server(&address, &format!("{top}/a-db/tls"), sender);
    let text = std::fs::read_to_string(&lab.estate).expect("the estate");
    let mail = |server: &str| {
        format!(
            "{{events: [started], email: {{server: \"{server}:{port}\", from: dr@shop.test, to: [a@shop.test], user: dr, \
             password: {{command: [echo, s3cret-word]}}, tls: {{ca: {top}/keys/ca.pem}}}}}}"
        )
    };
    let system = mail(&address).replace(&format!("{{ca: {top}/keys/ca.pem}}"), "system");
    let notify = format!("notify:\n  good: {}\n  stranger: {system}\n", mail(&address));
    lab.estate = lab.estate.with_file_name("with-mail.yaml");
    std::fs::write(&lab.estate, format!("{text}\n{notify}")).expect("written");
    let said = lab.ok(&["failover", "--to", "nuremberg", "--yes"]);
    assert!(!said.stderr.contains("good (email)"), "{}", said.stderr);
    assert!(
        said.stderr.contains("stranger (email) of `started`: "),
        "whom nobody vouches for is told: {}",
        said.stderr
    );
    let told: Vec<String> = told.try_iter().collect();
    assert!(told.iter().any(|line| line == "clear: STARTTLS"), "{told:?}");
    // dr and its password, as RFC 4616 has them.
    let logins = told.iter().filter(|line| line.contains("AUTH PLAIN AGRyAHMzY3JldC13b3Jk")).collect::<Vec<_>>();
    assert_eq!(logins.len(), 1, "{told:?}");
    assert!(logins[0].starts_with("covered: "), "a password in clear");
    let subject = told.iter().any(|line| line.starts_with("covered: Subject: [began] shop: "));
    assert!(subject && !told.iter().any(|line| line.starts_with("clear: MAIL")), "{told:?}");
}
