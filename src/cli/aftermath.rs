//! How everything stands when a run is over: what somebody tired must know first. Can users write, what was lost, and
//! what is left to be done.

use crate::base::name::ServiceName;
use crate::base::quantity::spoken;
use crate::engine::plan::{Plan, PlanStep};
use crate::engine::state::{RunState, Stage, StepRecord, UndoStage};
use crate::engine::verdict::Verdict;
use crate::report::account::lost_of;
use crate::runbook::bound::Mode;
use crate::runbook::signature::FactKind;

/// What users have of it at this moment; nothing where they are served, as far as this run goes.
pub fn users(plan: &Plan, state: &RunState) -> Option<String> {
    let promoted = |service: &ServiceName| {
        of(plan, state, FactKind::Promoted)
            .any(|(step, record)| concerns(step, service) && matches!(record.stage, Stage::Done { .. }))
    };
    let fenced = of(plan, state, FactKind::Fenced).filter(|(_, record)| record.has_touched());
    let mut shut: Vec<String> = Vec::new();
    for service in fenced.flat_map(|(step, _)| &step.services).filter(|service| !promoted(service)) {
        let name = format!("`{service}`");
        if !shut.contains(&name) {
            shut.push(name);
        }
    }
    if !shut.is_empty() {
        let since = state.waits_since_ms().map(|began| spoken(state.now_ms.saturating_sub(began)));
        let since = since.map_or_else(String::new, |since| format!(", for {since} when this ended"));
        return Some(format!("USERS CANNOT WRITE to {}{since}", shut.join(", ")));
    }
    let behind = of(plan, state, FactKind::Led)
        .filter(|(_, record)| !matches!(record.stage, Stage::Done { .. }))
        .any(|(step, _)| step.gives.iter().any(|fact| fact.kind == FactKind::Led && promoted(&fact.service)));
    let to = plan.to_of(state.leg(plan)).map_or_else(String::new, |to| format!(" to {to}"));
    behind.then(|| format!("NOT ALL USERS ARE LED{to} yet, where what they need takes writes"))
}

/// The steps of the leg that the run is in which give a fact of this kind.
fn of<'a>(plan: &'a Plan, state: &'a RunState, kind: FactKind) -> impl Iterator<Item = (&'a PlanStep, &'a StepRecord)> {
    let leg = state.leg(plan);
    let all = plan.steps.iter().zip(&state.steps).enumerate().filter(move |(index, _)| plan.leg(*index) == leg);
    all.map(|(_, pair)| pair).filter(move |(step, _)| step.gives.iter().any(|fact| fact.kind == kind))
}

fn concerns(step: &PlanStep, service: &ServiceName) -> bool {
    step.services.contains(service)
}

/// How everything stands, a line each, the most urgent first.
pub fn lines(plan: &Plan, state: &RunState, verdict: Verdict) -> Vec<String> {
    let over = matches!(verdict, Verdict::Done | Verdict::DoneWithMisses | Verdict::BackedOut);
    let users = if over { None } else { users(plan, state) };
    let now = match verdict {
        Verdict::BackedOut => Some("every service is where it was"),
        Verdict::Refused | Verdict::Declined { changed: false } => Some("nothing was changed"),
        Verdict::Interrupted | Verdict::Stopped | Verdict::Declined { changed: true } => {
            Some("what is done stays as it is until you say how it goes on")
        }
        Verdict::Done | Verdict::DoneWithMisses | Verdict::InDoubt => None,
    };
    let lost = lost_of(plan, state).into_iter().map(|(service, lost)| format!("lost of `{service}`: {lost}"));
    users.into_iter().chain(now.map(str::to_owned)).chain(lost).collect()
}

/// What is left to be done beside what the verdict says, each a command and what it is for.
pub fn left_over(plan: &Plan, state: &RunState, verdict: Verdict, id: &str) -> Vec<String> {
    let pairs = plan.steps.iter().zip(&state.steps);
    let stuck = pairs.filter(|(_, record)| matches!(record.undo, UndoStage::GaveUp { .. }));
    let mut left: Vec<String> = stuck
        .map(|(step, _)| {
            let step = &step.id;
            format!("switchback resolve {id} {step} --as not-done --reason \"…\"    when you took it back by hand")
        })
        .collect();
    let done = matches!(verdict, Verdict::Done | Verdict::DoneWithMisses);
    let promoted = of(plan, state, FactKind::Promoted).next().is_some();
    if let (Mode::Emergency, true, true, Some(from)) = (plan.mode, done, promoted, &plan.from) {
        left.push(format!("switchback run rejoin --input site={from}    when {from} is there again"));
    }
    left
}
