//! The real thing, against the sshd of a lab that is up: `SWITCHBACK_LAB_DIR=… cargo test --lib ssh::on_lab -- --ignored`.

use std::time::{Duration, Instant};

use super::*;
use crate::base::name::{HostName, SiteName};
use crate::engine::action::{Fault, Touch};
use crate::estate::model::{Host, Login};

const LIMIT: Duration = Duration::from_secs(5);
const ECHO: LookScript = LookScript { name: "echo", text: "printf '%s|' \"$0\" \"$@\"; id -un >&2" };
const SLEEP: TouchScript = TouchScript { name: "sleep", text: "sleep \"$1\"" };

fn lab_host() -> Host {
    let folder = std::path::PathBuf::from(std::env::var("SWITCHBACK_LAB_DIR").expect("SWITCHBACK_LAB_DIR is set"));
    let known_hosts = folder.join("keys/known_hosts");
    let text = std::fs::read_to_string(&known_hosts).expect("the lab's known hosts");
    let address = text.split(&['[', ']']).find(|part| part.ends_with(".1.10")).expect("the address of a-db");
    let state = std::fs::read_to_string(folder.join("state")).expect("the lab's state");
    let user = state.lines().find_map(|line| line.strip_prefix("user=")).expect("the lab's user");
    Host {
        name: HostName::new("a-db").expect("a name"),
        site: SiteName::new("dallas").expect("a name"),
        address: address.to_owned(),
        port: Some(2222),
        user: Some(user.to_owned()),
        key: Some(folder.join("keys/operator")),
        known_hosts: Some(known_hosts),
        jump: None,
        sudo: false,
        login: Login::Ssh,
        cut_off: None,
    }
}

fn reach(host: Host) -> std::sync::Arc<RemoteHost> {
    Hosts::of([host]).get(&HostName::new("a-db").expect("a name")).expect("the host")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn words_arrive_as_they_were_sent() {
    let host = reach(lab_host());
    let words = ["a b", "'", "\"$HOME\"", "`id`", "new\nline", "", "-n", "*", "!x", "ü", "\\"];
    let output = host.look(&ECHO, &words, As::Login, LIMIT).await.expect("an answer");
    assert_eq!(output.stdout, format!("echo|{}|", words.join("|")));
    let argv: Vec<String> = ["printf", "%s|", "$(id)", ";", "x y"].map(str::to_owned).to_vec();
    assert_eq!(host.look_argv(&argv, As::Login, LIMIT).await.expect("an answer").stdout, "$(id)|;|x y|");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn endings_are_told_apart() {
    let host = reach(lab_host());
    for code in [0, 1, 126, 127, 128, 255] {
        let argv = ["sh".to_owned(), "-c".to_owned(), format!("echo out; echo err >&2; exit {code}")];
        let output = host.look_argv(&argv, As::Login, LIMIT).await.expect("an answer");
        assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (code, "out\n", "err"));
    }
    let missing = host.look_argv(&["/nonexistent/x".to_owned()], As::Login, LIMIT).await.expect("an answer");
    assert_eq!(missing.code, 127, "{}", missing.complaint());
    let began = Instant::now();
    let slow = host.touch(&Touch::for_test(), &SLEEP, &["30"], As::Login, Duration::from_secs(1)).await;
    assert_eq!(slow.expect_err("stopped").fault, Fault::InDoubt);
    assert!(began.elapsed() < Duration::from_secs(3));
    let other = host.look(&ECHO, &[], As::User("nobody"), LIMIT).await.expect_err("no sudo");
    assert_eq!(other.fault, Fault::Refused, "{other}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn many_callers_share_one_session_and_one_failure() {
    let host = reach(lab_host());
    let began = Instant::now();
    let looks = (0..40).map(|_| host.look(&ECHO, &[], As::Login, LIMIT));
    assert!(futures::future::join_all(looks).await.iter().all(Result::is_ok));
    println!("connect and 40 looks: {} ms", began.elapsed().as_millis());
    let mut took = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        host.look(&ECHO, &[], As::Login, LIMIT).await.expect("an answer");
        took.push(began.elapsed().as_micros());
    }
    took.sort_unstable();
    println!("one look: median {} µs, worst {} µs", took[25], took[49]);

    let gone = reach(Host { address: "192.0.2.1".to_owned(), ..lab_host() });
    let began = Instant::now();
    let looks = (0..5).map(|_| gone.look(&ECHO, &[], As::Login, LIMIT));
    for look in futures::future::join_all(looks).await {
        let error = look.expect_err("nobody there");
        assert_eq!(error.fault, Fault::Unreachable, "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    let stranger = reach(Host { known_hosts: Some("/dev/null".into()), ..lab_host() });
    println!("{}", stranger.connect().await.expect_err("not known"));
    let keyless = reach(Host { key: Some("/nonexistent".into()), user: Some("root".to_owned()), ..lab_host() });
    let error = keyless.connect().await.expect_err("not let in");
    assert_eq!(error.fault, Fault::Refused, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn a_flood_is_cut_and_does_not_hang() {
    let host = reach(lab_host());
    let argv =
        ["sh".to_owned(), "-c".to_owned(), "yes x | head -c 5000000; yes y | head -c 5000000 >&2; exit 3".to_owned()];
    let output = host.look_argv(&argv, As::Login, LIMIT).await.expect("an answer");
    assert_eq!((output.code, output.stdout.len()), (3, OUTPUT_BYTES_MAX));
}
