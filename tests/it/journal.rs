//! The journal when the disk fails: damaged, cut short, full; and one that an older version wrote.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use switchback::engine::action::Evidence;
use switchback::engine::event::{Event, Owner, What};
use switchback::engine::ports::{Journal, JournalError};
use switchback::store::Store;
use switchback::store::journal::Writer;
use switchback::store::lock::Taken;

const RUN: &str = "20260101-000000-0001";
const EVENTS: u64 = 24;

fn note(seq: u64) -> Event {
    Event {
        seq,
        at: jiff::Timestamp::from_millisecond(1_700_000_000_000).expect("a time"),
        elapsed_ms: seq,
        what: What::Noted { note: Evidence::new(format!("note {seq}: {}", "x".repeat(200))) },
    }
}

fn now() -> i64 {
    1_700_000_000_000
}

fn writer(state: &Path, goes_on: bool) -> Writer {
    writer_with(state, goes_on, false)
}

/// The same, with room set aside.
fn writer_with(state: &Path, goes_on: bool, reserve: bool) -> Writer {
    let mut store = Store::open(state).expect("a store");
    let owner = Owner {
        operator: "me@here".to_owned(),
        machine: "here".to_owned(),
        pid: 1,
        boot: "boot".to_owned(),
        pid_start: 1,
        version: "0".to_owned(),
    };
    let taken = store.take_lock("shop", RUN, &owner, now(), &|_| Some(false), false).expect("asked for");
    let Taken::Ours(held) = taken else { panic!("{taken:?}") };
    let reserve = reserve.then(|| store.set_aside("shop").expect("there is room"));
    let mut writer = if goes_on {
        store.continue_run(held, now).expect("goes on")
    } else {
        store.begin_run(held, "2026-01-01T00:00:00Z", now).expect("begun")
    };
    writer.keep(reserve);
    writer
}

/// A folder with a journal's files as they are put there.
fn with_files(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("private");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("written");
    }
    folder
}

/// What a reader makes of the files: the events and the last hash, or the sentence with which they are refused.
fn read(files: &[(&str, &[u8])]) -> Result<(Vec<Event>, String), String> {
    let folder = with_files(files);
    let store = Store::open(folder.path()).map_err(|error| error.to_string())?;
    let head = store.verify(RUN).map_err(|error| error.to_string())?.head;
    Ok((store.events(RUN).map_err(|error| error.to_string())?, head))
}

/// The places to damage: all of them with `SWITCHBACK_EVERY_BYTE=1`, every 64th from the third on with
/// `SWITCHBACK_EVERY_BYTE=3/64`, otherwise some, by a seed that is printed.
#[expect(clippy::print_stderr, reason = "a failing seed is to be seen, and `tests/soak` counts")]
fn places(length: usize, some: usize) -> Vec<usize> {
    if let Ok(which) = std::env::var("SWITCHBACK_EVERY_BYTE") {
        let (from, step) = which.split_once('/').unwrap_or(("0", "1"));
        let number = |text: &str| text.parse().expect("SWITCHBACK_EVERY_BYTE is 1 or FROM/STEP");
        let all: Vec<usize> = (number(from)..length).step_by(number(step)).collect();
        eprintln!("soak: bytes {}", all.len());
        return all;
    }
    let chosen = std::env::var("SWITCHBACK_SEED").ok().and_then(|text| text.parse().ok());
    let mut seed: u64 = chosen.unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("SWITCHBACK_SEED={seed}");
    let next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits") % length
    };
    std::iter::repeat_with(next).take(some).collect()
}

/// A finished run's file, and the last hash that was told.
fn finished() -> (Vec<u8>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let mut journal = writer(&state, false);
    for seq in 0..EVENTS {
        journal.append(&note(seq), true).expect("taken");
    }
    let head = journal.head();
    journal.release().expect("released");
    assert!(!state.join("journal.sqlite-wal").exists(), "all is in the one file");
    (std::fs::read(state.join("journal.sqlite")).expect("there"), head)
}

#[test]
fn a_flipped_byte_is_found_or_changes_nothing() {
    let (whole, _) = finished();
    let told = read(&[("journal.sqlite", &whole)]).expect("whole");
    assert_eq!(told.0.len() as u64, EVENTS);
    let mut refused = 0;
    for place in places(whole.len(), 150) {
        for bits in [0x01, 0xff] {
            let mut bytes = whole.clone();
            bytes[place] ^= bits;
            match read(&[("journal.sqlite", &bytes)]) {
                Ok(read) => assert_eq!(read, told, "byte {place} with {bits:#x} is misread"),
                Err(sentence) => {
                    assert!(!sentence.trim().is_empty());
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 0, "nothing of what was damaged mattered");
}

#[test]
fn a_file_that_was_cut_short_is_refused() {
    let (whole, _) = finished();
    for length in places(whole.len(), 80) {
        let cut = read(&[("journal.sqlite", whole.get(..length).expect("shorter"))]);
        assert!(cut.is_err(), "cut to {length} of {} bytes it is read: {cut:?}", whole.len());
    }
}

#[test]
fn a_log_that_lost_its_tail_gives_what_was_written_before_and_a_kept_hash_tells() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let mut journal = writer(&state, false);
    for seq in 0..EVENTS {
        journal.append(&note(seq), true).expect("taken");
    }
    // As a machine that lost its power leaves them.
    let file = std::fs::read(state.join("journal.sqlite")).expect("there");
    let log = std::fs::read(state.join("journal.sqlite-wal")).expect("there");
    let told = read(&[("journal.sqlite", &file), ("journal.sqlite-wal", &log)]).expect("whole");
    assert_eq!((told.0.len() as u64, &told.1), (EVENTS, &journal.head()));
    let check = |log: &[u8], what: &str| {
        if let Ok((events, head)) = read(&[("journal.sqlite", &file), ("journal.sqlite-wal", log)]) {
            assert!(told.0.starts_with(&events), "{what}: misread");
            assert_eq!(events.len() == told.0.len(), head == told.1, "{what}: the hash does not tell");
        }
    };
    for place in places(log.len(), 60) {
        check(log.get(..place).expect("shorter"), &format!("cut at {place}"));
        let mut flipped = log.clone();
        flipped[place] ^= 0xff;
        check(&flipped, &format!("flipped at {place}"));
    }
}

#[test]
fn a_tail_that_was_deleted_is_found_without_a_kept_hash() {
    let (whole, _) = finished();
    let folder = with_files(&[("journal.sqlite", &whole)]);
    let raw = rusqlite::Connection::open(folder.path().join("journal.sqlite")).expect("opens");
    raw.execute("delete from event where seq > 20", []).expect("deleted");
    drop(raw);
    let error = Store::open(folder.path()).expect("a store").events(RUN).expect_err("refused");
    assert!(error.to_string().contains("event 21 is damaged: it is missing"), "{error}");
}

#[test]
fn a_run_that_version_1_was_killed_in_is_resumed() {
    // Recorded by a program that wrote version 1, killed at a question.
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/journal-1");
    let bytes = std::fs::read(recorded.join("journal.sqlite")).expect("the recorded journal");
    let state = with_files(&[("journal.sqlite", &bytes)]);
    let switchback = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_switchback"))
            .args(arguments)
            .env("SWITCHBACK_ESTATE", recorded.join("switchback.yaml"))
            .env("SWITCHBACK_STATE", state.path())
            .env("NO_COLOR", "1")
            .stdin(std::process::Stdio::null())
            .output()
            .expect("switchback runs")
    };
    let shown = switchback(&["runs"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("Two questions"), "{shown:?}");
    // Its lock names a machine that this one cannot ask about.
    let locked = switchback(&["resume", "--yes"]);
    assert_eq!(locked.status.code(), Some(8), "{locked:?}");
    let resumed = switchback(&["resume", "--yes", "--take-over", "--reason", "that machine is gone"]);
    let said = String::from_utf8_lossy(&resumed.stderr);
    assert_eq!(resumed.status.code(), Some(9), "{said}");
    assert!(said.contains("no flag answers"), "it does not go on where it was: {said}");
    let store = Store::open(state.path()).expect("a store");
    let run = store.runs(None).expect("listed").remove(0).id;
    assert!(store.events(&run).expect("whole").len() > 5);
    // From now on a tail that is gone shows.
    let raw = rusqlite::Connection::open(state.path().join("journal.sqlite")).expect("opens");
    raw.execute("delete from event where seq > 4", []).expect("deleted");
    assert!(store.events(&run).is_err());
}

const INSIDE: &str = "SWITCHBACK_TEST_FULL_DISK";

/// Writes until the disk takes no more. Run by the two tests below in a process of its own.
#[test]
#[ignore = "run by the tests of a full disk, inside what they limit"]
fn inside_what_is_limited() {
    let Some(folder) = std::env::var_os(INSIDE) else { return };
    let (state, ballast) = (Path::new(&folder).join("state"), Path::new(&folder).join("ballast"));
    let is_small = ballast.exists();
    let mut journal = writer(&state, false);
    let mut taken = 0;
    let error = loop {
        assert!(taken < 20_000, "the disk is never full");
        match journal.append(&note(taken), true) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Disk(_)), "{error}");
    assert!(journal.append(&note(taken), true).is_err(), "still full");
    drop(journal);
    if is_small {
        std::fs::remove_file(ballast).expect("room is made");
        go_on(&state, taken);
    }
    println!("taken={taken}");
}

/// The disk becomes full in the middle of a run: it ends on what was set aside, and the next one is not begun.
#[test]
#[ignore = "run by the test of what is set aside, on a small disk"]
fn inside_what_is_set_aside() {
    let Some(folder) = std::env::var_os(INSIDE) else { return };
    let folder = Path::new(&folder);
    let state = folder.join("state");
    let mut journal = writer_with(&state, false, true);
    journal.append(&note(0), true).expect("taken");
    let mut filler = std::fs::File::create(folder.join("filler")).expect("made");
    while std::io::Write::write(&mut filler, &[1; 512]).is_ok() {}
    for seq in 1..200 {
        journal.append(&note(seq), true).unwrap_or_else(|error| panic!("event {seq}: {error}"));
    }
    assert!(journal.used_reserve(), "the disk was never full");
    journal.release().expect("released");
    drop(filler);
    std::fs::remove_file(folder.join("filler")).expect("room is made");
    let store = Store::open(&state).expect("a store");
    assert_eq!(store.events(RUN).expect("readable").len(), 200);
    let mut filler = std::fs::File::create(folder.join("filler")).expect("made");
    while std::io::Write::write(&mut filler, &[1; 512]).is_ok() {}
    let refused = store.set_aside("shop").expect_err("there is no room").to_string();
    assert!(refused.contains("cannot be set aside"), "{refused}");
    println!("taken=200");
}

fn go_on(state: &Path, taken: u64) {
    let before = Store::open(state).expect("a store").events(RUN).expect("readable");
    assert_eq!(before.len() as u64, taken, "what was taken is there, and nothing else");
    let mut journal = writer(state, true);
    journal.append(&note(taken), true).expect("there is room again");
    let head = journal.head();
    journal.release().expect("released");
    assert_eq!(Store::open(state).expect("a store").verify(RUN).expect("whole").head, head);
}

/// Runs the inner test under a shell's preparation; gives how many events were taken.
fn limited(folder: &Path, preparation: &str, wrapper: &[&str]) -> u64 {
    inner("inside_what_is_limited", folder, preparation, wrapper)
}

fn inner(test: &str, folder: &Path, preparation: &str, wrapper: &[&str]) -> u64 {
    let me = std::env::current_exe().expect("this program");
    let mut script = preparation.to_owned();
    write!(script, " && exec \"$1\" --exact journal::{test} --ignored --nocapture").expect("text");
    let mut words: Vec<&str> = wrapper.to_vec();
    words.extend(["sh", "-c", &script, "sh"]);
    let (program, arguments) = words.split_first().expect("a program");
    let output = Command::new(program).args(arguments).arg(me).env(INSIDE, folder).output().expect("the shell runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let count = said.split("taken=").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    count.unwrap_or_else(|| panic!("no answer: {said}"))
}

/// How a process gets a disk of its own, where this machine allows it.
const APART: [&str; 4] = ["unshare", "--user", "--map-root-user", "--mount"];

#[expect(clippy::print_stderr, reason = "what did not run is said loudly")]
fn there_is_a_disk() -> bool {
    let tried = Command::new("unshare").args(&APART[1..]).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
    let there = tried.is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("!! the full disk DID NOT RUN: this machine lets nobody mount one; the failing writes did");
    }
    there
}

#[test]
fn a_run_ends_in_the_room_that_was_set_aside_for_it() {
    if !there_is_a_disk() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let small = "mount -t tmpfs -o size=6m,mode=700 none \"$SWITCHBACK_TEST_FULL_DISK\"";
    assert_eq!(inner("inside_what_is_set_aside", folder.path(), small, &APART), 200);
}

#[test]
fn a_full_disk_takes_nothing_more_and_the_run_goes_on_when_there_is_room() {
    if !there_is_a_disk() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let small = "mount -t tmpfs -o size=512k,mode=700 none \"$SWITCHBACK_TEST_FULL_DISK\" \
                 && head -c 200000 /dev/zero > \"$SWITCHBACK_TEST_FULL_DISK/ballast\"";
    let taken = limited(folder.path(), small, &APART);
    assert!(taken > 3, "{taken}");
}

#[test]
fn a_write_that_fails_takes_nothing_more_and_the_run_goes_on_when_it_can() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = limited(folder.path(), "trap '' XFSZ && ulimit -f 400", &[]);
    assert!(taken > 3, "{taken}");
    go_on(&folder.path().join("state"), taken);
}
