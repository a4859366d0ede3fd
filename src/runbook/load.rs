//! From a text to a [`Runbook`], or to everything that is wrong with it, as far as that can be
//! known without an estate.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::argument::{Meaning, Scope};
use super::bound::Mode;
use super::extend::{self, Whole};
use super::library::Library;
use super::model::{Default, Filter, Input, Loop, Phase, Runbook, When};
use super::signature::{Noun, Signature};
use super::written::{self, InputKind};
use super::{check, include, reference, step};
use crate::base::at::At;
use crate::base::place::{Extent, Source, Sources};
use crate::base::problem::{Problem, Problems};
use crate::base::quantity::Span;

/// Reads a runbook file. What it builds on is looked for beside it, and then among those that are shipped.
pub fn load_file(path: &Path, catalogue: &[Signature]) -> Result<Runbook, Problems> {
    load_with(&Source::read(path)?, catalogue, &Library::beside(path))
}

/// Reads a runbook's text against the actions that there are. It may build on shipped runbooks.
pub fn load(source: &Arc<Source>, catalogue: &[Signature]) -> Result<Runbook, Problems> {
    load_with(source, catalogue, &Library::shipped(source))
}

pub(super) fn load_with(source: &Arc<Source>, catalogue: &[Signature], library: &Library) -> Result<Runbook, Problems> {
    let whole = extend::read(source, library)?;
    let written = &whole.runbook;
    let mut loading = Loading {
        sources: &whole.sources,
        catalogue,
        library,
        runbook: written.runbook.value.clone(),
        problems: Problems::none(),
    };
    loading.name("runbook", &written.runbook);
    let inputs = loading.inputs(written);
    let modes = loading.modes(&whole.modes);
    let mut used = Vec::new();
    let title = written.title.clone().unwrap_or_else(|| written.runbook.clone());
    let about = written.runbook.value.clone();
    loading.prose(&about, &title, &inputs_scope(&inputs), &mut used);
    let phases = loading.phases(&whole.phases, &inputs, &modes, &mut used);
    let digest = digest(&whole, &phases);
    let runbook = Runbook {
        named: written.runbook.extent,
        name: written.runbook.value.clone(),
        title,
        procedure: written.procedure.as_ref().map(|procedure| procedure.value.clone()),
        modes,
        inputs,
        phases,
        sources: whole.sources.clone(),
        extends: whole.extends().map(|extends| extends.value.clone()),
        digest,
    };
    check::procedure(&mut loading, &about, written.procedure.as_ref(), &[]);
    check::all(&mut loading, &runbook, &used);
    loading.problems.or(runbook)
}

/// Of everything that people wrote: its own text, and those that it builds on.
fn digest(whole: &Whole, phases: &[Phase]) -> String {
    let mut hash = Sha256::new();
    for text in whole.texts() {
        hash.update(text.as_bytes());
    }
    for include in phases.iter().filter_map(|phase| phase.include.as_ref()) {
        hash.update(include.runbook.digest.as_bytes());
    }
    crate::base::hex(&hash.finalize())
}

/// A runbook on its way, and what was found wrong so far.
pub(super) struct Loading<'a> {
    sources: &'a Sources,
    pub(super) library: &'a Library,
    pub(super) catalogue: &'a [Signature],
    /// The runbook's name, with which every sentence begins.
    pub(super) runbook: String,
    pub(super) problems: Problems,
}

fn inputs_scope(inputs: &IndexMap<String, Input>) -> Scope {
    Scope(inputs.iter().map(|(name, input)| (name.clone(), Meaning::Input(input.kind))).collect())
}

impl Loading<'_> {
    pub(super) fn problem(&mut self, extent: Extent, about: &str, sentence: &str) {
        self.problems.push(Problem::at(self.sources.holding(extent), extent, format!("{about}: {sentence}")));
    }

    /// Names become parts of step ids, which stand on command lines and in journals.
    pub(super) fn name(&mut self, about: &str, name: &At<String>) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > 60 || name.starts_with('-') || !name.chars().all(plain) {
            self.problem(name.extent, about, "a name is expected: letters, digits, `-` and `_`, at most 60");
        }
    }

    fn inputs(&mut self, written: &written::Runbook) -> IndexMap<String, Input> {
        let mut inputs = IndexMap::new();
        for (name, input) in written.inputs.iter() {
            let about = format!("{}: input `{}`", self.runbook, name.value);
            let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if name.is_empty() || !plain {
                self.problem(name.extent, &about, "small letters, digits and `_` are expected, as it is used as $name");
            }
            let default = input.default.as_ref().and_then(|default| {
                let meant = default_of(input.kind, default);
                if meant.is_none() {
                    let sentence = format!("its default `{}` is not {}", default.value, default_nouns(input.kind));
                    self.problem(default.extent, &about, &sentence);
                }
                meant.map(|meant| default.with(meant))
            });
            let input = Input { kind: input.kind, default, help: input.help.clone(), extent: name.extent };
            inputs.insert(name.value.clone(), input);
        }
        inputs
    }

    fn modes(&mut self, written: &At<Vec<At<Mode>>>) -> Vec<Mode> {
        if written.is_empty() {
            let about = self.runbook.clone();
            self.problem(written.extent, &about, "`modes` names none; there are planned and emergency");
        }
        written.iter().map(|mode| mode.value).collect()
    }

    /// The modes of a phase or a step, which must be among the runbook's.
    pub(super) fn modes_within(&mut self, about: &str, modes: Option<&At<Vec<At<Mode>>>>, all: &[Mode]) -> Vec<Mode> {
        let Some(modes) = modes else { return Vec::new() };
        if modes.is_empty() {
            self.problem(modes.extent, about, "`modes` names none, so it would never be done");
        }
        for mode in modes.iter().filter(|mode| !all.contains(&mode.value)) {
            let sentence = format!("the runbook has no mode `{}`, so this would never be done", mode.value);
            self.problem(mode.extent, about, &sentence);
        }
        modes.iter().map(|mode| mode.value).collect()
    }

    fn phases(
        &mut self,
        written: &At<Vec<written::Phase>>,
        inputs: &IndexMap<String, Input>,
        modes: &[Mode],
        used: &mut Vec<String>,
    ) -> Vec<Phase> {
        if written.is_empty() {
            let about = self.runbook.clone();
            self.problem(written.extent, &about, "has no phases");
        }
        let mut seen: Vec<&str> = Vec::new();
        let mut phases = Vec::new();
        for phase in &written.value {
            let about = format!("{}/{}", self.runbook, phase.phase.value);
            self.name(&about, &phase.phase);
            if seen.contains(&phase.phase.as_str()) {
                self.problem(phase.phase.extent, &about, "this name is used twice");
            }
            seen.push(&phase.phase.value);
            phases.push(self.phase(&about, phase, inputs, modes, used));
        }
        phases
    }

    fn phase(
        &mut self,
        about: &str,
        written: &written::Phase,
        inputs: &IndexMap<String, Input>,
        modes: &[Mode],
        used: &mut Vec<String>,
    ) -> Phase {
        let mut scope = inputs_scope(inputs);
        let own_modes = self.modes_within(about, written.modes.as_ref(), modes);
        let when = self.when(about, written.when.as_ref(), &scope, used);
        if let (Some(When::Serving(site)), None) = (&when, &written.include) {
            // A guard must not depend on what may change before its turn; a whole runbook has guards of its own.
            self.problem(site.extent, about, "`when: {serving: …}` stands on a phase with `include`");
        }
        let each = self.each(about, (written.for_each.as_ref(), written.filter.as_ref()), false, &mut scope, used);
        for prose in [&written.title, &written.confirm].into_iter().flatten() {
            self.prose(about, prose, &scope, used);
        }
        let in_modes = if own_modes.is_empty() { modes } else { &own_modes };
        let include = include::include(self, about, written, in_modes, &scope, used);
        let window = self.window(about, written.window.as_ref(), &scope, used);
        if let Some(none) = written.steps.as_ref().filter(|steps| steps.is_empty()) {
            self.problem(none.extent, about, "has no steps");
        }
        let mut seen: Vec<&str> = Vec::new();
        let mut steps = Vec::new();
        for one in extend::steps(written) {
            let about = format!("{about}/{}", one.id.value);
            if seen.contains(&one.id.as_str()) {
                self.problem(one.id.extent, &about, "this id is used twice");
            }
            seen.push(&one.id.value);
            let inherited = step::Inherited { phase: written, each: each.as_ref(), modes };
            steps.extend(step::step(self, &about, one, &inherited, scope.clone(), used));
        }
        Phase {
            id: written.phase.clone(),
            title: written.title.clone(),
            procedure: written.procedure.clone(),
            modes: own_modes,
            when,
            window,
            waves: written.waves.as_ref().is_some_and(|waves| waves.value),
            parallel: written.parallel,
            no_return: written.no_return.as_ref().is_some_and(|no_return| no_return.value),
            confirm: written.confirm.clone(),
            each,
            whole: include.is_none() && steps.len() == extend::steps(written).len(),
            include,
            steps,
        }
    }

    /// A loop, whose item joins the scope.
    pub(super) fn each(
        &mut self,
        about: &str,
        (noun, filter): (Option<&At<Noun>>, Option<&At<written::Where>>),
        may_be_empty: bool,
        scope: &mut Scope,
        used: &mut Vec<String>,
    ) -> Option<Loop> {
        let Some(noun) = noun else {
            if let Some(filter) = filter {
                self.problem(filter.extent, about, "`where` chooses items of a loop, and there is no `for_each`");
            }
            return None;
        };
        if scope.meaning(noun.value.as_str()).is_some() {
            let sentence = format!("the item `${}` would hide an input of that name", noun.value);
            self.problem(noun.extent, about, &sentence);
        }
        let filter = filter.map(|filter| self.filter(about, filter, noun.value, scope, used)).unwrap_or_default();
        scope.0.push((noun.value.as_str().to_owned(), Meaning::Item { site: noun.value == Noun::Site }));
        Some(Loop { noun: noun.value, extent: noun.extent, filter, may_be_empty })
    }

    fn filter(
        &mut self,
        about: &str,
        written: &At<written::Where>,
        noun: Noun,
        scope: &Scope,
        used: &mut Vec<String>,
    ) -> Filter {
        let odd = [
            ("site", &written.site, noun != Noun::Entrance),
            ("kind", &written.kind, matches!(noun, Noun::Database | Noun::Web | Noun::Entrance)),
            ("login", &written.login, noun == Noun::Host),
        ];
        for (key, value, fits) in odd {
            let Some(value) = value else { continue };
            if !fits {
                self.problem(value.extent, about, &format!("`where`: {} has no `{key}`", noun.spoken()));
            }
            let Some(name) = reference::whole(value) else { continue };
            match scope.meaning(name) {
                None => self.problem(value.extent, about, &scope.unknown(name)),
                Some(meaning) => {
                    used.push(name.to_owned());
                    let site = matches!(meaning, Meaning::Input(InputKind::Site) | Meaning::Item { site: true });
                    if key == "site" && !site {
                        self.problem(value.extent, about, &format!("`where: {{site: ${name}}}` takes a site"));
                    }
                }
            }
        }
        Filter {
            extent: Some(written.extent),
            site: written.site.clone(),
            kind: written.kind.clone(),
            login: written.login.clone(),
        }
    }

    /// Text for people, in which names may stand anywhere.
    pub(super) fn prose(&mut self, about: &str, prose: &At<String>, scope: &Scope, used: &mut Vec<String>) {
        for name in reference::names(prose) {
            match scope.meaning(name) {
                Some(_) => used.push(name.to_owned()),
                None => self.problem(prose.extent, about, &scope.unknown(name)),
            }
        }
    }
}

fn default_of(kind: InputKind, text: &str) -> Option<Default> {
    let value = || Some(Default::Value(text.to_owned()));
    match (kind, text) {
        (InputKind::Site, "serving") => Some(Default::Serving),
        (InputKind::Site, "preferred") => Some(Default::Preferred),
        (InputKind::Site, "other") => Some(Default::Other),
        (InputKind::Site, "any") => Some(Default::Any),
        _ => super::bind::sound(kind, text).then(value)?,
    }
}

fn default_nouns(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Site => "a site, nor serving, preferred, other or any",
        kind => input_nouns(kind),
    }
}

/// What an input holds, for sentences.
pub(super) fn input_nouns(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Site => "a site",
        InputKind::Host => "a host",
        InputKind::Duration => "a duration (30s, 5m, 1h)",
        InputKind::Flag => "true or false",
        InputKind::Window => "a window, nor any",
        InputKind::Text => "a text",
    }
}

/// Whether a text is a duration.
pub(super) fn is_duration(text: &str) -> bool {
    text.parse::<Span>().is_ok()
}
