//! Folds a run's events into a page; never looks at the world.
//!
//! [`account`] works everything out, and is what `--json` prints; the templates at the top of the project
//! only lay it out. A template that asks for what is not there is an error, and in HTML every value is escaped.

pub mod account;
pub mod figures;
pub mod procedure;
pub mod timeline;
pub mod trend;
mod words;

use serde::Serialize;

use crate::engine::event::Event;
use crate::engine::plan::Plan;
use crate::engine::state::RunState;
use account::Account;
use figures::Figures;
use timeline::{Picture, Timeline};
use trend::{Chart, Point};
pub use words::step_word;

const REPORT_MARKDOWN: &str = include_str!("../../templates/report.md");
const REPORT_HTML: &str = include_str!("../../templates/report.html");
const TIMELINE: &str = include_str!("../../templates/timeline.html");
const STYLE: &str = include_str!("../../templates/style.html");

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub run: &'a str,
    pub plan: &'a Plan,
    pub state: &'a RunState,
    pub events: &'a [Event],
    /// Hash of the last event.
    pub head: &'a str,
    /// Runs before this one of the same runbook in the same mode to the same site, oldest first.
    pub earlier: &'a [Earlier],
    /// Kept beside the journal, and no part of its chain of hashes.
    pub notices: &'a [Notified],
}

/// What became of one notice to one receiver.
#[derive(Debug, Clone, Serialize)]
pub struct Notified {
    pub receiver: String,
    pub way: String,
    pub event: String,
    pub at: String,
    pub delivered: bool,
    /// Why not; empty where it was.
    pub says: String,
}

/// An earlier run's figures.
#[derive(Debug, Clone)]
pub struct Earlier {
    pub run: String,
    pub figures: Figures,
}

#[derive(Debug, Serialize)]
struct Page<'a> {
    account: &'a Account,
    picture: Picture,
    charts: Vec<Chart>,
}

/// The page as Markdown.
pub fn markdown(told: &Told<'_>) -> Result<String, tera::Error> {
    render("report.md", told)
}

/// The page as one HTML file that needs nothing else.
pub fn html(told: &Told<'_>) -> Result<String, tera::Error> {
    render("report.html", told)
}

/// What the page says, for programs.
pub fn json(told: &Told<'_>) -> serde_json::Value {
    let mut value = serde_json::to_value(account::account(told)).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        let line = Timeline::of(told.plan, told.events);
        map.insert("timeline".to_owned(), serde_json::to_value(line).unwrap_or_default());
    }
    value
}

fn render(template: &str, told: &Told<'_>) -> Result<String, tera::Error> {
    let account = account::account(told);
    let line = Timeline::of(told.plan, told.events);
    let page = Page {
        account: &account,
        picture: timeline::picture(told.plan, told.state, &line),
        charts: charts(told, &account),
    };
    let mut tera = tera::Tera::default();
    tera.add_raw_templates([
        ("style.html", STYLE),
        ("timeline.html", TIMELINE),
        ("report.html", REPORT_HTML),
        ("report.md", REPORT_MARKDOWN),
    ])?;
    tera.render(template, &tera::Context::from_serialize(&page)?)
}

fn charts(told: &Told<'_>, account: &Account) -> Vec<Chart> {
    let points = |get: fn(&Figures) -> Option<u64>| {
        let before = told.earlier.iter().map(|earlier| Point { name: earlier.run.clone(), ms: get(&earlier.figures) });
        let own = Point { name: told.run.to_owned(), ms: get(&account.figures) };
        before.chain([own]).collect::<Vec<_>>()
    };
    let outage = trend::chart("no writes", &points(|figures| figures.outage_ms), told.plan.outage_max_ms);
    let client =
        trend::chart("no writes, as a client saw it", &points(|figures| figures.client_ms), told.plan.outage_max_ms);
    let whole = trend::chart("whole run", &points(|figures| Some(figures.whole_ms)), None);
    outage.into_iter().chain(client).chain(whole).collect()
}
