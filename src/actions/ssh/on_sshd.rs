//! Against a real sshd: `cargo test --lib on_sshd -- --ignored`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use super::sshd_for_tests::{bench, ran};
use super::{As, End, Hosts, LookScript, OUTPUT_BYTES_MAX, TouchScript, pour};
use crate::base::name::HostName;
use crate::engine::action::{Fault, Leave, Lost, Touch};

const LIMIT: Duration = Duration::from_secs(10);
/// Prints the number of the shell that was told: the parent of `timeout`, which is the script's.
const WHO: LookScript = LookScript {
    name: "who",
    text: "read -r line <\"/proc/$PPID/stat\"; rest=${line##*) }; set -- $rest; echo \"$2\"",
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts sshd"]
async fn one_shell_is_told_one_command_after_the_other() {
    let bench = bench();
    let host = bench.host();
    let who = || async { host.look(&WHO, &[], As::Login, LIMIT).await.expect("an answer").stdout };
    let first = who().await;
    assert_eq!(first, who().await);
    assert!(first.trim().parse::<u32>().is_ok_and(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists()));
    // Several at once have a shell each, and it ends when nobody can tell it anything any more.
    let all = futures::future::join_all((0..20).map(|_| who())).await;
    let shells: std::collections::BTreeSet<&String> = all.iter().collect();
    // On a machine that is busy a look may have been taken without one.
    assert!(shells.len() > 1 && shells.len() < all.len(), "{shells:?}");
    let pids: Vec<String> = shells.into_iter().map(|pid| format!("/proc/{}", pid.trim())).collect();
    drop((host, bench.hosts));
    for _ in 0..100 {
        if pids.iter().all(|pid| !std::path::Path::new(pid).exists()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{pids:?} are left");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts sshd"]
async fn endings_and_outputs_are_told_apart() {
    let bench = bench();
    let host = bench.host();
    let sh = |text: &str| ["sh", "-c", text].map(str::to_owned).to_vec();
    for code in [0, 1, 3, 126, 127, 128, 255] {
        let argv = sh(&format!("printf out; printf err >&2; exit {code}"));
        let looked = host.look_argv(&argv, As::Login, LIMIT).await.expect("an answer");
        let acted = host.touch_argv(&Touch::for_test(), &argv, As::Login, LIMIT).await.expect("an answer");
        for output in [looked, acted] {
            assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (code, "out", "err"));
        }
    }
    let missing = host.touch_argv(&Touch::for_test(), &["/nonexistent/x".to_owned()], As::Login, LIMIT).await;
    assert_eq!(missing.expect("an answer").code, 127);
    let flood = host.look_argv(&sh("head -c 5000000 /dev/zero; echo end >&2"), As::Login, LIMIT).await.expect("cut");
    assert_eq!((flood.stdout.len(), flood.stderr.as_str(), flood.code), (OUTPUT_BYTES_MAX, "end", 0));
    let killed = host.look_argv(&sh("kill -9 $$"), As::Login, LIMIT).await.expect_err("killed");
    assert_eq!(killed.fault, Fault::Unreachable, "{killed}");
    // A text that stands in for the shell's own marks ends nothing.
    let sly = sh("echo switchback-0000000000000000-1-e=0; echo switchback-ended=0 >&2; exit 4");
    assert_eq!(host.look_argv(&sly, As::Login, LIMIT).await.expect("an answer").code, 4);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts sshd"]
async fn what_goes_on_printing_spoils_no_later_answer() {
    const LEAVES: TouchScript =
        TouchScript { name: "leaves", text: "(sleep 0.3; echo late; echo late >&2) & echo first" };
    let bench = bench();
    let host = bench.host();
    // A user's own act is over when nobody can print for it any more.
    let argv = ["sh", "-c", "(sleep 0.3; echo late) & echo first; exit 3"].map(str::to_owned);
    let acted = host.touch_argv(&Touch::for_test(), &argv, As::Login, LIMIT).await.expect("an answer");
    assert_eq!((acted.code, acted.stdout.as_str()), (3, "first\nlate\n"));
    // Should one of our own scripts leave something, it is nobody's.
    let script = host.touch(&Touch::for_test(), &LEAVES, &[], As::Login, LIMIT).await.expect("an answer");
    assert_eq!(script.stdout, "first\n");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let clean = host.look_argv(&["echo".to_owned(), "mine".to_owned()], As::Login, LIMIT).await.expect("an answer");
    assert_eq!((clean.stdout.as_str(), clean.stderr.as_str()), ("mine\n", ""));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts sshd"]
async fn a_shell_that_dies_or_stands_still_costs_no_look_and_leaves_an_act_in_doubt() {
    let bench = bench();
    let host = bench.host();
    let shell = || async { host.look(&WHO, &[], As::Login, LIMIT).await.expect("an answer").stdout.trim().to_owned() };
    let first = shell().await;
    ran("kill", &["-9", &first]);
    assert_ne!(first, shell().await, "another shell, or none");
    // It dies with an act in its hands: nobody knows how far that came.
    let dies =
        ["sh", "-c", "read -r line <\"/proc/$PPID/stat\"; rest=${line##*) }; set -- $rest; kill -9 \"$2\"; sleep 1"];
    let dies = dies.map(str::to_owned);
    let lost = host.touch_argv(&Touch::for_test(), &dies, As::Login, LIMIT).await;
    assert!(lost.as_ref().map_or_else(|error| error.fault == Fault::InDoubt, |output| output.code != 0), "{lost:?}");
    // It stands still: a look is taken without it; an act asks it first whether it is there.
    let frozen = shell().await;
    ran("kill", &["-STOP", &frozen]);
    let began = Instant::now();
    assert_ne!(frozen, shell().await);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let frozen = shell().await;
    ran("kill", &["-STOP", &frozen]);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let argv = ["echo".to_owned(), "done".to_owned()];
    let acted = host.touch_argv(&Touch::for_test(), &argv, As::Login, LIMIT).await.expect("another shell did it");
    assert_eq!(acted.stdout, "done\n");
}

/// Stops, as a program does that is stopped, when it has just seen that the locks are its own; at the next question it
/// knows better.
struct StandsStill {
    asked: AtomicUsize,
    taken: bool,
}

impl Leave for StandsStill {
    fn ended(&self) -> BoxFuture<'_, Option<Lost>> {
        let first = self.asked.fetch_add(1, Ordering::SeqCst) == 0;
        if first {
            std::thread::sleep(Duration::from_secs(6));
        }
        let lost = (self.taken && !first).then(|| Lost::Taken("it is another's".to_owned()));
        Box::pin(async move { lost })
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts sshd"]
async fn an_act_that_was_held_up_between_the_question_and_the_order_asks_again_and_is_begun_once_or_never() {
    let bench = bench();
    let host = bench.host();
    for taken in [true, false] {
        let file = bench.folder().join(format!("acted-{taken}"));
        let argv =
            ["sh".to_owned(), "-c".to_owned(), "echo x >>\"$0\"".to_owned(), file.display().to_string()].to_vec();
        let leave = Arc::new(StandsStill { asked: AtomicUsize::new(0), taken });
        let touch = Touch::for_test_while(Arc::clone(&leave) as Arc<dyn Leave>);
        let acted = host.touch_argv(&touch, &argv, As::Login, LIMIT).await;
        let done = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(leave.asked.load(Ordering::SeqCst), 2);
        if taken {
            assert!(acted.as_ref().is_err_and(|error| error.fault == Fault::Refused), "{acted:?}");
            assert_eq!(done, "", "it acted where somebody else has the locks");
        } else {
            assert_eq!(acted.expect("an answer").code, 0);
            assert_eq!(done, "x\n");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts sshd"]
async fn a_command_ends_in_its_time_and_the_next_one_is_answered() {
    let bench = bench();
    let host = bench.host();
    let sleeps = ["sleep".to_owned(), "30".to_owned()];
    let began = Instant::now();
    let limit = Duration::from_secs(1);
    let slow = host.touch_argv(&Touch::for_test(), &sleeps, As::Login, limit).await.expect_err("stopped");
    assert_eq!(slow.fault, Fault::InDoubt, "{slow}");
    let slow = host.look_argv(&sleeps, As::Login, limit).await.expect_err("stopped");
    assert_eq!(slow.fault, Fault::Unreachable, "{slow}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(host.look(&WHO, &[], As::Login, LIMIT).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts sshd"]
async fn a_host_key_that_changed_or_is_not_known_is_refused_and_told_as_that() {
    let bench = bench();
    let known = bench.folder().join("known_hosts");
    let text = std::fs::read_to_string(&known).expect("read");
    let place = text.split(' ').next().expect("an address").to_owned();
    let other = bench.folder().join("other");
    ran("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &other.display().to_string()]);
    let others = std::fs::read_to_string(other.with_extension("pub")).expect("read");
    let others = others.rsplit_once(' ').expect("a comment").0;
    let shown = ran("ssh-keygen", &["-lf", &bench.folder().join("host.pub").display().to_string()]);
    let shown = shown.split(' ').nth(1).expect("a fingerprint").to_owned();
    let refused = |written: String| {
        std::fs::write(&known, written).expect("written");
        let hosts = Hosts::new(&bench.estate);
        async move {
            let host = hosts.get(&HostName::new("a-db").expect("a name")).expect("the host");
            host.connect().await.expect_err("refused")
        }
    };
    let changed = refused(format!("# ours\n{place} {others}\n")).await;
    assert_eq!(changed.fault, Fault::Refused, "{changed}");
    for part in ["a-db (127.0.0.1)", &format!("line 2 of `{}`", known.display()), &shown, "may be another machine"] {
        assert!(changed.message.contains(part), "{part}: {changed}");
    }
    assert!(!changed.message.contains("cannot be reached"), "{changed}");
    let unknown = refused(format!("10.9.8.7 {others}\n")).await;
    assert_eq!(unknown.fault, Fault::Refused, "{unknown}");
    for part in ["a-db (127.0.0.1): no host key of it is known", &place, &known.display().to_string()] {
        assert!(unknown.message.contains(part), "{part}: {unknown}");
    }
    // Whoever mends the file is let in.
    std::fs::write(&known, text).expect("written");
    let hosts = Hosts::new(&bench.estate);
    hosts.get(&HostName::new("a-db").expect("a name")).expect("the host").connect().await.expect("let in");
}

/// Words that are meant to be read as something else.
fn sly() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let pieces = prop::sample::select(vec![
        "-",
        "--",
        "'",
        "\"",
        "\n",
        "\r",
        "\t",
        " ",
        "$(id)",
        "`id`",
        "$HOME",
        "${x}",
        ";",
        "&",
        "|",
        "<",
        ">",
        "(",
        ")",
        "*",
        "?",
        "[a]",
        "~",
        "!",
        "#",
        "%",
        "\\",
        "\u{1b}",
        "=",
        "{a,b}",
        "\u{7f}",
        "ü",
        "switchback-ended=0",
        "a",
    ]);
    prop_oneof![prop::collection::vec(pieces, 0..8).prop_map(|all| all.concat()), "[^\\x00]{0,12}"]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts sshd"]
async fn whatever_is_said_arrives_at_a_host_as_it_was_said() {
    use proptest::strategy::{Strategy as _, ValueTree as _};
    const ECHO: LookScript = LookScript { name: "echo", text: "printf '%s\\0' \"$@\" | od -An -v -tx1" };
    let bench = bench();
    let host = bench.host();
    let cases: u32 =
        std::env::var("SWITCHBACK_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(40).min(20_000);
    let mut runner = proptest::test_runner::TestRunner::default();
    let words = proptest::collection::vec(sly(), 1..20);
    let hex = |words: &[String]| -> String {
        words
            .iter()
            .flat_map(|word| word.bytes().chain([0]))
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    };
    for _ in 0..cases {
        let words = words.new_tree(&mut runner).expect("words").current();
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        // A script of ours with these arguments, and a user's own command with these words.
        let script = host.look(&ECHO, &arguments, As::Login, Duration::from_secs(10)).await.expect("an answer");
        let head = ["sh", "-c", ECHO.text, "echo"].map(str::to_owned);
        let argv: Vec<String> = head.into_iter().chain(words.iter().cloned()).collect();
        let command = host.look_argv(&argv, As::Login, Duration::from_secs(10)).await.expect("an answer");
        for output in [script, command] {
            assert!(output.is_ok(), "{words:?}: {}", output.complaint());
            let arrived: String = output.stdout.split_whitespace().collect();
            assert_eq!(arrived, hex(&words), "{words:?}");
        }
    }
    let nul = ["printf".to_owned(), "a\0b".to_owned()];
    assert_eq!(host.look_argv(&nul, As::Login, Duration::from_secs(5)).await.expect_err("NUL").fault, Fault::Refused);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts sshd"]
async fn what_one_prints_another_reads_to_its_end_or_it_is_an_error() {
    const PRINT: TouchScript = TouchScript { name: "print", text: "seq 1 \"$1\"; exit \"$2\"" };
    const READ: TouchScript =
        TouchScript { name: "read", text: "[ \"$1\" = reads ] || { echo 'no room' >&2; exit 3; }; wc -c >\"$2\"" };
    let bench = bench();
    let host = bench.host();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bytes").display().to_string();
    let touch = Touch::for_test();
    let poured = async |lines: &str, code: &str, reads: &str| {
        let from = End { host: &host, script: &PRINT, arguments: &[lines, code], user: As::Login };
        let to = End { host: &host, script: &READ, arguments: &[reads, &file], user: As::Login };
        pour(&touch, from, to, Duration::from_secs(30)).await
    };
    assert_eq!(poured("2000000", "0", "reads").await, Ok(14_888_896));
    assert_eq!(std::fs::read_to_string(folder.path().join("bytes")).expect("written").trim(), "14888896");
    let error = poured("10", "7", "reads").await.expect_err("it did not print all");
    assert!(error.fault == Fault::Transient && error.message.contains("`print`"), "{error}");
    let error = poured("2000000", "0", "does not").await.expect_err("nobody read it");
    assert!(error.fault == Fault::Transient && error.message.contains("no room"), "{error}");
}
