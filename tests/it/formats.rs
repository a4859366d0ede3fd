//! Estates and runbooks of six situations, as the format is meant to hold them one day: what works is taken, and what
//! does not work yet is told as that, not as a slip.

use std::path::{Path, PathBuf};

use switchback::actions::catalogue::CATALOGUE;
use switchback::base::place::Source;
use switchback::base::problem::Problems;
use switchback::{estate, runbook};

fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let paths = std::fs::read_dir(folder).expect("the cases").flatten().map(|entry| entry.path());
    let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    paths.map(|path| (path.clone(), std::fs::read_to_string(&path).expect("a case"))).collect()
}

/// Whether this says that the spelling is right and that nothing would be done.
fn is_of_later(sentence: &str) -> bool {
    let later = ["does not know", "does nothing with", "knows one member a site"];
    sentence.contains("this version") && later.iter().any(|word| sentence.contains(word))
}

fn judge(path: &Path, found: Option<&Problems>) -> usize {
    let sentences: Vec<&str> = found.iter().flat_map(|found| found.iter()).map(|one| one.sentence.as_str()).collect();
    let slips: Vec<&&str> = sentences.iter().filter(|sentence| !is_of_later(sentence)).collect();
    assert!(slips.is_empty(), "{}: {slips:#?}", path.display());
    sentences.len()
}

#[test]
fn what_an_estate_says_too_early_is_told_as_that() {
    let files = files("format");
    assert_eq!(files.len(), 6);
    for (path, text) in files {
        let read = estate::parse(&Source::new("x", text), Path::new("/"), Some(Path::new("/home/x")));
        judge(&path, read.err().as_ref());
    }
}

#[test]
fn what_a_runbook_says_too_early_is_told_as_that() {
    let files = files("format/runbooks");
    assert_eq!(files.len(), 5);
    let mut told = 0;
    for (path, text) in files {
        // Whether what it includes is there is judged where it lies beside it.
        let read = runbook::load(&Source::new("x", text), CATALOGUE);
        told += judge(&path, read.err().as_ref());
    }
    assert!(told > 0, "all of it works now: say so in docs/coverage.md, and check it on an estate here");
}
