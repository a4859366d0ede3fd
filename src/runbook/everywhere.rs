//! A runbook on an estate, whichever way it may be run: every mode, every choice of sites.

use std::collections::BTreeMap;

use super::model::{Runbook, Serving};
use super::written::InputKind;
use crate::base::problem::Problems;
use crate::estate::Estate;

/// What is wrong with a runbook on an estate, in each of its modes: the problems of the first choice
/// of inputs that has any, because the others would say the same with other names.
pub fn check_on(runbook: &Runbook, estate: &Estate) -> Problems {
    let mut problems = Problems::none();
    let choices = choices(runbook, estate);
    for &mode in &runbook.modes {
        let wrong = choices
            .iter()
            .find_map(|given| super::bind(runbook, estate, given, mode, &Serving { site: None, assumed: true }).err());
        problems.extend(wrong.unwrap_or_default());
    }
    problems.sort();
    problems
}

/// Every way to give the site inputs different sites, with flags off and then on.
fn choices(runbook: &Runbook, estate: &Estate) -> Vec<BTreeMap<String, String>> {
    let sites: Vec<&str> = estate.serving_sites().map(|site| site.name.as_str()).collect();
    let mut all: Vec<BTreeMap<String, String>> = vec![BTreeMap::new()];
    for (name, _) in runbook.inputs.iter().filter(|(_, input)| input.kind == InputKind::Site) {
        let longer = |given: &BTreeMap<String, String>| {
            let free = sites.iter().filter(|site| !given.values().any(|taken| taken == *site));
            free.map(|site| {
                let mut given = given.clone();
                given.insert(name.clone(), (*site).to_owned());
                given
            })
            .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    let mut choices = Vec::new();
    for flag in ["false", "true"] {
        for given in &all {
            let mut given = given.clone();
            for (name, input) in runbook.inputs.iter().filter(|(_, input)| input.kind != InputKind::Site) {
                let example = match input.kind {
                    InputKind::Flag => flag,
                    // What has a default is judged by its default.
                    _ if input.default.is_some() => continue,
                    InputKind::Duration => "1m",
                    InputKind::Host => estate.hosts.keys().next().map_or("", |host| host.as_str()),
                    InputKind::Window => super::bind::ANY_WINDOW,
                    InputKind::Text | InputKind::Site => "example",
                };
                given.insert(name.clone(), example.to_owned());
            }
            choices.push(given);
        }
    }
    choices
}
