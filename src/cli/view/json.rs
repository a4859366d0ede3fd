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

/// The JSON Schema of every line that a run prints, as `switchback schema events` shows it.
pub const EVENTS_SCHEMA: &str = include_str!("events.json");

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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{EVENTS_SCHEMA, event_line};
    use crate::engine::action::{ActionError, Applied, Evidence, Fact, FactKind, Observed};
    use crate::engine::event::{Answer, Event, Owner, Question, QuestionKind, Resolution, What};
    use crate::engine::measured::{Gap, Measured, Stretch, Turn};
    use crate::engine::park::Wait;
    use crate::engine::plan::{PLAN_FORMAT, Plan, PlanStep};
    use crate::engine::verdict::Verdict;
    use crate::runbook::bound::{BoundAction, Mode, OnFailure};
    use crate::runbook::signature::{Effect, Undo};

    fn plan() -> Plan {
        let action = BoundAction { name: "a.b".to_owned(), item: None, arguments: serde_json::Map::default() };
        let step = PlanStep {
            id: "s".to_owned(),
            phase: 0,
            summary: String::new(),
            action,
            site: None,
            services: Vec::new(),
            effect: Effect::Look,
            guard: false,
            undo: Undo::Nothing,
            needs: Vec::new(),
            gives: Vec::new(),
            within_ms: 0,
            on_failure: OnFailure::Stop,
            long: false,
            question: None,
            place: String::new(),
        };
        Plan {
            format: PLAN_FORMAT,
            estate: "shop".to_owned(),
            estate_digest: String::new(),
            runbook_digest: String::new(),
            runbook: "r".to_owned(),
            title: "t".to_owned(),
            mode: Mode::Planned,
            to: None,
            from: None,
            inputs: std::collections::BTreeMap::default(),
            outage_max_ms: None,
            rto_ms: None,
            rpo_ms: None,
            legs: Vec::new(),
            phases: Vec::new(),
            steps: vec![step],
        }
    }

    fn owner() -> Owner {
        let text = || "x".to_owned();
        Owner { operator: text(), machine: text(), pid: 1, boot: text(), pid_start: 1, version: text() }
    }

    /// What was measured: all there can be, or as little.
    fn measured(all: bool) -> Measured {
        let text = || "x".to_owned();
        let (turn, stretch) =
            (Turn { at: text(), term: 2, from_ms: 1, to_ms: 2, taken: 3 }, Stretch { from_ms: 1, to_ms: 2 });
        Measured {
            entrance: text(),
            wrote_to: text(),
            services: vec![crate::base::name::ServiceName::new("orders").expect("a name")],
            every_ms: 20,
            from_ms: 0,
            to_ms: 9,
            taken: 3,
            failed: 2,
            unknown: 1,
            first_taken_ms: all.then_some(1),
            last_taken_ms: all.then_some(8),
            gap: all.then_some(Gap { from_ms: 1, to_ms: 7, whole: true }),
            turns: if all { vec![turn] } else { Vec::new() },
            split: all.then(text),
            unmeasured: if all { vec![stretch] } else { Vec::new() },
            says: all.then(text),
        }
    }

    /// Every kind of event, in every shape that its parts take.
    fn every_kind(plan: &Plan) -> Vec<What> {
        let evidence = || Evidence::new("seen").with("lag_bytes", 3);
        let error = || ActionError::transient("no");
        let name = |text: &str| text.to_owned();
        let fact = Fact {
            kind: FactKind::CaughtUp,
            service: crate::base::name::ServiceName::new("orders").expect("a name"),
            site: crate::base::name::SiteName::new("dallas").expect("a name"),
        };
        let blocked = |until| Observed::Blocked { until, reason: name("r"), evidence: evidence() };
        let question = |kind| What::Asked {
            question: Question {
                id: name("q"),
                text: name("?"),
                kind,
                evidence: vec![name("e")],
                details: vec![name("d")],
            },
        };
        let accepted = json!({"unfenced": {"dallas": "burns"}, "data_loss": {}});
        let mut list = vec![
            What::Started { format: 1, plan: Box::new(plan.clone()), accepted: accepted.clone(), by: owner() },
            What::Resumed { by: owner(), reason: None, accepted },
            What::Attended { by: name("me") },
            What::LookFailed { step: 0, error: error() },
            What::Intended { step: 0, attempt: 1 },
            What::Acted { step: 0, attempt: 1, applied: Applied::Proven(evidence()) },
            What::Acted { step: 0, attempt: 1, applied: Applied::Unproven(Evidence::new("x")) },
            What::ActFailed { step: 0, attempt: 1, error: error() },
            What::BackOutBegan { reason: name("r"), wave: Some(1), by: None },
            What::UndoIntended { step: 0, attempt: 1 },
            What::Undone { step: 0, evidence: evidence() },
            What::UndoFailed { step: 0, error: error() },
            question(QuestionKind::Confirm),
            question(QuestionKind::ConfirmSite(name("dallas"))),
            question(QuestionKind::Human { who: None }),
            question(QuestionKind::Failure { may_pass: true, may_back_out: false }),
            What::Answered { question: name("q"), answer: Answer::BackOut, by: name("me") },
            What::Answered { question: name("q"), answer: Answer::Pause, by: name("me") },
            What::Resolved { step: 0, verdict: Resolution::NotDone, reason: name("r"), by: name("me") },
            What::StopAsked,
            What::Parked { wait: Wait::Window(2) },
            What::Waited { wait: Wait::Steps(vec![0, 1]) },
            What::Waited { wait: Wait::Person(0) },
            What::TimePassed,
            What::Noted { note: evidence() },
            What::Measured { measured: Box::new(measured(true)) },
            What::Measured { measured: Box::new(measured(false)) },
            What::Ended { verdict: Verdict::DoneWithMisses, reason: name("r") },
            What::Ended { verdict: Verdict::Declined { changed: true }, reason: name("r") },
        ];
        let observed = [
            Observed::Satisfied(evidence()),
            Observed::Pending(evidence()),
            blocked(None),
            blocked(Some(fact)),
            Observed::Unknown(name("w")),
        ];
        list.extend(observed.map(|observed| What::Looked { step: 0, observed }));
        list
    }

    /// A new kind of event does not compile here until somebody comes by and adds it above and to the schema.
    fn is_known(what: &What) {
        match what {
            What::Started { .. } | What::Resumed { .. } | What::Attended { .. } | What::Looked { .. } => {}
            What::LookFailed { .. } | What::Intended { .. } | What::Acted { .. } | What::ActFailed { .. } => {}
            What::BackOutBegan { .. } | What::UndoIntended { .. } | What::Undone { .. } => {}
            What::UndoFailed { .. } | What::Asked { .. } | What::Answered { .. } | What::Resolved { .. } => {}
            What::Parked { .. } | What::Waited { .. } => {}
            What::Measured { .. } => {}
            What::StopAsked | What::TimePassed | What::Noted { .. } | What::Ended { .. } => {}
        }
    }

    #[test]
    fn every_event_fits_the_schema_that_is_published() {
        let schema: Value = serde_json::from_str(EVENTS_SCHEMA).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let plan = plan();
        let mut kinds = std::collections::BTreeSet::new();
        for (seq, what) in every_kind(&plan).into_iter().enumerate() {
            is_known(&what);
            let event = Event { seq: seq as u64, at: jiff::Timestamp::UNIX_EPOCH, elapsed_ms: 1, what };
            let line = event_line("run", &plan, &event);
            kinds.insert(line["event"].as_str().expect("a name").to_owned());
            assert!(validator.is_valid(&line), "{line:#}");
            // A key too many, or one of another type, is seen.
            let mut wrong = line.clone();
            wrong["surprise"] = json!(1);
            assert!(!validator.is_valid(&wrong), "{wrong}");
            wrong = line;
            wrong["seq"] = json!("1");
            assert!(!validator.is_valid(&wrong), "{wrong}");
        }
        let published = schema["oneOf"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| one["properties"]["event"]["const"].as_str());
        assert_eq!(kinds, published.map(str::to_owned).collect(), "an event without a schema, or the other way round");
    }
}
