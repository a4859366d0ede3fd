//! The journal and the lock on a real disk.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicI64, Ordering};

use switchback::engine::action::{Evidence, Lost};
use switchback::engine::event::{Event, Owner, What};
use switchback::engine::ports::{Journal, JournalError};
use switchback::store::lock::Taken;
use switchback::store::{Store, StoreError};

fn owner(pid: u32) -> Owner {
    Owner {
        operator: format!("operator{pid}@here"),
        machine: "here".to_owned(),
        pid,
        boot: "boot".to_owned(),
        pid_start: 1,
        version: "0".to_owned(),
    }
}

fn note(seq: u64) -> Event {
    Event {
        seq,
        at: jiff::Timestamp::from_millisecond(1_700_000_000_000).expect("a time"),
        elapsed_ms: seq,
        what: What::Noted { note: Evidence::new(format!("note {seq}")) },
    }
}

fn now() -> i64 {
    1_700_000_000_000
}

fn take(store: &mut Store, pid: u32, alive: Option<bool>, take_over: bool) -> Taken {
    store
        .take_lock("shop", &format!("run{pid}"), &owner(pid), now(), &|_| alive, take_over)
        .expect("the lock can be asked for")
}

fn ours(taken: Taken) -> switchback::store::lock::Held {
    match taken {
        Taken::Ours(held) => held,
        Taken::Refused(holder) => panic!("refused: {holder:?}"),
    }
}

#[test]
fn a_living_owner_keeps_the_lock_and_a_dead_one_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&folder.path().join("state")).expect("a store");
    let first = ours(take(&mut store, 1, Some(true), false));
    assert!(matches!(take(&mut store, 2, Some(true), false), Taken::Refused(holder) if holder.run == "run1"));
    assert!(
        matches!(take(&mut store, 2, None, false), Taken::Refused(_)),
        "an owner elsewhere is not known to be dead"
    );
    let second = ours(take(&mut store, 2, Some(false), false));
    assert_eq!(second.taken_from, None);
    store.release_lock(&first).expect("releasing what is no longer ours changes nothing");
    assert!(matches!(take(&mut store, 3, Some(true), false), Taken::Refused(holder) if holder.run == "run2"));
}

#[test]
fn an_owner_that_was_taken_over_writes_nothing_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let mut store = Store::open(&state).expect("a store");
    let held = ours(take(&mut store, 1, Some(true), false));
    let mut writer = store.begin_run(held, "2026-01-01T00:00:00Z", now).expect("a journal");
    writer.append(&note(0), true).expect("the lock is ours");
    let mut other = Store::open(&state).expect("a second store");
    let taken = ours(take(&mut other, 2, Some(true), true));
    assert!(taken.taken_from.is_some());
    assert!(matches!(writer.append(&note(1), true), Err(JournalError::LockLost(_))));
    assert_eq!(other.events("run1").expect("readable").len(), 1);
}

#[test]
fn an_owner_that_was_taken_over_sees_it_between_two_events() {
    static NOW: AtomicI64 = AtomicI64::new(1_700_000_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let mut store = Store::open(&state).expect("a store");
    let held = ours(take(&mut store, 1, Some(true), false));
    let mut writer = store.begin_run(held, "2026-01-01T00:00:00Z", || NOW.load(Ordering::SeqCst)).expect("a journal");
    let watch = writer.watch().expect("watched");
    writer.append(&note(0), true).expect("the lock is ours");
    assert_eq!(watch.lost(), None);
    let taken = |why: &str| Some(Lost::Taken(why.to_owned()));
    let mut other = Store::open(&state).expect("a second store");
    let theirs = ours(take(&mut other, 2, Some(true), true));
    NOW.fetch_add(1_000, Ordering::SeqCst);
    assert_eq!(watch.lost(), taken("it is operator2@here (pid 2 on here)'s"));
    // Whoever took over may have ended: what is lost stays lost, and what was given back is nobody's.
    let second = writer.watch().expect("watched");
    other.release_lock(&theirs).expect("released");
    assert_eq!(watch.lost(), taken("it is operator2@here (pid 2 on here)'s"));
    assert_eq!(second.lost(), taken("it was given back"));
}

#[test]
fn who_waits_for_a_writer_that_does_not_finish_is_told_which() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let mut store = Store::open(&state).expect("a store");
    let stuck = rusqlite::Connection::open(state.join("journal.sqlite")).expect("the file opens");
    stuck.execute_batch("begin immediate").expect("begun");
    let error = store.take_lock("shop", "run2", &owner(2), now(), &|_| None, true).expect_err("it is being written");
    let sentence = format!("process {} does not come to its end", std::process::id());
    assert!(error.to_string().contains(&sentence), "{error}");
    // Whoever reads is not kept.
    assert_eq!(store.lock_holder("shop", now()).expect("readable"), None);
    stuck.execute_batch("rollback").expect("ended");
    ours(take(&mut store, 2, None, true));
}

#[test]
fn what_need_not_be_durable_is_written_with_the_next_that_must_and_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let mut store = Store::open(&state).expect("a store");
    let held = ours(take(&mut store, 1, Some(true), false));
    let mut writer = store.begin_run(held, "2026-01-01T00:00:00Z", now).expect("a journal");
    let reader = Store::open(&state).expect("a reader");
    writer.append(&note(0), false).expect("taken");
    assert_eq!(reader.events("run1").expect("readable").len(), 0);
    writer.append(&note(1), true).expect("taken");
    let events = reader.events("run1").expect("readable");
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(reader.verify("run1").expect("whole").head, writer.head());
}

#[test]
fn a_changed_event_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let mut store = Store::open(&state).expect("a store");
    let held = ours(take(&mut store, 1, Some(true), false));
    let mut writer = store.begin_run(held, "2026-01-01T00:00:00Z", now).expect("a journal");
    for seq in 0..5 {
        writer.append(&note(seq), true).expect("taken");
    }
    drop(writer);
    let raw = rusqlite::Connection::open(state.join("journal.sqlite")).expect("the file opens");
    raw.execute("update event set body = replace(body, 'note 2', 'note X') where seq = 2", []).expect("changed");
    let reader = Store::open(&state).expect("a reader");
    assert!(matches!(reader.events("run1"), Err(StoreError::Damaged { seq: 2, .. })));
    raw.execute("delete from event where seq = 2", []).expect("deleted");
    assert!(matches!(reader.verify("run1"), Err(StoreError::Damaged { seq: 2, .. })));
}

#[test]
fn a_state_directory_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    drop(Store::open(&state).expect("a store"));
    let mode = std::fs::metadata(&state).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).expect("changed");
    assert!(matches!(Store::open(&state), Err(StoreError::Open { .. })));
}

#[test]
fn a_newer_journal_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    drop(Store::open(&state).expect("a store"));
    let raw = rusqlite::Connection::open(state.join("journal.sqlite")).expect("the file opens");
    raw.pragma_update(None, "user_version", 99).expect("set");
    assert!(matches!(Store::open(&state), Err(StoreError::Newer { found: 99, .. })));
}
