//! `failover`, `failback`, `run`: look at everything, then carry it out.

use std::io::Write as _;
use std::path::Path;

use tokio::sync::watch;

use super::plan as plan_verb;
use crate::cli::args::{Accept, Common, Consent, Format, Order};
use crate::cli::broken::{broken, journal_failure};
use crate::cli::clock::{SystemClock, wall_ms};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::experience::Experience;
use crate::cli::guarded::Guarded;
use crate::cli::past;
use crate::cli::prompt::Beforehand;
use crate::cli::session::{self, Prepared};
use crate::cli::view::{human::HumanReporter, json, json::JsonReporter, page::Page};
use crate::cli::{aftermath, bell, canary, drill, ending, leave, locking, owner, present, prompt, refusing, stakes};
use crate::engine::action::Observed;
use crate::engine::asking;
use crate::engine::driver::Driver;
use crate::engine::event::{EVENT_FORMAT, Event, What};
use crate::engine::plan::Plan;
use crate::engine::ports::{Clock, Interrupt, Journal, Reporter, Witness};
use crate::engine::rehearsal::rehearse;
use crate::engine::state::RunState;
use crate::engine::verdict::Verdict;
use crate::runbook::bound::Mode;
use crate::store::journal::Writer;

/// How long a look of the rehearsal may take, in milliseconds.
pub const LOOK_LIMIT_MS: u64 = 20_000;

/// Carries out a runbook, or a saved plan.
pub async fn run(
    common: &Common,
    runbook: Option<&str>,
    order: &Order,
    accept: &Accept,
    consent: &Consent,
    dry_run: bool,
    saved: Option<&Path>,
) -> Result<Exit, Failure> {
    let outcome = attempt(common, runbook, order, accept, consent, dry_run, saved).await;
    if let Err(failure) = &outcome {
        leave::after_failure(&consent.leave, runbook.unwrap_or("a saved plan"), failure);
    }
    outcome
}

async fn attempt(
    common: &Common,
    runbook: Option<&str>,
    order: &Order,
    accept: &Accept,
    consent: &Consent,
    dry_run: bool,
    saved: Option<&Path>,
) -> Result<Exit, Failure> {
    let saved = saved.map(plan_verb::read_saved).transpose()?;
    let (runbook, order) = match (&saved, runbook) {
        (Some(saved), _) => (saved.plan.runbook.clone(), saved.order(order)),
        (None, Some(runbook)) => (runbook.to_owned(), order.clone()),
        (None, None) => return Err(Failure::new(Exit::Usage, "which runbook?")),
    };
    if dry_run {
        return plan_verb::run(common, &runbook, &order, accept, None).await;
    }
    let clock = SystemClock::new();
    let id = session::new_run_id(clock.now());
    let mut prepared = session::prepare(common, &runbook, &order, accept, &id).await?;
    let mut store = session::open_store(common)?;
    if let Some(past) = past::unfinished_run(&store, &prepared.estate.name)?
        && past.state.parked.is_none()
        && !consent.take_over
    {
        return Err(refusing::unfinished(&store, &past));
    }
    let held = locking::take(&mut store, &prepared.estate.name, &id, consent.take_over)?;
    let taken_from = held.taken_from.clone();
    let reserve = match store.set_aside(&prepared.estate.name) {
        Ok(reserve) => reserve,
        Err(error) => {
            store.release_lock(&held)?;
            return Err(error.into());
        }
    };
    let outcome = begin(common, &mut prepared, accept, consent, saved.as_ref(), &clock).await;
    let (locks, seen) = match outcome {
        Ok(Some(may_begin)) => may_begin,
        Ok(None) => {
            store.release_lock(&held)?;
            return Ok(Exit::Done);
        }
        Err(failure) => {
            store.release_lock(&held)?;
            return Err(failure);
        }
    };
    let mut writer = store.begin_run(held, &clock.now().to_string(), wall_ms)?;
    writer.keep(Some(reserve));
    let mut state = RunState::new(&prepared.plan);
    let started = What::Started {
        format: EVENT_FORMAT,
        plan: Box::new(prepared.plan.clone()),
        accepted: serde_json::to_value(&prepared.context.accepted).unwrap_or_default(),
        by: owner::this_process(),
    };
    let mut opening = vec![started];
    if consent.take_over {
        opening.push(taken_over(taken_from, &locks, accept));
    }
    opening.extend(attended(common, accept, consent));
    opening.extend(seen);
    let origin_ms = i128::from(clock.monotonic_ms());
    for what in opening {
        let event = Event { seq: state.next_seq(), at: clock.now(), elapsed_ms: 0, what };
        writer.append(&event, true).map_err(|error| journal_failure(&error, &id, false))?;
        state.fold(&prepared.plan, &event).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        if let What::Looked { step, observed: Observed::Satisfied(evidence) } = &event.what
            && let Some(step) = prepared.plan.steps.get(*step)
        {
            prepared.context.memory.record(&step.id, evidence);
        }
        opened(common, &id, &prepared.plan, &event);
    }
    drive(common, &prepared, &mut state, writer, accept, consent, &clock, origin_ms, &id, locks).await
}

/// Shows programs an event that was written before the driver began: a run's first line is its *started*.
pub fn opened(common: &Common, id: &str, plan: &Plan, event: &Event) {
    if common.format == Format::Json {
        json::print(&json::event_line(id, plan, event));
    }
}

/// What the journal keeps of a take-over: from whom, whose sessions were ended for it, and why.
pub(super) fn taken_over(from: Option<String>, locks: &crate::cli::wire::Locks, accept: &Accept) -> What {
    let from = from.map_or_else(String::new, |from| format!(" from {from}"));
    let ended = match locks.ended() {
        [] => String::new(),
        ended => format!(", the session of {} was ended", ended.join(" and of ")),
    };
    let reason = accept.reason.as_deref().unwrap_or_default();
    What::Noted { note: crate::engine::action::Evidence::new(format!("taken over{from}{ended}: {reason}")) }
}

/// Looks at everything and decides whether the run may begin; `None` when there is nothing to do. Gives the locks, and
/// what was seen just now that the run need not look at again.
async fn begin(
    common: &Common,
    prepared: &mut Prepared,
    accept: &Accept,
    consent: &Consent,
    saved: Option<&plan_verb::Saved>,
    clock: &SystemClock,
) -> Result<Option<(crate::cli::wire::Locks, Vec<What>)>, Failure> {
    prepared.workshop.warm(&prepared.plan.steps);
    let locks = prepared.workshop.lock(consent.take_over).await?;
    let rehearsal = rehearse(&prepared.plan, &prepared.actions, clock, LOOK_LIMIT_MS).await;
    if let Some(saved) = saved {
        saved.still_fits(&prepared.plan, &rehearsal)?;
    }
    if rehearsal.is_moved_already(&prepared.plan) && rehearsal.blocked().next().is_some() {
        session::say(&format!(
            "{}: it is there already, and the other side follows; nothing was changed",
            prepared.plan.title
        ));
        return Ok(None);
    }
    if let Some(refusal) = refusing::blocked(&prepared.plan, &rehearsal, &beforehand(common, accept, consent)) {
        return Err(refusing::or_emergency(refusal, prepared).await);
    }
    if rehearsal.is_all_done() {
        session::say(&format!("{}: everything is so already; nothing was changed", prepared.plan.title));
        return Ok(None);
    }
    let beforehand = beforehand(common, accept, consent);
    let open = beforehand.open(asking::confirmations(&prepared.plan));
    if let (Some(question), false) = (open.first(), beforehand.can_ask()) {
        return Err(refusing::nobody_answers(&prepared.plan, question));
    }
    prepared.stakes = stakes::stakes(&prepared.plan, &rehearsal);
    let asks = !open.is_empty() || prepared.plan.steps.iter().any(|step| step.question.is_some());
    if common.format == Format::Human && asks && beforehand.can_ask() {
        // Whoever will be asked has seen what for.
        let (experience, mut now) = (Experience::of(common, &prepared.plan), present::lines(&prepared.workshop).await);
        now.push(drill::last_good(session::open_store_if_there(common).as_ref(), &prepared.plan));
        now.extend(canary::foreseen(prepared));
        let paint = crate::cli::paint(common, true);
        let page = Page { plan: &prepared.plan, rehearsal: &rehearsal, experience: &experience, now: &now, paint };
        let _ = std::io::stderr().lock().write_all(page.text().as_bytes());
    }
    // Users are without the service already: what was seen a moment ago is not looked at twice. A planned run has the time,
    // and looks again just before its fence.
    let seen = match prepared.plan.mode {
        Mode::Emergency => rehearsal.seen_before_the_first_act(&prepared.plan),
        Mode::Planned => Vec::new(),
    };
    Ok(Some((locks, seen)))
}

/// What was said beforehand, for whoever asks.
pub fn beforehand(common: &Common, accept: &Accept, consent: &Consent) -> Beforehand {
    Beforehand {
        yes: consent.yes,
        confirm: consent.confirm.clone(),
        on_failure: consent.on_failure,
        retries: std::collections::BTreeMap::new(),
        paint: crate::cli::paint(common, true),
        no_input: common.no_input,
        misses: accept.accept_miss.clone(),
        stakes: std::collections::BTreeMap::new(),
        operator: owner::this_process().operator,
    }
}

/// That somebody, or a flag, answers when a step fails; where nobody does, the run goes back by itself.
pub fn attended(common: &Common, accept: &Accept, consent: &Consent) -> Option<What> {
    let asks = consent.on_failure.is_some() || beforehand(common, accept, consent).can_ask();
    asks.then(|| What::Attended { by: owner::this_process().operator })
}

/// Drives a run to its end and tells how it ended.
#[expect(clippy::too_many_arguments, reason = "everything that a run needs, gathered by its two callers")]
pub async fn drive(
    common: &Common,
    prepared: &Prepared,
    state: &mut RunState,
    mut writer: Writer,
    accept: &Accept,
    consent: &Consent,
    clock: &SystemClock,
    origin_ms: i128,
    id: &str,
    locks: crate::cli::wire::Locks,
) -> Result<Exit, Failure> {
    let paint = crate::cli::paint(common, true);
    let mut reporter: Box<dyn Reporter> = match common.format {
        Format::Json => Box::new(JsonReporter { run: id.to_owned() }),
        Format::Human => {
            let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            let experience = Experience::of(common, &prepared.plan);
            let reporter = HumanReporter::new((&prepared.plan, state), experience, paint, common.verbose, terminal);
            reporter.say(&format!("run {id}: {}", prepared.plan.title));
            let open = beforehand(common, accept, consent).open(asking::confirmations(&prepared.plan));
            if state.now_ms == 0 && open.is_empty() {
                // Whoever is asked has read it in the plan.
                reporter.say(&drill::last_good(session::open_store_if_there(common).as_ref(), &prepared.plan));
            }
            Box::new(reporter)
        }
    };
    let mut prompter = beforehand(common, accept, consent);
    prompter.stakes.clone_from(&prepared.stakes);
    let interrupt = interrupts();
    let memory = prepared.context.memory.clone();
    let remember = move |step: &str, evidence: &crate::engine::action::Evidence| memory.record(step, evidence);
    let mut bell = bell::hung(prepared, state, clock, id);
    let mut ringing = bell::Ringing { watched: reporter.as_mut(), bell: &mut bell };
    let mut journal = Guarded::new(&mut writer, locks, &prepared.workshop)?;
    let leave = journal.leave();
    let mut canary = canary::perched(prepared, clock, origin_ms, id);
    let driver = Driver {
        plan: &prepared.plan,
        actions: &prepared.actions,
        journal: &mut journal,
        clock,
        reporter: &mut ringing,
        prompter: &mut prompter,
        witness: canary.as_mut().map(|canary| canary as &mut dyn Witness),
        interrupt,
        remember: &remember,
        origin_ms,
        leave,
        early: crate::engine::ahead::Early::default(),
    };
    let driven = driver.drive(state).await;
    drop(reporter);
    let head = writer.head();
    if writer.used_reserve() {
        prompt::tell("! the state directory is full; the run went on in room that was set aside: make room there");
    }
    match driven {
        Ok((verdict, reason)) => {
            writer.release()?;
            leave::after_run(common, &consent.leave, id, &prepared.plan, state);
            if common.format == Format::Json {
                // The end is the last line.
                bell::tell_undelivered(common, id, &bell::answered(bell, common, id).await);
                return Ok(ending::tell(common, prepared, state, verdict, &reason, id, &head));
            }
            let exit = ending::tell(common, prepared, state, verdict, &reason, id, &head);
            bell::tell_undelivered(common, id, &bell::answered(bell, common, id).await);
            Ok(exit)
        }
        Err(error) => {
            bell::broke_off(&mut bell, prepared, state, clock, &error);
            bell::tell_undelivered(common, id, &bell::answered(bell, common, id).await);
            let failure = broken(&error, id, &prepared.plan.title, state);
            Err(aftermath::users(&prepared.plan, state).into_iter().fold(failure, Failure::detail))
        }
    }
}

/// Ctrl-C, and a scheduler's TERM: the first stops after the step in hand, the second now.
fn interrupts() -> watch::Receiver<Interrupt> {
    let (sender, receiver) = watch::channel(Interrupt::None);
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
            return;
        };
        for next in [Interrupt::Stop, Interrupt::Now] {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            if sender.send(next).is_err() {
                return;
            }
        }
        // The receiver is kept from seeing a closed channel until the run has ended.
        sender.closed().await;
    });
    receiver
}

/// Which verdicts leave something to resume; for the hints of `ending`.
pub fn hints(verdict: Verdict, id: &str) -> Vec<String> {
    match verdict {
        Verdict::Done | Verdict::DoneWithMisses => Vec::new(),
        Verdict::Refused | Verdict::BackedOut | Verdict::Declined { changed: false } => {
            vec![format!("switchback show {id}")]
        }
        Verdict::Stopped | Verdict::Interrupted | Verdict::Declined { changed: true } => vec![
            format!("switchback show {id}        what is done and what is not"),
            format!("switchback resume {id}      go on"),
            format!("switchback rollback {id}    go back, as far as that is safe"),
        ],
        Verdict::InDoubt => vec![
            format!("switchback show {id}        the evidence"),
            format!("switchback resolve {id} STEP --as done|not-done|skip --reason \"…\""),
            format!("switchback resume {id}      look again"),
        ],
    }
}
