//! Looks that are begun before their turn, while users wait.
//!
//! A look at two sites takes longer than anything that the engine does itself. Where the group that is open only looks, or
//! acts on nothing that the next group's look rests on, the next look need not wait for it: it is begun beside. It counts when its
//! turn comes if it is still of the same breath (docs/decisions/0024); else it is taken again, as if it had not been there.
//!
//! Only what the catalogue vouches for is looked at early: a step that says which facts it rests on, beside steps that say which
//! facts they make.

use std::collections::BTreeMap;

use futures::future::{AbortHandle, AbortRegistration};

use super::action::Observed;
use super::event::What;
use super::pace::open_group;
use super::plan::{Plan, PlanPhase, PlanStep, StepIndex};
use super::state::{RunState, Stage, StepRecord};
use crate::runbook::signature::Effect;

/// How old an early look may be when its turn comes, in milliseconds from its begin. A look takes some 10 ms where the sites
/// are near, and 100 ms where an ocean lies between them.
const FRESH_MS: u64 = 150;

/// The steps whose look may be begun now, before their turn.
pub(super) fn looks(plan: &Plan, state: &RunState) -> Vec<StepIndex> {
    if state.waits_since_ms().is_none() || state.back_out.is_some() || state.stop_asked || state.ended.is_some() {
        return Vec::new();
    }
    let Some((phase, open)) = open_group(plan, state) else { return Vec::new() };
    let Some(next) = next_group(plan, phase, open) else { return Vec::new() };
    let all = |group: &[StepIndex], is: &dyn Fn(&PlanStep, &StepRecord) -> bool| {
        let mut steps = group.iter().map(|index| plan.steps.get(*index).zip(state.steps.get(*index)));
        steps.all(|step| step.is_some_and(|(step, record)| is(step, record)))
    };
    let made: Vec<_> = open.iter().filter_map(|index| plan.steps.get(*index)).flat_map(|step| &step.gives).collect();
    let leaves_alone = |step: &PlanStep, record: &StepRecord| {
        let only_looks = step.effect == Effect::Look && record.stage == Stage::Waiting;
        let acts = record.stage == Stage::Acting && record.attempts == 1 && !step.gives.is_empty();
        record.is_settled() || only_looks || acts
    };
    let rests_on_nothing_of_it = |step: &PlanStep, record: &StepRecord| {
        let needs = &step.needs;
        record.stage == Stage::Waiting
            && step.question.is_none()
            && !needs.is_empty()
            && !made.iter().any(|fact| needs.contains(&fact.kind))
    };
    if all(open, &leaves_alone) && all(next, &rests_on_nothing_of_it) { next.to_vec() } else { Vec::new() }
}

/// The group after this one, where nobody is asked and nothing is waited for in between.
fn next_group<'a>(plan: &'a Plan, phase: &PlanPhase, open: &[StepIndex]) -> Option<&'a [StepIndex]> {
    let mut phases = plan.phases.iter().skip_while(|other| other.id != phase.id);
    let own = phases.next()?;
    let later = own.groups.iter().skip_while(|group| group.as_slice() != open).nth(1);
    if let Some(group) = later {
        return Some(group);
    }
    let next = phases.next()?;
    let is_plain = next.confirm.is_none() && next.window.is_none() && next.leg == own.leg && next.wave == own.wave;
    next.groups.first().filter(|_| is_plain).map(Vec::as_slice)
}

/// The early looks of one run; none at first.
#[derive(Debug, Default)]
pub struct Early {
    looks: BTreeMap<StepIndex, EarlyLook>,
    /// Rises with everything that happens and is no plain progress: what was begun before does not count after it.
    breath: u64,
    begun: u64,
}

/// Which early look it is; of one step there may be several, one after the other.
pub(super) type Ticket = u64;

#[derive(Debug)]
struct EarlyLook {
    ticket: Ticket,
    began_ms: u64,
    breath: u64,
    /// Its turn has come.
    wanted: bool,
    gives_up: AbortHandle,
    found: Option<What>,
}

/// What there is for a step whose turn has come.
pub(super) enum Turn {
    /// A look of this breath.
    Found(What),
    /// One is under way, and is told when it lands.
    UnderWay,
    Nothing,
}

/// What becomes of an early look that has landed.
pub(super) enum Landing {
    /// Its step waits for it.
    Counts(What),
    /// Its step waits, and is to be looked at anew.
    Again,
    /// Nobody waits for it, or not yet.
    Early,
}

impl Early {
    /// Begins a look, unless there is one; whoever calls carries it out while it is going, and lands it by the ticket.
    pub(super) fn begin(&mut self, step: StepIndex, now_ms: u64) -> Option<(Ticket, AbortRegistration)> {
        if self.looks.contains_key(&step) {
            return None;
        }
        self.begun += 1;
        let (ticket, breath) = (self.begun, self.breath);
        let (gives_up, going) = AbortHandle::new_pair();
        self.looks.insert(step, EarlyLook { ticket, began_ms: now_ms, breath, wanted: false, gives_up, found: None });
        Some((ticket, going))
    }

    /// Takes in an event; `state` has folded it.
    pub(super) fn after(&mut self, what: &What, state: &RunState) {
        let settled = |step: &StepIndex| state.steps.get(*step).is_some_and(StepRecord::is_settled);
        let plain = match what {
            What::Intended { .. } => true,
            What::Acted { step, .. } => settled(step),
            What::Looked { step, observed } => {
                settled(step) || matches!(observed, Observed::Pending(_)) && is_ready(state, *step)
            }
            _ => false,
        };
        if !plain {
            self.forget();
        }
    }

    /// Nothing that was looked at before counts any more, and nobody looks on.
    pub(super) fn forget(&mut self) {
        self.breath += 1;
        self.looks.values().for_each(|look| look.gives_up.abort());
        self.looks.retain(|_, look| look.wanted);
    }

    /// A step's turn to be looked at.
    pub(super) fn turn(&mut self, step: StepIndex, now_ms: u64) -> Turn {
        let Some(mut look) = self.looks.remove(&step) else { return Turn::Nothing };
        match look.found.take() {
            Some(what) if self.counts(&look, &what, now_ms) => Turn::Found(what),
            Some(_) => Turn::Nothing,
            None => {
                look.wanted = true;
                self.looks.insert(step, look);
                Turn::UnderWay
            }
        }
    }

    /// A look has landed; nothing of it where it was given up.
    pub(super) fn land(&mut self, step: StepIndex, ticket: Ticket, what: Option<What>, now_ms: u64) -> Landing {
        let Some(look) = self.looks.get_mut(&step).filter(|look| look.ticket == ticket) else { return Landing::Early };
        if !look.wanted {
            look.found = what;
            return Landing::Early;
        }
        let look = self.looks.remove(&step);
        let counts = |what: &What| look.is_some_and(|look| self.counts(&look, what, now_ms));
        what.filter(counts).map_or(Landing::Again, Landing::Counts)
    }

    /// Whether it is of this breath, and says that there is something to do or that it is done. Everything else may be so
    /// because it was looked at early.
    fn counts(&self, look: &EarlyLook, what: &What, now_ms: u64) -> bool {
        let clear = matches!(what, What::Looked { observed: Observed::Pending(_) | Observed::Satisfied(_), .. });
        clear && look.breath == self.breath && now_ms.saturating_sub(look.began_ms) <= FRESH_MS
    }
}

fn is_ready(state: &RunState, step: StepIndex) -> bool {
    state.steps.get(step).is_some_and(|record| record.stage == Stage::Ready)
}
