//! What can be done: the catalogue, and a folder a family.

pub mod by_hand;
pub mod canary;
pub mod catalogue;
pub mod context;
pub mod database;
pub mod dns;
pub mod entrance;
pub mod host;
pub mod human;
mod moment;
pub mod ssh;
pub mod web;
