//! The programs that read a log, over what pg_waldump prints in its several versions.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const LOG_ROWS: &str = include_str!("scripts/log_rows.awk");
const LOST_ROWS: &str = include_str!("scripts/lost_rows.awk");
const REL: &str = "1663/16387/16416";

fn awk(program: &str, variables: &[(&str, &str)], input: &str, files: &[&Path]) -> String {
    let mut command = Command::new("awk");
    for (name, value) in variables {
        command.arg("-v").arg(format!("{name}={value}"));
    }
    command.arg(program).args(files).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("awk runs");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("awk ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

/// One record as pg_waldump prints it; the log begins at 0/5000000, and the fork is at 0/6000000.
fn record(manager: &str, xid: u32, lsn: u32, text: &str) -> String {
    format!(
        "rmgr: {manager:<11} len (rec/tot): {:>6}/{:>6}, tx: {xid:>10}, lsn: 0/{lsn:08X}, prev 0/{:08X}, desc: {text}\n",
        54,
        54,
        lsn - 64
    )
}

fn said(records: &[String]) -> Vec<String> {
    let variables = [("fork", "00000000/06000000"), ("lines_max", "1000")];
    awk(LOG_ROWS, &variables, &records.concat(), &[]).lines().map(str::to_owned).collect()
}

/// What became of the rows: the files that were written, line by line.
fn lost(records: &[String], rows_max: &str) -> BTreeMap<String, Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    std::fs::write(&log, said(records).join("\n") + "\n").expect("written");
    let into = folder.path().to_str().expect("a path");
    awk(LOST_ROWS, &[("into", into), ("rows_max", rows_max)], "", &[&log, &log]);
    let list = ["transactions", "relations", "places", "gone", "figures"];
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if name == "places" {
            lines.sort();
        }
        (name.to_owned(), lines)
    };
    list.into_iter().map(read).collect()
}

fn at(blk: u32) -> String {
    format!("blkref #0: rel {REL} blk {blk}")
}

#[test]
fn every_version_tells_the_same() {
    let commit = |xid, lsn| record("Transaction", xid, lsn, "COMMIT 2026-11-21 07:39:37.242858 UTC");
    let to_15 = [
        record("Heap", 784, 0x0600_0100, &format!("INSERT+INIT off 1 flags 0x00, {}", at(0))),
        record(
            "Heap",
            784,
            0x0600_0200,
            &format!("HOT_UPDATE off 1 xmax 784 flags 0x20 ; new off 11 xmax 0, {}", at(0)),
        ),
        record(
            "Heap",
            784,
            0x0600_0300,
            &format!("UPDATE off 7 xmax 784 flags 0x03 ; new off 2 xmax 0, {}, blkref #1: rel {REL} blk 4", at(9)),
        ),
        record("Heap", 784, 0x0600_0400, &format!("DELETE off 3 flags 0x00 KEYS_UPDATED , {} FPW", at(0))),
        record("Heap2", 784, 0x0600_0500, &format!("MULTI_INSERT+INIT 2 tuples flags 0x02, {}", at(20))),
        commit(784, 0x0600_0600),
    ];
    let from_16 = [
        record("Heap", 784, 0x0600_0100, &format!("INSERT+INIT off: 1, flags: 0x00, {}", at(0))),
        record(
            "Heap",
            784,
            0x0600_0200,
            &format!(
                "HOT_UPDATE old_xmax: 784, old_off: 1, old_infobits: [], flags: 0x20, new_xmax: 0, new_off: 11, {}",
                at(0)
            ),
        ),
        record(
            "Heap",
            784,
            0x0600_0300,
            &format!(
                "UPDATE old_xmax: 784, old_off: 7, old_infobits: [KEYS_UPDATED], flags: 0x03, new_xmax: 0, new_off: 2, {}, \
                 blkref #1: rel {REL} blk 4",
                at(9)
            ),
        ),
        record(
            "Heap",
            784,
            0x0600_0400,
            &format!("DELETE xmax: 784, off: 3, infobits: [KEYS_UPDATED], flags: 0x00, {} FPW", at(0)),
        ),
        record("Heap2", 784, 0x0600_0500, &format!("MULTI_INSERT+INIT ntuples: 2, flags: 0x02, {}", at(20))),
        commit(784, 0x0600_0600),
    ];
    let expected = [
        format!("I {REL} 0 1 784"),
        format!("U {REL} 0 11 784 0 1"),
        format!("U {REL} 9 2 784 4 7"),
        format!("D {REL} 0 3 784"),
        format!("I {REL} 20 1 784"),
        format!("I {REL} 20 2 784"),
        "C 784 2026-11-21T07:39:37.242858".to_owned(),
        "N 0".to_owned(),
        "B 0".to_owned(),
    ];
    assert_eq!(said(&to_15), expected);
    assert_eq!(said(&from_16), expected);
}

#[test]
fn rows_whose_places_the_log_does_not_name() {
    let to_15 = record("Heap2", 785, 0x0600_0100, &format!("MULTI_INSERT 3 tuples flags 0x02, {}", at(7)));
    let from_16 = record(
        "Heap2",
        785,
        0x0600_0100,
        &format!("MULTI_INSERT ntuples: 3, flags: 0x02, offsets: [4, 5, 9], {}", at(7)),
    );
    assert_eq!(said(&[to_15])[0], format!("M {REL} 7 3 785"));
    assert_eq!(said(&[from_16])[..3], [4, 5, 9].map(|item| format!("I {REL} 7 {item} 785")));
}

#[test]
fn a_block_is_asked_for_once_and_not_for_what_has_a_place() {
    let many = |lsn| record("Heap2", 785, lsn, &format!("MULTI_INSERT 3 tuples flags 0x02, {}", at(7)));
    let records = [
        record("Heap", 785, 0x0600_0100, &format!("INSERT off 4 flags 0x00, {}", at(7))),
        many(0x0600_0200),
        many(0x0600_0300),
        record(
            "Heap",
            785,
            0x0600_0400,
            &format!("HOT_UPDATE off 6 xmax 785 flags 0x20 ; new off 11 xmax 0, {}", at(7)),
        ),
        record("Transaction", 785, 0x0600_0500, "COMMIT 2026-11-21 07:00:02.000000 UTC"),
    ];
    let places = lost(&records, "100").remove("places").expect("a file");
    let expected = |apart: &str| {
        [
            "16387 1663 16416 1 I 7 4 785 0 0".to_owned(),
            format!("16387 1663 16416 2 M 7 0 785 0:{apart} 0"),
            "16387 1663 16416 4 A 7 11 785 7 6".to_owned(),
        ]
    };
    assert!(places == expected("4:11") || places == expected("11:4"), "{places:?}");
}

#[test]
fn what_began_before_the_fork_and_was_committed_after_it_is_lost_too() {
    let records = [
        record("Standby", 0, 0x0500_0100, "RUNNING_XACTS nextXid 780 latestCompletedXid 779 oldestRunningXid 780"),
        record("Heap", 780, 0x0500_0200, &format!("INSERT off 5 flags 0x00, {}", at(0))),
        record("Heap", 781, 0x0500_0300, &format!("INSERT off 6 flags 0x00, {}", at(0))),
        record("Transaction", 781, 0x0500_0400, "COMMIT 2026-11-21 07:00:00.000000 UTC"),
        // ---- the fork
        record("Heap", 780, 0x0600_0200, &format!("INSERT off 8 flags 0x00, {}", at(0))),
        record("Heap", 782, 0x0600_0300, &format!("INSERT off 9 flags 0x00, {}", at(0))),
        record("Transaction", 782, 0x0600_0400, "ABORT 2026-11-21 07:00:01.000000 UTC"),
        record("Heap", 784, 0x0600_0500, &format!("INSERT off 10 flags 0x00, {}", at(0))),
        record(
            "Transaction",
            780,
            0x0600_0600,
            "COMMIT 2026-11-21 07:00:02.000000 UTC; subxacts: 783 784; inval msgs: catcache 80",
        ),
        record("Heap", 785, 0x0600_0700, &format!("INSERT off 11 flags 0x00, {}", at(0))),
        record("Transaction", 785, 0x0600_0800, "PREPARE gid x: 2026-11-21 07:00:03.000000 UTC"),
        record("Heap", 786, 0x0600_0900, &format!("INSERT off 12 flags 0x00, {}", at(0))),
        record("Transaction", 786, 0x0600_0A00, "PREPARE gid y: 2026-11-21 07:00:03.000000 UTC"),
        record("Transaction", 0, 0x0600_0B00, "COMMIT_PREPARED 786: 2026-11-21 07:00:04.000000 UTC"),
    ];
    let files = lost(&records, "100");
    let places: Vec<&str> = files["places"].iter().map(String::as_str).collect();
    // The sequence is the line in what was said of the log.
    assert_eq!(
        places,
        [
            "16387 1663 16416 1 I 0 5 780 0 0",
            "16387 1663 16416 3 I 0 8 780 0 0",
            "16387 1663 16416 5 I 0 10 784 0 0",
            "16387 1663 16416 9 I 0 12 786 0 0",
        ]
    );
    assert_eq!(files["transactions"], ["780,2026-11-21 07:00:02.000000,3,0,0", "786,2026-11-21 07:00:04.000000,1,0,0"]);
    let figures = files["figures"].join(" ");
    assert!(figures.contains("next_xid=782 early=0 prepared=1 unread=0"), "{figures}");
}

#[test]
fn a_file_that_was_made_is_told_of() {
    let records = [
        record("Storage", 0, 0x0500_0100, "CREATE base/16387/16500"),
        record("Storage", 0, 0x0600_0100, "CREATE base/16387/16501"),
        record("Storage", 0, 0x0600_0200, "CREATE pg_tblspc/16600/PG_15_202209061/16387/16502"),
        record("Storage", 0, 0x0600_0300, "CREATE base/16387/16501_fsm"),
    ];
    assert_eq!(said(&records)[..2], ["S 1663/16387/16501", "S 16600/16387/16502"]);
    let mut files = lost(&records, "10");
    let relations = files.get_mut("relations").expect("a file");
    relations.sort();
    assert_eq!(*relations, ["16387 16600 16502 0 0 0 0 0 1", "16387 1663 16501 0 0 0 0 0 1"]);
}

#[test]
fn a_row_is_followed_to_where_it_is_at_the_end() {
    let heap = |lsn, text: &str| record("Heap", 790, lsn, &format!("{text}, {}", at(0)));
    let records = [
        heap(0x0600_0100, "INSERT off 5 flags 0x00"),
        heap(0x0600_0200, "HOT_UPDATE off 5 xmax 790 flags 0x20 ; new off 6 xmax 0"),
        heap(0x0600_0300, "INSERT off 7 flags 0x00"),
        heap(0x0600_0400, "DELETE off 7 flags 0x00 KEYS_UPDATED"),
        heap(0x0600_0500, "HOT_UPDATE off 1 xmax 790 flags 0x20 ; new off 8 xmax 0"),
        heap(0x0600_0600, "HOT_UPDATE off 8 xmax 790 flags 0x20 ; new off 9 xmax 0"),
        heap(0x0600_0700, "HOT_UPDATE off 2 xmax 790 flags 0x20 ; new off 10 xmax 0"),
        heap(0x0600_0800, "DELETE off 10 flags 0x00 KEYS_UPDATED"),
        heap(0x0600_0900, "DELETE off 3 flags 0x00 KEYS_UPDATED"),
        record("Transaction", 790, 0x0600_0A00, "COMMIT 2026-11-21 07:00:02.000000 UTC"),
    ];
    let files = lost(&records, "100");
    // Inserted and changed is inserted, at its first place in the order; changed twice is changed once, from where it lay.
    assert_eq!(files["places"], ["16387 1663 16416 1 I 0 6 790 0 0", "16387 1663 16416 6 U 0 9 790 0 1"]);
    // Changed and deleted is deleted, from where it lay at the fork; inserted and deleted is nothing.
    assert_eq!(files["gone"], ["16387 1663 16416 8 0 2", "16387 1663 16416 9 0 3"]);
    assert_eq!(files["relations"], ["16387 1663 16416 2 4 3 1 0 0"]);
    // Nothing tells whether the transaction began before what was read.
    assert!(files["figures"].contains(&"early=1".to_owned()), "{:?}", files["figures"]);
    let few = lost(&records, "1");
    assert_eq!((few["places"].len(), few["gone"].len()), (1, 1), "the limit holds, and is said");
    assert_eq!(
        few["relations"][0].split(' ').nth(7).and_then(|left| left.parse::<u32>().ok()).map(|left| left > 0),
        Some(true)
    );
}
