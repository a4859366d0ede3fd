//! The driver's long waits: the lock is given back, something is waited for, the lock is taken again.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::action::{Fault, Observed};
use super::driver::{DriveError, Driver, wait_for};
use super::event::{Answer, What};
use super::park::Wait;
use super::plan::{Plan, StepIndex};
use super::state::RunState;
use super::under_way::look;

/// How often what is watched is looked at, in milliseconds; the action itself asks no more often than it is told.
const LOOK_EVERY_MS: u64 = 1_000;
/// How often the wall clock is read while a window is waited for, in milliseconds: it may be set, or the machine sleep.
const CLOCK_EVERY_MS: u64 = 15_000;

/// How a wait ended.
enum Came {
    /// The window is open.
    Open,
    /// What was watched has an outcome.
    Seen(BTreeMap<StepIndex, What>),
    /// Somebody answered, or nobody did.
    Said(Option<(Answer, String)>),
}

impl Driver<'_> {
    /// Waits without the lock, unless there is nothing to wait for.
    pub(super) async fn park(&mut self, state: &mut RunState, wait: Wait) -> Result<(), DriveError> {
        if self.is_open(&wait) {
            return self.append(state, What::Waited { wait });
        }
        self.append(state, What::Parked { wait: wait.clone() })?;
        self.journal.give_back().await?;
        let mut interrupt = self.interrupt.clone();
        let came = tokio::select! {
            biased;
            _ = wait_for(&mut interrupt, false) => {
                // Nothing is under way, and what is on disk says already that the run waits.
                return Err(DriveError::LeftParked);
            }
            came = self.wait(&wait) => came,
        };
        self.journal.take_again().await?;
        let asked = wait.question(self.plan);
        self.append(state, What::Waited { wait })?;
        match came {
            Came::Open => {}
            Came::Seen(outcomes) => {
                for what in outcomes.into_values() {
                    self.append(state, what)?;
                }
            }
            Came::Said(reply) => {
                let (answer, by) = reply.unwrap_or((Answer::No, "nobody".to_owned()));
                let question = asked.map(|question| question.id).unwrap_or_default();
                self.append(state, What::Answered { question, answer, by })?;
            }
        }
        Ok(())
    }

    fn is_open(&self, wait: &Wait) -> bool {
        let Wait::Window(phase) = wait else { return false };
        let window = self.plan.phases.get(*phase).and_then(|phase| phase.window.as_ref());
        window.is_none_or(|window| window.holds(self.clock.now()))
    }

    async fn wait(&mut self, wait: &Wait) -> Came {
        match wait {
            Wait::Window(phase) => {
                self.until_open(*phase).await;
                Came::Open
            }
            Wait::Steps(steps) => Came::Seen(self.until_seen(steps).await),
            Wait::Person(step) => {
                let Some(question) = wait.question(self.plan) else { return Came::Said(None) };
                let limit = self.clock.monotonic_ms().saturating_add(within_ms(self.plan, *step));
                tokio::select! {
                    biased;
                    answer = self.prompter.ask(&question) => Came::Said(answer),
                    () = self.clock.until(limit) => Came::Said(None),
                }
            }
        }
    }

    async fn until_open(&self, phase: usize) {
        let Some(window) = self.plan.phases.get(phase).and_then(|phase| phase.window.as_ref()) else { return };
        loop {
            let now = self.clock.now();
            if window.holds(now) {
                return;
            }
            let left_ms = window.opens(now).map_or(CLOCK_EVERY_MS, |opens| {
                u64::try_from(opens.as_millisecond().saturating_sub(now.as_millisecond())).unwrap_or(0).max(1)
            });
            self.clock.until(self.clock.monotonic_ms().saturating_add(left_ms.min(CLOCK_EVERY_MS))).await;
        }
    }

    /// Looks until each of these steps has an outcome, or its time is up.
    async fn until_seen(&self, steps: &[StepIndex]) -> BTreeMap<StepIndex, What> {
        let one = |step: StepIndex| async move {
            let deadline = self.clock.monotonic_ms().saturating_add(within_ms(self.plan, step));
            loop {
                let action = self.actions.get(step)?;
                let what = look(step, action.as_ref(), self.clock).await;
                let waits = match &what {
                    What::Looked { observed: Observed::Pending(_), .. } => true,
                    What::LookFailed { error, .. } => error.fault != Fault::Refused,
                    _ => false,
                };
                let now = self.clock.monotonic_ms();
                if !waits || now >= deadline {
                    return Some((step, what));
                }
                self.clock.until(now + LOOK_EVERY_MS).await;
            }
        };
        join_all(steps.iter().map(|step| one(*step))).await.into_iter().flatten().collect()
    }
}

fn within_ms(plan: &Plan, step: StepIndex) -> u64 {
    plan.steps.get(step).map_or(0, |step| step.within_ms)
}
