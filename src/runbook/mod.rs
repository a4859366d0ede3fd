//! Runbooks: what users write, its binding to an estate, and the checks of the result.

mod argument;
mod bind;
pub mod bound;
mod check;
mod condition;
mod everywhere;
mod extend;
mod include;
mod later;
mod library;
mod load;
mod model;
mod order;
mod reference;
pub mod schema;
pub mod shelf;
mod shipped;
pub mod signature;
mod step;
pub mod written;

pub use bind::{ANY_WINDOW, bind};
pub use check::PROCEDURES;
pub use everywhere::check_on;
pub use load::{load, load_file};
pub use model::{Default, Input, Runbook, Serving};
pub use shipped::{SHIPPED, shipped};
