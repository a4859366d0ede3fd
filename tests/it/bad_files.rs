//! Files that are no estates and no runbooks: refused with a place, never a panic, never a long wait.
//!
//! `SWITCHBACK_CASES=200000 cargo test --test it bad_files` mutates for longer than the normal run does.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use switchback::actions::catalogue::CATALOGUE;
use switchback::base::place::Source;
use switchback::base::problem::Problems;
use switchback::estate;
use switchback::runbook::{self, SHIPPED};

use crate::bench::{Folder, case};

fn said(problems: &Problems) -> String {
    problems
        .iter()
        .map(|problem| match problem.place.line_and_column() {
            Some((line, column)) => format!("{line}:{column} {}", problem.sentence),
            None => problem.sentence.clone(),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn what_is_no_text_file_or_no_map() {
    let folder = Folder::shop();
    let path = folder.estate();
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", [below.as_str(); 9].join(", "));
    }
    let table: &[(&str, Vec<u8>, &str)] = &[
        ("empty", Vec::new(), "is empty"),
        ("blank", b"\n\n  \n".to_vec(), "is empty"),
        ("comments", b"# nothing\n".to_vec(), "is empty"),
        ("binary", vec![0x7f, b'E', b'L', b'F', 0xff, 0xfe, 0], "is not UTF-8 text (byte 4)"),
        ("NUL", b"format: 1\nestate: a\0b\n".to_vec(), "holds a NUL byte: it is not a text file"),
        ("huge", vec![b'#'; 2_000_000], "is larger than 1 MiB"),
        ("a list", b"- format: 1\n".to_vec(), "1:1 a map is expected, not a list"),
        ("a text", b"shop\n".to_vec(), "1:1 a map is expected, not a text"),
        ("deep", b"[".repeat(100_000), "1:256 this is not YAML: recursion limit exceeded"),
        ("deeper than need be", b"- ".repeat(40), "1:65 more than 32 maps and lists in one another"),
        ("deep maps", "{a: ".repeat(50_000).into_bytes(), "1:1021 this is not YAML: recursion limit exceeded"),
        ("bomb", bomb.into_bytes(), "1:19 aliases stand for too much here"),
        (
            "two documents",
            b"format: 1\n---\nformat: 1\n".to_vec(),
            "3:1 a second document begins here; a file is one document",
        ),
        (
            "many values",
            format!("format: [{}]", "1,".repeat(60_000)).into_bytes(),
            "1:100004 more than 50000 values in one file",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, bytes, expected) in table {
        std::fs::write(&path, bytes).expect("written");
        let began = Instant::now();
        let problems = estate::load(&path).expect_err(name);
        if said(&problems) != *expected {
            wrong.push(format!("{name}: {}", said(&problems)));
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{name} took {:?}", began.elapsed());
        let _ = runbook::load_file(&path, CATALOGUE).expect_err(name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    std::fs::remove_file(&path).expect("removed");
    assert_eq!(said(&estate::load(&path).expect_err("no file")), "there is no such file");
    assert_eq!(said(&estate::load(folder.path()).expect_err("a folder")), "is not a regular file");
}

#[test]
fn a_byte_order_mark_and_windows_lines_are_taken() {
    let folder = Folder::shop();
    let text = format!("\u{feff}{}", case("shop/switchback.yaml").replace('\n', "\r\n"));
    folder.write("switchback.yaml", &text);
    estate::load(&folder.estate()).unwrap_or_else(|problems| panic!("{problems}"));
}

fn cases() -> u32 {
    std::env::var("SWITCHBACK_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

/// One change of a text: a piece taken out, put in, doubled or moved.
#[derive(Debug, Clone)]
enum Change {
    Cut(prop::sample::Index, usize),
    Put(prop::sample::Index, &'static str),
    Copy(prop::sample::Index, usize, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        ",",
        "\n",
        "  ",
        "- ",
        "&a ",
        "*a",
        "!x ",
        "'",
        "\"",
        "|",
        ">",
        "#",
        "?",
        "~",
        "$to",
        "$",
        "null",
        "true",
        "-1",
        "0",
        "99999999999999999999",
        "1e999",
        "ü",
        "𝄞",
        "\u{feff}",
        "\t",
        "\r",
        "\u{85}",
        "<<: ",
        "---\n",
        "...",
    ]);
    prop_oneof![
        (any::<prop::sample::Index>(), 1..40_usize).prop_map(|(at, len)| Change::Cut(at, len)),
        (any::<prop::sample::Index>(), pieces).prop_map(|(at, text)| Change::Put(at, text)),
        (any::<prop::sample::Index>(), 1..60_usize, any::<prop::sample::Index>())
            .prop_map(|(from, len, to)| Change::Copy(from, len, to)),
    ]
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for change in changes {
        match change {
            Change::Cut(at, len) if !text.is_empty() => {
                let at = at.index(text.len());
                let end = (at + len).min(text.len());
                text.drain(at..end);
            }
            Change::Put(at, piece) => {
                let at = at.index(text.len() + 1);
                text.splice(at..at, piece.chars());
            }
            Change::Copy(from, len, to) if !text.is_empty() => {
                let from = from.index(text.len());
                let piece: Vec<char> = text[from..(from + len).min(text.len())].to_vec();
                let to = to.index(text.len() + 1);
                text.splice(to..to, piece);
            }
            _ => {}
        }
    }
    text.into_iter().collect()
}

/// How long one file may take, whatever stands in it, on a machine that has other things to do.
const ONE_MAX: Duration = Duration::from_secs(5);

/// Reads one file, within its time.
fn in_time<T>(read: impl FnOnce() -> T) -> Result<T, TestCaseError> {
    let began = Instant::now();
    let read = read();
    let took = began.elapsed();
    prop_assert!(took < ONE_MAX, "it took {took:?}");
    Ok(read)
}

/// Whatever is said points into the file.
fn places_are_in(text: &str, problems: &Problems) -> Result<(), TestCaseError> {
    prop_assert!(!problems.is_empty());
    for problem in problems.iter() {
        if let Some(extent) = problem.place.extent {
            prop_assert!(extent.start <= extent.end && extent.end <= text.len(), "{problem:?}");
            prop_assert!(text.is_char_boundary(extent.start) && text.is_char_boundary(extent.end), "{problem:?}");
        }
        prop_assert!(!problem.sentence.is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn no_estate_makes_it_panic(changes in prop::collection::vec(change(), 1..6)) {
        let text = changed(&case("shop/switchback.yaml"), &changes);
        let source = Source::new("x", text.clone());
        if let Err(problems) = in_time(|| estate::parse(&source, Path::new("/nowhere"), None))? {
            places_are_in(&text, &problems)?;
        }
    }

    #[test]
    fn no_runbook_makes_it_panic(which in 0..SHIPPED.len(), changes in prop::collection::vec(change(), 1..6)) {
        let text = changed(SHIPPED[which].1, &changes);
        match in_time(|| runbook::load(&Source::new("x", text.clone()), CATALOGUE))? {
            Err(problems) => places_are_in(&text, &problems)?,
            Ok(runbook) => {
                let folder = Path::new("/nowhere");
                // The secrets are not there, so that the estate is not whole; binding needs one that is.
                let source = Source::new("x", case("plain.yaml"));
                let estate = estate::parse(&source, folder, None).unwrap_or_else(|problems| panic!("{problems}"));
                let problems = in_time(|| runbook::check_on(&runbook, &estate))?;
                if !problems.is_empty() {
                    places_are_in(&text, &problems)?;
                }
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "(\\PC|[\\n{}:, \\-&*!|>'\"#%@`\\[\\]]){0,60}") {
        let _ = in_time(|| estate::parse(&Source::new("x", text.clone()), Path::new("/nowhere"), None))?;
        let _ = in_time(|| runbook::load(&Source::new("x", text), CATALOGUE))?;
    }
}
