//! The house rules that a compiler does not know: floors, who may print, who may name a driver crate.

use std::path::{Path, PathBuf};

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("src can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if entry.file_name().to_string_lossy().starts_with("on_") || path.ends_with("tests.rs") {
                // Unit tests, most of them against real servers, in files of their own; no part of the program.
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file can be read");
                let short =
                    path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("below src").to_owned();
                found.push((short, text));
            }
        }
    }
    assert!(found.len() > 30, "the sources were not found");
    found
}

/// Code only: without comments and without what stands in `#[cfg(test)]` at the end of a file.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Floor of a module; an import may lead to a lower floor or stay in its own module.
fn floor(module: &str) -> Option<u32> {
    Some(match module {
        "base" => 0,
        "estate" | "runbook" => 1,
        "engine" => 2,
        "actions" | "notify" | "store" | "report" => 3,
        "cli" => 4,
        _ => return None,
    })
}

#[test]
fn imports_lead_down_only() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = path.components().next().expect("a component").as_os_str().to_string_lossy().into_owned();
        let Some(own) = floor(&module) else { continue };
        for part in code(&text).split("crate::").skip(1) {
            let other: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let Some(its) = floor(&other) else { continue };
            // Two rooms of one floor: a runbook is bound to an estate, and nothing else may look sideways.
            let sideways = module == "runbook" && other == "estate";
            if other != module && its >= own && !sideways {
                wrong.push(format!("{}: {module} (floor {own}) imports {other} (floor {its})", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn families_of_actions_do_not_import_each_other() {
    let shared = ["ssh", "context", "catalogue", "dns", "canary"];
    let families = ["database", "entrance", "web", "host", "human"];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
        if parts.next().as_deref() != Some("actions") {
            continue;
        }
        let Some(family) = parts.next().filter(|family| families.contains(&family.as_str())) else { continue };
        for part in code(&text).split("crate::actions::").skip(1) {
            let other: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if other != family && !shared.contains(&other.as_str()) && families.contains(&other.as_str()) {
                wrong.push(format!("{}: {family} imports {other}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_driver_crate_is_named_in_one_place() {
    // A crate, and where it may be named. A folder ends with `/`.
    let rules: &[(&str, &[&str])] = &[
        ("serde_yaml::", &["base/yaml.rs"]),
        ("rusqlite::", &["store/"]),
        ("openssh::", &["actions/ssh/"]),
        ("tokio_postgres::", &["actions/database/postgres/"]),
        ("mysql_async::", &["actions/database/mysql/live/"]),
        ("reqwest::", &["actions/entrance/powerdns/", "actions/web/", "notify/http.rs"]),
        ("hickory_proto::", &["actions/dns/", "actions/entrance/rfc2136/"]),
        ("dialoguer::", &["cli/prompt.rs"]),
        ("indicatif::", &["cli/view/human.rs", "cli/view/screen.rs"]),
        ("miette::", &["cli/problems.rs"]),
        ("tera::", &["notify/words.rs", "report/"]),
        ("lettre::", &["notify/mail.rs"]),
        ("clap::", &["cli/"]),
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let path = path.display().to_string();
        for (name, places) in rules {
            let allowed =
                places.iter().any(|place| path == *place || (place.ends_with('/') && path.starts_with(place)));
            if !allowed && code(&text).contains(name) {
                wrong.push(format!("{path} names {name}, which belongs in {}", places.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_command_line_prints() {
    for (path, text) in sources() {
        let path = path.display().to_string();
        if path.starts_with("cli") || path == "main.rs" {
            continue;
        }
        for print in ["println!", "eprintln!", "print!(", "io::stdout", "io::stderr"] {
            assert!(!code(&text).contains(print), "{path} prints with {print}");
        }
    }
}

#[test]
fn deciding_reads_no_clock_and_does_no_io() {
    for (path, text) in sources() {
        let path = path.display().to_string();
        let clockless =
            ["base/", "estate/", "runbook/", "engine/", "report/"].iter().any(|folder| path.starts_with(folder));
        // Reading a secret from a command has a deadline, and a deadline needs a clock.
        if clockless && !path.starts_with("base/secret") {
            for clock in ["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"] {
                assert!(!code(&text).contains(clock), "{path} reads the clock: {clock}");
            }
        }
        if ["engine/machine.rs", "engine/state.rs", "engine/event.rs", "engine/plan.rs"].contains(&path.as_str()) {
            for word in ["async ", "await", "std::fs", "std::net", "tokio"] {
                assert!(!code(&text).contains(word), "{path} is to be pure, and says {word}");
            }
        }
    }
}

#[test]
fn a_lint_is_expected_with_a_reason_never_allowed() {
    for (path, text) in sources() {
        assert!(!code(&text).contains("#[allow("), "{}", path.display());
        assert!(!code(&text).contains("#![allow("), "{}", path.display());
    }
}

#[test]
fn a_long_file_says_why() {
    const LINES_MAX: usize = 400;
    let mut long = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > LINES_MAX && !text.contains("This file is long because") {
            long.push(format!("{}: {lines} lines", path.display()));
        }
    }
    assert!(
        long.is_empty(),
        "split, or say `This file is long because …` in the module's own words:\n{}",
        long.join("\n")
    );
}

#[test]
fn whatever_takes_a_touch_asks_it_before_it_sends() {
    // Who only passes the touch on asks nothing; an act or a verb that has nothing to do says so by `_touch`.
    let idle = ["fn apply<'a>", "fn undo<'a>", "fn shorten<'a>", "fn settle<'a>", "fn tidy<'a>"];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let path = path.display().to_string();
        for (number, line) in code(&text).lines().enumerate() {
            if path.starts_with("actions/") && line.contains("_touch: &") && !idle.iter().any(|act| line.contains(act))
            {
                wrong.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "these verbs do not ask whether they may still touch:\n{}", wrong.join("\n"));
    for place in [
        "ssh/remote.rs",
        "ssh/pour.rs",
        "database/postgres/live/mod.rs",
        "database/mysql/live/session.rs",
        "entrance/powerdns/live.rs",
        "entrance/rfc2136/mod.rs",
        "database/cut_off.rs",
        "canary/work.rs",
    ] {
        let asks = |(path, text): (PathBuf, String)| {
            path == Path::new("actions").join(place) && code(&text).contains("touch.check().await")
        };
        assert!(sources().into_iter().any(asks), "{place} sends without asking whether it may still touch");
    }
}
