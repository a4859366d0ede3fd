//! What an action is, the pure machine that decides, and the one loop that does.
//!
//! * [`action`]: a step is a question, an act and a proof.
//! * [`plan`]: a runbook bound to an estate, as the engine carries it out: a flat list of steps.
//! * [`event`]: what a run's journal holds. History is the state.
//! * [`state`]: the fold of events; what a resume still believes, what an answer means, the outage.
//! * `step`: one step's stages and transitions.
//! * [`machine`]: reads a state and says what is to be done next. No clock, no IO, no async.
//! * [`measured`]: what a client saw, beside the run, and which figure of the outage the objectives are held against.
//! * [`park`]: what is waited for without the lock. `leg`: what is moved apart from the rest in one run. `outage`: how
//!   long users wait, each wave of each leg on its own.
//! * [`asking`]: what people are asked, and what they are told then.
//! * [`pace`]: when each step could begin, and what it took. [`path`]: what a write outage is made of.
//! * [`ahead`]: looks that are begun before their turn, while users wait.
//! * [`driver`]: the one loop: ask the machine, do it, append the event, tell the reporter. No judgement.
//! * `under_way`: looks, acts and undos, each with its limit.
//! * [`rehearsal`]: the dry-run: every look, no touch.
//! * [`ports`]: what the driver needs of the world.

pub mod action;
pub mod ahead;
pub mod asking;
pub mod driver;
pub mod event;
mod leg;
pub mod machine;
pub mod measured;
mod outage;
pub mod pace;
pub mod park;
pub mod path;
pub mod plan;
pub mod ports;
pub mod rehearsal;
mod resume;
pub mod state;
mod step;
mod under_way;
pub mod verdict;
mod waiting;
