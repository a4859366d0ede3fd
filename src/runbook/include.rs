//! `include` and `with`: another runbook whole, as a part of this one.

use super::argument::{Meaning, Scope};
use super::bound::Mode;
use super::load::{self, Loading};
use super::model::Include;
use super::written::{self, InputKind};
use super::{bind, reference};
use crate::base::at::At;
use crate::base::closest::did_you_mean;
use crate::base::place::Extent;

/// The runbook that a phase includes; `None` where it includes none, or one that is not to be had.
pub(super) fn include(
    loading: &mut Loading<'_>,
    about: &str,
    phase: &written::Phase,
    modes: &[Mode],
    scope: &Scope,
    used: &mut Vec<String>,
) -> Option<Include> {
    let Some(name) = &phase.include else {
        for (name, _) in phase.with.iter() {
            loading.problem(name.extent, about, "`with` gives inputs to the runbook that `include` names");
        }
        if phase.steps.is_none() {
            loading.problem(phase.phase.extent, about, "has neither `steps` nor `include`");
        }
        return None;
    };
    alone(loading, about, phase);
    let runbook = match loading.library.open(name) {
        Ok((source, library)) => match load::load_with(&source, loading.catalogue, &library) {
            Ok(runbook) => runbook,
            Err(problems) => {
                loading.problems.extend(problems);
                return None;
            }
        },
        Err(problem) => {
            loading.problem(name.extent, about, &format!("`include: {}`: {}", name.value, problem.sentence));
            return None;
        }
    };
    for mode in modes.iter().filter(|mode| !runbook.modes.contains(mode)) {
        let sentence = format!("`{}` has no mode `{mode}`; say `modes` for this phase", runbook.name);
        loading.problem(name.extent, about, &sentence);
    }
    for (input, value) in phase.with.iter() {
        let Some(known) = runbook.inputs.get(&input.value) else {
            let names: Vec<&str> = runbook.inputs.keys().map(String::as_str).collect();
            let slip = did_you_mean(&input.value, names.iter().copied());
            let sentence =
                format!("`{}` has no input `{}`{slip}; it has {}", name.value, input.value, names.join(", "));
            loading.problem(input.extent, about, &sentence);
            continue;
        };
        given(loading, about, &input.value, known.kind, value, scope, used);
    }
    let lacks = |(_, input): &(&String, &super::model::Input)| input.default.is_none() && input.kind != InputKind::Flag;
    for (input, _) in runbook.inputs.iter().filter(lacks) {
        if phase.with.get(input).is_none() {
            let sentence = format!("`{}` wants `{input}`: say it in `with`", runbook.name);
            loading.problem(name.extent, about, &sentence);
        }
    }
    let with = phase.with.iter().map(|(input, value)| (input.value.clone(), value.clone())).collect();
    Some(Include { runbook: Box::new(runbook), with })
}

/// What an included runbook says of itself is not said again.
fn alone(loading: &mut Loading<'_>, about: &str, phase: &written::Phase) {
    let said: [(&str, Option<Extent>); 7] = [
        ("steps", phase.steps.as_ref().map(|steps| steps.extent)),
        ("procedure", phase.procedure.as_ref().map(|procedure| procedure.extent)),
        ("waves", phase.waves.as_ref().map(|waves| waves.extent)),
        ("no_return", phase.no_return.as_ref().map(|no_return| no_return.extent)),
        ("for_each", phase.for_each.as_ref().map(|each| each.extent)),
        ("where", phase.filter.as_ref().map(|filter| filter.extent)),
        ("on_failure", phase.on_failure.as_ref().map(|on_failure| on_failure.extent)),
    ];
    for (key, extent) in said {
        if let Some(extent) = extent {
            loading.problem(
                extent,
                about,
                &format!("`{key}` does not stand beside `include`: the included runbook says it"),
            );
        }
    }
}

/// The value of one of the included runbook's inputs.
fn given(
    loading: &mut Loading<'_>,
    about: &str,
    input: &str,
    kind: InputKind,
    value: &At<String>,
    scope: &Scope,
    used: &mut Vec<String>,
) {
    match reference::whole(value).map(|name| (name, scope.meaning(name))) {
        Some((name, None)) => loading.problem(value.extent, about, &scope.unknown(name)),
        Some((name, Some(meaning))) => {
            used.push(name.to_owned());
            if meaning != Meaning::Input(kind) && kind != InputKind::Text {
                let sentence = format!("`{input}` takes {}, and ${name} is none", load::input_nouns(kind));
                loading.problem(value.extent, about, &sentence);
            }
        }
        None if bind::sound(kind, value) => {}
        None => {
            let shown: String = value.chars().take(40).collect();
            loading.problem(value.extent, about, &format!("`{input}: {shown}` is not {}", load::input_nouns(kind)));
        }
    }
}
