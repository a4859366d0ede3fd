//! Every pair of a step's stage and an event is handled, or declared impossible.

use switchback::engine::action::{ActionError, Applied, Evidence, Fault, Observed};
use switchback::engine::event::{Event, Resolution, What};
use switchback::engine::machine::{self, Directive};
use switchback::engine::state::{BackOut, How, RunState, Stage, UndoStage};
use switchback::runbook::bound::Mode;

use super::world::{owner, plan};

fn stages() -> Vec<Stage> {
    let why = || "why".to_owned();
    vec![
        Stage::Waiting,
        Stage::NotYet { why: why() },
        Stage::Ready,
        Stage::Acting,
        Stage::Unproven,
        Stage::InDoubt { why: why() },
        Stage::Done { how: How::Did },
        Stage::Failed { why: why(), doubt: false },
        Stage::Failed { why: why(), doubt: true },
        Stage::Missed { why: why() },
    ]
}

fn name(stage: &Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting",
        Stage::NotYet { .. } => "not yet",
        Stage::Ready => "ready",
        Stage::Acting => "acting",
        Stage::Unproven => "unproven",
        Stage::InDoubt { .. } => "in doubt",
        Stage::Done { .. } => "done",
        Stage::Failed { doubt: false, .. } => "failed",
        Stage::Failed { doubt: true, .. } => "failed in doubt",
        Stage::Missed { .. } => "missed",
    }
}

fn events() -> Vec<(&'static str, What)> {
    let step = 0;
    let seen = || Evidence::new("seen");
    let error = |fault| ActionError::new(fault, "no");
    vec![
        ("satisfied", What::Looked { step, observed: Observed::Satisfied(seen()) }),
        ("pending", What::Looked { step, observed: Observed::Pending(seen()) }),
        (
            "blocked",
            What::Looked {
                step,
                observed: Observed::Blocked { until: None, reason: "no".to_owned(), evidence: seen() },
            },
        ),
        ("unknown", What::Looked { step, observed: Observed::Unknown("?".to_owned()) }),
        ("look refused", What::LookFailed { step, error: error(Fault::Refused) }),
        ("look failed", What::LookFailed { step, error: error(Fault::Transient) }),
        ("intended", What::Intended { step, attempt: 1 }),
        ("proven", What::Acted { step, attempt: 1, applied: Applied::Proven(seen()) }),
        ("unproven", What::Acted { step, attempt: 1, applied: Applied::Unproven(seen()) }),
        ("act refused", What::ActFailed { step, attempt: 1, error: error(Fault::Refused) }),
        ("act transient", What::ActFailed { step, attempt: 1, error: error(Fault::Transient) }),
        ("act in doubt", What::ActFailed { step, attempt: 1, error: error(Fault::InDoubt) }),
        (
            "resolved done",
            What::Resolved { step, verdict: Resolution::Done, reason: "r".to_owned(), by: "p".to_owned() },
        ),
        (
            "resolved not done",
            What::Resolved { step, verdict: Resolution::NotDone, reason: "r".to_owned(), by: "p".to_owned() },
        ),
        ("resumed", What::Resumed { by: owner(), reason: None, accepted: serde_json::Value::Null }),
    ]
}

/// The first step of the toy plan (a fence: idempotent, a guard), in this stage, after this event.
fn after(stage: &Stage, what: &What) -> &'static str {
    let plan = plan(Mode::Planned);
    let mut state = RunState::new(&plan);
    state.steps[0].stage = stage.clone();
    let event = Event { seq: 0, at: jiff::Timestamp::UNIX_EPOCH, elapsed_ms: 0, what: what.clone() };
    match state.fold(&plan, &event) {
        Ok(()) => name(&state.steps[0].stage),
        Err(_) => "impossible",
    }
}

#[test]
fn every_stage_and_event() {
    let mut table = String::new();
    for stage in stages() {
        for (event, what) in events() {
            table.push_str(&format!("{:<16} {event:<18} {}\n", name(&stage), after(&stage, &what)));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn an_event_out_of_order_is_refused() {
    let plan = plan(Mode::Planned);
    let mut state = RunState::new(&plan);
    let event = |seq, step| Event {
        seq,
        at: jiff::Timestamp::UNIX_EPOCH,
        elapsed_ms: 0,
        what: What::Looked { step, observed: Observed::Unknown(String::new()) },
    };
    assert!(state.fold(&plan, &event(1, 0)).is_err(), "a number was left out");
    assert!(RunState::new(&plan).fold(&plan, &event(0, 99)).is_err(), "there is no such step");
}

#[test]
fn an_undo_that_is_resumed_late_has_its_whole_time_again() {
    let plan = plan(Mode::Planned);
    let mut state = RunState::new(&plan);
    state.back_out = Some(BackOut { reason: "why".to_owned(), wave: None, leg: 0 });
    state.steps[0].stage = Stage::Done { how: How::Did };
    state.steps[0].attempts = 1;
    state.steps[0].undo = UndoStage::Acting { attempt: 1 };
    let hour = 3_600_000;
    let error = ActionError::new(Fault::Transient, "it is just coming up");
    let events = [
        What::Resumed { by: owner(), reason: None, accepted: serde_json::Value::Null },
        What::UndoIntended { step: 0, attempt: 2 },
        What::UndoFailed { step: 0, error },
    ];
    for (seq, what) in (0..).zip(events) {
        let event = Event { seq, at: jiff::Timestamp::UNIX_EPOCH, elapsed_ms: hour + seq, what };
        state.fold(&plan, &event).expect("it follows");
    }
    assert!(matches!(state.steps[0].undo, UndoStage::Again { .. }), "{:?}", state.steps[0].undo);
}

#[test]
fn what_was_taken_back_by_hand_is_settled_by_a_persons_word() {
    let plan = plan(Mode::Planned);
    for stage in stages() {
        let mut state = RunState::new(&plan);
        state.back_out = Some(BackOut { reason: "why".to_owned(), wave: None, leg: 0 });
        state.steps[0].stage = stage.clone();
        state.steps[0].attempts = 1;
        state.steps[0].undo = UndoStage::GaveUp { why: "there is no undo".to_owned() };
        let what =
            What::Resolved { step: 0, verdict: Resolution::NotDone, reason: "I did".to_owned(), by: "p".to_owned() };
        let event = Event { seq: 0, at: jiff::Timestamp::UNIX_EPOCH, elapsed_ms: 0, what };
        state.fold(&plan, &event).expect("it follows");
        assert_eq!((&state.steps[0].undo, &state.steps[0].stage), (&UndoStage::Undone, &stage));
        assert!(!state.steps[0].has_touched());
        assert!(state.steps[0].evidence.summary.contains("I did"));
    }
}

/// A command that fails at once is not carried out a hundred times in its minutes.
#[test]
fn an_act_that_fails_again_and_again_is_tried_after_a_pause() {
    let plan = plan(Mode::Planned);
    let mut state = RunState::new(&plan);
    let mut tries = Vec::new();
    let mut at_ms = 0;
    let put = |state: &mut RunState, at_ms: u64, what: What| {
        let event = Event { seq: state.next_seq(), at: jiff::Timestamp::UNIX_EPOCH, elapsed_ms: at_ms, what };
        state.fold(&plan, &event).expect("it follows");
    };
    while at_ms < plan.steps[0].within_ms && tries.len() < 1_000 {
        let Some(Directive::Observe { not_before_ms, .. }) = machine::next(&plan, &state).into_iter().next() else {
            break;
        };
        at_ms = at_ms.max(not_before_ms);
        put(&mut state, at_ms, What::Looked { step: 0, observed: Observed::Pending(Evidence::new("not so")) });
        let Some(Directive::Apply { attempt, .. }) = machine::next(&plan, &state).into_iter().next() else { break };
        tries.push(at_ms);
        put(&mut state, at_ms, What::Intended { step: 0, attempt });
        let error = ActionError::new(Fault::Transient, "no");
        put(&mut state, at_ms, What::ActFailed { step: 0, attempt, error });
    }
    assert!(tries.len() > 3 && tries[2] < 100, "the first tries are quick: {tries:?}");
    let within_s = usize::try_from(plan.steps[0].within_ms / 1_000).expect("seconds");
    assert!(tries.len() < 15 + within_s, "{} tries in {within_s} s", tries.len());
}
