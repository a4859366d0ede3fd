//! `resume` and `rollback`: go on with a run that ended before its end, or take it back.

use super::carry_out;
use crate::cli::args::{Accept, Common, Consent};
use crate::cli::broken::journal_failure;
use crate::cli::clock::{SystemClock, wall_ms};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::past::{self, PastRun};
use crate::cli::{locking, order, owner, session};
use crate::engine::event::{Event, What};
use crate::engine::machine;
use crate::engine::ports::{Clock, Journal};
use crate::engine::state::Stage;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Back,
}

/// Goes on with a run.
pub async fn run(
    common: &Common,
    run: Option<&str>,
    accept: &Accept,
    consent: &Consent,
    direction: Direction,
) -> Result<Exit, Failure> {
    let mut store = session::open_store(common)?;
    let past = match run {
        Some(_) => past::find_run(&store, run)?,
        None => {
            let estate = session::load_estate(common)?;
            past::unfinished_run(&store, &estate.name)?.ok_or_else(|| {
                Failure::new(Exit::Usage, format!("no run of `{}` is unfinished", estate.name)).hint("switchback runs")
            })?
        }
    };
    unfinished(&past)?;
    order::check_misses(&past.plan, accept)?;
    let held = locking::take(&mut store, &past.plan.estate, &past.row.id, consent.take_over)?;
    let ready = async {
        // What was read before the lock was ours may be of the past: somebody else may have gone on meanwhile.
        let past = past::find_run(&store, Some(&past.row.id))?;
        unfinished(&past)?;
        let prepared = session::prepare_again(common, &past, session::accepted(accept)?)?;
        let locks = prepared.workshop.lock(consent.take_over).await?;
        Ok::<_, Failure>((past, prepared, locks))
    };
    let (past, prepared, locks) = match ready.await {
        Ok(ready) => ready,
        Err(failure) => {
            store.release_lock(&held)?;
            return Err(failure);
        }
    };
    let taken_from = held.taken_from.clone();
    // Somebody may be without service meanwhile: where there is no room to set aside, it is tried without.
    let reserve = store.set_aside(&prepared.estate.name).ok();
    let mut writer = store.continue_run(held, wall_ms)?;
    writer.keep(reserve);
    let clock = SystemClock::new();
    let id = past.row.id.clone();
    let mut state = past.state.clone();
    let origin_ms = origin(&past, &clock);
    let by = owner::this_process();
    let accepted = serde_json::to_value(session::accepted(accept)?).unwrap_or_default();
    let mut opening = vec![What::Resumed { by: by.clone(), reason: accept.reason.clone(), accepted }];
    if consent.take_over {
        opening.push(carry_out::taken_over(taken_from, &locks, accept));
    }
    if direction == Direction::Back {
        opening.push(What::BackOutBegan {
            reason: accept.reason.clone().unwrap_or_else(|| "the operator said so".to_owned()),
            wave: None,
            by: Some(by.operator),
        });
    }
    opening.extend(carry_out::attended(common, accept, consent));
    let mut problem = None;
    for what in opening {
        let elapsed = u64::try_from(i128::from(clock.monotonic_ms()) - origin_ms).unwrap_or(0).max(state.now_ms);
        let event = Event { seq: state.next_seq(), at: clock.now(), elapsed_ms: elapsed, what };
        writer.append(&event, true).map_err(|error| journal_failure(&error, &id, state.has_touched()))?;
        if let Err(error) = state.fold(&prepared.plan, &event) {
            problem = Some(Failure::new(Exit::Internal, error.to_string()));
        }
        carry_out::opened(common, &id, &prepared.plan, &event);
    }
    if let Some(failure) = problem {
        return Err(failure);
    }
    if direction == Direction::Back {
        tell_what_stays(&past);
    }
    carry_out::drive(common, &prepared, &mut state, writer, accept, consent, &clock, origin_ms, &id, locks).await
}

/// Refuses to go on with a run that has ended.
fn unfinished(past: &PastRun) -> Result<(), Failure> {
    if past.is_unfinished() {
        return Ok(());
    }
    let word = past.state.ended.as_ref().map_or("ended", |(verdict, _)| session::verdict_word(*verdict));
    Err(Failure::new(Exit::Usage, format!("run {} is finished: {word}; there is nothing to go on with", past.row.id))
        .hint(format!("switchback show {}", past.row.id)))
}

/// The clock's milliseconds at which the run began, so that elapsed time goes on over the interruption.
fn origin(past: &PastRun, clock: &SystemClock) -> i128 {
    let began_ms = past.events.first().map_or_else(wall_ms, |event| event.at.as_millisecond());
    let elapsed = i128::from(wall_ms().saturating_sub(began_ms)).max(i128::from(past.state.now_ms));
    i128::from(clock.monotonic_ms()) - elapsed
}

/// Says which acts a rollback leaves as they are, since their services have passed their point of no return.
fn tell_what_stays(past: &PastRun) {
    let undone = machine::to_undo(&past.plan, &past.state, None);
    for (index, (step, record)) in past.plan.steps.iter().zip(&past.state.steps).enumerate() {
        let stays = record.attempts > 0 && !undone.contains(&index) && matches!(record.stage, Stage::Done { .. });
        let passed = step.services.iter().any(|service| past.state.has_passed(past.plan.leg(index), service));
        if stays && passed {
            session::say(&format!(
                "stays: {} – its service has passed its point of no return; the way back is a fail-back",
                step.id
            ));
        }
    }
}
