//! The written procedure (P6): what a runbook does, for people, with how to do each step by hand.
//!
//! It is made of the same plan that would be carried out, so that paper and program say the same.

use serde::Serialize;

/// The version of [`Procedure`]'s form as JSON.
pub const PROCEDURE_SCHEMA: &str = "switchback/procedure/1";

/// A procedure, ready for a template.
#[derive(Debug, Serialize)]
pub struct Procedure {
    pub schema: &'static str,
    pub title: String,
    pub runbook: String,
    pub estate: String,
    pub mode: String,
    /// What does all of it.
    pub command: String,
    pub estate_digest: String,
    pub runbook_digest: String,
    pub version: &'static str,
    /// What the whole usually takes, and the time without writes; empty where no run has told yet.
    pub usually: String,
    pub objectives: Vec<String>,
    pub contacts: Vec<Contact>,
    pub hosts: Vec<Host>,
    pub phases: Vec<Phase>,
}

/// Whom to call.
#[derive(Debug, Serialize)]
pub struct Contact {
    pub name: String,
    pub role: String,
    pub phone: String,
    pub email: String,
}

/// A machine.
#[derive(Debug, Serialize)]
pub struct Host {
    pub name: String,
    pub site: String,
    pub address: String,
    /// How one logs in; empty where nobody can.
    pub login: String,
}

/// A phase of it.
#[derive(Debug, Serialize)]
pub struct Phase {
    pub id: String,
    pub title: String,
    pub procedure: String,
    /// What is asked first; empty where nothing is.
    pub confirm: String,
    pub no_return: bool,
    /// What it usually takes; empty where no run has told yet.
    pub usually: String,
    /// Loops that this estate has nothing for.
    pub empty: Vec<String>,
    pub steps: Vec<Step>,
}

/// A step of it.
#[derive(Debug, Serialize)]
pub struct Step {
    pub number: usize,
    pub id: String,
    pub summary: String,
    /// When it is done.
    pub done: String,
    pub within: String,
    pub usually: String,
    pub hands: Vec<Hand>,
    /// What takes it back.
    pub back: Vec<Hand>,
}

/// One thing to do by hand.
#[derive(Debug, Serialize)]
pub struct Hand {
    /// The host to be logged in to; empty for any machine.
    pub host: String,
    pub command: String,
    pub expect: String,
    /// When it is to be done at all; empty for always.
    pub only: String,
    /// Variables of the command, each with where the secret lies.
    pub secrets: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct Page<'a> {
    page: &'a Procedure,
}

/// As Markdown.
pub fn markdown(page: &Procedure) -> Result<String, tera::Error> {
    render("procedure.md", page)
}

/// As one HTML file that needs nothing else.
pub fn html(page: &Procedure) -> Result<String, tera::Error> {
    render("procedure.html", page)
}

fn render(template: &str, page: &Procedure) -> Result<String, tera::Error> {
    let mut tera = tera::Tera::default();
    tera.add_raw_templates([
        ("style.html", super::STYLE),
        ("hands.html", include_str!("../../templates/hands.html")),
        ("procedure.html", include_str!("../../templates/procedure.html")),
        ("procedure.md", include_str!("../../templates/procedure.md")),
    ])?;
    tera.render(template, &tera::Context::from_serialize(&Page { page })?)
}
