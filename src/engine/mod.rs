//! What an action is, the pure machine that decides, and the one loop that does.

pub mod action;
