//! `drill`: tries a runbook, so that the day it is needed is not the first.
//!
//! Without `--live` it takes every look and changes nothing; a scheduler may do that every hour. With
//! `--live` it fails over and comes back, inside a window that the estate names. What came of it is kept in
//! the history and compared with the drill before.

use std::io::IsTerminal as _;

use jiff::Timestamp;

use super::carry_out::{self, LOOK_LIMIT_MS, beforehand};
use crate::cli::args::{Accept, Common, Consent, Format, Order, Trial};
use crate::cli::clock::SystemClock;
use crate::cli::drill::{self, Drill, Found, Kind, Verdict};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::leave;
use crate::cli::past::{self, PastRun};
use crate::cli::session::{self, Prepared};
use crate::cli::view::junit::{Case, Outcome};
use crate::cli::view::words::lay_out;
use crate::cli::view::{json, page};
use crate::engine::pace::Pace;
use crate::engine::plan::Plan;
use crate::engine::ports::Clock;
use crate::engine::rehearsal::{Foreseen, Rehearsal, rehearse};
use crate::engine::state::RunState;
use crate::engine::verdict::Verdict as RunVerdict;
use crate::estate::Estate;
use crate::report::figures::figures;
use crate::store::Store;

/// What a drill is held with.
#[derive(Clone, Copy)]
struct Said<'a> {
    common: &'a Common,
    runbook: &'a str,
    order: &'a Order,
    accept: &'a Accept,
    consent: &'a Consent,
    trial: &'a Trial,
}

/// A drill and how the command ends.
struct Held {
    drill: Drill,
    exit: Exit,
    details: Vec<String>,
}

/// Holds a drill, keeps it and compares it.
pub async fn run(
    common: &Common,
    runbook: &str,
    order: &Order,
    accept: &Accept,
    consent: &Consent,
    trial: &Trial,
) -> Result<Exit, Failure> {
    let said = Said { common, runbook, order, accept, consent, trial };
    let outcome = hold(said).await;
    if let Err(failure) = &outcome {
        leave::after_failure(&consent.leave, &format!("drill of {runbook}"), failure);
    }
    outcome
}

async fn hold(said: Said<'_>) -> Result<Exit, Failure> {
    let Said { common, runbook, order, accept, consent, trial } = said;
    let clock = SystemClock::new();
    let (began_at, began_ms) = (clock.now(), clock.monotonic_ms());
    let id = session::new_run_id(began_at);
    // The drill is kept under the runbook's own name, whichever file it was read from.
    let prepared = match session::prepare(common, runbook, order, accept, &id).await {
        Ok(prepared) => prepared,
        Err(failure) => return Err(failure.detail("the drill was not started")),
    };
    let mut held = if trial.live { live(said, prepared, began_at).await } else { looks(said, &prepared, &clock).await };
    held.drill.took_ms = clock.monotonic_ms().saturating_sub(began_ms);
    let store = session::open_store(common)?;
    let before = previous(&store, &held.drill)?;
    store.keep_drill(&held.drill.row(&id, began_at)?)?;
    drop(store);
    let since = before.as_ref().map_or_else(Vec::new, |before| held.drill.since(before));
    leave::cases(&consent.leave, &format!("drill of {runbook}"), cases(&held.drill));
    leave::figures_of(common, &consent.leave, &held.drill.estate);
    tell(common, &id, &held, before.is_some(), &since)
}

/// The last drill that can be compared with this one: begun, of the same kind, mode and site.
fn previous(store: &Store, drill: &Drill) -> Result<Option<Drill>, Failure> {
    let alike = |other: &Drill| {
        other.verdict != Verdict::NotStarted
            && other.kind == drill.kind
            && other.mode == drill.mode
            && other.to == drill.to
    };
    let all = drill::all(store, &drill.estate)?.into_iter();
    Ok(all.filter(|(row, _)| row.runbook == drill.runbook).map(|(_, other)| other).find(alike))
}

async fn looks(said: Said<'_>, prepared: &Prepared, clock: &SystemClock) -> Held {
    let rehearsal = rehearse(&prepared.plan, &prepared.actions, clock, LOOK_LIMIT_MS).await;
    let mut drill = Drill::of(Kind::Looks, &prepared.plan);
    drill.steps = prepared
        .plan
        .steps
        .iter()
        .zip(&rehearsal.steps)
        .map(|(step, foreseen)| Found {
            step: step.id.clone(),
            word: foreseen.word().to_owned(),
            says: page::said(foreseen).to_owned(),
            took_ms: None,
        })
        .collect();
    let accepted = &beforehand(said.common, said.accept, said.consent).misses;
    let (verdict, why, details) = judged(&prepared.plan, &rehearsal, accepted);
    (drill.verdict, drill.why) = (verdict, why);
    let exit = if verdict == Verdict::Passed { Exit::Done } else { Exit::Refused };
    Held { drill, exit, details }
}

/// What the looks amount to. What comes later cannot be seen before it is there; what nobody can look at could be.
fn judged(plan: &Plan, rehearsal: &Rehearsal, accepted: &[String]) -> (Verdict, String, Vec<String>) {
    let of = |counts: fn(&Foreseen) -> Option<&str>| -> Vec<String> {
        let pairs = plan.steps.iter().zip(&rehearsal.steps).filter(|(step, _)| !accepted.contains(&step.id));
        pairs.filter_map(|(step, foreseen)| Some(format!("{}: {}", step.id, counts(foreseen)?))).collect()
    };
    let blocked = of(|foreseen| match foreseen {
        Foreseen::Blocked { reason, .. } => Some(reason),
        _ => None,
    });
    let unknown = of(|foreseen| match foreseen {
        Foreseen::Unverified(why) => Some(why),
        _ => None,
    });
    let all = rehearsal.steps.len();
    if !blocked.is_empty() {
        (Verdict::Failed, format!("{} of {all} steps would be refused", blocked.len()), blocked)
    } else if !unknown.is_empty() {
        (Verdict::Inconclusive, format!("{} of {all} steps could not be looked at", unknown.len()), unknown)
    } else {
        (Verdict::Passed, format!("nothing stands in the way of {all} steps; nothing was changed"), Vec::new())
    }
}

async fn live(said: Said<'_>, prepared: Prepared, began_at: Timestamp) -> Held {
    let mut drill = Drill::of(Kind::Live, &prepared.plan);
    let (to, from) = (prepared.plan.to.clone(), prepared.plan.from.clone());
    if let Err(why) = may_begin(&prepared.estate, said.trial, began_at, &drill) {
        drill.why.clone_from(&why);
        return Held { drill, exit: Exit::Refused, details: Vec::new() };
    }
    // What carries it out makes connections of its own.
    drop(prepared);
    let there = leg(said, said.runbook, said.order).await;
    if let Some((exit, details)) = take(said, &mut drill, there) {
        return Held { drill, exit, details };
    }
    let back = Order {
        to: from.map(|site| site.to_string()),
        from: to.map(|site| site.to_string()),
        inputs: said.trial.back_input.clone(),
        mode: None,
    };
    let back = leg(said, &said.trial.back, &back).await;
    if let Some((exit, details)) = take(said, &mut drill, back) {
        return Held { drill, exit, details };
    }
    drill.verdict = Verdict::Passed;
    "there and back, every step done".clone_into(&mut drill.why);
    Held { drill, exit: Exit::Done, details: Vec::new() }
}

/// One way: how it ended, and the run where one was begun.
async fn leg(said: Said<'_>, runbook: &str, order: &Order) -> Leg {
    let newest = newest(said.common);
    // A run of a drill leaves nothing by itself; the drill does, at its end.
    let consent = Consent { leave: crate::cli::args::Leave::default(), ..said.consent.clone() };
    let ended = Box::pin(carry_out::run(said.common, Some(runbook), order, said.accept, &consent, false, None)).await;
    let run = self::newest(said.common).filter(|run| Some(&run.row.id) != newest.as_ref().map(|run| &run.row.id));
    Leg { ended, run, runbook: runbook.to_owned() }
}

struct Leg {
    ended: Result<Exit, Failure>,
    run: Option<PastRun>,
    runbook: String,
}

fn newest(common: &Common) -> Option<PastRun> {
    let store = session::open_store_if_there(common)?;
    past::find_run(&store, None).ok()
}

/// Takes one way into the drill; something when it ends there.
fn take(said: Said<'_>, drill: &mut Drill, leg: Leg) -> Option<(Exit, Vec<String>)> {
    let first = drill.runs.is_empty();
    let Some(run) = leg.run else {
        let (why, exit, details) = match leg.ended {
            Ok(exit) => (format!("{}: there was nothing to do", leg.runbook), exit, Vec::new()),
            Err(failure) => (failure.sentence, failure.exit, failure.details),
        };
        drill.verdict = if first { Verdict::NotStarted } else { Verdict::Failed };
        drill.why = if first { why } else { format!("the way back was not begun: {why}") };
        let exit = if exit == Exit::Done { Exit::Refused } else { exit };
        // What was changed and is not back is no refusal before the first act.
        let exit = if first { exit } else { Exit::Stopped };
        return Some((exit, details));
    };
    drill.runs.push(run.row.id.clone());
    let own = figures(&run.plan, &run.state, &run.events);
    drill.outage_ms = drill.outage_ms.max(own.outage_ms);
    drill.client_ms = drill.client_ms.max(own.client_ms);
    drill.steps.extend(found(&leg.runbook, &run));
    let ended = run.state.ended.as_ref();
    match (leg.ended, ended) {
        (Ok(Exit::Done), Some((RunVerdict::Done, _))) => None,
        (ended, _) => {
            drill.verdict = Verdict::Failed;
            let (exit, mut details) = match ended {
                Ok(exit) => (exit, Vec::new()),
                Err(failure) => (failure.exit, failure.details),
            };
            let reason = run.state.ended.as_ref().map_or("it broke off", |(_, reason)| reason.as_str());
            drill.why = format!("{}: {reason}", leg.runbook);
            if first && exit == Exit::DoneWithMisses {
                let site = drill.from.clone().unwrap_or_default();
                details
                    .push(format!("it was not brought back: {site} does not serve; `switchback {}`", said.trial.back));
            }
            Some((exit, details))
        }
    }
}

fn found(runbook: &str, run: &PastRun) -> Vec<Found> {
    let (mut state, mut pace) = (RunState::new(&run.plan), Pace::new(&run.plan));
    for event in &run.events {
        if state.fold(&run.plan, event).is_err() {
            break;
        }
        pace.after(&run.plan, &state, event);
    }
    let steps = run.plan.steps.iter().zip(&run.state.steps).enumerate();
    let one =
        |(index, (step, record)): (usize, (&crate::engine::plan::PlanStep, &crate::engine::state::StepRecord))| {
            let (word, _) = crate::report::step_word(&record.stage, &record.undo);
            Found {
                step: format!("{runbook} {}", step.id),
                word: word.to_owned(),
                says: record.evidence.summary.clone(),
                took_ms: pace.took_ms(&run.plan, &state, index),
            }
        };
    steps.map(one).collect()
}

/// Whether a live drill may begin now; otherwise why not.
fn may_begin(estate: &Estate, trial: &Trial, now: Timestamp, drill: &Drill) -> Result<(), String> {
    if drill.mode != crate::runbook::bound::Mode::Planned {
        return Err("only a planned run is practised live".to_owned());
    }
    if drill.to.is_none() || drill.from.is_none() {
        return Err("the runbook names no two sites, so there is no way back to practise".to_owned());
    }
    let open = match &trial.window {
        Some(name) => {
            let known = estate.windows.iter().find(|window| window.name == *name);
            vec![known.ok_or_else(|| format!("the estate has no window `{name}`"))?]
        }
        None => estate.windows.iter().collect(),
    };
    if open.is_empty() {
        return Err("the estate names no window (`windows`) in which a live drill may be held".to_owned());
    }
    if open.iter().any(|window| window.holds(now)) {
        return Ok(());
    }
    let list: Vec<String> = open.iter().map(|window| format!("`{}` ({})", window.name, window.spoken())).collect();
    Err(format!("it is {} now, outside of {}", now.strftime("%a %F %T UTC"), list.join(" and ")))
}

fn cases(drill: &Drill) -> Vec<Case> {
    let mut cases: Vec<Case> = drill
        .steps
        .iter()
        .map(|found| Case {
            name: found.step.clone(),
            took_ms: found.took_ms.unwrap_or(0),
            outcome: match found.word.as_str() {
                "blocked" | "failed" | "missed" | "in doubt" | "could not be taken back" => {
                    Outcome::Failed(found.says.clone())
                }
                "later" | "unverified" | "not done" | "taken back" => {
                    Outcome::Skipped(format!("{}: {}", found.word, found.says))
                }
                word => Outcome::Passed(format!("{word}: {}", found.says)),
            },
        })
        .collect();
    let word = format!("{}: {}", drill.verdict.word(), drill.why);
    let outcome = if drill.verdict == Verdict::Passed { Outcome::Passed(word) } else { Outcome::Failed(word) };
    cases.push(Case { name: "the drill".to_owned(), took_ms: drill.took_ms, outcome });
    cases
}

fn tell(common: &Common, id: &str, held: &Held, compared: bool, since: &[String]) -> Result<Exit, Failure> {
    let drill = &held.drill;
    if common.format == Format::Json {
        json::print(&serde_json::json!({"schema": "switchback/drill/1", "drill": id, "exit": held.exit as u8,
            "compared": compared, "since_the_last": since, "outcome": drill}));
        return Ok(held.exit);
    }
    let paint = crate::cli::paint(common, false);
    let word = drill.verdict.word();
    let mark = if drill.verdict == Verdict::Passed { paint.good("✓") } else { paint.bad("✗") };
    // A line of a log is found by its words; only a terminal has an edge.
    let width = if std::io::stdout().is_terminal() { paint.width } else { usize::MAX };
    let head = format!("{mark} drill ({}) of {}: {word}: {}", drill.kind.word(), drill.title, drill.why);
    session::say(&lay_out(&head, width, 2));
    for line in &held.details {
        session::say(&format!("  {}", lay_out(line, width, 4)));
    }
    let took = crate::base::quantity::spoken(drill.took_ms);
    let outage = drill.outage_ms.map(crate::base::quantity::spoken);
    let outage = outage.map_or_else(String::new, |ms| format!("; the longest time without writes was {ms}"));
    let client = drill.client_ms.map(crate::base::quantity::spoken);
    let client = client.map_or_else(String::new, |ms| format!(", and {ms} as a client saw it"));
    session::say(&format!("  took {took}{outage}{client}; kept as {id}"));
    match (compared, since) {
        (false, _) => session::say("  there is no drill before it to compare with"),
        (true, []) => session::say("  as the drill before it"),
        (true, since) => {
            session::say("  since the drill before it:");
            for line in since {
                session::say(&format!("    {}", lay_out(line, width, 6)));
            }
        }
    }
    Ok(held.exit)
}
