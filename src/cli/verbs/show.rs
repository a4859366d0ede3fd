//! `show`: one run, step by step, from its journal.

use super::runs::state_word;
use crate::base::quantity::spoken;
use crate::cli::args::{Common, Format};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::past::{self, PastRun};
use crate::cli::session;
use crate::cli::view::{json, words};
use crate::engine::state::{Stage, UndoStage};

/// Prints a run.
pub fn run(common: &Common, run: Option<&str>, events: bool) -> Result<Exit, Failure> {
    let store = session::open_store(common)?;
    let past = past::find_run(&store, run)?;
    if events || common.format == Format::Json {
        for event in &past.events {
            let line = json::event_line(&past.row.id, &past.plan, event);
            if common.format == Format::Json {
                json::print(&line);
            } else {
                let what = line.get("event").and_then(serde_json::Value::as_str).unwrap_or("event");
                let step = line.get("step_id").and_then(serde_json::Value::as_str).unwrap_or("");
                session::say(&format!("{:>5}  {:>10}  {what:<14} {step}", event.seq, spoken(event.elapsed_ms)));
            }
        }
        return Ok(Exit::Done);
    }
    steps(common, &past, &state_word(&store, &past));
    let verified = store.verify(&past.row.id)?;
    session::say(&format!("\n{} events, the last one's hash is {}", verified.events, verified.head));
    Ok(Exit::Done)
}

fn steps(common: &Common, past: &PastRun, state: &str) {
    let paint = crate::cli::paint(common, false);
    session::say(&format!("{}  {}: {}  {state}", past.row.id, past.row.estate, past.plan.title));
    if let Some((_, reason)) = &past.state.ended {
        session::say(&format!("  {}", words::lay_out(reason, paint.width, 2)));
    }
    for phase in &past.plan.phases {
        if phase.groups.is_empty() {
            continue;
        }
        session::say(&format!("{} {}", paint.strong(&phase.id), phase.title));
        for index in phase.groups.iter().flatten() {
            let (Some(step), Some(record)) = (past.plan.steps.get(*index), past.state.steps.get(*index)) else {
                continue;
            };
            let (mark, word) = paint.stage(&record.stage, &record.undo);
            let why = why(&record.stage, &record.undo, &record.evidence.summary);
            let text = format!("{mark} {}: {word}{}{why}", step.id, if why.is_empty() { "" } else { " – " });
            session::say(&format!("  {}", words::lay_out(&text, paint.width, 4)));
        }
    }
    if let Some(outage) = past.state.no_writes_ms(&past.plan) {
        session::say(&format!("write outage, as the engine saw it: {}", spoken(outage)));
    }
    for part in &past.state.measured {
        session::say(&part.told());
        if let Some(split) = &part.split {
            session::say(&format!("SPLIT: {split}"));
        }
    }
    for note in past.notes() {
        session::say(&format!("note: {note}"));
    }
}

/// What is said of a step beside its word: of one that is or was taken back, what became of that and not of the act.
fn why<'a>(stage: &'a Stage, undo: &'a UndoStage, seen: &'a str) -> &'a str {
    match (undo, stage) {
        (UndoStage::GaveUp { why } | UndoStage::Again { why, .. }, _) => why,
        (UndoStage::Acting { .. }, _) => "",
        (UndoStage::Undone, _) => seen,
        (
            UndoStage::No,
            Stage::Failed { why, .. } | Stage::Missed { why } | Stage::InDoubt { why } | Stage::NotYet { why },
        ) => why,
        (UndoStage::No, _) => seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_step_that_is_taken_back_its_undo_is_told_and_not_its_act() {
        let failed = Stage::Failed { why: "the act failed".to_owned(), doubt: false };
        let again = UndoStage::Again { attempt: 2, why: "the undo failed".to_owned(), since_ms: 0 };
        let gave_up = UndoStage::GaveUp { why: "the undo gave up".to_owned() };
        for (undo, said) in [
            (UndoStage::No, "the act failed"),
            (UndoStage::Acting { attempt: 1 }, ""),
            (again, "the undo failed"),
            (UndoStage::Undone, "serves again"),
            (gave_up, "the undo gave up"),
        ] {
            assert_eq!(why(&failed, &undo, "serves again"), said, "{undo:?}");
        }
        assert_eq!(why(&Stage::Unproven, &UndoStage::No, "seen"), "seen");
    }
}
