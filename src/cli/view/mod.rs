//! What people and programs see. Only this folder and the verbs print.

pub mod human;
pub mod json;
pub mod page;
pub mod words;
