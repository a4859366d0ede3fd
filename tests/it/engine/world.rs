//! The toy world, its actions, and a journal and a clock that obey the test.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use switchback::base::name::{ServiceName, SiteName};
use switchback::engine::action::{
    Action, ActionError, Applied, Evidence, Fact, FactKind, Fault, Leave, Lost, Observed, Touch,
};
use switchback::engine::driver::{DriveError, Driver};
use switchback::engine::event::{Answer, Event, Owner, Question, What};
use switchback::engine::plan::{PLAN_FORMAT, Plan, PlanPhase, PlanStep};
use switchback::engine::ports::{Clock, Interrupt, Journal, JournalError, Prompter, Reporter};
use switchback::engine::state::RunState;
use switchback::engine::verdict::Verdict;
use switchback::runbook::bound::{BoundAction, Mode, OnFailure};
use switchback::runbook::signature::{Effect, Undo};
use tokio::time::Instant;

/// Two databases and where users are led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toy {
    pub a_writable: bool,
    pub b_writable: bool,
    pub b_follows: bool,
    /// Positions: what A wrote, what B has.
    pub a_position: u64,
    pub b_position: u64,
    pub led_to_b: bool,
    pub promotions: u32,
    /// Every state in which both took writes at once.
    pub two_writers: bool,
    /// A write that A acknowledged and that B, promoted, does not have.
    pub lost: bool,
}

impl Toy {
    pub fn new() -> Self {
        Self {
            a_writable: true,
            b_writable: false,
            b_follows: true,
            a_position: 10,
            b_position: 8,
            led_to_b: false,
            promotions: 0,
            two_writers: false,
            lost: false,
        }
    }

    fn settle(&mut self) {
        // Replication goes on by itself while it can.
        if self.b_follows && !self.b_writable {
            self.b_position = (self.b_position + 1).min(self.a_position);
        }
        if self.a_writable {
            self.a_position += 1;
        }
        self.two_writers |= self.a_writable && self.b_writable;
    }
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// The process dies before the far side is reached.
    DieBefore,
    /// The far side has done it, and the process dies before it knows.
    DieAfter,
    /// Said to be transient, nothing done.
    Transient,
    /// The answer is lost, and it was done.
    LostDone,
    /// The answer is lost, and it was not done.
    LostNotDone,
    /// The far side cannot be reached.
    Unreachable,
    /// The far side says no.
    Refused,
}

/// The world with its calls counted.
#[derive(Debug)]
pub struct World {
    pub toy: Toy,
    pub calls: usize,
    /// At which call what happens.
    pub mishaps: Vec<(usize, Mishap)>,
    pub dead: bool,
    pub log: Vec<String>,
}

/// Shared between actions, journal and test.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub fn new(toy: Toy, mishaps: Vec<(usize, Mishap)>) -> Self {
        Self(Arc::new(Mutex::new(World { toy, calls: 0, mishaps, dead: false, log: Vec::new() })))
    }
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// One call to the outside. `effect` happens, or not, as the mishap of this call says.
    async fn call<T>(&self, name: &str, effect: impl FnOnce(&mut Toy) -> T) -> Result<T, ActionError> {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let outcome = {
            let mut world = self.world();
            let mishap = world.mishaps.iter().find(|(at, _)| *at == world.calls).map(|(_, mishap)| *mishap);
            world.calls += 1;
            let line = format!("{name} {mishap:?}");
            world.log.push(line);
            world.toy.settle();
            let error = |fault, text: &str| Err(ActionError::new(fault, format!("{name}: {text}")));
            let outcome = match mishap {
                None => Ok(effect(&mut world.toy)),
                Some(Mishap::DieBefore) => {
                    world.dead = true;
                    error(Fault::InDoubt, "died")
                }
                Some(Mishap::DieAfter) => {
                    effect(&mut world.toy);
                    world.dead = true;
                    error(Fault::InDoubt, "died")
                }
                Some(Mishap::Transient) => error(Fault::Transient, "busy"),
                Some(Mishap::Unreachable) => error(Fault::Unreachable, "no route"),
                Some(Mishap::Refused) => error(Fault::Refused, "no"),
                Some(Mishap::LostNotDone) => error(Fault::InDoubt, "no answer"),
                Some(Mishap::LostDone) => {
                    effect(&mut world.toy);
                    error(Fault::InDoubt, "no answer")
                }
            };
            world.toy.settle();
            outcome
        };
        if self.world().dead {
            // The process is gone: nothing comes back, ever.
            return std::future::pending().await;
        }
        outcome
    }
}

/// What a toy action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Fence,
    Arrived,
    Detach,
    Promote,
    Point,
}

#[derive(Debug)]
pub struct ToyAction {
    pub kind: Kind,
    pub world: Shared,
}

fn fact(kind: FactKind, site: &str) -> Fact {
    Fact { kind, service: ServiceName::new("orders").expect("a name"), site: SiteName::new(site).expect("a name") }
}

fn is_so(kind: Kind, toy: &Toy) -> bool {
    match kind {
        Kind::Fence => !toy.a_writable,
        Kind::Arrived => toy.b_writable || (!toy.a_writable && toy.b_position >= toy.a_position),
        Kind::Detach => !toy.b_follows,
        Kind::Promote => toy.b_writable,
        Kind::Point => toy.led_to_b,
    }
}

impl Action for ToyAction {
    fn summary(&self) -> String {
        format!("{:?}", self.kind)
    }
    fn effect(&self) -> Effect {
        match self.kind {
            Kind::Arrived => Effect::Look,
            Kind::Promote => Effect::Guarded,
            Kind::Fence | Kind::Detach | Kind::Point => Effect::Idempotent,
        }
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async move {
            let toy = self.world.call(&format!("look {:?}", self.kind), |toy| toy.clone()).await?;
            if is_so(self.kind, &toy) {
                return Ok(Observed::Satisfied(Evidence::new("so")));
            }
            if self.kind == Kind::Promote && (toy.a_writable || toy.b_position < toy.a_position) {
                return Ok(Observed::Blocked {
                    until: Some(fact(FactKind::Fenced, "a")),
                    reason: "not fenced, or not all of it arrived".to_owned(),
                    evidence: Evidence::default(),
                });
            }
            Ok(Observed::Pending(Evidence::new("not so").with("was", "before")))
        })
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async move {
            let kind = self.kind;
            self.world
                .call(&format!("apply {kind:?}"), move |toy| match kind {
                    Kind::Fence => toy.a_writable = false,
                    Kind::Detach => toy.b_follows = false,
                    Kind::Promote => {
                        toy.lost |= toy.b_position < toy.a_position;
                        toy.b_writable = true;
                        toy.promotions += 1;
                    }
                    Kind::Point => toy.led_to_b = true,
                    Kind::Arrived => {}
                })
                .await?;
            Ok(Applied::Proven(Evidence::new("done")))
        })
    }
    fn undo<'a>(&'a self, _touch: &'a Touch, before: &'a Evidence) -> BoxFuture<'a, Result<Evidence, ActionError>> {
        Box::pin(async move {
            assert_eq!(before.text("was"), Some("before"), "an undo is given what was seen before the act");
            let kind = self.kind;
            self.world
                .call(&format!("undo {kind:?}"), move |toy| match kind {
                    Kind::Fence if !toy.b_writable => toy.a_writable = true,
                    Kind::Detach => toy.b_follows = true,
                    Kind::Point => toy.led_to_b = false,
                    Kind::Fence | Kind::Promote | Kind::Arrived => {}
                })
                .await?;
            Ok(Evidence::new("taken back"))
        })
    }
}

/// Fence, arrived, detach, promote, point: a planned fail-over in small.
pub fn plan(mode: Mode) -> Plan {
    let list = [
        (Kind::Fence, "fence", FactKind::Fenced, Undo::Possible, "a"),
        (Kind::Arrived, "arrived", FactKind::CaughtUp, Undo::Nothing, "b"),
        (Kind::Detach, "detach", FactKind::Detached, Undo::Possible, "b"),
        (Kind::Promote, "promote", FactKind::Promoted, Undo::Impossible, "b"),
        (Kind::Point, "point", FactKind::Led, Undo::Possible, "b"),
    ];
    let site = |name: &str| SiteName::new(name).expect("a name");
    let steps = list
        .iter()
        .enumerate()
        .map(|(phase, (kind, id, gives, undo, at))| PlanStep {
            id: format!("{id}/{id}/orders"),
            phase,
            summary: format!("{kind:?}"),
            action: BoundAction { name: format!("toy.{id}"), item: None, arguments: serde_json::Map::new() },
            site: Some(site(at)),
            services: vec![ServiceName::new("orders").expect("a name")],
            effect: ToyAction { kind: *kind, world: Shared::new(Toy::new(), Vec::new()) }.effect(),
            guard: *kind != Kind::Point,
            undo: *undo,
            needs: match kind {
                Kind::Fence => Vec::new(),
                Kind::Arrived | Kind::Detach | Kind::Promote => vec![FactKind::Fenced],
                Kind::Point => vec![FactKind::Promoted],
            },
            gives: vec![fact(*gives, at)],
            within_ms: 30_000,
            on_failure: OnFailure::Stop,
            long: false,
            question: None,
            place: "toy:1".to_owned(),
        })
        .collect::<Vec<_>>();
    let phases = list
        .iter()
        .enumerate()
        .map(|(index, (_, id, ..))| PlanPhase {
            id: (*id).to_owned(),
            title: (*id).to_owned(),
            procedure: None,
            wave: Some(1),
            no_return: *id == "promote",
            confirm: None,
            window: None,
            leg: 0,
            empty: Vec::new(),
            groups: vec![vec![index]],
        })
        .collect();
    Plan {
        format: PLAN_FORMAT,
        estate: "toy".to_owned(),
        estate_digest: String::new(),
        runbook_digest: String::new(),
        runbook: "failover".to_owned(),
        title: "toy".to_owned(),
        mode,
        to: Some(site("b")),
        from: Some(site("a")),
        inputs: std::collections::BTreeMap::new(),
        outage_max_ms: None,
        rto_ms: None,
        rpo_ms: None,
        legs: Vec::new(),
        phases,
        steps,
    }
}

pub fn actions(world: &Shared) -> Vec<Box<dyn Action>> {
    [Kind::Fence, Kind::Arrived, Kind::Detach, Kind::Promote, Kind::Point]
        .into_iter()
        .map(|kind| Box::new(ToyAction { kind, world: world.clone() }) as Box<dyn Action>)
        .collect()
}

/// A journal in memory. Durable events survive a death, the others do not; and it can die at a write.
#[derive(Debug, Default)]
pub struct Paper {
    pub durable: Vec<Event>,
    pub waiting: Vec<Event>,
    pub writes: usize,
    /// At which durable write the process dies, and whether the write is on disk by then.
    pub die_at: Option<(usize, bool)>,
    pub died: bool,
}

impl Journal for Paper {
    fn append(&mut self, event: &Event, durable: bool) -> Result<(), JournalError> {
        self.waiting.push(event.clone());
        if durable { self.flush() } else { Ok(()) }
    }
    fn flush(&mut self) -> Result<(), JournalError> {
        if let Some((at, written)) = self.die_at
            && at == self.writes
        {
            if written {
                self.durable.append(&mut self.waiting);
            }
            self.died = true;
            return Err(JournalError::Disk("died".to_owned()));
        }
        self.writes += 1;
        self.durable.append(&mut self.waiting);
        Ok(())
    }
    fn renew(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
    fn give_back(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
    fn take_again(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
}

pub struct TestClock(pub Instant);

impl Clock for TestClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(1_700_000_000_000 + i64::try_from(self.monotonic_ms()).expect("small"))
            .expect("a time")
    }
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).expect("small")
    }
    fn until(&self, monotonic_ms: u64) -> BoxFuture<'_, ()> {
        let at = self.0 + std::time::Duration::from_millis(monotonic_ms.min(1_000_000_000));
        Box::pin(tokio::time::sleep_until(at))
    }
}

/// A lock that is never lost.
pub struct Always;
impl Leave for Always {
    fn ended(&self) -> BoxFuture<'_, Option<Lost>> {
        Box::pin(async { None })
    }
}

pub struct Silent;
impl Reporter for Silent {
    fn event(&mut self, _plan: &Plan, _state: &RunState, _event: &Event) {}
}

pub struct Nobody;
impl Prompter for Nobody {
    fn ask<'a>(&'a mut self, _question: &'a Question) -> BoxFuture<'a, Option<(Answer, String)>> {
        Box::pin(async { None })
    }
}

/// How one process ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Verdict(Verdict),
    Died,
}

pub fn owner() -> Owner {
    Owner {
        operator: "o@m".to_owned(),
        machine: "m".to_owned(),
        pid: 1,
        boot: "b".to_owned(),
        pid_start: 1,
        version: "0".to_owned(),
    }
}

/// One process: begins the run, or goes on with what the journal holds, until it ends or dies.
pub async fn process(plan: &Plan, world: &Shared, journal: &mut Paper) -> End {
    world.world().dead = false;
    run_process(plan, actions(world), &|| world.world().dead, journal).await
}

/// One process with these actions, until it ends, or `dead` says that it died.
pub async fn run_process(
    plan: &Plan,
    actions: Vec<Box<dyn Action>>,
    dead: &(dyn Fn() -> bool + Sync),
    journal: &mut Paper,
) -> End {
    journal.died = false;
    journal.waiting.clear();
    let before = journal.durable.clone();
    run_on(plan, actions, dead, journal, &before, Arc::new(Always)).await
}

/// One process on any journal that holds these events.
pub async fn run_on(
    plan: &Plan,
    actions: Vec<Box<dyn Action>>,
    dead: &(dyn Fn() -> bool + Sync),
    journal: &mut dyn Journal,
    before: &[Event],
    leave: Arc<dyn Leave>,
) -> End {
    let clock = TestClock(Instant::now());
    let mut state = RunState::replay(plan, before).expect("the journal is ours");
    let base_ms = state.now_ms;
    let opening = if before.is_empty() {
        What::Started { format: 1, plan: Box::new(plan.clone()), accepted: serde_json::Value::Null, by: owner() }
    } else {
        What::Resumed { by: owner(), reason: None, accepted: serde_json::Value::Null }
    };
    let event = Event { seq: state.next_seq(), at: clock.now(), elapsed_ms: base_ms, what: opening };
    if journal.append(&event, true).is_err() {
        return End::Died;
    }
    state.fold(plan, &event).expect("it follows");
    let (_sender, interrupt) = tokio::sync::watch::channel(Interrupt::None);
    let (mut reporter, mut prompter) = (Silent, Nobody);
    let origin_ms = i128::from(clock.monotonic_ms()) - i128::from(base_ms);
    let driver = Driver {
        plan,
        actions: &actions,
        journal,
        clock: &clock,
        reporter: &mut reporter,
        prompter: &mut prompter,
        witness: None,
        interrupt,
        remember: &|_, _| {},
        origin_ms,
        leave,
        early: switchback::engine::ahead::Early::default(),
    };
    let death = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            if dead() {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = death => End::Died,
        driven = driver.drive(&mut state) => match driven {
            Ok((verdict, _)) => End::Verdict(verdict),
            Err(DriveError::Journal(_)) => End::Died,
            Err(error) => panic!("{error}"),
        },
    }
}
