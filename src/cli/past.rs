//! Runs from the past, read from the journal.

use super::error::Failure;
use super::exit::Exit;
use crate::actions::context::Accepted;
use crate::engine::event::{Event, What};
use crate::engine::plan::{PLAN_FORMAT, Plan};
use crate::engine::state::RunState;
use crate::store::Store;
use crate::store::history::RunRow;

/// A run read from its journal.
#[derive(Debug)]
pub struct PastRun {
    pub row: RunRow,
    pub events: Vec<Event>,
    pub plan: Plan,
    pub accepted: Accepted,
    pub state: RunState,
}

impl PastRun {
    /// Notes for people, oldest first.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Noted { note } => Some(note.summary.as_str()),
            _ => None,
        })
    }

    /// Whether there is something to resume.
    pub fn is_unfinished(&self) -> bool {
        self.state.ended.as_ref().is_none_or(|(verdict, _)| !verdict.is_final())
    }
}

/// Reads one run.
pub fn read_run(store: &Store, row: &RunRow) -> Result<PastRun, Failure> {
    let events = store.events(&row.id)?;
    let Some(What::Started { format, plan, accepted, .. }) = events.first().map(|event| &event.what) else {
        return Err(Failure::new(Exit::Internal, format!("run {} has no first event; nothing was done by it", row.id)));
    };
    if *format > crate::engine::event::EVENT_FORMAT || plan.format > PLAN_FORMAT {
        return Err(Failure::new(Exit::Refused, format!("run {} was written by a newer switchback", row.id))
            .hint("use that version to go on with it"));
    }
    let state = RunState::replay(plan, &events).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let mut all = read_accepted(accepted);
    for event in &events {
        if let What::Resumed { accepted, .. } = &event.what {
            all.extend(read_accepted(accepted));
        }
    }
    Ok(PastRun { row: row.clone(), plan: plan.as_ref().clone(), accepted: all, state, events })
}

fn read_accepted(value: &serde_json::Value) -> Accepted {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

/// The run that is named, or the last one.
pub fn find_run(store: &Store, run: Option<&str>) -> Result<PastRun, Failure> {
    let row = match run {
        Some(text) => store.find_run(text)?,
        None => store.runs(None)?.into_iter().next().ok_or_else(|| {
            Failure::new(Exit::Usage, format!("there are no runs in {}", store.folder().display()))
                .hint("`--state DIR` names another state directory")
        })?,
    };
    read_run(store, &row)
}

/// The newest run of an estate, where it is not finished; else the newest that waits without the lock, since others may
/// have come and gone meanwhile.
pub fn unfinished_run(store: &Store, estate: &str) -> Result<Option<PastRun>, Failure> {
    let mut rows = store.runs(Some(estate))?.into_iter();
    let Some(row) = rows.next() else { return Ok(None) };
    let newest = read_run(store, &row)?;
    if newest.is_unfinished() {
        return Ok(Some(newest));
    }
    // A damaged one is passed over here: `runs --verify` shows it.
    let older = rows.take(PARKED_AMONG).filter_map(|row| read_run(store, &row).ok());
    Ok(older.into_iter().find(|past| past.is_unfinished() && past.state.parked.is_some()))
}

/// Among how many runs one that waits is looked for.
const PARKED_AMONG: usize = 20;
