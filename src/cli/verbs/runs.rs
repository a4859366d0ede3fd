//! `runs`: what was carried out, and whether its journal is what was written.

use serde_json::json;

use crate::cli::args::{Common, Format};
use crate::cli::clock::wall_ms;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::owner;
use crate::cli::past::{self, PastRun};
use crate::cli::session;
use crate::cli::view::json;
use crate::store::Store;

/// Lists runs, or checks their chains.
pub fn run(common: &Common, verify: bool, heads: &[String]) -> Result<Exit, Failure> {
    let store = session::open_store(common)?;
    if verify { check(common, &store, heads) } else { list(common, &store) }
}

fn list(common: &Common, store: &Store) -> Result<Exit, Failure> {
    let rows = store.runs(None)?;
    if rows.is_empty() && common.format == Format::Human {
        session::say(&format!("no runs in {}", store.folder().display()));
    }
    for row in rows {
        let (state, title) = match past::read_run(store, &row) {
            Ok(past) => (state_word(store, &past), past.plan.title.clone()),
            Err(failure) => (format!("unreadable: {}", failure.sentence), String::new()),
        };
        if common.format == Format::Json {
            json::print(
                &json!({"schema": "switchback/run/1", "run": row.id, "estate": row.estate, "began_at": row.began_at,
                "state": state, "title": title}),
            );
        } else {
            session::say(&format!("{}  {:<12}  {:<24}  {title}", row.id, row.estate, state));
        }
    }
    Ok(Exit::Done)
}

/// How a run stands: its verdict, or whether somebody still carries it out.
pub fn state_word(store: &Store, past: &PastRun) -> String {
    if let Some((verdict, _)) = &past.state.ended {
        return session::verdict_word(*verdict).to_owned();
    }
    if let Some(wait) = &past.state.parked {
        return format!("waits, without the lock, for {}", wait.told(&past.plan));
    }
    match store.lock_holder(&past.row.estate, wall_ms()) {
        Ok(Some(holder)) if holder.run == past.row.id => match owner::is_alive(&holder.owner) {
            Some(true) => format!("running (pid {})", holder.owner.pid),
            Some(false) => "interrupted".to_owned(),
            None => format!("held by {}", holder.owner.machine),
        },
        _ => "interrupted".to_owned(),
    }
}

fn check(common: &Common, store: &Store, heads: &[String]) -> Result<Exit, Failure> {
    let mut bad = Failure::new(Exit::Refused, "the journal is not what was written");
    let wanted: Vec<(&str, &str)> = heads.iter().filter_map(|text| text.split_once('=')).collect();
    if wanted.len() != heads.len() {
        return Err(Failure::new(Exit::Usage, "`--head` wants RUN=HASH"));
    }
    for row in store.runs(None)? {
        match store.verify(&row.id) {
            Ok(found) => {
                let other = wanted.iter().find(|(run, hash)| *run == row.id && !found.head.eq_ignore_ascii_case(hash));
                if let Some((run, hash)) = other {
                    bad = bad.detail(format!(
                        "run {run}: its last hash is {}, not {hash}: events were changed or cut off",
                        found.head
                    ));
                } else if common.format == Format::Json {
                    json::print(
                        &json!({"schema": "switchback/verified/1", "run": row.id, "events": found.events, "head": found.head}),
                    );
                } else {
                    session::say(&format!("{}  {} events  head {}", row.id, found.events, found.head));
                }
            }
            Err(error) => bad = bad.detail(error.to_string()),
        }
    }
    for (run, _) in &wanted {
        if store.runs(None)?.iter().all(|row| row.id != *run) {
            bad = bad.detail(format!("run {run}: it is not in this journal at all"));
        }
    }
    if bad.details.is_empty() { Ok(Exit::Done) } else { Err(bad) }
}
