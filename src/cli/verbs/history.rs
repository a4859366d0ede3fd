//! `history`: runs and drills, and how their figures went.

use serde_json::json;

use crate::base::closest::did_you_mean;
use crate::base::quantity::spoken;
use crate::cli::args::{Common, Format};
use crate::cli::drill;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::past;
use crate::cli::session;
use crate::cli::view::json;
use crate::report::figures::{Figures, figures};
use crate::report::trend::sparkline;
use crate::store::Store;

/// How many of each are listed where nothing is said.
const LISTED: usize = 20;

/// A run or a drill in one line.
struct Line {
    id: String,
    estate: String,
    runbook: String,
    what: String,
    /// What is compared with each other: same runbook, mode and site.
    series: String,
    verdict: String,
    took_ms: Option<u64>,
    outage_ms: Option<u64>,
    client_ms: Option<u64>,
}

/// Lists both, newest first, then a line of trends for each series.
pub fn run(common: &Common, runbook: Option<&str>, most: Option<usize>) -> Result<Exit, Failure> {
    let store = session::open_store(common)?;
    let mut lines = runs(&store, runbook)?;
    lines.extend(drills(&store, runbook)?);
    lines.sort_by(|a, b| b.id.cmp(&a.id));
    lines.truncate(most.unwrap_or(LISTED));
    if common.format == Format::Json {
        for line in &lines {
            json::print(
                &json!({"schema": "switchback/past/1", "id": line.id, "estate": line.estate, "what": line.what,
                "series": line.series, "verdict": line.verdict, "took_ms": line.took_ms, "outage_ms": line.outage_ms,
                "client_ms": line.client_ms}),
            );
        }
        return Ok(Exit::Done);
    }
    if lines.is_empty() {
        return nothing(&store, runbook);
    }
    for line in &lines {
        let took = line.took_ms.map_or_else(|| "–".to_owned(), spoken);
        let outage = line.outage_ms.map_or_else(|| "–".to_owned(), spoken);
        let client = line.client_ms.map_or_else(String::new, |ms| format!(" (a client saw {})", spoken(ms)));
        session::say(&format!(
            "{}  {:<16}  took {took:<11}  no writes {outage:<9}  {}{client}",
            line.id, line.verdict, line.what
        ));
    }
    trends(&lines);
    Ok(Exit::Done)
}

/// What is said where nothing is listed: a name that nothing has is probably a slip.
fn nothing(store: &Store, runbook: Option<&str>) -> Result<Exit, Failure> {
    let mut known: Vec<String> = runs(store, None)?.into_iter().map(|line| line.runbook).collect();
    known.extend(drills(store, None)?.into_iter().map(|line| line.runbook));
    known.sort_unstable();
    known.dedup();
    match runbook {
        Some(name) if !known.is_empty() => {
            let slip = did_you_mean(name, known.iter().map(String::as_str));
            let sentence = format!("no run and no drill of `{name}`{slip}; there are some of {}", known.join(", "));
            Err(Failure::new(Exit::Usage, sentence))
        }
        _ => {
            session::say(&format!("no runs and no drills in {}", store.folder().display()));
            Ok(Exit::Done)
        }
    }
}

fn trends(lines: &[Line]) {
    let mut series: Vec<&str> = lines.iter().map(|line| line.series.as_str()).collect();
    series.sort_unstable();
    series.dedup();
    let mut said = false;
    for name in series {
        let mut members: Vec<&Line> = lines.iter().filter(|line| line.series == name).collect();
        members.reverse();
        for (what, get) in [
            ("took", (|line: &Line| line.took_ms) as fn(&Line) -> Option<u64>),
            ("no writes", |line: &Line| line.outage_ms),
            ("no writes for a client", |line: &Line| line.client_ms),
        ] {
            let figures: Vec<Option<u64>> = members.iter().map(|line| get(line)).collect();
            let known: Vec<u64> = figures.iter().flatten().copied().collect();
            let (Some(last), Some(least), Some(most)) = (known.last(), known.iter().min(), known.iter().max()) else {
                continue;
            };
            if known.len() < 2 {
                continue;
            }
            if !said {
                session::say("\ntrends, oldest to newest");
                said = true;
            }
            let (last, least, most) = (spoken(*last), spoken(*least), spoken(*most));
            session::say(&format!("  {}  {name}: {what} {last} ({least} to {most})", sparkline(&figures)));
        }
    }
}

fn runs(store: &Store, runbook: Option<&str>) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for row in store.runs(None)? {
        let Ok(past) = past::read_run(store, &row) else { continue };
        if runbook.is_some_and(|name| name != past.plan.runbook) {
            continue;
        }
        let Figures { outage_ms, client_ms, whole_ms, .. } = figures(&past.plan, &past.state, &past.events);
        let to = past.plan.to.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
        lines.push(Line {
            id: row.id.clone(),
            estate: row.estate.clone(),
            runbook: past.plan.runbook.clone(),
            what: past.plan.title.clone(),
            series: format!("{} {}{to} ({})", row.estate, past.plan.runbook, past.plan.mode),
            verdict: super::runs::state_word(store, &past),
            took_ms: past.state.ended.is_some().then_some(whole_ms),
            outage_ms,
            client_ms,
        });
    }
    Ok(lines)
}

fn drills(store: &Store, runbook: Option<&str>) -> Result<Vec<Line>, Failure> {
    let mut estates: Vec<String> = store.drills(None)?.into_iter().map(|row| row.estate).collect();
    estates.sort_unstable();
    estates.dedup();
    let mut lines = Vec::new();
    for estate in estates {
        for (row, record) in drill::all(store, &estate)? {
            if runbook.is_some_and(|name| name != row.runbook) {
                continue;
            }
            let kind = record.kind.word();
            let to = record.to.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
            let started = record.verdict != drill::Verdict::NotStarted;
            lines.push(Line {
                what: format!("drill ({kind}): {}", record.title),
                series: format!("{estate} drill of {}{to} ({kind})", row.runbook),
                verdict: record.verdict.word().to_owned(),
                took_ms: started.then_some(record.took_ms),
                outage_ms: record.outage_ms,
                client_ms: record.client_ms,
                id: row.id,
                estate: row.estate,
                runbook: row.runbook,
            });
        }
    }
    Ok(lines)
}
