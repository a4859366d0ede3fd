//! Events and stages in words: what a reader is told who knows neither.

use std::collections::BTreeMap;

use super::account::Decision;
use crate::engine::event::{Answer, Event, Question, Resolution, What};
use crate::engine::plan::Plan;
use crate::engine::state::{How, Stage, StepRecord, UndoStage};

/// A step's end in a few words, and whether it is a good one.
pub fn step_word(stage: &Stage, undo: &UndoStage) -> (&'static str, bool) {
    match (undo, stage) {
        (UndoStage::Undone, _) => ("taken back", true),
        (UndoStage::GaveUp { .. }, _) => ("could not be taken back", false),
        (UndoStage::Acting { .. } | UndoStage::Again { .. }, _) => ("being taken back", false),
        (UndoStage::No, Stage::Done { how: How::Already }) => ("already so", true),
        (UndoStage::No, Stage::Done { how: How::Unverified }) => ("done, unverified", true),
        (UndoStage::No, Stage::Done { .. }) => ("done", true),
        (UndoStage::No, Stage::Failed { doubt: true, .. } | Stage::InDoubt { .. } | Stage::Acting) => {
            ("in doubt", false)
        }
        (UndoStage::No, Stage::Failed { .. }) => ("failed", false),
        (UndoStage::No, Stage::Missed { .. }) => ("missed", false),
        (UndoStage::No, Stage::Waiting | Stage::NotYet { .. } | Stage::Ready | Stage::Unproven) => ("not done", false),
    }
}

/// What was last seen of a step, or why it is not done.
pub fn step_says(record: &StepRecord) -> String {
    match &record.stage {
        Stage::Failed { why, .. } | Stage::Missed { why } | Stage::InDoubt { why } | Stage::NotYet { why } => {
            why.clone()
        }
        _ => record.evidence.summary.clone(),
    }
}

/// Everybody who carried the run out, in order.
pub fn carried_out_by(events: &[Event]) -> Vec<String> {
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

/// Who said what, and when: orders, answers, words about steps in doubt.
pub fn decisions(plan: &Plan, events: &[Event]) -> Vec<Decision> {
    let mut asked: Option<&Question> = None;
    let mut list = Vec::new();
    for event in events {
        let (who, question, answer, evidence) = match &event.what {
            What::Asked { question } => {
                asked = Some(question);
                continue;
            }
            What::Started { by, .. } => (by.operator.clone(), "the order".to_owned(), plan.title.clone(), Vec::new()),
            What::Resumed { by, reason, .. } => {
                let why = reason.clone().unwrap_or_else(|| "go on".to_owned());
                (by.operator.clone(), "resumed".to_owned(), why, Vec::new())
            }
            What::Answered { question, answer, by } => {
                let put = asked.take().filter(|put| put.id == *question);
                let text = put.map_or_else(|| question.clone(), |put| put.text.clone());
                let evidence = put.map_or_else(Vec::new, |put| put.evidence.clone());
                (by.clone(), text, answer_word(*answer).to_owned(), evidence)
            }
            What::Resolved { step, verdict, reason, by } => {
                let id = plan.steps.get(*step).map_or("a step", |step| step.id.as_str());
                let how = match verdict {
                    Resolution::Done => "done",
                    Resolution::NotDone => "not done",
                    Resolution::Skip => "skipped",
                };
                (by.clone(), format!("how {id} is"), format!("{how}: {reason}"), Vec::new())
            }
            What::BackOutBegan { by: Some(by), reason, .. } => {
                (by.clone(), "go back".to_owned(), reason.clone(), Vec::new())
            }
            _ => continue,
        };
        list.push(Decision { at: event.at.strftime("%F %T UTC").to_string(), who, question, answer, evidence });
    }
    list
}

fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::Retry => "try again",
        Answer::Pass => "go on without it",
        Answer::BackOut => "go back",
        Answer::Pause => "pause",
    }
}

/// What was accepted by name, with the reason: sites, services, and steps that failed and were passed over.
pub fn accepted(plan: &Plan, events: &[Event]) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    let mut reasons: BTreeMap<&str, &str> = BTreeMap::new();
    let mut asked: Option<&Question> = None;
    let mut put = |line: String| {
        if !list.contains(&line) {
            list.push(line);
        }
    };
    for event in events {
        match &event.what {
            What::Started { accepted, .. } | What::Resumed { accepted, .. } => {
                let of = |kind: &str| accepted.get(kind).and_then(|map| map.as_object()).into_iter().flatten();
                for (kind, words) in [("unfenced", "may stay unfenced"), ("data_loss", "may lose writes")] {
                    for (name, reason) in of(kind) {
                        put(format!("{name} {words}: {}", reason.as_str().unwrap_or("")));
                    }
                }
                reasons.extend(of("misses").filter_map(|(step, reason)| Some((step.as_str(), reason.as_str()?))));
            }
            What::Asked { question } => asked = Some(question),
            What::Answered { question, answer: Answer::Pass, by } => {
                let why = asked.filter(|asked| asked.id == *question).map_or("", |asked| asked.text.as_str());
                let reason =
                    reasons.get(question.as_str()).map_or_else(String::new, |reason| format!(", because: {reason}"));
                put(format!("{question} was passed over by {by}{reason}. What failed: {why}"));
            }
            What::Resolved { step, verdict: Resolution::Skip, reason, by } => {
                let id = plan.steps.get(*step).map_or("a step", |step| step.id.as_str());
                put(format!("{id} was passed over by {by}, because: {reason}"));
            }
            _ => {}
        }
    }
    list
}

/// Notes on the way, and why the run went back where it did.
pub fn notes(events: &[Event]) -> Vec<String> {
    let notes = events.iter().filter_map(|event| match &event.what {
        What::Noted { note } => Some(note.summary.clone()),
        What::BackOutBegan { reason, .. } => Some(format!("went back, because {reason}")),
        _ => None,
    });
    notes.collect()
}
