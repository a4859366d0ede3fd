//! `extends` and `insert`: a runbook that is another one with something put in.
//!
//! It is done to what people wrote, before anything is judged: the whole is then read like any other runbook, and
//! what is wrong with it is told at the file that it stands in.

use std::sync::Arc;

use super::library::Library;
use super::written::{Insert, Phase, Runbook, Step};
use super::{later, written};
use crate::base::at::{At, Entries};
use crate::base::closest::did_you_mean;
use crate::base::decode;
use crate::base::place::{Extent, Source, Sources};
use crate::base::problem::{Problem, Problems};

/// A runbook with everything that it has from others.
pub(super) struct Whole {
    pub(super) runbook: Runbook,
    pub(super) phases: At<Vec<Phase>>,
    pub(super) modes: At<Vec<At<super::bound::Mode>>>,
    pub(super) sources: Sources,
}

/// Reads a runbook, and those that it extends.
pub(super) fn read(source: &Arc<Source>, library: &Library) -> Result<Whole, Problems> {
    let mut sources = Sources::of(source);
    let (runbook, phases, modes) = read_into(source, library, &mut sources)?;
    Ok(Whole { runbook, phases, modes, sources })
}

type Parts = (Runbook, At<Vec<Phase>>, At<Vec<At<super::bound::Mode>>>);

fn read_into(source: &Arc<Source>, library: &Library, sources: &mut Sources) -> Result<Parts, Problems> {
    let mut own: Runbook = decode::read(source, later::not_yet)?;
    let mut problems = Problems::none();
    let mut say = |extent: Extent, sentence: &str| {
        problems.push(Problem::at(source, extent, format!("{}: {sentence}", own.runbook.value)));
    };
    let Some(extends) = own.extends.clone() else {
        if let Some(insert) = &own.insert {
            say(insert.extent, "`insert` puts something into the runbook that `extends` names, and there is none");
        }
        let missing = |key: &str| Problem::at(source, Extent::default(), format!("`{key}` is missing"));
        return match (own.phases.take(), own.modes.take()) {
            (Some(phases), Some(modes)) => problems.or((own, phases, modes)),
            (phases, modes) => {
                let lacking = [("modes", modes.is_none()), ("phases", phases.is_none())];
                for (key, _) in lacking.into_iter().filter(|(_, lacks)| *lacks) {
                    problems.push(missing(key));
                }
                Err(problems.or(()).err().unwrap_or_default())
            }
        };
    };
    if let Some(phases) = &own.phases {
        say(phases.extent, "`extends` takes the phases of the other runbook; put yours in with `insert`");
    }
    let (base, deeper) = match library.open(&extends) {
        Ok(found) => found,
        Err(problem) => {
            say(extends.extent, &format!("`extends: {}`: {}", extends.value, problem.sentence));
            return Err(problems);
        }
    };
    problems.or(())?;
    let base = sources.and(&base);
    let (base, mut phases, base_modes) = read_into(&base, &deeper, sources)?;
    let mut problems = Problems::none();
    for (name, _) in own.inputs.iter().filter(|(name, _)| base.inputs.get(&name.value).is_some()) {
        let sentence = format!("{}: input `{}`: `{}` has it already", own.runbook.value, name.value, extends.value);
        problems.push(Problem::at(source, name.extent, sentence));
    }
    let modes = own.modes.take().unwrap_or_else(|| base_modes.clone());
    for mode in modes.iter().filter(|mode| base_modes.iter().all(|known| known.value != mode.value)) {
        let sentence = format!("{}: `{}` has no mode `{}`", own.runbook.value, extends.value, mode.value);
        problems.push(Problem::at(source, mode.extent, sentence));
    }
    for insert in own.insert.take().into_iter().flat_map(|inserts| inserts.value) {
        if let Err((extent, sentence)) = put(&mut phases.value, insert) {
            problems.push(Problem::at(source, extent, format!("{}: {sentence}", own.runbook.value)));
        }
    }
    let inputs = base.inputs.0.into_iter().chain(std::mem::take(&mut own.inputs).0).collect();
    own.inputs = Entries(inputs);
    own.title = own.title.or(base.title);
    own.procedure = own.procedure.or(base.procedure);
    problems.or((own, phases, modes))
}

/// Puts one insertion where it belongs.
fn put(phases: &mut Vec<Phase>, insert: At<Insert>) -> Result<(), (Extent, String)> {
    let extent = insert.extent;
    let Insert { before, after, phases: new_phases, steps: new_steps } = insert.value;
    let (place, behind) = match (before, after) {
        (Some(place), None) => (place, 0),
        (None, Some(place)) => (place, 1),
        _ => return Err((extent, "an insertion stands `before` or `after` something, one of the two".to_owned())),
    };
    let (phase, step) = match place.split_once('/') {
        Some((phase, step)) => (phase, Some(step)),
        None => (place.as_str(), None),
    };
    let names: Vec<&str> = phases.iter().map(|phase| phase.phase.as_str()).collect();
    let Some(index) = names.iter().position(|name| *name == phase) else {
        let slip = did_you_mean(phase, names.iter().copied());
        return Err((place.extent, format!("no phase `{phase}`{slip}; there are {}", names.join(", "))));
    };
    match (step, new_phases, new_steps) {
        (None, Some(new), None) => {
            let at = index + behind;
            phases.splice(at..at, new.value);
            Ok(())
        }
        (Some(step), None, Some(new)) => {
            let found = phases.get_mut(index).and_then(|phase| phase.steps.as_mut());
            let Some(steps) = found else { return Err((place.extent, format!("`{phase}` has no steps of its own"))) };
            let at = position(&steps.value, phase, step).map_err(|sentence| (place.extent, sentence))? + behind;
            steps.value.splice(at..at, new.value);
            Ok(())
        }
        (None, None, Some(_)) => Err((
            place.extent,
            format!("`steps` stand beside a step: {phase}/STEP; a whole phase is put in by `phases`"),
        )),
        (Some(_), Some(_), None) => {
            Err((place.extent, format!("`phases` stand beside a phase: {phase}; steps are put in by `steps`")))
        }
        _ => Err((extent, "an insertion has `phases` or `steps`, one of the two".to_owned())),
    }
}

fn position(steps: &[Step], phase: &str, step: &str) -> Result<usize, String> {
    let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    ids.iter().position(|id| *id == step).ok_or_else(|| {
        let slip = did_you_mean(step, ids.iter().copied());
        format!("no step `{phase}/{step}`{slip}; there are {}", ids.join(", "))
    })
}

impl Whole {
    /// What tells one version of it from another: everything that people wrote.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.text.as_str())
    }

    /// The runbook that it extends.
    pub(super) fn extends(&self) -> Option<&At<String>> {
        self.runbook.extends.as_ref()
    }
}

/// The steps of a phase; none where it includes another runbook.
pub(super) fn steps(phase: &written::Phase) -> &[Step] {
    phase.steps.as_ref().map_or(&[], |steps| steps.value.as_slice())
}
