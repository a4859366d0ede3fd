//! A runbook as people write it, every value with its place.
//!
//! The doc comments here are what editors show: `switchback schema runbook` is made of these types,
//! and of the catalogue for what stands under `do`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::bound::{Mode, OnFailure};
use super::signature::Noun;
use crate::base::at::{At, Entries};
use crate::base::tree::Node;

/// What to do, in phases.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// Its name: `switchback run NAME`.
    pub runbook: At<String>,
    /// The version of this file's format: 1.
    pub format: At<u32>,
    /// The documented procedure that it carries out: F, B, …
    pub procedure: Option<At<String>>,
    /// For people; `$name` stands for an input.
    pub title: Option<At<String>>,
    /// `planned` loses nothing or refuses; `emergency` restores service, every loss accepted by name.
    pub modes: Option<At<Vec<At<Mode>>>>,
    /// Another runbook, of which this is all, with what `insert` puts in.
    pub extends: Option<At<String>>,
    /// What is put into the runbook that `extends` names.
    pub insert: Option<At<Vec<At<Insert>>>>,
    /// What is given or found when it is run.
    #[serde(default)]
    pub inputs: Entries<String, Input>,
    /// One after the other; each is a barrier.
    pub phases: Option<At<Vec<Phase>>>,
}

/// Something put into another runbook: phases beside a phase, or steps beside a step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Insert {
    /// Before this phase, or this PHASE/STEP.
    pub before: Option<At<String>>,
    /// After this phase, or this PHASE/STEP.
    pub after: Option<At<String>>,
    /// What stands there, beside a phase.
    pub phases: Option<At<Vec<Phase>>>,
    /// What stands there, beside a step.
    pub steps: Option<At<Vec<Step>>>,
}

/// Something given or found when the runbook is run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What it may hold.
    #[serde(rename = "type")]
    pub kind: InputKind,
    /// Its value where none is given; for a site also `serving`, `preferred`, `other` or `any`.
    pub default: Option<At<String>>,
    /// One sentence for people.
    pub help: Option<String>,
}

/// What an input may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(inline)]
pub enum InputKind {
    Site,
    Host,
    Duration,
    Flag,
    /// A window of the estate, or `any`.
    Window,
    Text,
}

/// Steps that are done before the next phase begins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name, once in the runbook.
    pub phase: At<String>,
    /// For people.
    pub title: Option<At<String>>,
    /// The documented step that it carries out: F1, B5, …; checked where it can be.
    pub procedure: Option<At<String>>,
    /// Only in these modes.
    pub modes: Option<At<Vec<At<Mode>>>>,
    /// Only where a flag is on, or a site serves.
    pub when: Option<At<When>>,
    /// It begins only inside this window of the estate; `any` is at any time.
    pub window: Option<At<String>>,
    /// Neighbouring phases with it are done for priority 1, then for 2, …
    pub waves: Option<At<bool>>,
    /// The items of each loop at once; the steps still one after the other.
    #[serde(default)]
    pub parallel: bool,
    /// It cannot be taken back; checked against what its actions say of themselves.
    pub no_return: Option<At<bool>>,
    /// The question to answer before its first step.
    pub confirm: Option<At<String>>,
    /// All steps for one item, then all for the next.
    pub for_each: Option<At<Noun>>,
    /// Which items.
    #[serde(rename = "where")]
    pub filter: Option<At<Where>>,
    /// For every step here that does not say its own.
    pub on_failure: Option<At<OnFailure>>,
    /// One after the other.
    pub steps: Option<At<Vec<Step>>>,
    /// In place of steps: all phases of another runbook.
    pub include: Option<At<String>>,
    /// What the included runbook's inputs are.
    #[serde(default)]
    pub with: Entries<String, At<String>>,
}

/// One action with its arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name, once in the phase.
    pub id: At<String>,
    /// For people; the action's own sentence where not given.
    pub title: Option<At<String>>,
    /// Once for each item of the estate.
    pub for_each: Option<At<Noun>>,
    /// Which items.
    #[serde(rename = "where")]
    pub filter: Option<At<Where>>,
    /// A `where` that leaves nothing is a mistake unless this says otherwise.
    #[serde(default)]
    pub may_be_empty: bool,
    /// Only where a flag is on.
    pub when: Option<At<When>>,
    /// Only in these modes.
    pub modes: Option<At<Vec<At<Mode>>>>,
    /// Exactly one action with its arguments.
    #[serde(rename = "do")]
    #[schemars(with = "Action")]
    pub action: At<Node>,
    /// The only time limit; looks are repeated inside it.
    pub within: Option<At<String>>,
    /// `stop` where not given; `ask` a person, or `go_on`.
    pub on_failure: Option<At<OnFailure>>,
}

/// A condition; one of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// A `$name` of a flag.
    pub flag: Option<At<String>>,
    /// A site, or the `$name` of one: where that site serves when the phase's turn comes.
    pub serving: Option<At<String>>,
}

/// Which items of a loop; all that is written must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// With a member at this site, or standing there.
    pub site: Option<At<String>>,
    /// Of this kind: postgres, mysql, web, dns.
    pub kind: Option<At<String>>,
    /// Hosts that are logged in to like this: ssh or none.
    pub login: Option<At<String>>,
}

/// Stands in for the actions, which the catalogue knows; the schema's reference is named after it.
#[derive(JsonSchema)]
pub struct Action {}
