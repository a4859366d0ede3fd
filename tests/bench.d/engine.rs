//! The engine alone: a plan of steps that do nothing, the real driver, the real journal on a real disk.
//!
//! Two figures are kept apart, as seen from the driver: what the journal's durable appends take (SQLite and the disk), and
//! everything else, which is the engine's own.

use anyhow::Context as _;
use futures::future::BoxFuture;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use switchback::engine::action::{Action, ActionError, Applied, Evidence, Leave, Lost, Observed, Touch};
use switchback::engine::driver::Driver;
use switchback::engine::event::{Answer, EVENT_FORMAT, Event, Owner, Question, What};
use switchback::engine::machine;
use switchback::engine::plan::{PLAN_FORMAT, Plan, PlanPhase, PlanStep};
use switchback::engine::ports::{Clock, Interrupt, Journal, JournalError, Prompter, Reporter};
use switchback::engine::state::RunState;
use switchback::runbook::bound::{BoundAction, Mode, OnFailure};
use switchback::runbook::signature::{Effect, Undo};
use switchback::store::Store;
use switchback::store::journal::Writer;
use switchback::store::lock::Taken;

#[derive(clap::Args)]
pub struct Engine {
    #[arg(long, default_value_t = 10_000)]
    steps: usize,
    /// How many steps a group has: 1 is one after the other.
    #[arg(long, default_value_t = 1)]
    at_once: usize,
    /// Where the journal lies.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Reads a run of so many events and says what is next, instead; a step has three events.
    #[arg(long)]
    resume: bool,
}

#[derive(Debug)]
struct Nothing;

impl Action for Nothing {
    fn summary(&self) -> String {
        "do nothing".to_owned()
    }
    fn effect(&self) -> Effect {
        Effect::Idempotent
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(async { Ok(Observed::Pending(Evidence::new("nothing → nothing"))) })
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Ok(Applied::Proven(Evidence::new("nothing was done"))) })
    }
}

/// The journal, with a watch held to its durable appends.
struct Timed {
    writer: Writer,
    took: Duration,
    syncs: u32,
    events: u64,
    /// No event is taken past this one: as if the process had died there.
    dies_at: u64,
}

impl Journal for Timed {
    fn append(&mut self, event: &Event, durable: bool) -> Result<(), JournalError> {
        if event.seq >= self.dies_at {
            return Err(JournalError::Disk("the bench ends here".to_owned()));
        }
        self.events += 1;
        if !durable {
            return self.writer.append(event, false);
        }
        let began = Instant::now();
        let done = self.writer.append(event, true);
        self.took += began.elapsed();
        self.syncs += 1;
        done
    }
    fn flush(&mut self) -> Result<(), JournalError> {
        let began = Instant::now();
        let done = self.writer.flush();
        self.took += began.elapsed();
        self.syncs += 1;
        done
    }
    fn renew(&mut self) -> Result<(), JournalError> {
        self.writer.renew()
    }
    fn give_back(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
    fn take_again(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
}

/// The machine's clocks, as the command line reads them.
struct Watch(Instant);

fn wall_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

impl Clock for Watch {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
    fn until(&self, monotonic_ms: u64) -> BoxFuture<'_, ()> {
        let wait = Duration::from_millis(monotonic_ms).saturating_sub(self.0.elapsed());
        Box::pin(async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait.min(Duration::from_secs(86_400))).await;
            }
        })
    }
}

struct Silent;

impl Reporter for Silent {
    fn event(&mut self, _plan: &Plan, _state: &RunState, _event: &Event) {}
}

impl Prompter for Silent {
    fn ask<'a>(&'a mut self, _question: &'a Question) -> BoxFuture<'a, Option<(Answer, String)>> {
        Box::pin(async { None })
    }
}

impl Engine {
    pub async fn run(self) -> anyhow::Result<()> {
        if self.resume {
            let plan = plan(self.steps / 3 + 1, self.at_once);
            return self.resume(&plan).await;
        }
        let plan = plan(self.steps, self.at_once);
        let began = Instant::now();
        let (journal, state) = self.carry_out(&plan, u64::MAX).await?;
        let total = began.elapsed();
        anyhow::ensure!(state.ended.is_some(), "the run did not end");
        let own = total.saturating_sub(journal.took);
        let steps = u32::try_from(self.steps)?;
        let figures = serde_json::json!({
            "steps": self.steps,
            "at_once": self.at_once,
            "seconds": total.as_secs_f64(),
            "steps_per_s": f64::from(steps) / total.as_secs_f64(),
            "own_ms_per_step": own.as_secs_f64() * 1_000.0 / f64::from(steps),
            "journal_ms_per_step": journal.took.as_secs_f64() * 1_000.0 / f64::from(steps),
            "syncs_per_step": f64::from(journal.syncs) / f64::from(steps),
            "memory_peak_mib": memory_peak_mib()?,
        });
        writeln!(std::io::stdout(), "{figures}")?;
        Ok(())
    }

    /// What a resume does until it knows what is next: reads and checks every event, folds them, asks the machine.
    async fn resume(self, plan: &Plan) -> anyhow::Result<()> {
        let events = self.steps as u64;
        let (journal, _) = self.carry_out(plan, events).await?;
        drop(journal);
        let began = Instant::now();
        let store = Store::open(&self.state)?;
        let events = store.events("bench")?;
        let Some(What::Started { plan, .. }) = events.first().map(|event| &event.what) else {
            anyhow::bail!("the run has no beginning");
        };
        let state = RunState::replay(plan, &events)?;
        let next = machine::next(plan, &state);
        let took = began.elapsed();
        anyhow::ensure!(!next.is_empty(), "nothing is next");
        let figures = serde_json::json!({
            "events": events.len(),
            "ms": took.as_secs_f64() * 1_000.0,
            "memory_peak_mib": memory_peak_mib()?,
        });
        writeln!(std::io::stdout(), "{figures}")?;
        Ok(())
    }

    async fn carry_out(&self, plan: &Plan, dies_at: u64) -> anyhow::Result<(Timed, RunState)> {
        let mut store = Store::open(&self.state)?;
        let taken = store.take_lock("bench", "bench", &owner(), wall_ms(), &|_| Some(false), false)?;
        let Taken::Ours(held) = taken else { anyhow::bail!("the lock is another's") };
        let clock = Watch(Instant::now());
        let writer = store.begin_run(held, &clock.now().to_string(), wall_ms)?;
        let mut journal = Timed { writer, took: Duration::ZERO, syncs: 0, events: 0, dies_at };
        let mut state = RunState::new(plan);
        let what = What::Started {
            format: EVENT_FORMAT,
            plan: Box::new(plan.clone()),
            accepted: serde_json::Value::Null,
            by: owner(),
        };
        let event = Event { seq: 0, at: clock.now(), elapsed_ms: 0, what };
        journal.append(&event, true)?;
        state.fold(plan, &event)?;
        drop(event);
        let actions: Vec<Box<dyn Action>> = plan.steps.iter().map(|_| Box::new(Nothing) as Box<dyn Action>).collect();
        let (_sender, interrupt) = tokio::sync::watch::channel(Interrupt::None);
        let driver = Driver {
            plan,
            actions: &actions,
            journal: &mut journal,
            clock: &clock,
            reporter: &mut Silent,
            prompter: &mut Silent,
            witness: None,
            interrupt,
            remember: &|_, _| {},
            origin_ms: 0,
            leave: std::sync::Arc::new(Always),
            early: switchback::engine::ahead::Early::default(),
        };
        let ended = driver.drive(&mut state).await;
        anyhow::ensure!(dies_at != u64::MAX || ended.is_ok(), "{ended:?}");
        Ok((journal, state))
    }
}

/// A lock that is never lost.
struct Always;
impl Leave for Always {
    fn ended(&self) -> BoxFuture<'_, Option<Lost>> {
        Box::pin(async { None })
    }
}

fn owner() -> Owner {
    Owner {
        operator: "bench".to_owned(),
        machine: "bench".to_owned(),
        pid: std::process::id(),
        boot: "bench".to_owned(),
        pid_start: 1,
        version: "0".to_owned(),
    }
}

fn plan(steps: usize, at_once: usize) -> Plan {
    let all: Vec<usize> = (0..steps).collect();
    let step = |index: &usize| PlanStep {
        id: format!("all/nothing/{index}"),
        phase: 0,
        summary: "do nothing".to_owned(),
        action: BoundAction { name: "host.command".to_owned(), item: None, arguments: serde_json::Map::new() },
        site: None,
        services: Vec::new(),
        effect: Effect::Idempotent,
        guard: false,
        undo: Undo::Nothing,
        needs: Vec::new(),
        gives: Vec::new(),
        within_ms: 60_000,
        on_failure: OnFailure::Stop,
        long: false,
        question: None,
        place: "bench:1".to_owned(),
    };
    let phase = PlanPhase {
        id: "all".to_owned(),
        title: "All of it".to_owned(),
        procedure: None,
        wave: None,
        no_return: false,
        confirm: None,
        window: None,
        leg: 0,
        empty: Vec::new(),
        groups: all.chunks(at_once.max(1)).map(<[usize]>::to_vec).collect(),
    };
    Plan {
        format: PLAN_FORMAT,
        estate: "bench".to_owned(),
        estate_digest: String::new(),
        runbook_digest: String::new(),
        runbook: "bench".to_owned(),
        title: "Bench".to_owned(),
        mode: Mode::Planned,
        to: None,
        from: None,
        inputs: std::collections::BTreeMap::new(),
        outage_max_ms: None,
        rto_ms: None,
        rpo_ms: None,
        legs: Vec::new(),
        phases: vec![phase],
        steps: all.iter().map(step).collect(),
    }
}

/// The most memory that this process has had in use.
fn memory_peak_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib / 1_024.0)
}
