//! Waits without the lock: for a window, for what is watched for long, for a person.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use jiff::civil::{Time, Weekday};
use switchback::engine::action::{Action, ActionError, Applied, Effect, Evidence, Lost, Observed, Touch};
use switchback::engine::driver::{DriveError, Driver};
use switchback::engine::event::{Answer, Event, Question, What};
use switchback::engine::park::Wait;
use switchback::engine::plan::{HumanQuestion, Plan};
use switchback::engine::ports::{Clock, Interrupt, Journal, JournalError, Prompter};
use switchback::engine::state::RunState;
use switchback::engine::verdict::Verdict;
use switchback::estate::model::Window;
use switchback::runbook::bound::Mode;
use switchback::runbook::signature::Undo;
use tokio::time::Instant;

use super::world::{Shared, Silent, TestClock, Toy, actions, owner, plan};

const SOAK_MS: u64 = 120_000;
const THINKS_MS: u64 = 600_000;

/// What the journal and the lock went through.
#[derive(Debug, Default)]
struct Desk {
    events: Vec<Event>,
    given_back: bool,
    /// How often it was given back.
    times: usize,
    /// Somebody else has the lock when it is to be taken again.
    taken: bool,
}

struct Ledger(Arc<Mutex<Desk>>);

impl Journal for Ledger {
    fn append(&mut self, event: &Event, _durable: bool) -> Result<(), JournalError> {
        let mut desk = self.0.lock().expect("unpoisoned");
        assert!(!desk.given_back, "written without the lock: {event:?}");
        desk.events.push(event.clone());
        Ok(())
    }
    fn flush(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
    fn renew(&mut self) -> Result<(), JournalError> {
        assert!(!self.0.lock().expect("unpoisoned").given_back, "renewed a lock that was given back");
        Ok(())
    }
    fn give_back(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async {
            let mut desk = self.0.lock().expect("unpoisoned");
            desk.given_back = true;
            desk.times += 1;
            Ok(())
        })
    }
    fn take_again(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async {
            let mut desk = self.0.lock().expect("unpoisoned");
            if desk.taken {
                return Err(JournalError::LockLost(Lost::Taken("another run holds it".to_owned())));
            }
            desk.given_back = false;
            Ok(())
        })
    }
}

/// A look that counts, one that watches, and a question to a person.
#[derive(Debug)]
enum Early {
    Look(Arc<Mutex<u32>>),
    Watch(Mutex<Option<Instant>>),
    Ask,
}

impl Action for Early {
    fn summary(&self) -> String {
        format!("{self:?}").split('(').next().expect("a word").to_owned()
    }
    fn effect(&self) -> Effect {
        Effect::Look
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        let found = match self {
            Self::Look(count) => {
                *count.lock().expect("unpoisoned") += 1;
                Observed::Satisfied(Evidence::new("seen"))
            }
            Self::Watch(began) => {
                let began = *began.lock().expect("unpoisoned").get_or_insert_with(Instant::now);
                let is_over = began.elapsed().as_millis() >= u128::from(SOAK_MS);
                let evidence = Evidence::new("watched");
                if is_over { Observed::Satisfied(evidence) } else { Observed::Pending(evidence) }
            }
            Self::Ask => Observed::Unknown("a person will be asked".to_owned()),
        };
        Box::pin(async { Ok(found) })
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Ok(Applied::Unproven(Evidence::default())) })
    }
}

/// Says yes after a while.
struct Thinks;

impl Prompter for Thinks {
    fn ask<'a>(&'a mut self, _question: &'a Question) -> BoxFuture<'a, Option<(Answer, String)>> {
        Box::pin(async {
            tokio::time::sleep(std::time::Duration::from_millis(THINKS_MS)).await;
            Some((Answer::Yes, "o".to_owned()))
        })
    }
}

fn window(from: i8, to: i8) -> Window {
    let time = |hour| Time::new(hour, 0, 0, 0).expect("a time");
    let zone = jiff::tz::TimeZone::UTC;
    Window {
        name: "quiet".to_owned(),
        days: vec![Weekday::Tuesday, Weekday::Wednesday],
        from: time(from),
        to: time(to),
        zone,
    }
}

/// Look, watch, ask, and then the toy fail-over, which begins in a window; with the three after the fence where `late`.
fn waiting_plan(window: Option<Window>, late: bool) -> Plan {
    let mut plan = plan(Mode::Planned);
    let first = usize::from(late);
    for (place, id) in (first..).zip(["look", "watch", "ask"]) {
        let mut step = plan.steps[1 + place].clone();
        (step.id, step.effect, step.undo, step.gives) = (format!("{id}/{id}"), Effect::Look, Undo::Nothing, Vec::new());
        (step.services, step.guard) = (Vec::new(), false);
        step.long = id == "watch";
        step.within_ms = 12 * 3_600_000;
        step.question = (id == "ask").then(|| HumanQuestion { text: "fine?".to_owned(), who: None });
        let mut phase = plan.phases[0].clone();
        (phase.id, phase.wave) = (id.to_owned(), None);
        plan.steps.insert(place, step);
        plan.phases.insert(place, phase);
    }
    for (index, phase) in plan.phases.iter_mut().enumerate() {
        phase.groups = vec![vec![index]];
        plan.steps[index].phase = index;
    }
    let fence = plan.find("fence/fence/orders").expect("a fence");
    plan.phases[fence].window = window;
    plan
}

struct Outcome {
    driven: Result<(Verdict, String), DriveError>,
    events: Vec<Event>,
    looks: u32,
    times: usize,
    state: RunState,
    toy: Toy,
}

async fn run(plan: &Plan, taken: bool, interrupt_at_ms: Option<u64>, before: &[Event], late: bool) -> Outcome {
    let world = Shared::new(Toy::new(), Vec::new());
    let looks = Arc::new(Mutex::new(0));
    let mut all = actions(&world);
    let early = [Early::Look(Arc::clone(&looks)), Early::Watch(Mutex::new(None)), Early::Ask];
    for (place, action) in (usize::from(late)..).zip(early) {
        all.insert(place, Box::new(action));
    }
    let desk = Arc::new(Mutex::new(Desk { events: before.to_vec(), taken, ..Desk::default() }));
    let mut journal = Ledger(Arc::clone(&desk));
    let clock = TestClock(Instant::now());
    let mut state = RunState::replay(plan, before).expect("ours");
    let base_ms = state.now_ms;
    let opening = if before.is_empty() {
        What::Started { format: 1, plan: Box::new(plan.clone()), accepted: serde_json::Value::Null, by: owner() }
    } else {
        What::Resumed { by: owner(), reason: None, accepted: serde_json::Value::Null }
    };
    let event = Event { seq: state.next_seq(), at: clock.now(), elapsed_ms: base_ms, what: opening };
    journal.append(&event, true).expect("written");
    state.fold(plan, &event).expect("it follows");
    let (sender, interrupt) = tokio::sync::watch::channel(Interrupt::None);
    if let Some(at) = interrupt_at_ms {
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(at)).await;
            sender.send(Interrupt::Stop).ok();
            sender.closed().await;
        });
    }
    let driver = Driver {
        plan,
        actions: &all,
        journal: &mut journal,
        clock: &clock,
        reporter: &mut Silent,
        prompter: &mut Thinks,
        witness: None,
        interrupt,
        remember: &|_, _| {},
        leave: Arc::new(super::world::Always),
        early: switchback::engine::ahead::Early::default(),
        origin_ms: i128::from(clock.monotonic_ms()) - i128::from(base_ms),
    };
    let driven = driver.drive(&mut state).await;
    let (toy, looks) = (world.world().toy.clone(), *looks.lock().expect("unpoisoned"));
    let desk = desk.lock().expect("unpoisoned");
    assert!(!toy.two_writers && !toy.lost, "{toy:?}");
    Outcome { driven, events: desk.events.clone(), looks, times: desk.times, state, toy }
}

fn waits(events: &[Event]) -> Vec<(&'static str, Wait)> {
    let wait = |event: &Event| match &event.what {
        What::Parked { wait } => Some(("parked", wait.clone())),
        What::Waited { wait } => Some(("waited", wait.clone())),
        _ => None,
    };
    events.iter().filter_map(wait).collect()
}

#[tokio::test(start_paused = true)]
async fn long_waits_before_the_fence_give_the_lock_back_and_look_again() {
    // The clock of the tests begins on Tuesday, 2023-11-14, at 22:13:20 UTC.
    let plan = waiting_plan(Some(window(3, 5)), false);
    let done = run(&plan, false, None, &[], false).await;
    assert_eq!(done.driven.expect("a verdict").0, Verdict::Done);
    let (steps, person, quiet) = (Wait::Steps(vec![1]), Wait::Person(2), Wait::Window(3));
    let each = [steps, person, quiet].map(|wait| [("parked", wait.clone()), ("waited", wait)]);
    assert_eq!(waits(&done.events), each.concat());
    assert_eq!(done.times, 3);
    assert_eq!(done.looks, 4, "what was looked at before a wait is looked at again after it");
    let fence = plan.find("fence/fence/orders").expect("a fence");
    let intended = done.events.iter().find(|event| matches!(event.what, What::Intended { step, .. } if step == fence));
    let at = intended.expect("a fence").at.to_string();
    assert!(at.starts_with("2023-11-15T03:00:0"), "{at}");
    assert!(done.toy.b_writable && done.toy.led_to_b);
}

#[tokio::test(start_paused = true)]
async fn an_open_window_is_not_waited_for() {
    let plan = waiting_plan(Some(window(22, 5)), false);
    let done = run(&plan, false, None, &[], false).await;
    assert_eq!(done.driven.expect("a verdict").0, Verdict::Done);
    assert!(waits(&done.events).contains(&("waited", Wait::Window(3))));
    assert!(!waits(&done.events).contains(&("parked", Wait::Window(3))));
}

#[tokio::test(start_paused = true)]
async fn once_the_fence_was_begun_the_lock_is_kept() {
    let plan = waiting_plan(None, true);
    let done = run(&plan, false, None, &[], true).await;
    assert_eq!(done.driven.expect("a verdict").0, Verdict::Done);
    assert_eq!(waits(&done.events), [], "users wait: nobody else may come between");
    assert!(done.events.iter().any(|event| matches!(event.what, What::Answered { answer: Answer::Yes, .. })));
}

#[tokio::test(start_paused = true)]
async fn who_finds_the_lock_taken_stays_where_it_is_and_can_be_resumed() {
    let plan = waiting_plan(Some(window(3, 5)), false);
    let stayed = run(&plan, true, None, &[], false).await;
    assert!(matches!(stayed.driven, Err(DriveError::Journal(JournalError::LockLost(_)))), "{:?}", stayed.driven);
    assert_eq!(waits(&stayed.events), [("parked", Wait::Steps(vec![1]))]);
    assert_eq!(stayed.state.parked, Some(Wait::Steps(vec![1])));
    assert!(!stayed.state.has_touched());
    let again = run(&plan, false, None, &stayed.events, false).await;
    assert_eq!(again.driven.expect("a verdict").0, Verdict::Done);
    assert!(again.toy.b_writable);
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_while_it_waits_leaves_it_waiting() {
    let plan = waiting_plan(Some(window(3, 5)), false);
    // While the window is waited for.
    let left = run(&plan, false, Some(SOAK_MS + THINKS_MS + 3_600_000), &[], false).await;
    assert!(matches!(left.driven, Err(DriveError::LeftParked)), "{:?}", left.driven);
    assert_eq!(waits(&left.events).last(), Some(&("parked", Wait::Window(3))));
    assert!(left.toy.a_writable && !left.toy.b_writable);
    // The answer stands; the watch begins anew, because nobody watched meanwhile what it watches.
    let again = run(&plan, false, None, &left.events, false).await;
    assert_eq!(again.driven.expect("a verdict").0, Verdict::Done);
    let more = &waits(&again.events)[waits(&left.events).len()..];
    assert_eq!(more, [("parked", Wait::Window(3)), ("waited", Wait::Window(3))]);
}
