//! The real machine and driver over a toy world: two databases, an entrance, and a process that can die
//! at any call and at any journal write.

mod ahead;
mod answers;
mod legs;
mod measured;
mod order;
mod parking;
mod sweep;
mod transitions;
pub mod world;
