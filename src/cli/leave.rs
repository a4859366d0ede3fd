//! What a run or a drill leaves for other programs: JUnit's XML, figures for a collector.
//!
//! A file that cannot be written is told, and changes nothing of how the run ended: what was done was done.

use std::io::Write as _;
use std::path::Path;

use super::args::{Common, Leave};
use super::drill::{self, Kind};
use super::error::Failure;
use super::past::{self, PastRun};
use super::session;
use super::verbs::report::write_whole;
use super::view::junit::{self, Case, Outcome};
use super::view::metrics::{self, Gauge, Sample, seconds};
use crate::engine::plan::Plan;
use crate::engine::state::RunState;
use crate::engine::verdict::Verdict;
use crate::report::figures::{Figures, figures};
use crate::store::Store;

/// After a run that came to an end.
pub fn after_run(common: &Common, leave: &Leave, run: &str, plan: &Plan, state: &RunState) {
    if let Some(path) = &leave.junit {
        let (verdict, reason) = state.ended.clone().unwrap_or((Verdict::Interrupted, String::new()));
        put(path, &junit::of_run(run, plan, state, verdict == Verdict::Done, &reason));
    }
    figures_of(common, leave, &plan.estate);
}

/// After a command that broke off, or never began: a CI system must not go on reading last week's file.
pub fn after_failure(leave: &Leave, title: &str, failure: &Failure) {
    if let Some(path) = &leave.junit {
        let mut why = vec![failure.sentence.clone()];
        why.extend(failure.details.iter().cloned());
        let case = Case { name: "begin".to_owned(), took_ms: 0, outcome: Outcome::Failed(why.join("; ")) };
        put(path, &junit::xml(title, &[(title.to_owned(), vec![case])]));
    }
}

/// Writes the cases of a drill.
pub fn cases(leave: &Leave, title: &str, cases: Vec<Case>) {
    if let Some(path) = &leave.junit {
        put(path, &junit::xml(title, &[(title.to_owned(), cases)]));
    }
}

/// Writes the figures of everything that this estate's history holds.
pub fn figures_of(common: &Common, leave: &Leave, estate: &str) {
    let Some(path) = &leave.metrics else { return };
    match session::open_store(common).and_then(|store| gauges(&store, estate)) {
        Ok(gauges) => put(path, &metrics::text(&gauges)),
        Err(failure) => warn(&format!("{} was not written: {}", path.display(), failure.sentence)),
    }
}

fn put(path: &Path, text: &str) {
    if let Err(error) = write_whole(path, text) {
        warn(&format!("{} was not written: {error}", path.display()));
    }
}

fn warn(sentence: &str) {
    let _ = writeln!(std::io::stderr().lock(), "! {sentence}");
}

/// What the history says, a sample for each runbook.
fn gauges(store: &Store, estate: &str) -> Result<Vec<Gauge>, Failure> {
    let gauge = |name, help| Gauge { name, help, samples: Vec::new() };
    let mut all = vec![
        gauge("switchback_run_last_timestamp_seconds", "When the last run of the runbook ended."),
        gauge("switchback_run_recovery_time_seconds", "How long writes stopped in the last run that was done."),
        gauge("switchback_run_duration_seconds", "What the last run that was done took."),
        gauge("switchback_run_unfinished", "Runs that were neither finished nor taken back."),
        gauge(
            "switchback_drill_last_timestamp_seconds",
            "When the last drill of the runbook was held, by its verdict.",
        ),
        gauge("switchback_drill_last_success_timestamp_seconds", "When the last drill that passed was held."),
        gauge("switchback_drill_recovery_time_seconds", "How long writes stopped in the last live drill that passed."),
        gauge("switchback_drill_duration_seconds", "What the last drill that passed took."),
        gauge(
            "switchback_run_client_gap_seconds",
            "The longest time without a write that a client saw in the last run that was done.",
        ),
        gauge("switchback_drill_client_gap_seconds", "The same in the last live drill that passed."),
    ];
    let mut put = |place: usize, labels: Vec<(&'static str, String)>, value: String| {
        if let Some(gauge) = all.get_mut(place)
            && gauge.samples.iter().all(|sample| sample.labels != labels)
        {
            gauge.samples.push(Sample { labels, value });
        }
    };
    let runs: Vec<PastRun> =
        store.runs(Some(estate))?.iter().filter_map(|row| past::read_run(store, row).ok()).collect();
    let mut ended: Vec<(String, String)> = Vec::new();
    for past in &runs {
        let labels = |verdict: Option<Verdict>| {
            let mut labels = vec![
                ("estate", estate.to_owned()),
                ("runbook", past.plan.runbook.clone()),
                ("mode", past.plan.mode.to_string()),
            ];
            labels.extend(verdict.map(|verdict| ("verdict", verdict.word().replace(' ', "_"))));
            labels
        };
        let (Some((verdict, _)), Some(last)) = (&past.state.ended, past.events.last()) else { continue };
        let key = (past.plan.runbook.clone(), past.plan.mode.to_string());
        if !ended.contains(&key) {
            ended.push(key);
            put(0, labels(Some(*verdict)), stamp(last.at));
        }
        if matches!(verdict, Verdict::Done | Verdict::DoneWithMisses) {
            let Figures { outage_ms, client_ms, whole_ms, .. } = figures(&past.plan, &past.state, &past.events);
            if let Some(ms) = outage_ms {
                put(1, labels(None), seconds(ms));
            }
            put(2, labels(None), seconds(whole_ms));
            if let Some(ms) = client_ms {
                put(8, labels(None), seconds(ms));
            }
        }
    }
    let unfinished = runs.first().filter(|past| past.is_unfinished()).map_or(0, |_| 1);
    put(3, vec![("estate", estate.to_owned())], unfinished.to_string());
    let mut held: Vec<(String, Kind)> = Vec::new();
    for (row, record) in drill::all(store, estate)? {
        let labels = vec![
            ("estate", estate.to_owned()),
            ("runbook", row.runbook.clone()),
            ("kind", record.kind.word().to_owned()),
        ];
        let Ok(at) = row.began_at.parse::<jiff::Timestamp>() else { continue };
        let key = (row.runbook.clone(), record.kind);
        if !held.contains(&key) {
            held.push(key);
            let verdict = ("verdict", record.verdict.word().replace(' ', "_"));
            put(4, labels.iter().cloned().chain([verdict]).collect(), stamp(at));
        }
        if record.verdict == drill::Verdict::Passed {
            put(5, labels.clone(), stamp(at));
            if let Some(ms) = record.outage_ms {
                put(6, labels.clone(), seconds(ms));
            }
            if let Some(ms) = record.client_ms {
                put(9, labels.clone(), seconds(ms));
            }
            put(7, labels, seconds(record.took_ms));
        }
    }
    Ok(all)
}

fn stamp(at: jiff::Timestamp) -> String {
    let ms = at.as_millisecond();
    format!("{}.{:03}", ms.div_euclid(1_000), ms.rem_euclid(1_000))
}
