//! Every block and every command of every page: read, said or refused here, whichever page it stands on. A new
//! snippet of a kind that nothing tries is found, too.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::Parser as _;
use switchback::actions::catalogue::CATALOGUE;
use switchback::base::place::Source;
use switchback::cli::args::Cli;
use switchback::{estate, runbook};

use crate::bench::Folder;
use crate::documents::{document, of_action, pages, snippets, with_sections};

/// What stands between two fences, without the columns that it is indented by.
struct Block {
    page: String,
    language: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut found = Vec::new();
    for (page, text) in pages() {
        let mut open: Option<(usize, Block)> = None;
        for line in text.lines() {
            let fence = line.trim_start().strip_prefix("```");
            match (&mut open, fence) {
                (None, Some(language)) => {
                    let indent = line.len() - line.trim_start().len();
                    let block = Block { page: page.clone(), language: language.to_owned(), text: String::new() };
                    open = Some((indent, block));
                }
                (Some(_), Some(_)) => found.extend(open.take().map(|(_, block)| block)),
                (Some((indent, block)), None) => {
                    block.text.push_str(line.get(*indent..).unwrap_or_default());
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{page}: a block does not end");
    }
    found
}

#[test]
fn every_block_is_of_a_kind_that_is_tried() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let examples: Vec<String> = std::fs::read_dir(examples)
        .expect("the examples")
        .flatten()
        .map(|entry| std::fs::read_to_string(entry.path()).expect("a text"))
        .collect();
    for Block { page, language, text } in blocks() {
        match language.as_str() {
            // Tried below; `text` is what the program or a person says.
            "yaml" | "sh" | "text" => {}
            // Files that lie beside the page, which a test gives to those who read them.
            "ini" | "crontab" => assert!(examples.contains(&text), "{page}: no example is\n{text}"),
            other => panic!("{page}: nothing tries a block of `{other}`:\n{text}"),
        }
    }
}

/// What is wrong with a block of YAML, whatever it is: an action, a runbook, or a part of an estate.
fn wrong(whole: &str, text: &str) -> Option<String> {
    let folder = Folder::shop();
    folder.write_mode("secrets/pgpass", "*:*:*:*:x\n", 0o600);
    let estate_of = |text: &str| {
        let text = text.replace("/etc/switchback/secrets/", "secrets/");
        estate::parse(&Source::new("a page", text), folder.path(), Some(Path::new("/home/x")))
    };
    if text.starts_with("do: ") {
        return runbook::load(&Source::new("a page", of_action(text)), CATALOGUE).err().map(|found| found.to_string());
    }
    if text.lines().any(|line| line.starts_with("runbook: ")) {
        let estate = estate_of(whole).unwrap_or_else(|problems| panic!("{problems}"));
        let problems = match runbook::load(&Source::new("a page", text), CATALOGUE) {
            Ok(runbook) => runbook::check_on(&runbook, &estate),
            Err(problems) => problems,
        };
        return (!problems.is_empty()).then(|| problems.to_string());
    }
    let is_whole = text.lines().any(|line| line.starts_with("estate: "));
    let text = if is_whole { text.to_owned() } else { with_sections(whole, text) };
    estate_of(&text).err().map(|found| found.to_string())
}

#[test]
fn every_yaml_of_every_page_is_read() {
    let whole = snippets(&document("estate.md")).swap_remove(0);
    let all: Vec<Block> = blocks().into_iter().filter(|block| block.language == "yaml").collect();
    assert!(all.len() > 30, "{} blocks were found", all.len());
    for Block { page, text, .. } in all {
        if let Some(problems) = wrong(&whole, &text) {
            panic!("{page}:\n{text}\n{problems}");
        }
    }
    // The judge can say no, to each kind.
    for bad in ["do: {database.fnce: {at: $to}}\n", "runbook: x\nformat: 1\nphase: []\n", "hosts:\n  a: {sight: b}\n"] {
        assert!(wrong(&whole, bad).is_some(), "{bad}");
    }
}

/// The words of a line that a shell would take: comments and what follows a pipe are left out, places that are left
/// open are filled.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut quote) = (String::new(), None);
    for c in line.chars().chain([' ']) {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) if word.is_empty() => {}
            (' ', None) => words.push(std::mem::take(&mut word)),
            (c, _) => word.push(c),
        }
    }
    let ends = |word: &String| word.starts_with('#') || ["|", ">", "–", "&&"].contains(&word.as_str());
    let filled =
        words.into_iter().take_while(|word| !ends(word)).map(|word| match word.trim_end_matches([',', ';', '.']) {
            "RUN" | "STEP" | "FILE" | "DIR" | "SITE" | "…" | "[RUN]" | "RUNBOOK" | "EVERY" => "5s".to_owned(),
            "[EVERY]" | "[NAME…]" | "[--seed" | "S]" => String::new(),
            alternatives => alternatives.split('|').next().unwrap_or_default().to_owned(),
        });
    filled.filter(|word| !word.is_empty()).collect()
}

/// What is wrong with a command, where it is one of ours.
fn cannot_be_said(line: &str) -> Option<String> {
    let words = words(line.trim().trim_start_matches("$ "));
    let program = words.first()?.as_str();
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    match program {
        "switchback" => {
            // Prose that begins with the name is no command.
            let verb = words.get(1)?;
            if !verb.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
                return None;
            }
            let error = Cli::try_parse_from(&words).err()?;
            let help = [clap::error::ErrorKind::DisplayHelp, clap::error::ErrorKind::MissingRequiredArgument];
            (!help.contains(&error.kind())).then(|| error.to_string())
        }
        _ if program.starts_with("tests/") || program.starts_with(".ci/") => {
            let path = top.join(program);
            if path.is_dir() || path.extension().is_some() {
                return (!path.exists()).then(|| format!("there is no {program}"));
            }
            let Ok(text) = std::fs::read_to_string(&path) else { return Some(format!("there is no {program}")) };
            let mode = std::fs::metadata(&path).map_or(0, |about| about.permissions().mode());
            if mode & 0o111 == 0 {
                return Some(format!("{program} cannot be run"));
            }
            let said = words.iter().skip(1).filter(|word| word.starts_with("--") || program == "tests/lab/lab");
            let unknown = said.take(1).find(|word| !text.contains(word.as_str()));
            unknown.map(|word| format!("{program} knows no `{word}`"))
        }
        _ => None,
    }
}

/// Programs of other people that pages show.
const OTHERS: [&str; 3] = ["psql", "set", "site=${1:?which site would take over}"];

#[test]
fn every_command_of_every_page_can_be_said() {
    let mut tried = 0;
    let mut judge = |page: &str, line: &str| {
        if let Some(why) = cannot_be_said(line) {
            panic!("{page}: `{line}`: {why}");
        }
        tried += 1;
    };
    for Block { page, language, text } in blocks() {
        for line in text.replace("\\\n", " ").lines().filter(|line| !line.trim().is_empty()) {
            let first = words(line).into_iter().next().unwrap_or_default();
            let ours = ["switchback", "$"].contains(&first.as_str()) || first.starts_with("tests/");
            if ours && (language == "sh" || line.starts_with("$ ")) {
                judge(&page, line);
            }
            let known = ours || first.is_empty() || OTHERS.iter().any(|other| line.starts_with(other));
            assert!(language != "sh" || known, "{page}: nothing tries `{line}`");
        }
    }
    for (page, text) in pages() {
        for span in text.split('`').skip(1).step_by(2) {
            judge(&page, span);
        }
    }
    assert!(tried > 100, "{tried} commands were found");
    for bad in
        ["switchback failover --too x", "switchback stauts", "tests/nothing", "tests/lab/lab upp", "tests/all --labb"]
    {
        assert!(cannot_be_said(bad).is_some(), "{bad}");
    }
}
