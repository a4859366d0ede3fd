//! The inputs of a run: given, or found by their defaults.

use std::collections::BTreeMap;

use super::{ANY_WINDOW, Binding};
use crate::base::closest::did_you_mean;
use crate::base::name::{HostName, OtherName, SiteName};
use crate::base::quantity::Span;
use crate::estate::Estate;
use crate::runbook::model::{Default, Serving};
use crate::runbook::written::InputKind;

/// Whether a text can be the value of an input at all, whatever the estate.
pub(in crate::runbook) fn sound(kind: InputKind, text: &str) -> bool {
    match kind {
        InputKind::Site => SiteName::new(text).is_ok(),
        InputKind::Host => HostName::new(text).is_ok(),
        InputKind::Duration => text.parse::<Span>().is_ok(),
        InputKind::Flag => text == "true" || text == "false",
        InputKind::Window => OtherName::new(text).is_ok(),
        InputKind::Text => !text.contains('\0'),
    }
}

/// Gives every input its value, or says what is missing.
pub(super) fn resolve(binding: &mut Binding<'_>, given: &BTreeMap<String, String>, serving: &Serving) {
    let runbook = binding.runbook;
    for name in given.keys().filter(|name| !runbook.inputs.contains_key(*name)) {
        let known: Vec<&str> = runbook.inputs.keys().map(String::as_str).collect();
        let slip = did_you_mean(name, known.iter().copied());
        let sentence = format!("there is no input `{name}`{slip}; there are {}", known.join(", "));
        binding.problem(runbook.title.extent, &runbook.name, &sentence);
    }
    for (name, input) in &runbook.inputs {
        // A default is judged even where another value is given: `check` gives all of them.
        if let Some(Default::Value(value)) = input.default.as_ref().map(|default| &default.value) {
            judge(binding, name, input.kind, value);
        }
    }
    // First what is said in so many words, then what is found by looking, last what is what is left.
    for (name, input) in &runbook.inputs {
        let said = match (given.get(name), &input.default) {
            (Some(given), _) => Some(given.clone()),
            (None, Some(default)) => match &default.value {
                Default::Value(value) => Some(value.clone()),
                Default::Preferred => preferred(binding),
                Default::Serving | Default::Other | Default::Any => None,
            },
            (None, None) if input.kind == InputKind::Flag => Some("false".to_owned()),
            (None, None) => None,
        };
        if let Some(said) = said {
            judge(binding, name, input.kind, &said);
            binding.values.insert(name.clone(), said);
        }
    }
    for words in [[Default::Serving, Default::Serving], [Default::Other, Default::Any]] {
        for (name, input) in &runbook.inputs {
            let Some(word) = input.default.as_ref().map(|default| &default.value) else { continue };
            if words.contains(word) && !binding.values.contains_key(name) {
                let found = found(binding, word, serving);
                if let Some(found) = found {
                    binding.values.insert(name.clone(), found);
                }
            }
        }
    }
    missing(binding);
    distinct(binding);
}

fn preferred(binding: &Binding<'_>) -> Option<String> {
    binding.estate.sites.values().find(|site| site.preferred).map(|site| site.name.as_str().to_owned())
}

/// The sites that other inputs have already.
fn taken(binding: &Binding<'_>) -> Vec<String> {
    let sites = binding.runbook.inputs.iter().filter(|(_, input)| input.kind == InputKind::Site);
    sites.filter_map(|(name, _)| binding.values.get(name).cloned()).collect()
}

fn found(binding: &Binding<'_>, word: &Default, serving: &Serving) -> Option<String> {
    let taken = taken(binding);
    let serves = serving.site.as_ref().map(|site| site.as_str().to_owned());
    let free: Vec<String> = binding
        .estate
        .serving_sites()
        .map(|site| site.name.as_str().to_owned())
        .filter(|site| !taken.contains(site))
        .collect();
    let only_free = || match free.as_slice() {
        [only] if !taken.is_empty() => Some(only.clone()),
        _ => None,
    };
    match word {
        // Of two sites the other one served last, whichever serves now: a second fail-over to the
        // same site must look at the same old primary again.
        Default::Serving => {
            let two = binding.estate.serving_sites().count() == 2;
            let other = only_free().filter(|_| two);
            other.or_else(|| serves.filter(|site| !taken.contains(site)))
        }
        Default::Other => only_free().or_else(|| {
            match free.iter().filter(|site| Some(*site) != serves.as_ref()).collect::<Vec<_>>()[..] {
                [only] if serves.is_some() => Some(only.clone()),
                _ => None,
            }
        }),
        Default::Any => free.first().cloned(),
        Default::Value(_) | Default::Preferred => None,
    }
}

fn judge(binding: &mut Binding<'_>, name: &str, kind: InputKind, value: &str) {
    let estate = binding.estate;
    let sentence = match kind {
        _ if !sound(kind, value) => {
            let shown: String = value.chars().take(60).collect();
            let nouns = match kind {
                InputKind::Site => "a site",
                InputKind::Host => "a host",
                InputKind::Duration => "a duration (30s, 5m, 1h)",
                InputKind::Flag => "true or false",
                InputKind::Window => "a window, nor any",
                InputKind::Text => "a text",
            };
            format!("`{shown}` is not {nouns}")
        }
        InputKind::Site => match estate.sites.get(value) {
            None => {
                let slip = did_you_mean(value, estate.sites.keys().map(SiteName::as_str));
                let known: Vec<&str> = estate.serving_sites().map(|site| site.name.as_str()).collect();
                format!("no site `{value}`{slip}; there are {}", known.join(", "))
            }
            Some(site) if site.witness => format!("`{value}` is a witness, it cannot serve"),
            Some(_) => return,
        },
        InputKind::Host if !estate.hosts.contains_key(value) => {
            format!("no host `{value}`{}", did_you_mean(value, estate.hosts.keys().map(HostName::as_str)))
        }
        InputKind::Window if !is_window(estate, value) => no_window(estate, value),
        _ => return,
    };
    say(binding, name, &sentence);
}

/// Whether a text is a window of the estate, or `any`.
pub(super) fn is_window(estate: &Estate, name: &str) -> bool {
    name == ANY_WINDOW || estate.windows.iter().any(|window| window.name == name)
}

pub(super) fn no_window(estate: &Estate, name: &str) -> String {
    let known: Vec<&str> = estate.windows.iter().map(|window| window.name.as_str()).chain([ANY_WINDOW]).collect();
    let shown: String = name.chars().take(60).collect();
    format!("no window `{shown}`{}; there are {}", did_you_mean(name, known.iter().copied()), known.join(", "))
}

fn say(binding: &mut Binding<'_>, input: &str, sentence: &str) {
    let runbook = binding.runbook;
    let extent = runbook.inputs.get(input).map_or(runbook.title.extent, |input| input.extent);
    binding.problem(extent, &format!("{}: input `{input}`", runbook.name), sentence);
}

fn missing(binding: &mut Binding<'_>) {
    let runbook = binding.runbook;
    for (name, input) in &runbook.inputs {
        if binding.values.contains_key(name) {
            continue;
        }
        let how = match name.as_str() {
            "to" => "--to SITE".to_owned(),
            "from" => "--from SITE".to_owned(),
            _ => format!("--input {name}=…"),
        };
        let why = match input.default.as_ref().map(|default| &default.value) {
            None | Some(Default::Value(_)) => "has no value".to_owned(),
            Some(Default::Preferred) => "no site of the estate is `preferred`".to_owned(),
            Some(Default::Serving) => "which site serves cannot be told".to_owned(),
            Some(Default::Other | Default::Any) => "which of the other sites is meant cannot be told".to_owned(),
        };
        say(binding, name, &format!("{why}; give it with `{how}`"));
    }
}

/// Two site inputs are never the same site.
fn distinct(binding: &mut Binding<'_>) {
    let runbook = binding.runbook;
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (name, _) in runbook.inputs.iter().filter(|(_, input)| input.kind == InputKind::Site) {
        let Some(site) = binding.values.get(name).cloned() else { continue };
        match seen.get(&site) {
            Some(first) => say(binding, name, &format!("is {site}, and so is `{first}`; they must be two sites")),
            None => {
                seen.insert(site, name);
            }
        }
    }
}
