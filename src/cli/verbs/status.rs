//! `status`: who is primary, how far behind the others are, where entrances point, what is fenced; from the
//! live estate, not from a journal.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;

use crate::actions::context::Memory;
use crate::actions::database::port::{Fence, Receipt, Role, Standing};
use crate::actions::database::{sites, two_writers};
use crate::actions::entrance::summary;
use crate::base::name::{HostName, ServiceName, SiteName};
use crate::cli::args::{Common, Format};
use crate::cli::clock::wall_ms;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::view::{json, words};
use crate::cli::wire::Workshop;
use crate::cli::{last_seen, past, present, session};
use crate::engine::action::ActionError;
use crate::estate::Estate;

struct Row {
    service: ServiceName,
    site: SiteName,
    host: HostName,
    /// Where it stands, as people are told: its host is named where it is not the only one at its site.
    place: String,
    standing: Result<Standing, ActionError>,
    fence: Result<Fence, ActionError>,
    /// The last role change that this member knows of.
    receipt: Option<Receipt>,
}

/// Looks and prints. Exit code 4 when two members of one service take writes.
pub async fn run(common: &Common) -> Result<Exit, Failure> {
    let estate = session::load_estate(common)?;
    let workshop = session::workshop(&estate, &session::bare_context("status"))?;
    let seen = look(&estate, &workshop).await;
    remember(common, &estate, &seen.rows);
    tell(common, &estate, &seen)?;
    match seen.conflict() {
        Some((service, one, other)) => Err(Failure::new(Exit::Refused, two_writers(service, one, other))),
        None => Ok(Exit::Done),
    }
}

/// What one look saw.
pub struct Seen {
    rows: Vec<Row>,
    entrances: Vec<summary::EntranceSummary>,
}

impl Seen {
    /// A service of which two members take writes at once, and where they stand.
    pub fn conflict(&self) -> Option<(&ServiceName, &str, &str)> {
        let is_primary = |row: &&Row| row.standing.as_ref().is_ok_and(|standing| standing.role == Role::Primary);
        let mut seen = std::collections::BTreeMap::new();
        self.rows
            .iter()
            .filter(is_primary)
            .find_map(|row| seen.insert(&row.service, &*row.place).map(|first| (&row.service, first, &*row.place)))
    }
}

/// Looks at everything once.
pub async fn look(estate: &Arc<Estate>, workshop: &Workshop) -> Seen {
    let (rows, entrances) = futures::join!(members(workshop), summary::summaries(estate));
    Seen { rows, entrances }
}

/// Prints what was seen.
pub fn tell(common: &Common, estate: &Estate, seen: &Seen) -> Result<(), Failure> {
    match common.format {
        Format::Json => print_json(&seen.rows, &seen.entrances),
        Format::Human => {
            print_human(common, estate, &seen.rows, &seen.entrances);
            print_runs(common, estate)?;
        }
    }
    Ok(())
}

async fn members(workshop: &Workshop) -> Vec<Row> {
    let looks = workshop.databases().flat_map(|(service, database)| {
        database.members().map(move |(site, host)| async move {
            let kin = database.by_member();
            let (standing, fence, receipts) =
                futures::join!(kin.standing(host), kin.fence_look(host), kin.receipts(host));
            // A member that was never prepared, or does not answer, has none to show.
            let receipt = receipts.unwrap_or_default().into_iter().next();
            let place = database.place(site, host);
            Row { service: service.clone(), site: site.clone(), host: host.clone(), place, standing, fence, receipt }
        })
    });
    join_all(looks).await
}

/// What was seen now is what is left to say when a site is lost.
fn remember(common: &Common, estate: &Estate, rows: &[Row]) {
    let memory = Memory::default();
    last_seen::recall(common, &estate.name, &memory);
    for service in estate.services.keys() {
        let members = rows.iter().filter(|row| row.service == *service);
        let standings = sites::by_site(members.map(|row| (&row.site, row.standing.as_ref().ok())));
        last_seen::take_in(&memory, service, &standings);
    }
    last_seen::keep(common, &estate.name, &memory);
}

fn print_human(common: &Common, estate: &Estate, rows: &[Row], entrances: &[summary::EntranceSummary]) {
    let paint = crate::cli::paint(common, false);
    session::say(&paint.strong(&estate.name));
    for row in rows {
        let (mark, text) = match &row.standing {
            Ok(standing) => {
                let mark = match standing.role {
                    Role::Primary => paint.good("●"),
                    Role::Standby if standing.streaming => paint.good("○"),
                    Role::Standby => paint.odd("○"),
                    Role::Down => paint.bad("✗"),
                };
                let members = rows.iter().filter(|other| other.service == row.service);
                let behind = present::behind(standing, members.filter_map(|other| other.standing.as_ref().ok()));
                (mark, format!("{}{behind}", standing.summary))
            }
            Err(error) => (paint.bad("?"), error.message.clone()),
        };
        let line = format!("{mark} {} at {}: {text}{}", row.service, row.place, fence_words(row));
        session::say(&format!("  {}", words::lay_out(&line, paint.width, 4)));
    }
    for service in without_primary(rows) {
        let line = format!("✗ no member of `{service}` is seen to take writes");
        session::say(&format!("  {}", paint.bad(&words::lay_out(&line, paint.width, 4))));
    }
    for line in role_changes(rows) {
        session::say(&format!("  {}", words::lay_out(&line, paint.width, 4)));
    }
    for entrance in entrances {
        let line = format!("→ {}{}", entrance.sentence, astray(estate, rows, entrance));
        session::say(&format!("  {}", words::lay_out(&line, paint.width, 4)));
    }
}

/// The services that take writes nowhere, as far as is seen.
fn without_primary(rows: &[Row]) -> Vec<&ServiceName> {
    let takes = |row: &Row| row.standing.as_ref().is_ok_and(|standing| standing.role == Role::Primary);
    let mut services: Vec<&ServiceName> = rows.iter().map(|row| &row.service).collect();
    services.dedup();
    services.retain(|service| !rows.iter().any(|row| row.service == **service && takes(row)));
    services
}

/// A word where an entrance leads users to a site at which what they need takes no writes, and another does.
fn astray(estate: &Estate, rows: &[Row], entrance: &summary::EntranceSummary) -> String {
    let [site] = entrance.sites.as_slice() else { return String::new() };
    let needs = estate.entrances.get(&entrance.name).map(|known| known.needs.as_slice()).unwrap_or_default();
    let leads = |row: &&Row| row.standing.as_ref().is_ok_and(|standing| standing.role == Role::Primary);
    let elsewhere = rows.iter().filter(|row| needs.contains(&row.service)).filter(leads).find(|row| row.site != *site);
    elsewhere.map_or_else(String::new, |row| format!(", and `{}` takes writes at {}", row.service, row.site))
}

/// The last role change of each service; two of them where the members know of different ones.
fn role_changes(rows: &[Row]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for row in rows {
        let Some(receipt) = &row.receipt else { continue };
        let known = rows.iter().filter(|other| other.service == row.service).filter_map(|other| other.receipt.as_ref());
        let conflict = known.clone().any(|other| other != receipt);
        let who =
            if conflict { format!("{} at {} knows", row.service, row.place) } else { format!("{}:", row.service) };
        let line = format!(
            "⚑ {who} the last role change: timeline {} at {}, {} ({}), run {}",
            receipt.timeline, receipt.site, receipt.at, receipt.mode, receipt.run
        );
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// The fence, where it is worth a word: a member that takes no writes and is not a standby that receives.
fn fence_words(row: &Row) -> String {
    let at_rest = row.standing.as_ref().is_ok_and(|standing| standing.role == Role::Primary || standing.streaming);
    match &row.fence {
        _ if at_rest => String::new(),
        Ok(Fence::Proven(evidence)) => format!("; fenced: {}", evidence.summary),
        // What a fence would make of it stands behind the arrow.
        Ok(Fence::Open(evidence)) => {
            format!("; NOT fenced: {}", evidence.summary.split(" → ").next().unwrap_or_default())
        }
        Ok(Fence::Unproven(evidence)) => format!("; not proven to be fenced: {}", evidence.summary),
        Ok(Fence::Unprovable(why)) => format!("; not proven to be fenced: {why}"),
        Err(error) => format!("; whether it is fenced cannot be seen: {error}"),
    }
}

fn print_runs(common: &Common, estate: &Estate) -> Result<(), Failure> {
    // A look makes no state directory.
    let Some(store) = session::open_store_if_there(common) else { return Ok(()) };
    if let Some(past) = past::unfinished_run(&store, &estate.name)? {
        let state = super::runs::state_word(&store, &past);
        session::say(&format!("  run {} ({}) is unfinished: {state}", past.row.id, past.plan.title));
        if !state.starts_with("running") {
            session::say(&format!("    switchback resume {0}, or switchback rollback {0}", past.row.id));
        }
    }
    if let Some(holder) = store.lock_holder(&estate.name, wall_ms())? {
        session::say(&format!("  locked by run {} of {}, pid {}", holder.run, holder.owner.operator, holder.owner.pid));
    }
    Ok(())
}

fn print_json(rows: &[Row], entrances: &[summary::EntranceSummary]) {
    for row in rows {
        let standing = row.standing.as_ref().ok();
        json::print(&json!({
            "schema": "switchback/member/1", "service": row.service, "site": row.site, "host": row.host,
            "role": standing.map(|standing| format!("{:?}", standing.role).to_lowercase()),
            "streaming": standing.map(|standing| standing.streaming),
            "timeline": standing.map(|standing| standing.timeline),
            "position": standing.map(|standing| &standing.position_text),
            "lag_bytes": standing.and_then(|standing| standing.lag_bytes),
            "fenced": matches!(row.fence, Ok(Fence::Proven(_))),
            "receipt": row.receipt,
            "error": row.standing.as_ref().err().map(|error| &error.message),
        }));
    }
    for entrance in entrances {
        json::print(&json!({"schema": "switchback/entrance/1", "entrance": entrance}));
    }
}
