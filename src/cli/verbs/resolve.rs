//! `resolve`: a person says how a step is that Switchback cannot know about.

use crate::cli::args::{Common, ResolveAs};
use crate::cli::broken::journal_failure;
use crate::cli::clock::{SystemClock, wall_ms};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::{locking, order, owner, past, session};
use crate::engine::event::{Event, Owner, Resolution, What};
use crate::engine::ports::{Clock, Journal};
use crate::engine::state::Stage;
use crate::engine::verdict::Verdict;

/// Writes the person's word into the journal. `resume` acts on it.
pub fn run(common: &Common, run: &str, step: &str, verdict: ResolveAs, reason: &str) -> Result<Exit, Failure> {
    let mut store = session::open_store(common)?;
    let past = past::find_run(&store, Some(run))?;
    let Some(index) = past.plan.find(step) else {
        return Err(Failure::new(Exit::Usage, format!("run {}: {}", past.row.id, order::no_step(&past.plan, step)))
            .hint(format!("switchback show {}", past.row.id)));
    };
    let stage = past.state.steps.get(index).map(|record| record.stage.clone());
    let undoing = past.state.steps.get(index).is_some_and(|record| record.undo.is_stuck());
    if undoing && verdict != ResolveAs::NotDone {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{step}` could not be taken back; what can be said of it is that you took it back by hand"),
        )
        .hint(format!("switchback resolve {} {step} --as not-done --reason \"…\"", past.row.id)));
    }
    if !undoing && !matches!(stage, Some(Stage::Failed { .. } | Stage::InDoubt { .. } | Stage::Acting)) {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{step}` is neither in doubt nor failed; there is nothing to resolve"),
        )
        .hint(format!("switchback show {}", past.row.id)));
    }
    if reason.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "a resolution needs a reason"));
    }
    let held = locking::take(&mut store, &past.plan.estate, &past.row.id, false)?;
    let mut writer = store.continue_run(held, wall_ms)?;
    let clock = SystemClock::new();
    let mut state = past.state;
    let owner = owner::this_process();
    let verdict = match verdict {
        ResolveAs::Done => Resolution::Done,
        ResolveAs::NotDone => Resolution::NotDone,
        ResolveAs::Skip => Resolution::Skip,
    };
    let events = said(stage.as_ref(), index, verdict, reason, owner);
    for what in events {
        let event = Event { seq: state.next_seq(), at: clock.now(), elapsed_ms: state.now_ms, what };
        state.fold(&past.plan, &event).map_err(|error| Failure::new(Exit::Refused, error.to_string()))?;
        let touched = state.has_touched();
        writer.append(&event, true).map_err(|error| journal_failure(&error, &past.row.id, touched))?;
    }
    let id = past.row.id;
    writer.release()?;
    let next = if undoing { "rollback" } else { "resume" };
    session::say(&format!("`{step}` of run {id} is settled; go on with: switchback {next} {id}"));
    Ok(Exit::Done)
}

/// A person's word as events. A new segment is begun only where one was cut off in the act: it makes of what failed
/// something that was not looked at yet, of which nobody can say how it ended.
fn said(stage: Option<&Stage>, step: usize, verdict: Resolution, reason: &str, owner: Owner) -> Vec<What> {
    let by = owner.operator.clone();
    let resumed = What::Resumed { by: owner, reason: Some(reason.to_owned()), accepted: serde_json::Value::Null };
    let cut_off = matches!(stage, Some(Stage::Acting)).then_some(resumed);
    let reason = reason.to_owned();
    let ended =
        What::Ended { verdict: Verdict::Stopped, reason: "a step was resolved by hand; resume to go on".to_owned() };
    cut_off.into_iter().chain([What::Resolved { step, verdict, reason, by }, ended]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_cut_off_is_begun_anew() {
        let begins = |stage: &Stage| {
            let said = said(Some(stage), 0, Resolution::Done, "seen", owner::this_process());
            matches!(said.first(), Some(What::Resumed { .. }))
        };
        assert!(begins(&Stage::Acting));
        // A failed step that a new segment made *waiting* could not be resolved any more.
        assert!(!begins(&Stage::Failed { why: "no".to_owned(), doubt: false }));
        assert!(!begins(&Stage::InDoubt { why: "?".to_owned() }));
    }
}
