//! A runbook that is sound in itself: every action known, every argument of its kind, every `$name`
//! an input or an item. Not yet bound to an estate.

use indexmap::IndexMap;

use super::bound::{Mode, OnFailure};
use super::signature::{Noun, Signature};
use super::written::InputKind;
use crate::base::at::At;
use crate::base::name::SiteName;
use crate::base::place::{Extent, Sources};
use crate::base::problem::Problem;
use crate::base::tree::{Key, Node};

/// A runbook as loaded; made by [`super::load()`] only.
#[derive(Debug, Clone)]
pub struct Runbook {
    /// `failover`
    pub name: String,
    /// Where its name stands.
    pub(super) named: Extent,
    pub title: At<String>,
    pub procedure: Option<String>,
    /// The modes that it may be run in; never empty.
    pub modes: Vec<Mode>,
    pub inputs: IndexMap<String, Input>,
    pub(super) phases: Vec<Phase>,
    pub(super) sources: Sources,
    /// The runbook that it extends.
    pub(super) extends: Option<String>,
    /// SHA-256 of the text, and of those that it builds on, in hex.
    pub(super) digest: String,
}

/// Something given or found when the runbook is run.
#[derive(Debug, Clone)]
pub struct Input {
    pub kind: InputKind,
    pub default: Option<At<Default>>,
    pub help: Option<String>,
    pub(super) extent: Extent,
}

/// The value of an input that nobody gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Default {
    /// This value.
    Value(String),
    /// The site that serves.
    Serving,
    /// The estate's preferred site.
    Preferred,
    /// Another than the runbook's other site inputs, or than the one that serves.
    Other,
    /// Any that no other input has: the first in the estate.
    Any,
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in a runbook")]
pub(super) struct Phase {
    pub(super) id: At<String>,
    pub(super) title: Option<At<String>>,
    pub(super) procedure: Option<At<String>>,
    /// Empty: in every mode.
    pub(super) modes: Vec<Mode>,
    pub(super) when: Option<When>,
    /// A window of the estate, or the `$name` of an input that is one.
    pub(super) window: Option<At<String>>,
    pub(super) waves: bool,
    pub(super) parallel: bool,
    pub(super) no_return: bool,
    pub(super) confirm: Option<At<String>>,
    pub(super) each: Option<Loop>,
    pub(super) steps: Vec<Step>,
    /// In place of steps.
    pub(super) include: Option<Include>,
    /// No step was left out because its action could not be made out.
    pub(super) whole: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) id: At<String>,
    pub(super) title: Option<At<String>>,
    pub(super) each: Option<Loop>,
    pub(super) modes: Vec<Mode>,
    pub(super) when: Option<When>,
    pub(super) signature: Signature,
    pub(super) arguments: Vec<(Key, Node)>,
    pub(super) within: At<String>,
    pub(super) on_failure: OnFailure,
}

/// What a phase or a step depends on.
#[derive(Debug, Clone)]
pub(super) enum When {
    /// A flag of this name is on.
    Flag(String),
    /// This site, or the one that this `$name` is, serves when its turn comes.
    Serving(At<String>),
}

/// Another runbook, as a part of this one.
#[derive(Debug, Clone)]
pub(super) struct Include {
    pub(super) runbook: Box<Runbook>,
    /// Its inputs, as written.
    pub(super) with: Vec<(String, At<String>)>,
}

/// What a phase or a step is repeated for.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    pub(super) noun: Noun,
    pub(super) extent: Extent,
    pub(super) filter: Filter,
    pub(super) may_be_empty: bool,
}

#[derive(Debug, Clone, std::default::Default)]
pub(super) struct Filter {
    /// Place of the `where`, where there is one.
    pub(super) extent: Option<Extent>,
    pub(super) site: Option<At<String>>,
    pub(super) kind: Option<At<String>>,
    pub(super) login: Option<At<String>>,
}

/// Which site serves, as whoever binds a runbook found out.
#[derive(Debug, Clone, std::default::Default, PartialEq, Eq)]
pub struct Serving {
    /// `None` where nobody could tell.
    pub site: Option<SiteName>,
    /// Nobody looked: what depends on who serves is taken as if that were so.
    pub assumed: bool,
}

impl Phase {
    pub(super) fn in_mode(&self, mode: Mode) -> bool {
        self.modes.is_empty() || self.modes.contains(&mode)
    }
}

impl Step {
    pub(super) fn in_mode(&self, mode: Mode) -> bool {
        self.modes.is_empty() || self.modes.contains(&mode)
    }
    /// An argument as written.
    pub(super) fn argument(&self, name: &str) -> Option<&Node> {
        self.arguments.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }
}

impl Runbook {
    pub(super) fn problem(&self, extent: Extent, sentence: String) -> Problem {
        Problem::at(self.sources.holding(extent), extent, sentence)
    }

    /// The step that a bound one was made of: `promote.1/promote/orders` is step `promote` of phase `promote`.
    pub(super) fn written(&self, bound_step: &str) -> Option<&Step> {
        let mut parts = bound_step.split('/');
        let (phase, step) = (parts.next()?, parts.next()?);
        let phase = self.phases.iter().find(|written| super::bind::is_of(phase, &written.id))?;
        phase.steps.iter().find(|written| written.id.as_str() == step)
    }
}
