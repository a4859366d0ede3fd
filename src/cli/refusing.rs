//! Why a run does not begin, and what helps.

use super::error::Failure;
use super::exit::Exit;
use super::past;
use super::prompt::Beforehand;
use super::session::Prepared;
use crate::actions::database::port::{Eyes as _, Role};
use crate::engine::event::Question;
use crate::engine::plan::Plan;
use crate::engine::rehearsal::Rehearsal;
use crate::runbook::bound::{Mode, OnFailure};
use crate::store::Store;

/// Better now than in the middle: what the run would ask, and nobody is there to answer.
pub fn nobody_answers(plan: &Plan, question: &Question) -> Failure {
    let sentence =
        format!("{}: there is no terminal to ask at before `{}`; nothing was changed", plan.title, question.id);
    Failure::new(Exit::Declined, sentence)
        .detail(format!("it would ask: {}", question.text))
        .hint(format!("what answers it: {}", Beforehand::flag_for(question)))
}

/// Why a run may not begin; nothing when it may.
pub fn blocked(plan: &Plan, rehearsal: &Rehearsal, beforehand: &Beforehand) -> Option<Failure> {
    let mut failure =
        Failure::new(Exit::Refused, format!("{}: refused before the first act; nothing was changed", plan.title));
    let (mut passable, mut only_those) = (Vec::new(), true);
    for (index, reason) in rehearsal.blocked() {
        let Some(step) = plan.steps.get(index) else { continue };
        let may_ask = step.on_failure == OnFailure::Ask && !step.guard;
        if step.on_failure == OnFailure::GoOn
            || (may_ask && (beforehand.misses.contains(&step.id) || beforehand.can_ask()))
        {
            continue;
        }
        failure = failure.detail(format!("{}: {reason}", step.id));
        only_those &= may_ask;
        passable.extend(may_ask.then(|| format!("--accept-miss {}", step.id)));
    }
    if failure.details.is_empty() {
        return None;
    }
    // Where something else stands in the way as well, passing these over leads nowhere.
    if only_those {
        failure = failure.hint(format!("to go on without: `{} --reason \"…\"`", passable.join(" ")));
    }
    Some(failure.hint("the whole plan: the same command with `--dry-run`"))
}

/// Adds what helps when the site that served last is lost: a planned run will not move away from it.
pub async fn or_emergency(refusal: Failure, prepared: &Prepared) -> Failure {
    let plan = &prepared.plan;
    let Some(from) = plan.from.as_ref().filter(|_| plan.mode == Mode::Planned && plan.runbook == "failover") else {
        return refusal;
    };
    let looks = prepared.workshop.databases().filter(|(_, database)| database.places().contains(from));
    let looks = looks.map(|(_, database)| async move { database.standing(from).await.map(|standing| standing.role) });
    let roles = futures::future::join_all(looks).await;
    if roles.is_empty() || roles.iter().any(|role| matches!(role, Ok(Role::Primary))) {
        return refusal;
    }
    refusal
        .hint(format!("when {from} is lost: the same command with `--mode emergency`; it names what must be accepted"))
}

/// What is said where a run is unfinished.
pub fn unfinished(store: &Store, past: &past::PastRun) -> Failure {
    let state = super::verbs::runs::state_word(store, past);
    let exit = if state.starts_with("running") { Exit::Locked } else { Exit::Refused };
    let failure = Failure::new(exit, format!("run {} ({}) is unfinished: {state}", past.row.id, past.plan.title));
    if exit == Exit::Locked {
        return failure.hint("wait for it, or ask its operator");
    }
    failure
        .hint(format!("switchback show {}", past.row.id))
        .hint(format!("switchback resume {}", past.row.id))
        .hint(format!("switchback rollback {}", past.row.id))
        .hint("to begin anew although it is unfinished: the same command with `--take-over --reason \"…\"`")
}
