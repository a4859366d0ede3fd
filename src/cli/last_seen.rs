//! How far the databases were when they were last seen, kept beside the journal from one command to the next.
//!
//! When a site is lost with its disk, nothing can tell any more how far the other was behind. Every look at a
//! healthy estate (`status`, `plan`, the beginning of a run) leaves that here. It is a figure for people, never a
//! proof: a file that is missing or cannot be read counts as nothing.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use super::args::Common;
use super::clock::SystemClock;
use super::session;
use crate::actions::context::{LastSeen, Memory};
use crate::actions::database::port::{Role, Standing};
use crate::base::name::{ServiceName, SiteName};
use crate::engine::ports::Clock;

/// More than any estate needs.
const BYTES_MAX: u64 = 1 << 20;

fn file(common: &Common, estate: &str) -> Option<PathBuf> {
    let name: String = estate.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect();
    Some(session::state_folder(common)?.join(format!("last-seen-{name}.json")))
}

/// Reads what earlier commands left.
pub fn recall(common: &Common, estate: &str, memory: &Memory) {
    let Some(file) = file(common, estate) else { return };
    let Ok(text) = session::read_small(&file, BYTES_MAX) else { return };
    let kept: BTreeMap<ServiceName, LastSeen> = serde_json::from_str(&text).unwrap_or_default();
    for (service, seen) in kept {
        memory.saw(&service, seen);
    }
}

/// Takes in how one service's members stand, when each was seen and one of them leads.
pub fn take_in(memory: &Memory, service: &ServiceName, standings: &[(SiteName, Option<Standing>)]) {
    let seen: Option<Vec<(&SiteName, &Standing)>> =
        standings.iter().map(|(site, standing)| Some((site, standing.as_ref()?))).collect();
    let Some(seen) = seen else { return };
    let leads = seen.iter().filter(|(_, standing)| standing.role == Role::Primary).count() == 1;
    let follow = seen.iter().any(|(_, standing)| standing.role == Role::Standby && standing.streaming);
    if leads && follow {
        let positions =
            seen.iter().map(|(site, at)| ((*site).clone(), (at.position, at.position_text.clone()))).collect();
        memory.saw(
            service,
            LastSeen { at: SystemClock::new().now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), positions },
        );
    }
}

/// Keeps it for later commands, where there is a state directory: a look makes none.
pub fn keep(common: &Common, estate: &str, memory: &Memory) {
    let Some(file) = file(common, estate) else { return };
    let Some(folder) = file.parent().filter(|folder| folder.is_dir()) else { return };
    let all = memory.all_last_seen();
    let (false, Ok(text)) = (all.is_empty(), serde_json::to_vec(&all)) else { return };
    // Written beside it and renamed; a disk that is full costs the figure and nothing else.
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut new| new.write_all(&text).map(|()| new));
    if let Ok(new) = written {
        let _ = new.persist(file);
    }
}
