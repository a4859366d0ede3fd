//! How a run ended, as the command line tells it: what happened, what changed, what is safe next.

use std::io::Write;

use super::aftermath;
use super::args::{Common, Format};
use super::exit::Exit;
use super::session::{self, Prepared};
use super::verbs::carry_out;
use super::view::words::lay_out;
use crate::base::quantity::spoken;
use crate::engine::measured;
use crate::engine::state::{RunState, UndoStage};
use crate::engine::verdict::Verdict;

/// Tells the end of a run and gives its exit code.
pub fn tell(
    common: &Common,
    prepared: &Prepared,
    state: &RunState,
    verdict: Verdict,
    reason: &str,
    id: &str,
    head: &str,
) -> Exit {
    let exit = Exit::from(verdict);
    let (changed, undone) = changes(state);
    let outage = state.no_writes_ms(&prepared.plan);
    if common.format == Format::Json {
        super::view::json::print(&serde_json::json!({
            "schema": "switchback/end/1", "run": id, "verdict": verdict, "reason": reason, "exit": exit as u8,
            "changed_steps": changed, "undone_steps": undone, "outage_ms": outage,
            "client_ms": measured::client_gap(state).map(measured::Gap::ms), "elapsed_ms": state.now_ms, "head": head,
        }));
        return exit;
    }
    let paint = super::paint(common, true);
    let good = matches!(verdict, Verdict::Done);
    let mark = if good { paint.good("✓") } else { paint.bad("✗") };
    let word = session::verdict_word(verdict);
    let mut text =
        format!("{mark} {}\n", lay_out(&format!("{}: {word}: {reason}", prepared.plan.title), paint.width, 2));
    let took = format!("took {}", spoken(state.now_ms));
    let outage =
        outage.map_or_else(String::new, |ms| format!("; writes stopped for {}, as the engine saw it", spoken(ms)));
    let undone = if undone == 0 { String::new() } else { format!(", {undone} taken back") };
    let all = state.steps.len();
    for line in aftermath::lines(&prepared.plan, state, verdict) {
        text.push_str(&format!("  {}\n", paint.strong(&lay_out(&line, paint.width, 2))));
    }
    text.push_str(&format!(
        "  {}\n",
        lay_out(&format!("{took}{outage}; {changed} of {all} steps changed something{undone}"), paint.width, 2)
    ));
    for part in &state.measured {
        text.push_str(&format!("  {}\n", lay_out(&part.told(), paint.width, 2)));
        if let Some(split) = &part.split {
            text.push_str(&format!("{} {}\n", paint.bad("✗"), lay_out(&format!("SPLIT: {split}"), paint.width, 2)));
        }
    }
    text.push_str(&format!("  {}\n", paint.faint(&format!("run {id}\n  head {head}"))));
    for hint in carry_out::hints(verdict, id) {
        text.push_str(&format!("  {} {hint}\n", paint.good("→")));
    }
    for hint in aftermath::left_over(&prepared.plan, state, verdict, id) {
        text.push_str(&format!("  {} {hint}\n", paint.good("→")));
    }
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    exit
}

fn changes(state: &RunState) -> (usize, usize) {
    let changed = state.steps.iter().filter(|record| record.attempts > 0).count();
    let undone = state.steps.iter().filter(|record| record.undo == UndoStage::Undone).count();
    (changed, undone)
}
