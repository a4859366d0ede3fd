//! Runbooks: what users write, its binding to an estate, and the checks of the result.

pub mod bound;
pub mod signature;
