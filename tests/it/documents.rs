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
