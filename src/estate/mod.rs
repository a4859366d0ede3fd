//! `switchback.yaml`: what exists, with defaults filled in and every reference known to lead somewhere.

pub mod canary;
mod check;
mod fill;
mod later;
mod load;
pub mod model;
mod mysql;
pub mod notify;
pub mod schema;
pub mod window;
pub mod written;

pub use load::{load, parse};
pub use model::Estate;
