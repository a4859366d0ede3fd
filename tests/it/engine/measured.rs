//! What a client saw is part of the run: it is written down before the end, and the objective is held against it.

use switchback::base::name::ServiceName;
use switchback::engine::action::Touch;
use switchback::engine::driver::Driver;
use switchback::engine::event::{Event, What};
use switchback::engine::measured::{Gap, Measured, Stretch, Turn};
use switchback::engine::ports::{Clock, Interrupt, Journal, Witness};
use switchback::engine::state::RunState;
use switchback::engine::verdict::Verdict;
use switchback::runbook::bound::Mode;

use super::world::{Mishap, Nobody, Paper, Shared, Silent, TestClock, Toy, actions, owner, plan};

/// Says what it is told to say.
#[derive(Default)]
struct Says {
    measured: Option<Measured>,
    begun: usize,
    heard: Vec<&'static str>,
    ended: usize,
}

impl Witness for Says {
    fn begin(&mut self, _touch: Touch) {
        self.begun += 1;
    }
    fn hear(&mut self, event: &Event) {
        self.heard.push(event.what.name());
    }
    fn end(&mut self) -> Option<Measured> {
        self.ended += 1;
        self.measured.take()
    }
}

/// A client that saw this much, from before the outage to its end.
fn saw(gap_ms: u64, services: &[&str]) -> Measured {
    let turn = |at: &str, term, ms| Turn { at: at.to_owned(), term, from_ms: ms, to_ms: ms, taken: 1 };
    Measured {
        entrance: "db.shop.internal".to_owned(),
        wrote_to: "`orders`".to_owned(),
        services: services.iter().map(|name| ServiceName::new(*name).expect("a name")).collect(),
        every_ms: 20,
        from_ms: 0,
        to_ms: 1_000_000,
        taken: 2,
        failed: 0,
        unknown: 0,
        first_taken_ms: Some(0),
        last_taken_ms: Some(1_000_000),
        gap: Some(Gap { from_ms: 0, to_ms: gap_ms, whole: true }),
        turns: vec![turn("a", 1, 0), turn("b", 2, gap_ms)],
        split: None,
        unmeasured: Vec::new(),
        says: None,
    }
}

/// A run with this objective, and a witness with this to say: how it ended, and its journal.
async fn run(outage_max_ms: u64, says: Option<Measured>) -> (Verdict, String, Vec<Event>, Says) {
    let mut plan = plan(Mode::Planned);
    plan.outage_max_ms = Some(outage_max_ms);
    let world = Shared::new(Toy::new(), Vec::new());
    let mut journal = Paper::default();
    let clock = TestClock(tokio::time::Instant::now());
    let mut state = RunState::new(&plan);
    let what =
        What::Started { format: 2, plan: Box::new(plan.clone()), accepted: serde_json::Value::Null, by: owner() };
    let event = Event { seq: 0, at: clock.now(), elapsed_ms: 0, what };
    journal.append(&event, true).expect("written");
    state.fold(&plan, &event).expect("it follows");
    let (_sender, interrupt) = tokio::sync::watch::channel(Interrupt::None);
    let mut witness = Says { measured: says, ..Says::default() };
    let actions = actions(&world);
    let driver = Driver {
        plan: &plan,
        actions: &actions,
        journal: &mut journal,
        clock: &clock,
        reporter: &mut Silent,
        prompter: &mut Nobody,
        witness: Some(&mut witness),
        interrupt,
        remember: &|_, _| {},
        origin_ms: i128::from(clock.monotonic_ms()),
        leave: std::sync::Arc::new(super::world::Always),
        early: switchback::engine::ahead::Early::default(),
    };
    let (verdict, reason) = driver.drive(&mut state).await.expect("a verdict");
    assert_eq!(RunState::replay(&plan, &journal.durable).expect("it folds"), state, "history is the state");
    (verdict, reason, journal.durable, witness)
}

#[tokio::test(start_paused = true)]
async fn it_stands_in_the_journal_once_and_before_the_end() {
    let (verdict, _, events, witness) = run(60_000, Some(saw(100, &["orders"]))).await;
    assert_eq!(verdict, Verdict::Done);
    let names: Vec<&str> = events.iter().map(|event| event.what.name()).collect();
    assert_eq!(names.iter().filter(|name| **name == "measured").count(), 1, "{names:?}");
    assert_eq!(names[names.len() - 2..], ["measured", "ended"], "{names:?}");
    assert_eq!(witness.begun, 1);
    assert_eq!(witness.heard[..], names[1..], "it hears every event");
    let (verdict, _, events, _) = run(60_000, None).await;
    assert_eq!(verdict, Verdict::Done);
    assert!(events.iter().all(|event| event.what.name() != "measured"), "nothing was measured");
}

#[tokio::test(start_paused = true)]
async fn the_objective_is_held_against_what_a_client_saw() {
    // The run's own outage is some milliseconds long, on the paused clock.
    let (verdict, reason, ..) = run(60_000, Some(saw(70_000, &["orders"]))).await;
    assert_eq!(verdict, Verdict::DoneWithMisses);
    assert_eq!(reason, "done, but a client could not write for 1 min 10 s, and 1 min 00 s is the objective");
    let own_ms = |events: &[Event]| {
        let state = RunState::replay(&plan(Mode::Planned), events).expect("it folds");
        state.outage_began_ms.zip(state.outage_ended_ms).map(|(from, to)| to - from).expect("an outage")
    };
    let (_, _, events, _) = run(60_000, None).await;
    let most = own_ms(&events) - 1;
    let (verdict, reason, ..) = run(most, None).await;
    assert_eq!(verdict, Verdict::DoneWithMisses, "{reason}");
    assert!(reason.starts_with("done, but the write outage lasted"), "{reason}");
    // A client that saw the whole of it saw less than the engine took for it.
    let (verdict, reason, ..) = run(most, Some(saw(1, &["orders"]))).await;
    assert_eq!(verdict, Verdict::Done, "{reason}");
    // It wrote to something else, it looked away, or it did not see the beginning: then the longer figure counts.
    let elsewhere = saw(1, &["wiki"]);
    let mut away = saw(1, &["orders"]);
    away.unmeasured = vec![Stretch { from_ms: 0, to_ms: 1_000_000 }];
    let mut late = saw(1, &["orders"]);
    (late.first_taken_ms, late.turns) = (Some(999_999), late.turns.split_off(1));
    let mut open = saw(1, &["orders"]);
    open.gap = Some(Gap { from_ms: 0, to_ms: 1, whole: false });
    for partial in [elsewhere, away, late, open] {
        let (verdict, reason, ..) = run(most, Some(partial.clone())).await;
        assert_eq!(verdict, Verdict::DoneWithMisses, "{partial:?}");
        assert!(reason.starts_with("done, but the write outage lasted"), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_split_is_told_before_everything_else() {
    let mut split = saw(70_000, &["orders"]);
    split.split = Some("two servers took writes in overlapping times: a and b".to_owned());
    let (verdict, reason, ..) = run(60_000, Some(split)).await;
    assert_eq!(verdict, Verdict::DoneWithMisses);
    assert_eq!(reason, "done; BUT two servers took writes in overlapping times: a and b");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_has_measured_nothing_and_the_next_one_says_its_own_part() {
    let plan = plan(Mode::Planned);
    let world = Shared::new(Toy::new(), vec![(6, Mishap::DieBefore)]);
    let mut journal = Paper::default();
    super::world::process(&plan, &world, &mut journal).await;
    let before = journal.durable.clone();
    assert!(before.iter().all(|event| event.what.name() != "measured"));
    let mut state = RunState::replay(&plan, &before).expect("it folds");
    let first = Event {
        seq: state.next_seq(),
        at: jiff::Timestamp::UNIX_EPOCH,
        elapsed_ms: state.now_ms,
        what: What::Resumed { by: owner(), reason: None, accepted: serde_json::Value::Null },
    };
    state.fold(&plan, &first).expect("it follows");
    for part in [saw(100, &["orders"]), saw(300, &["orders"])] {
        let event = Event {
            seq: state.next_seq(),
            at: jiff::Timestamp::UNIX_EPOCH,
            elapsed_ms: state.now_ms,
            what: What::Measured { measured: Box::new(part) },
        };
        state.fold(&plan, &event).expect("it follows");
    }
    assert_eq!(state.measured.len(), 2, "the parts are kept apart");
    assert_eq!(switchback::engine::measured::client_gap(&state).map(Gap::ms), Some(300));
}
