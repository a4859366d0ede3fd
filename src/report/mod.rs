//! Folds a run's events into a page; never looks at the world.

use serde::Serialize;

use crate::base::quantity::spoken;
use crate::engine::event::{Event, What};
use crate::engine::plan::Plan;
use crate::engine::state::{How, RunState, Stage, UndoStage};

/// The report's template, in Markdown; `templates/` at the top of the project.
const REPORT: &str = include_str!("../../templates/report.md");

#[derive(Debug, Serialize)]
struct Page<'a> {
    run: &'a str,
    head: &'a str,
    plan: &'a Plan,
    verdict: String,
    reason: String,
    began_at: String,
    ended_at: String,
    took: String,
    outage: String,
    outage_objective: String,
    operators: Vec<String>,
    phases: Vec<PhaseRow<'a>>,
    answers: Vec<String>,
    accepted: Vec<String>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PhaseRow<'a> {
    id: &'a str,
    title: &'a str,
    procedure: &'a str,
    steps: Vec<StepRow<'a>>,
}

#[derive(Debug, Serialize)]
struct StepRow<'a> {
    id: &'a str,
    state: &'static str,
    says: String,
    at: String,
    took: String,
    attempts: u32,
}

/// The page as Markdown.
pub fn markdown(run: &str, plan: &Plan, state: &RunState, events: &[Event], head: &str) -> Result<String, tera::Error> {
    let page = page(run, plan, state, events, head);
    let mut tera = tera::Tera::default();
    tera.add_raw_template("report.md", REPORT)?;
    tera.render("report.md", &tera::Context::from_serialize(&page)?)
}

fn page<'a>(run: &'a str, plan: &'a Plan, state: &'a RunState, events: &'a [Event], head: &'a str) -> Page<'a> {
    let (verdict, reason) = state.ended.as_ref().map_or_else(
        || ("not ended".to_owned(), String::new()),
        |(verdict, reason)| (format!("{verdict:?}"), reason.clone()),
    );
    let outage = state.outage_began_ms.zip(state.outage_ended_ms).map(|(from, to)| to.saturating_sub(from));
    let time = |event: Option<&Event>| event.map_or_else(String::new, |event| event.at.to_string());
    let never = "none".to_owned();
    Page {
        run,
        head,
        plan,
        verdict,
        reason,
        began_at: time(events.first()),
        ended_at: time(events.last()),
        took: spoken(state.now_ms),
        outage: outage.map_or_else(|| never.clone(), spoken),
        outage_objective: plan.outage_max_ms.map_or(never, spoken),
        operators: operators(events),
        phases: plan
            .phases
            .iter()
            .filter(|phase| !phase.groups.is_empty())
            .map(|phase| phase_row(plan, state, phase))
            .collect(),
        answers: answers(events),
        accepted: accepted(events),
        notes: notes(events),
    }
}

fn phase_row<'a>(plan: &'a Plan, state: &'a RunState, phase: &'a crate::engine::plan::PlanPhase) -> PhaseRow<'a> {
    let steps = phase.groups.iter().flatten().filter_map(|index| {
        let (step, record) = (plan.steps.get(*index)?, state.steps.get(*index)?);
        Some(StepRow {
            id: &step.id,
            state: word(&record.stage, &record.undo),
            says: match &record.stage {
                Stage::Failed { why, .. } | Stage::Missed { why } | Stage::InDoubt { why } | Stage::NotYet { why } => {
                    why.clone()
                }
                _ => record.evidence.summary.clone(),
            },
            at: record.began_ms.map_or_else(String::new, spoken),
            took: record
                .ended_ms
                .zip(record.began_ms)
                .map_or_else(String::new, |(to, from)| spoken(to.saturating_sub(from))),
            attempts: record.attempts,
        })
    });
    PhaseRow {
        id: &phase.id,
        title: &phase.title,
        procedure: phase.procedure.as_deref().unwrap_or(""),
        steps: steps.collect(),
    }
}

fn word(stage: &Stage, undo: &UndoStage) -> &'static str {
    match (undo, stage) {
        (UndoStage::Undone, _) => "taken back",
        (UndoStage::GaveUp { .. }, _) => "could not be taken back",
        (UndoStage::Acting { .. } | UndoStage::Again { .. }, _) => "being taken back",
        (UndoStage::No, Stage::Done { how: How::Already }) => "already so",
        (UndoStage::No, Stage::Done { how: How::Unverified }) => "done, unverified",
        (UndoStage::No, Stage::Done { .. }) => "done",
        (UndoStage::No, Stage::Failed { doubt: true, .. } | Stage::InDoubt { .. } | Stage::Acting) => "in doubt",
        (UndoStage::No, Stage::Failed { .. }) => "failed",
        (UndoStage::No, Stage::Missed { .. }) => "missed",
        (UndoStage::No, Stage::Waiting | Stage::NotYet { .. } | Stage::Ready | Stage::Unproven) => "not done",
    }
}

fn operators(events: &[Event]) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for event in events {
        if let What::Started { by, .. } | What::Resumed { by, .. } = &event.what
            && !list.contains(&by.operator)
        {
            list.push(by.operator.clone());
        }
    }
    list
}

fn answers(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| match &event.what {
            What::Answered { question, answer, by } => {
                Some(format!("{}: `{question}` – {answer:?}, by {by}", event.at))
            }
            What::Resolved { step, verdict, reason, by } => {
                Some(format!("{}: step {step} resolved as {verdict:?} by {by}: {reason}", event.at))
            }
            _ => None,
        })
        .collect()
}

fn accepted(events: &[Event]) -> Vec<String> {
    let mut list = Vec::new();
    for event in events {
        let (What::Started { accepted, .. } | What::Resumed { accepted, .. }) = &event.what else { continue };
        for (kind, words) in [("unfenced", "may stay unfenced"), ("data_loss", "may lose writes")] {
            for (name, reason) in accepted.get(kind).and_then(|map| map.as_object()).into_iter().flatten() {
                list.push(format!("{name} {words}: {}", reason.as_str().unwrap_or("")));
            }
        }
    }
    list
}

fn notes(events: &[Event]) -> Vec<String> {
    let notes = events.iter().filter_map(|event| match &event.what {
        What::Noted { note } => Some(note.summary.clone()),
        What::BackOutBegan { reason, .. } => Some(format!("went back, because {reason}")),
        _ => None,
    });
    notes.collect()
}
