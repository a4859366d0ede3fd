//! Who is there, and when something may be tried.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::at::At;

/// When a live drill may be held, or a phase of a runbook begin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Days on which it begins.
    pub days: At<Vec<Day>>,
    /// When it begins, `"03:00"`.
    pub from: At<String>,
    /// When it ends, `"05:00"`; at or before `from` it is the next day.
    pub to: At<String>,
    /// The time zone, `America/Chicago`.
    pub zone: At<String>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Somebody to call; for people, in the written procedure.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Who that is.
    pub name: String,
    /// What they do in a fail-over: decides, carries out, is told.
    pub role: Option<String>,
    /// A telephone number.
    pub phone: Option<String>,
    /// A mail address.
    pub email: Option<String>,
}
