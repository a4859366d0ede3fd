//! One step of a runbook: its action, judged against the catalogue.

use super::argument::{self, Meaning, Scope};
use super::bound::{Mode, OnFailure};
use super::load::{Loading, is_duration};
use super::model::{Loop, Step, When};
use super::signature::{Argument, Signature};
use super::written::{self, InputKind};
use super::{later, reference};
use crate::base::at::At;
use crate::base::closest::did_you_mean;
use crate::base::place::Extent;
use crate::base::tree::{Key, Node, Value};

/// What a step has from its phase and its runbook.
pub(super) struct Inherited<'a> {
    pub(super) phase: &'a written::Phase,
    pub(super) each: Option<&'a Loop>,
    pub(super) modes: &'a [Mode],
}

/// Judges a step; `None` where its action is not known.
pub(super) fn step(
    loading: &mut Loading<'_>,
    about: &str,
    written: &written::Step,
    inherited: &Inherited<'_>,
    mut scope: Scope,
    used: &mut Vec<String>,
) -> Option<Step> {
    loading.name(about, &written.id);
    let modes = loading.modes_within(about, written.modes.as_ref(), inherited.modes);
    let when = loading.when(about, written.when.as_ref(), &scope, used);
    if let Some(When::Serving(site)) = &when {
        loading.problem(site.extent, about, "`when: {serving: …}` stands on a phase with `include`");
    }
    if let (Some(each), Some(_)) = (&written.for_each, inherited.each) {
        loading.problem(each.extent, about, "the phase has a `for_each` already; a loop in a loop is not taken");
    }
    let loops = (written.for_each.as_ref(), written.filter.as_ref());
    let each = loading.each(about, loops, written.may_be_empty, &mut scope, used);
    if let Some(title) = &written.title {
        loading.prose(about, title, &scope, used);
    }
    let (signature, arguments) = action(loading, about, &written.action)?;
    judge(loading, about, &signature, &written.action, arguments, &scope, used);
    noun(loading, about, &signature, written, each.as_ref().or(inherited.each));
    let on_failure = guard(loading, about, &signature, written, inherited.phase);
    Some(Step {
        id: written.id.clone(),
        title: written.title.clone(),
        each,
        modes,
        when,
        signature,
        arguments: arguments.to_vec(),
        within: within(loading, about, written, &signature, &scope, used),
        on_failure,
    })
}

/// The one action and its arguments.
fn action<'w>(loading: &mut Loading<'_>, about: &str, written: &'w At<Node>) -> Option<(Signature, &'w [(Key, Node)])> {
    let entries: &[(Key, Node)] = match &written.value.value {
        Value::Map(entries) => entries,
        Value::Text { text, .. } => {
            let shown: String = text.chars().take(60).collect();
            loading.problem(written.extent, about, &format!("`do` takes a map: {{{shown}: {{…}}}}"));
            return None;
        }
        Value::Null | Value::List(_) => &[],
    };
    let [(key, arguments)] = entries else {
        loading.problem(written.extent, about, "`do` takes exactly one action: {NAME: {ARGUMENT: VALUE, …}}");
        return None;
    };
    let Some(signature) = loading.catalogue.iter().find(|signature| signature.name == key.text) else {
        let sentence = unknown_action(&key.text, loading.catalogue);
        loading.problem(key.extent, about, &sentence);
        return None;
    };
    match &arguments.value {
        Value::Map(arguments) => Some((*signature, arguments)),
        Value::Null => Some((*signature, &[])),
        _ => {
            let sentence = format!("`{}` takes its arguments as a map, not as {}", signature.name, arguments.noun());
            loading.problem(arguments.extent, about, &sentence);
            None
        }
    }
}

fn unknown_action(name: &str, catalogue: &[Signature]) -> String {
    let shown: String = name.chars().take(60).collect();
    if later::action(name) {
        return format!("this version does not know the action `{shown}` yet");
    }
    format!("no action `{shown}`{}", did_you_mean(name, catalogue.iter().map(|signature| signature.name)))
}

/// Judges every argument, and says which are missing.
fn judge(
    loading: &mut Loading<'_>,
    about: &str,
    signature: &Signature,
    action: &At<Node>,
    arguments: &[(Key, Node)],
    scope: &Scope,
    used: &mut Vec<String>,
) {
    let known = |key: &Key| signature.arguments.iter().find(|argument| argument.name == key.text);
    for (key, node) in arguments {
        let Some(argument) = known(key) else {
            let sentence = format!("`{}` has no argument `{}`; {}", signature.name, key.text, has(signature.arguments));
            loading.problem(key.extent, about, &sentence);
            continue;
        };
        let judgement = argument::judge(argument.name, node, argument.kind, scope);
        used.extend(judgement.used);
        for (extent, sentence) in judgement.wrong {
            let extent = if extent == Extent::default() { key.extent } else { extent };
            loading.problem(extent, about, &sentence);
        }
    }
    if arguments.iter().any(|(key, _)| known(key).is_none()) {
        // An argument that is not known is most likely the one that would be missed.
        return;
    }
    for argument in signature.arguments.iter().filter(|argument| argument.required) {
        if !arguments.iter().any(|(key, _)| key.text == argument.name) {
            let sentence = format!("`{}` needs the argument `{}`: {}", signature.name, argument.name, argument.help);
            loading.problem(action_extent(action), about, &sentence);
        }
    }
}

fn action_extent(action: &At<Node>) -> Extent {
    match &action.value.value {
        Value::Map(entries) => entries.first().map_or(action.extent, |(key, _)| key.extent),
        _ => action.extent,
    }
}

/// "it has at, by", "it has none".
fn has(arguments: &[Argument]) -> String {
    let names: Vec<&str> = arguments.iter().map(|argument| argument.name).collect();
    if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) }
}

/// An action that acts on something needs a loop over just that.
fn noun(loading: &mut Loading<'_>, about: &str, signature: &Signature, written: &written::Step, each: Option<&Loop>) {
    let Some(noun) = signature.noun else { return };
    if each.map(|each| each.noun) == Some(noun) {
        return;
    }
    let extent = each.map_or(action_extent(&written.action), |each| each.extent);
    let sentence = format!("`{}` acts on {}: say `for_each: {noun}`", signature.name, noun.spoken());
    loading.problem(extent, about, &sentence);
}

/// What protects data is neither conditional nor passed over.
fn guard(
    loading: &mut Loading<'_>,
    about: &str,
    signature: &Signature,
    written: &written::Step,
    phase: &written::Phase,
) -> OnFailure {
    let on_failure = written.on_failure.as_ref().or(phase.on_failure.as_ref());
    if signature.guard {
        if let Some(go_on) = on_failure.filter(|on_failure| on_failure.value == OnFailure::GoOn) {
            let sentence = format!("`{}` protects data: `on_failure: go_on` is not allowed on it", signature.name);
            loading.problem(go_on.extent, about, &sentence);
        }
        if let Some(when) = written.when.as_ref().or(phase.when.as_ref()) {
            let sentence = format!("`{}` protects data: `when` is not allowed on it (use `modes`)", signature.name);
            loading.problem(when.extent, about, &sentence);
        }
    }
    on_failure.map_or(OnFailure::Stop, |on_failure| on_failure.value)
}

/// The time limit: as written, or the action's own.
fn within(
    loading: &mut Loading<'_>,
    about: &str,
    written: &written::Step,
    signature: &Signature,
    scope: &Scope,
    used: &mut Vec<String>,
) -> At<String> {
    let Some(within) = &written.within else {
        return written.id.with(signature.within.to_owned());
    };
    match reference::whole(within) {
        Some(name) => match scope.meaning(name) {
            Some(Meaning::Input(InputKind::Duration)) => used.push(name.to_owned()),
            Some(_) => {
                loading.problem(within.extent, about, &format!("`within` takes a duration, and ${name} is none"));
            }
            None => loading.problem(within.extent, about, &scope.unknown(name)),
        },
        None if is_duration(within) => {}
        None => {
            let shown: String = within.chars().take(40).collect();
            loading.problem(within.extent, about, &format!("`within: {shown}` is not a duration (30s, 5m, 1h)"));
        }
    }
    within.clone()
}
