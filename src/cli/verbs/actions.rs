//! `switchback actions [NAME]`: the catalogue, for people and programs; `docs/actions.md` is its page.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::actions::catalogue::{self, CATALOGUE};
use crate::base::closest::did_you_mean;
use crate::cli::args::{Common, Format};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::session::say;
use crate::runbook::signature::{ArgumentKind, Effect, FactAt, FactKind, Signature, Undo, Whereabouts};

/// Prints the catalogue, or one action of it.
pub fn run(common: &Common, name: Option<&str>) -> Result<Exit, Failure> {
    let text = match common.format {
        Format::Human => human(name),
        Format::Json => json(name),
    };
    say(text.map_err(|sentence| Failure::new(Exit::Usage, sentence))?.trim_end());
    Ok(Exit::Done)
}

/// The error is a sentence for who asked for an action that there is not.
fn human(name: Option<&str>) -> Result<String, String> {
    let Some(name) = name else {
        let width = CATALOGUE.iter().map(|signature| signature.name.len()).max().unwrap_or_default();
        let mut text = String::new();
        for signature in CATALOGUE {
            let _ = writeln!(text, "{:width$}  {}", signature.name, signature.summary);
        }
        return Ok(text);
    };
    let signature = named(name)?;
    let mut text = format!("{}\n\n{}.\n\ndone when: {}.\n", usage(signature), signature.summary, signature.done);
    if !signature.arguments.is_empty() {
        text.push_str("\narguments:\n");
    }
    for argument in signature.arguments {
        let need = if argument.required { "" } else { ", may be left out" };
        let _ = writeln!(text, "  {} ({}{need}): {}", argument.name, kind(argument.kind), argument.help);
    }
    text.push('\n');
    for (term, value) in traits(signature) {
        let _ = writeln!(text, "{term}: {value}");
    }
    Ok(text)
}

/// One JSON object a line.
fn json(name: Option<&str>) -> Result<String, String> {
    let wanted: Vec<&Signature> = match name {
        Some(name) => vec![named(name)?],
        None => CATALOGUE.iter().collect(),
    };
    let mut text = String::new();
    for signature in wanted {
        let _ = writeln!(text, "{}", object(signature));
    }
    Ok(text)
}

/// `docs/actions.md`.
#[cfg(test)]
fn page() -> String {
    let mut text = String::from(
        "# Actions\n\nWhat a step's `do` may say. This page is made from the catalogue (`switchback actions` prints the \
         same); a test holds it to it, and running the tests with `SWITCHBACK_BLESS=1` writes it anew.\n\n\
         An action asks first whether there is anything to do, acts only then, and proves that it worked. A *guard* \
         protects data: `when` and `on_failure: go_on` are refused on it.\n",
    );
    let mut family = "";
    for signature in CATALOGUE {
        let its = signature.name.split('.').next().unwrap_or_default();
        if its != family {
            family = its;
            let _ = write!(text, "\n## {family}\n");
        }
        let _ = write!(text, "\n### {}\n\n{}.\n\n", signature.name, capital(signature.summary));
        let _ = write!(text, "```yaml\ndo: {}\n```\n\n", example(signature));
        let _ = write!(text, "*Done when* {}.\n\n", signature.done);
        for argument in signature.arguments {
            let need = if argument.required { "" } else { ", may be left out" };
            let _ = writeln!(text, "- `{}` — {}{need}: {}", argument.name, kind(argument.kind), argument.help);
        }
        let traits: Vec<String> = traits(signature).iter().map(|(term, value)| format!("{term}: {value}")).collect();
        if !signature.arguments.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{}.", capital(&traits.join(" · ")));
    }
    text
}

fn named(name: &str) -> Result<&'static Signature, String> {
    catalogue::signature(name).ok_or_else(|| {
        let slip = did_you_mean(name, CATALOGUE.iter().map(|signature| signature.name));
        format!("no action `{name}`{slip}; `switchback actions` lists them")
    })
}

fn usage(signature: &Signature) -> String {
    format!("do: {}", example(signature))
}

/// The action with the arguments that it must have, as YAML in flow style.
fn example(signature: &Signature) -> String {
    let argument = |argument: &crate::runbook::signature::Argument| {
        let value = match argument.kind {
            ArgumentKind::Site => if argument.name == "site" { "$site" } else { "$to" }.to_owned(),
            ArgumentKind::Duration => "30s".to_owned(),
            ArgumentKind::Size => "16MiB".to_owned(),
            ArgumentKind::Count => "0".to_owned(),
            ArgumentKind::Flag => "true".to_owned(),
            ArgumentKind::Text => "text".to_owned(),
            ArgumentKind::Argv => "[systemctl, restart, shop]".to_owned(),
            ArgumentKind::Look => "{run: [systemctl, is-active, shop]}".to_owned(),
            ArgumentKind::OneOf(words) => words.first().copied().unwrap_or_default().to_owned(),
        };
        format!("{}: {value}", argument.name)
    };
    let arguments: Vec<String> = signature.arguments.iter().filter(|known| known.required).map(argument).collect();
    format!("{{{}: {{{}}}}}", signature.name, arguments.join(", "))
}

fn kind(kind: ArgumentKind) -> String {
    match kind {
        ArgumentKind::Site => "a site".to_owned(),
        ArgumentKind::Duration => "a duration".to_owned(),
        ArgumentKind::Size => "a size".to_owned(),
        ArgumentKind::Count => "a whole number".to_owned(),
        ArgumentKind::Flag => "true or false".to_owned(),
        ArgumentKind::Text => "a text".to_owned(),
        ArgumentKind::Argv => "a command and its arguments".to_owned(),
        ArgumentKind::Look => "a way to look".to_owned(),
        ArgumentKind::OneOf(words) => words.join(" | "),
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Look => "only looks",
        Effect::Idempotent => "applying it twice is as applying it once",
        Effect::Guarded => "applied again after a crash when a look says that it is still to be done",
        Effect::Once => "applied at most once; after a crash in the middle a person decides",
    }
}

fn undo(undo: Undo) -> &'static str {
    match undo {
        Undo::Nothing => "nothing to take back",
        Undo::Possible => "can be taken back",
        Undo::Impossible => "cannot be taken back: the point of no return",
    }
}

fn fact(fact: &FactAt) -> String {
    let word = match fact.fact {
        FactKind::Fenced => "fenced",
        FactKind::CaughtUp => "caught up",
        FactKind::Detached => "detached",
        FactKind::Promoted => "promoted",
        FactKind::Led => "led to",
        FactKind::Following => "following",
        FactKind::Accounted => "accounted for",
    };
    match fact.whereabouts {
        Whereabouts::Argument(name) => format!("{word} at `{name}`"),
        Whereabouts::Elsewhere(name) => format!("{word} everywhere but at `{name}`"),
    }
}

fn traits(signature: &Signature) -> Vec<(&'static str, String)> {
    let facts = |facts: &[FactAt]| facts.iter().map(fact).collect::<Vec<_>>().join(", ");
    let mut traits = Vec::new();
    if let Some(noun) = signature.noun {
        traits.push(("acts on", format!("{} (`for_each: {noun}`)", noun.spoken())));
    }
    traits.push(("effect", effect(signature.effect).to_owned()));
    traits.push(("undo", undo(signature.undo).to_owned()));
    if signature.guard {
        traits.push(("guard", "yes".to_owned()));
    }
    for (term, list) in [("needs", signature.needs), ("gives", signature.gives)] {
        if !list.is_empty() {
            traits.push((term, facts(list)));
        }
    }
    traits.push(("within", format!("{} where the step does not say", signature.within)));
    traits
}

#[cfg(test)]
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn object(signature: &Signature) -> Value {
    let argument = |argument: &crate::runbook::signature::Argument| {
        json!({
            "name": argument.name,
            "kind": kind(argument.kind),
            "required": argument.required,
            "help": argument.help,
        })
    };
    json!({
        "schema": "switchback/action/1",
        "name": signature.name,
        "summary": signature.summary,
        "done": signature.done,
        "noun": signature.noun,
        "arguments": signature.arguments.iter().map(argument).collect::<Vec<_>>(),
        "effect": signature.effect,
        "undo": signature.undo,
        "guard": signature.guard,
        "needs": signature.needs.iter().map(fact).collect::<Vec<_>>(),
        "gives": signature.gives.iter().map(fact).collect::<Vec<_>>(),
        "within": signature.within,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_catalogue_is_the_programs() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/actions.md");
        if std::env::var_os("SWITCHBACK_BLESS").is_some() {
            std::fs::write(path, page()).expect("written");
        }
        let documented = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            documented == page(),
            "docs/actions.md is stale: run the tests with SWITCHBACK_BLESS=1 to write it anew"
        );
    }

    #[test]
    fn an_action_is_told_whole_and_a_misspelt_one_is_guessed() {
        let told = human(Some("database.fence")).expect("there is one");
        for part in ["do: {database.fence: {at: $to}}", "guard: yes", "gives: fenced at `at`", "acts on: a database"] {
            assert!(told.contains(part), "{told}");
        }
        let wrong = human(Some("database.fense")).expect_err("there is none");
        assert_eq!(
            wrong,
            "no action `database.fense`; did you mean `database.fence`?; `switchback actions` lists them"
        );
        assert_eq!(json(None).expect("all").lines().count(), CATALOGUE.len());
    }
}
