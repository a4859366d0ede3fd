//! Claims that a runbook makes about itself, held against what its actions say of themselves.

use super::load::Loading;
use super::model::{Phase, Runbook, Step};
use super::signature::{FactKind, Noun, Undo};
use crate::base::at::At;

/// Keys of documented procedures (`docs/coverage.md`): a letter, and how many steps it has.
pub const PROCEDURES: &[(char, usize)] =
    &[('F', 5), ('B', 8), ('L', 3), ('T', 7), ('R', 4), ('V', 5), ('W', 5), ('P', 8)];

/// What a documented step must give to be called by its key; of the others no single fact tells.
const HELD_TO: &[(&str, FactKind)] = &[
    ("F1", FactKind::Fenced),
    ("F2", FactKind::Detached),
    ("F3", FactKind::Promoted),
    ("F4", FactKind::Led),
    ("B4", FactKind::Fenced),
    ("B6", FactKind::Following),
    ("B8", FactKind::Led),
];

fn is_documented(key: &str) -> bool {
    let mut chars = key.chars();
    let first = chars.next();
    let Some((_, steps)) = PROCEDURES.iter().find(|(letter, _)| first == Some(*letter)) else { return false };
    let step = chars.as_str();
    step.is_empty() || step.parse::<usize>().is_ok_and(|step| (1..=*steps).contains(&step))
}

/// Checks everything that spans more than one step.
pub(super) fn all(loading: &mut Loading<'_>, runbook: &Runbook, used: &[String]) {
    for phase in &runbook.phases {
        let about = format!("{}/{}", runbook.name, phase.id.value);
        if phase.whole {
            procedure(loading, &about, phase.procedure.as_ref(), &phase.steps);
            no_return(loading, &about, phase);
        }
        waves(loading, &about, phase);
    }
    questions(loading, runbook);
    for (name, input) in &runbook.inputs {
        // `to` and `from` are what a run is about: the engine reads them even where no step does.
        if !used.contains(name) && name != "to" && name != "from" {
            let about = format!("{}: input `{name}`", runbook.name);
            loading.problem(input.extent, &about, "no step, title or question uses it");
        }
    }
}

/// A claim to carry out a documented step, of the phase that has these steps.
pub(super) fn procedure(loading: &mut Loading<'_>, about: &str, claim: Option<&At<String>>, steps: &[Step]) {
    let Some(claim) = claim else { return };
    let shown: String = claim.chars().take(20).collect();
    if !is_documented(claim) {
        let known: Vec<String> =
            PROCEDURES.iter().map(|(letter, steps)| format!("{letter}1–{letter}{steps}")).collect();
        let sentence = format!("no documented procedure `{shown}`; there are {}", known.join(", "));
        loading.problem(claim.extent, about, &sentence);
        return;
    }
    let Some((_, fact)) = HELD_TO.iter().find(|(key, _)| *key == claim.value) else { return };
    if !steps.iter().any(|step| gives(step, *fact)) {
        let what = match fact {
            FactKind::Fenced => "fences",
            FactKind::CaughtUp => "waits for what is on its way",
            FactKind::Detached => "breaks replication",
            FactKind::Promoted => "promotes",
            FactKind::Led => "leads users",
            FactKind::Following => "makes anything follow",
            FactKind::Accounted => "saves what was lost",
        };
        loading.problem(claim.extent, about, &format!("is said to be {shown}, but no step of it {what}"));
    }
}

fn gives(step: &Step, fact: FactKind) -> bool {
    step.signature.gives.iter().any(|given| given.fact == fact)
}

/// The point of no return is where the catalogue says, in so many words.
fn no_return(loading: &mut Loading<'_>, about: &str, phase: &Phase) {
    let point = |step: &&Step| step.signature.undo == Undo::Impossible;
    if phase.no_return {
        if !phase.steps.iter().any(|step| point(&step)) {
            loading.problem(phase.id.extent, about, "says `no_return: true`, but each of its steps can be taken back");
        }
        return;
    }
    for step in phase.steps.iter().filter(point) {
        let sentence =
            format!("`{}` cannot be undone, but its phase does not say `no_return: true`", step.signature.name);
        loading.problem(step.id.extent, &format!("{about}/{}", step.id.value), &sentence);
    }
}

/// Waves go by the priority of services; what has none cannot be told which wave it is in.
fn waves(loading: &mut Loading<'_>, about: &str, phase: &Phase) {
    if !phase.waves {
        return;
    }
    for step in &phase.steps {
        let noun = step.each.as_ref().or(phase.each.as_ref()).map(|each| each.noun);
        if !matches!(noun, Some(Noun::Database | Noun::Web | Noun::Entrance)) {
            let sentence = "waves go by the priority of services: say `for_each: database`, `web` or `entrance`, or put \
                            it into a phase without `waves`";
            loading.problem(step.id.extent, &format!("{about}/{}", step.id.value), sentence);
        }
    }
}

/// While users wait, nobody is asked and no window is waited for: either stands before the fence or after the redirect.
fn questions(loading: &mut Loading<'_>, runbook: &Runbook) {
    for &mode in &runbook.modes {
        let phases: Vec<&Phase> = runbook.phases.iter().filter(|phase| phase.in_mode(mode)).collect();
        let any = |phase: &&Phase, fact| phase.steps.iter().any(|step| step.in_mode(mode) && gives(step, fact));
        let Some(fence) = phases.iter().position(|phase| any(phase, FactKind::Fenced)) else { continue };
        let Some(led) = phases.iter().rposition(|phase| any(phase, FactKind::Led)) else { continue };
        for phase in phases.iter().take(led + 1).skip(fence + 1) {
            if let Some(window) = &phase.window {
                let about = format!("{}/{}", runbook.name, phase.id.value);
                loading.problem(window.extent, &about, "waits for a window while users wait; put it before the fence");
            }
            if let Some(confirm) = &phase.confirm {
                let about = format!("{}/{}", runbook.name, phase.id.value);
                loading.problem(confirm.extent, &about, "asks while users wait; put `confirm` before the fence");
            }
        }
    }
}
