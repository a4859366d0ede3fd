//! Events for programs: one JSON object a line on standard output, each with a stable `schema` field.

use std::io::Write;

use serde_json::json;

use crate::engine::event::{Event, What};
use crate::engine::plan::Plan;
use crate::engine::ports::Reporter;
use crate::engine::state::RunState;

/// Writes every event as a line.
#[derive(Debug)]
pub struct JsonReporter {
    pub run: String,
}

/// An event as programs see it: with the step's id beside its number, and without the plan's repetition.
pub fn event_line(run: &str, plan: &Plan, event: &Event) -> serde_json::Value {
    let mut line = serde_json::to_value(event).unwrap_or_default();
    if let Some(map) = line.as_object_mut() {
        map.insert("schema".to_owned(), json!("switchback/event/1"));
        map.insert("run".to_owned(), json!(run));
        let step = map.get("step").and_then(serde_json::Value::as_u64).and_then(|step| usize::try_from(step).ok());
        if let Some(step) = step.and_then(|step| plan.steps.get(step)) {
            map.insert("step_id".to_owned(), json!(step.id));
        }
        if let What::Started { plan, .. } = &event.what {
            let steps: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
            map.insert("plan".to_owned(), json!({"runbook": plan.runbook, "title": plan.title, "mode": plan.mode, "to": plan.to, "from": plan.from, "steps": steps}));
        }
    }
    line
}

/// Prints one JSON value as a line.
pub fn print(value: &serde_json::Value) {
    // A reader that went away is no reason to stop half-way through a fail-over.
    let _ = writeln!(std::io::stdout().lock(), "{value}");
}

impl Reporter for JsonReporter {
    fn event(&mut self, plan: &Plan, _state: &RunState, event: &Event) {
        print(&event_line(&self.run, plan, event));
    }
}
