//! What the documents show is read as a user's would be.

use std::path::Path;

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

/// A runbook that holds nothing but this action.
pub fn of_action(snippet: &str) -> String {
    let text = format!(
        "runbook: r\nformat: 1\nmodes: [planned]\ninputs: {{to: {{type: site}}, site: {{type: site}}}}\nphases:\n  - phase: p\n    \
         title: $site\n    steps:\n      - id: s\n        {snippet}"
    );
    let family = snippet.trim_start_matches("do: {").split('.').next().unwrap_or_default().to_owned();
    let each = if family == "human" { String::new() } else { format!("        for_each: {family}\n") };
    let no_return = if snippet.contains("database.promote") { "    no_return: true\n" } else { "" };
    format!("{text}{each}{no_return}")
}

/// README and every page below docs, with their names.
pub fn pages() -> Vec<(String, String)> {
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
fn every_test_that_safety_names_is_there() {
    let safety = document("safety.md");
    let mut sources: Vec<(String, String)> = Vec::new();
    let mut folders: Vec<_> = ["tests", "src"].map(|part| Path::new(env!("CARGO_MANIFEST_DIR")).join(part)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source");
                sources.push((path.with_extension("").display().to_string(), text));
            }
        }
    }
    let mut named = 0;
    for span in safety.split('`').skip(1).step_by(2).filter(|span| span.contains("::")) {
        let mut words: Vec<&str> = span.split("::").filter(|word| *word != "tests").collect();
        let name = words.pop().unwrap_or_default().trim_start_matches('…').trim_start_matches('_');
        if name.is_empty() || name.chars().any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')) {
            continue;
        }
        named += 1;
        // Where it is said to be: its module is a file or a folder of that name.
        let module = words.last().filter(|word| !word.starts_with('…')).copied().unwrap_or_default();
        let there = sources.iter().any(|(path, text)| {
            let is_here = module.is_empty() || path.split('/').any(|part| part == module);
            is_here && (text.contains(&format!("fn {name}(")) || text.contains(&format!("mod {name};")))
        });
        assert!(there, "docs/safety.md names the test `{span}`, and there is none");
    }
    assert!(named > 12, "{named} tests are named");
}
