//! What was said on the command line, held against the estate and the runbook before anything is bound.
//!
//! A slip of whoever types is no fault of the files: it is usage (exit code 2), and is told with what was
//! probably meant.

use std::collections::BTreeMap;
use std::path::Path;

use super::args::Accept;
use super::error::Failure;
use super::exit::Exit;
use crate::base::closest::did_you_mean;
use crate::base::name::{HostName, SiteName};
use crate::base::quantity::Span;
use crate::engine::plan::Plan;
use crate::estate::Estate;
use crate::runbook::Default as Word;
use crate::runbook::bound::Mode;
use crate::runbook::written::InputKind;
use crate::runbook::{ANY_WINDOW, Runbook, shelf};

fn usage(sentence: String) -> Failure {
    Failure::new(Exit::Usage, sentence)
}

/// Whether there is a runbook of this name at all. One that is there and wrong is not judged here.
pub fn check_name(name: &str, estate: &Estate) -> Result<(), Failure> {
    let is_path = name.contains('/') || Path::new(name).extension().is_some();
    if is_path {
        let there = Path::new(name).exists();
        return if there { Ok(()) } else { Err(usage(format!("no runbook `{name}`: there is no such file"))) };
    }
    let own = shelf::own(&estate.folder);
    let known = shelf::names(&own);
    if known.contains(&name) {
        return Ok(());
    }
    let slip = did_you_mean(name, known.iter().copied());
    Err(usage(format!("no runbook `{name}`{slip}; there are {}", known.join(", "))))
}

/// Whether the mode and the inputs are ones that the runbook has, and name what the estate has.
pub fn check_inputs(
    runbook: &Runbook,
    estate: &Estate,
    given: &BTreeMap<String, String>,
    mode: Mode,
) -> Result<(), Failure> {
    if !runbook.modes.contains(&mode) {
        let modes: Vec<&str> = runbook.modes.iter().map(|mode| mode.as_str()).collect();
        return Err(usage(format!("`{}` has no mode `{mode}`; it has {}", runbook.name, modes.join(", "))));
    }
    for (name, value) in given {
        let Some(input) = runbook.inputs.get(name) else {
            let known: Vec<&str> = runbook.inputs.keys().map(String::as_str).collect();
            let slip = did_you_mean(name, known.iter().copied());
            let there =
                if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
            return Err(usage(format!("`{}` has no input `{name}`{slip}; {there}", runbook.name)));
        };
        match input.kind {
            InputKind::Site => among("site", name, value, estate.sites.keys().map(SiteName::as_str))?,
            InputKind::Host => among("host", name, value, estate.hosts.keys().map(HostName::as_str))?,
            InputKind::Duration => {
                if let Err(error) = value.parse::<Span>() {
                    return Err(usage(format!("input `{name}`: {error}")));
                }
            }
            InputKind::Flag if value != "true" && value != "false" => {
                return Err(usage(format!("input `{name}` is `true` or `false`, and not `{value}`")));
            }
            InputKind::Window => {
                let windows = estate.windows.iter().map(|window| window.name.as_str());
                among("window", name, value, windows.chain([ANY_WINDOW]))?;
            }
            InputKind::Flag | InputKind::Text => {}
        }
    }
    let needed = |name: &&String| {
        runbook.inputs.get(*name).is_some_and(|input| input.default.is_none() && input.kind != InputKind::Flag)
    };
    if let Some(name) = runbook.inputs.keys().filter(needed).find(|name| !given.contains_key(*name)) {
        let flag =
            if name == "to" || name == "from" { format!("--{name} SITE") } else { format!("--input {name}=…") };
        return Err(usage(format!("`{}` wants `{name}`", runbook.name)).hint(format!("say it with `{flag}`")));
    }
    Ok(())
}

/// The site that would serve when this is ordered: the one that the runbook leads away from, or that is to be followed.
pub fn serving_on_paper(runbook: &Runbook, estate: &Estate, given: &BTreeMap<String, String>) -> Option<SiteName> {
    let preferred = || estate.sites.values().find(|site| site.preferred).map(|site| site.name.clone());
    let said = |name: &str| given.get(name).and_then(|site| SiteName::new(site.as_str()).ok());
    let away = |default: Word| {
        runbook.inputs.iter().find(|(_, input)| input.default.as_ref().is_some_and(|it| it.value == default))
    };
    let next = if let Some(to) = said("to") {
        Some(to)
    } else if away(Word::Preferred).is_some() {
        preferred()
    } else if let Some((name, _)) = away(Word::Other) {
        // After an emergency it is the preferred site that comes back.
        said(name).or_else(preferred)
    } else {
        None
    };
    match next {
        Some(next) => estate.other_site(&next).cloned(),
        None => preferred(),
    }
}

fn among<'a>(
    noun: &str,
    input: &str,
    value: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Failure> {
    if known.clone().any(|known| known == value) {
        return Ok(());
    }
    let slip = did_you_mean(value, known.clone());
    let all = known.collect::<Vec<_>>().join(", ");
    Err(usage(format!("`{input}` is `{value}`, and the estate has no such {noun}{slip}; there are {all}")))
}

/// Whether the steps whose failure is accepted are steps of the plan.
pub fn check_misses(plan: &Plan, accept: &Accept) -> Result<(), Failure> {
    match accept.accept_miss.iter().find(|step| plan.find(step).is_none()) {
        None => Ok(()),
        Some(step) => Err(usage(format!("`--accept-miss {step}`: {}", no_step(plan, step)))
            .hint(format!("the steps: switchback plan {}", plan.runbook))),
    }
}

/// That there is no such step, and which was probably meant.
pub fn no_step(plan: &Plan, step: &str) -> String {
    let ids = plan.steps.iter().map(|step| step.id.as_str());
    format!("there is no step `{step}`{}", did_you_mean(step, ids))
}
