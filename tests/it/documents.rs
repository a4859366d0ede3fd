//! What the documents show is read as a user's would be.

use std::path::Path;

use switchback::actions::catalogue::CATALOGUE;
use switchback::base::place::Source;
use switchback::estate;
use switchback::runbook;

use crate::bench::Folder;

pub fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The YAML snippets of a document.
pub fn snippets(document: &str) -> Vec<String> {
    let after = |fence: &str| fence.split("\n```").next().map(|text| format!("{text}\n"));
    document.split("```yaml\n").skip(1).filter_map(after).collect()
}

/// The whole with the sections of a fragment in place of its own.
pub fn with_sections(whole: &str, fragment: &str) -> String {
    let mut sections = sections(whole);
    for (name, text) in self::sections(fragment) {
        match sections.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = text,
            None => sections.push((name, text)),
        }
    }
    sections.into_iter().map(|(_, text)| text).collect()
}

fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            sections.push((line.split(':').next().unwrap_or_default().to_owned(), String::new()));
        }
        if let Some((_, section)) = sections.last_mut() {
            section.push_str(line);
        }
    }
    sections
}

#[test]
fn every_estate_that_is_shown_is_sound() {
    let folder = Folder::shop();
    folder.write_mode("secrets/pgpass", "*:*:*:*:x\n", 0o600);
    let all = snippets(&document("estate.md"));
    assert!(all.len() > 4, "the snippets were not found");
    for snippet in &all {
        let text = with_sections(&all[0], snippet).replace("/etc/switchback/secrets/", "secrets/");
        let source = Source::new("docs/estate.md", text);
        estate::parse(&source, folder.path(), Some(Path::new("/home/x")))
            .unwrap_or_else(|problems| panic!("{snippet}\n{problems}"));
    }
}

#[test]
fn every_runbook_that_is_shown_is_sound() {
    let all = snippets(&document("runbooks.md"));
    assert!(!all.is_empty(), "the snippets were not found");
    let estate = snippets(&document("estate.md")).swap_remove(0).replace("/etc/switchback/secrets/", "secrets/");
    let folder = Folder::shop();
    let estate = estate::parse(&Source::new("x", estate), folder.path(), Some(Path::new("/home/x"))).expect("sound");
    for snippet in all {
        let runbook = runbook::load(&Source::new("docs/runbooks.md", snippet), CATALOGUE)
            .unwrap_or_else(|problems| panic!("{problems}"));
        let problems = runbook::check_on(&runbook, &estate);
        assert!(problems.is_empty(), "{problems}");
    }
}

#[test]
fn every_example_of_an_action_is_sound() {
    for snippet in snippets(&document("actions.md")) {
        let text = format!(
            "runbook: r\nformat: 1\nmodes: [planned]\ninputs: {{to: {{type: site}}, site: {{type: site}}}}\nphases:\n  - phase: p\n    \
             title: $site\n    steps:\n      - id: s\n        {snippet}"
        );
        let family = snippet.trim_start_matches("do: {").split('.').next().unwrap_or_default().to_owned();
        let each = if family == "human" { String::new() } else { format!("        for_each: {family}\n") };
        let no_return = if snippet.contains("database.promote") { "    no_return: true\n" } else { "" };
        let text = format!("{text}{each}{no_return}");
        runbook::load(&Source::new("docs/actions.md", text.clone()), CATALOGUE)
            .unwrap_or_else(|problems| panic!("{text}\n{problems}"));
    }
}

/// README and every page below docs, with their names.
fn pages() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![top.join("README.md"), top.join("tests/lab/README.md")];
    for folder in ["docs", "docs/decisions"] {
        let entries = std::fs::read_dir(top.join(folder)).expect("the docs").flatten();
        paths.extend(entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    let read = |path: &std::path::PathBuf| std::fs::read_to_string(path).expect("a page");
    paths.iter().map(|path| (path.display().to_string(), read(path))).collect()
}

#[test]
fn the_estate_of_the_readme_is_sound() {
    let (_, readme) = pages().swap_remove(0);
    // It stands in a numbered list, three columns in.
    let snippet = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the estate");
    let lines: Vec<&str> = snippet.lines().map(|line| line.strip_prefix("   ").unwrap_or(line)).collect();
    let text = lines.join("\n");
    let source = Source::new("README.md", text);
    estate::parse(&source, Path::new("/"), Some(Path::new("/home/x"))).unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn every_command_that_is_shown_can_be_said() {
    use clap::Parser;
    let mut tried = 0;
    for (page, text) in pages() {
        // A line that ends in a backslash goes on.
        let text = text.replace("\\\n", " ");
        let spans = text.split('`').skip(1).step_by(2).chain(text.lines());
        for line in spans {
            let line = line.trim().trim_start_matches("$ ");
            let Some(rest) = line.strip_prefix("switchback ") else { continue };
            let rest = rest.split(['#', '–', '|', '>']).next().unwrap_or_default();
            // Prose that begins with the name, or leaves a place open, is no command.
            if rest.contains('…') || rest.contains("RUN") || rest.contains("SITE") || rest.contains("FILE") {
                continue;
            }
            let words: Vec<&str> =
                rest.split_whitespace().map(|word| word.trim_matches(['"', ',', ';', '.'])).collect();
            if words.first().is_none_or(|verb| !verb.chars().all(|c| c.is_ascii_lowercase() || c == '-')) {
                continue;
            }
            let said = std::iter::once("switchback").chain(words.iter().copied());
            if let Err(error) = switchback::cli::args::Cli::try_parse_from(said) {
                let missing = clap::error::ErrorKind::MissingRequiredArgument;
                assert!(error.kind() == missing, "{page}: `{line}`: {error}");
            }
            tried += 1;
        }
    }
    assert!(tried > 10, "{tried} commands were found");
}

#[test]
fn every_test_that_safety_names_is_there() {
    let safety = document("safety.md");
    let mut sources = String::new();
    let mut folders: Vec<_> = ["tests", "src"].map(|part| Path::new(env!("CARGO_MANIFEST_DIR")).join(part)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                sources.push_str(&std::fs::read_to_string(&path).expect("a source"));
            }
        }
    }
    let mut named = 0;
    for span in safety.split('`').skip(1).step_by(2).filter(|span| span.contains("::")) {
        let name = span.rsplit("::").next().unwrap_or_default().trim_start_matches('…').trim_start_matches('_');
        if name.is_empty() || name.chars().any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')) {
            continue;
        }
        named += 1;
        let there = sources.contains(&format!("fn {name}(")) || sources.contains(&format!("mod {name};"));
        assert!(there, "docs/safety.md names the test `{span}`, and there is none");
    }
    assert!(named > 12, "{named} tests are named");
}
