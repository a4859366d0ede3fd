//! The one loop: ask the machine, do what it says, append the event, fold it, tell the reporter.
//!
//! There is no judgement here. What the driver adds is order: an intention is on disk before its act
//! begins, nothing is begun twice, and every wait has an end.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::FutureExt as _;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;

use super::action::{Action, Evidence, Leave, Touch};
use super::ahead::{self, Early, Landing};
use super::event::{Answer, Event, Question, What};
use super::machine::{self, Directive};
use super::plan::{Plan, StepIndex};
use super::ports::{Clock, Interrupt, Journal, JournalError, Prompter, Reporter, Witness};
use super::state::{Impossible, RunState, Stage};
use super::under_way::{Flying, Landed, act, early_look, time_left, turn_to, undo};
use super::verdict::Verdict;

/// How often the journal's lease is renewed, in milliseconds.
const RENEW_MS: u64 = 3_000;

/// Carries out one run. Made by the command line, used once.
pub struct Driver<'a> {
    pub plan: &'a Plan,
    /// One for each step of the plan.
    pub actions: &'a [Box<dyn Action>],
    pub journal: &'a mut dyn Journal,
    pub clock: &'a dyn Clock,
    pub reporter: &'a mut dyn Reporter,
    pub prompter: &'a mut dyn Prompter,
    /// Measures what a client sees, where the estate wants it measured.
    pub witness: Option<&'a mut dyn Witness>,
    pub interrupt: watch::Receiver<Interrupt>,
    /// Is told what a settled step saw, so that later actions can compare.
    pub remember: &'a (dyn Fn(&str, &Evidence) + Send + Sync),
    /// The clock's milliseconds at which the run's elapsed time was zero; before the process's own start
    /// when the run is a resumed one.
    pub origin_ms: i128,
    /// Whether the locks are still ours; asked again before each call of an act.
    pub leave: Arc<dyn Leave>,
    /// Looks begun before their turn; none at first.
    pub early: Early,
}

/// Why a run ended without a verdict of the machine's.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// The second interrupt: what was in flight is in doubt.
    #[error("interrupted a second time; what was under way is in doubt until the run is resumed")]
    Interrupted,
    /// Interrupted while it waited without the lock: nothing was under way.
    #[error("stopped while it waited; nothing was under way")]
    LeftParked,
    #[error("nothing is under way and nothing is to be done, which cannot be; the run can be resumed")]
    Stuck,
}

/// An answer, and who gave it.
type Reply = Option<(Answer, String)>;

impl Driver<'_> {
    /// Carries the run on from `state` until the machine says that it is over.
    pub async fn drive(mut self, state: &mut RunState) -> Result<(Verdict, String), DriveError> {
        let touch = Touch::mint(Arc::clone(&self.leave));
        if let Some(witness) = &mut self.witness {
            witness.begin(Touch::mint(Arc::clone(&self.leave)));
        }
        self.carry_on(state, &touch).await
    }

    async fn carry_on(&mut self, state: &mut RunState, touch: &Touch) -> Result<(Verdict, String), DriveError> {
        let mut flying: Flying<'_> = FuturesUnordered::new();
        let mut busy: BTreeSet<StepIndex> = BTreeSet::new();
        let mut renew_at = self.clock.monotonic_ms() + RENEW_MS;
        let mut stop_told = false;
        // An outcome was appended and is not on disk yet.
        let mut owed = false;
        let (plan, actions, clock, origin_ms) = (self.plan, self.actions, self.clock, self.origin_ms);
        loop {
            let mut recorded = false;
            for directive in machine::next(plan, state) {
                match directive {
                    Directive::Observe { step, not_before_ms } if busy.insert(step) => {
                        let Some(action) = actions.get(step) else { return Err(DriveError::Stuck) };
                        let not_before_ms = to_clock(not_before_ms, origin_ms);
                        let turn = self.early.turn(step, self.elapsed_ms(state));
                        turn_to(&mut flying, turn, step, not_before_ms, action.as_ref(), clock);
                    }
                    Directive::Apply { step, attempt } if busy.insert(step) => {
                        self.append(state, What::Intended { step, attempt })?;
                        recorded = true;
                        let Some(action) = actions.get(step) else { return Err(DriveError::Stuck) };
                        let limit_ms = time_left(plan, state, step);
                        let acts = act(step, attempt, action.as_ref(), touch, clock, limit_ms);
                        flying.push(Box::pin(async move { Landed::Turn((step, acts.await)) }));
                    }
                    Directive::Undo { step, attempt, not_before_ms } if busy.insert(step) => {
                        clock.until(to_clock(not_before_ms, origin_ms)).await;
                        self.append(state, What::UndoIntended { step, attempt })?;
                        recorded = true;
                        let Some(action) = actions.get(step) else { return Err(DriveError::Stuck) };
                        let before = state.steps.get(step).and_then(|record| record.before.clone()).unwrap_or_default();
                        let limit_ms = plan.steps.get(step).map_or(60_000, |step| step.within_ms.max(60_000));
                        flying.push(Box::pin(async move {
                            let undone = undo(step, action.as_ref(), touch, &before, clock, limit_ms);
                            Landed::Turn((step, undone.await))
                        }));
                    }
                    Directive::Observe { .. } | Directive::Apply { .. } | Directive::Undo { .. } => {}
                    Directive::Ask(question) => {
                        if let Some((verdict, reason)) = self.put(state, &question, &mut renew_at).await? {
                            return self.end(state, verdict, reason);
                        }
                        recorded = true;
                    }
                    Directive::Park(wait) => {
                        self.park(state, wait).await?;
                        renew_at = clock.monotonic_ms() + RENEW_MS;
                        recorded = true;
                    }
                    Directive::Record(what) => {
                        self.append(state, what)?;
                        recorded = true;
                    }
                    // What was measured may be another verdict's reason.
                    Directive::Finish(..) if self.measure(state)? => recorded = true,
                    Directive::Finish(verdict, reason) => return self.end(state, verdict, reason),
                }
            }
            if recorded {
                owed = false;
                continue;
            }
            if flying.is_empty() {
                return Err(DriveError::Stuck);
            }
            for step in ahead::looks(plan, state) {
                let begun = self.early.begin(step, self.elapsed_ms(state)).zip(actions.get(step));
                flying.extend(begun.map(|(begun, action)| early_look(begun, step, action.as_ref(), clock)));
            }
            if let Some(landed) = self.pay(std::mem::take(&mut owed), &mut flying)? {
                owed = self.land(state, &mut busy, landed)?;
                continue;
            }
            let wake_at =
                machine::wake_at(plan, state).filter(|at| *at > state.now_ms).map(|at| to_clock(at, origin_ms));
            tokio::select! {
                biased;
                Some(landed) = flying.next() => owed = self.land(state, &mut busy, landed)?,
                told = wait_for(&mut self.interrupt, stop_told) => match told {
                    Interrupt::Now => return Err(DriveError::Interrupted),
                    Interrupt::Stop if !stop_told => {
                        stop_told = true;
                        self.append(state, What::StopAsked)?;
                        // Looks may be dropped; acts are waited for.
                        if !state.steps.iter().any(|record| record.stage == Stage::Acting) {
                            flying.clear();
                            busy.clear();
                            self.early = Early::default();
                        }
                    }
                    _ => {}
                },
                () = clock.until(renew_at) => {
                    self.journal.renew()?;
                    renew_at = clock.monotonic_ms() + RENEW_MS;
                }
                () = clock.until(wake_at.unwrap_or(u64::MAX)), if wake_at.is_some() => {
                    self.append(state, What::TimePassed)?;
                }
            }
        }
    }

    fn end(&mut self, state: &mut RunState, verdict: Verdict, reason: String) -> Result<(Verdict, String), DriveError> {
        self.measure(state)?;
        self.append(state, What::Ended { verdict, reason: reason.clone() })?;
        Ok((verdict, reason))
    }

    /// Writes down what was measured, once; says whether there was something.
    fn measure(&mut self, state: &mut RunState) -> Result<bool, DriveError> {
        let Some(measured) = self.witness.as_mut().and_then(|witness| witness.end()) else { return Ok(false) };
        self.append(state, What::Measured { measured: Box::new(measured) })?;
        Ok(true)
    }

    /// How long the run has gone on.
    fn elapsed_ms(&self, state: &RunState) -> u64 {
        let elapsed = i128::from(self.clock.monotonic_ms()) - self.origin_ms;
        u64::try_from(elapsed).unwrap_or(0).max(state.now_ms)
    }

    /// Appends, folds, tells. An event that could not be written is not folded: the run ends here.
    pub(super) fn append(&mut self, state: &mut RunState, what: What) -> Result<(), DriveError> {
        let elapsed_ms = self.elapsed_ms(state);
        if state.absorb_repeat(self.plan, &what, elapsed_ms) {
            self.early.forget();
            return Ok(());
        }
        let event = Event { seq: state.next_seq(), at: self.clock.now(), elapsed_ms, what };
        self.journal.append(&event, event.what.must_be_durable() && !may_wait(&event.what))?;
        state.fold(self.plan, &event)?;
        if let Some((step, record)) =
            step_of(&event.what).and_then(|i| Some((self.plan.steps.get(i)?, state.steps.get(i)?)))
            && record.is_settled()
        {
            (self.remember)(&step.id, &record.evidence);
        }
        self.early.after(&event.what, state);
        self.reporter.event(self.plan, state, &event);
        if let Some(witness) = &mut self.witness {
            witness.hear(&event);
        }
        Ok(())
    }

    /// Takes in what something under way came back with; says whether it is still to be put on disk.
    fn land(
        &mut self,
        state: &mut RunState,
        busy: &mut BTreeSet<StepIndex>,
        landed: Landed,
    ) -> Result<bool, DriveError> {
        let (step, what) = match landed {
            Landed::Turn(outcome) => outcome,
            Landed::Early(step, ticket, what) => match self.early.land(step, ticket, what, self.elapsed_ms(state)) {
                Landing::Counts(what) => (step, Ok(what)),
                Landing::Again => {
                    busy.remove(&step);
                    return Ok(false);
                }
                Landing::Early => return Ok(false),
            },
        };
        busy.remove(&step);
        let what = what?;
        let owed = may_wait(&what);
        self.append(state, what)?;
        Ok(owed)
    }

    /// Puts the outcome that is owed on disk. What is under way is set going first, so that the far side works while the
    /// disk does; gives what had ended by then.
    fn pay(&mut self, owed: bool, flying: &mut Flying<'_>) -> Result<Option<Landed>, JournalError> {
        if !owed {
            return Ok(None);
        }
        let early = flying.next().now_or_never().flatten();
        self.journal.flush()?;
        Ok(early)
    }

    /// Puts a question; how the run ends when it is stopped instead of answered.
    async fn put(
        &mut self,
        state: &mut RunState,
        question: &Question,
        renew_at: &mut u64,
    ) -> Result<Option<(Verdict, String)>, DriveError> {
        self.append(state, What::Asked { question: question.clone() })?;
        let limit = machine::answer_by(self.plan, state, question).map(|at| to_clock(at, self.origin_ms));
        let answer = self.ask(question, limit, renew_at).await?;
        match self.answered(question.id.clone(), answer) {
            Ok(what) => self.append(state, what).map(|()| None),
            Err(end) => Ok(Some(end)),
        }
    }

    /// Asks, and keeps the lease alive while a person thinks.
    async fn ask(&mut self, question: &Question, limit: Option<u64>, renew_at: &mut u64) -> Result<Reply, DriveError> {
        let Self { prompter, journal, clock, interrupt, .. } = self;
        let mut asked = prompter.ask(question);
        loop {
            tokio::select! {
                biased;
                answer = &mut asked => return Ok(answer),
                _ = wait_for(interrupt, false) => return Ok(None),
                () = clock.until(limit.unwrap_or(u64::MAX)), if limit.is_some() => return Ok(None),
                () = clock.until(*renew_at) => {
                    journal.renew()?;
                    *renew_at = clock.monotonic_ms() + RENEW_MS;
                }
            }
        }
    }

    /// An answer as an event, or how the run ends when there is none.
    fn answered(&self, question: String, reply: Reply) -> Result<What, (Verdict, String)> {
        match reply {
            Some((answer, by)) => Ok(What::Answered { question, answer, by }),
            None if *self.interrupt.borrow() != Interrupt::None => {
                Err((Verdict::Interrupted, "stopped on request".to_owned()))
            }
            None => Ok(What::Answered { question, answer: Answer::No, by: "nobody".to_owned() }),
        }
    }
}

/// An outcome is on disk before anything follows on it but looks; `drive` sees to that, and an intention takes it along.
fn may_wait(what: &What) -> bool {
    matches!(what, What::Acted { .. })
}

/// Elapsed milliseconds of the run, as the clock's.
fn to_clock(elapsed_ms: u64, origin_ms: i128) -> u64 {
    u64::try_from(i128::from(elapsed_ms) + origin_ms).unwrap_or(0)
}

fn step_of(what: &What) -> Option<StepIndex> {
    match what {
        What::Looked { step, .. } | What::Acted { step, .. } | What::Resolved { step, .. } => Some(*step),
        _ => None,
    }
}

pub(super) async fn wait_for(interrupt: &mut watch::Receiver<Interrupt>, stop_told: bool) -> Interrupt {
    let least = if stop_told { Interrupt::Now } else { Interrupt::Stop };
    match interrupt.wait_for(|told| *told >= least).await {
        Ok(told) => *told,
        // Nobody is left who could interrupt.
        Err(_) => std::future::pending().await,
    }
}
