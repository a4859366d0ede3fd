//! `switchback.yaml`: what exists, with defaults filled in and every reference known to lead somewhere.

pub mod model;

pub use model::Estate;
