//! `prepare`: what Switchback needs on the databases, each statement with its reason; made so on request.

use std::collections::BTreeSet;

use serde_json::json;

use crate::actions::database::port::{Adapter, Need, Role};
use crate::base::closest::did_you_mean;
use crate::base::name::{ServiceName, SiteName};
use crate::cli::args::{Common, Format};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::view::json;
use crate::cli::{prompt, session};
use crate::engine::action::Touch;

/// Shows what is needed, or makes it.
pub async fn run(common: &Common, service: Option<&str>, apply: bool) -> Result<Exit, Failure> {
    let estate = session::load_estate(common)?;
    if let Some(name) = service
        && !estate.services.contains_key(name)
    {
        let known = || estate.services.keys().map(ServiceName::as_str);
        let (slip, all) = (did_you_mean(name, known()), known().collect::<Vec<_>>().join(", "));
        return Err(Failure::new(Exit::Usage, format!("the estate has no service `{name}`{slip}; there are {all}")));
    }
    let workshop = session::workshop(&estate, &session::bare_context("prepare"))?;
    let mut missing = 0;
    for (name, cluster) in
        workshop.databases().filter(|(name, _)| service.is_none_or(|service| service == name.as_str()))
    {
        let site = primary(name, cluster.as_ref()).await?;
        let needs = if apply {
            made(name, cluster.as_ref(), &site).await?
        } else {
            looked(name, cluster.as_ref(), &site).await?
        };
        missing += needs.iter().filter(|need| need.present == Some(false)).count();
        show(common, name, &site, &needs, apply);
    }
    if missing == 0 || apply {
        tell(common, missing);
        return Ok(Exit::Done);
    }
    Err(Failure::new(Exit::Refused, format!("{missing} of these are missing; nothing was changed"))
        .hint("let Switchback make them, as the database's superuser over SSH: switchback prepare --apply")
        .hint("or run them yourself"))
}

/// What came of it, beside the statements: those can be piped into a client.
fn tell(common: &Common, made: usize) {
    if common.format == Format::Human {
        let paint = crate::cli::paint(common, true);
        let what = if made == 0 { "nothing is missing".to_owned() } else { format!("made what was missing: {made}") };
        prompt::tell(&format!("{} {what}\n  {} switchback status", paint.good("✓"), paint.good("→")));
    }
}

/// The site that takes writes: what is made there reaches the others by replication.
async fn primary(name: &ServiceName, cluster: &dyn Adapter) -> Result<SiteName, Failure> {
    let mut seen = Vec::new();
    for site in cluster.places() {
        match cluster.standing(&site).await {
            Ok(standing) if standing.role == Role::Primary => return Ok(site),
            Ok(standing) => seen.push(format!("{site}: {}", standing.summary)),
            Err(error) => seen.push(format!("{site}: {error}")),
        }
    }
    let failure =
        Failure::new(Exit::Refused, format!("no member of `{name}` is seen to take writes; nothing was changed"));
    Err(seen.into_iter().fold(failure, Failure::detail))
}

async fn looked(name: &ServiceName, cluster: &dyn Adapter, site: &SiteName) -> Result<Vec<Need>, Failure> {
    let needs = cluster.needs(site).await;
    needs.map_err(|error| Failure::new(Exit::Refused, format!("`{name}` at {site}: {error}")))
}

async fn made(name: &ServiceName, cluster: &dyn Adapter, site: &SiteName) -> Result<Vec<Need>, Failure> {
    // The one touch outside a run: asked for by a person with `--apply`, repeatable, and it takes no write away.
    let touch = Touch::for_preparation();
    let made = cluster.prepare(&touch, site).await;
    made.map_err(|error| Failure::new(Exit::Stopped, format!("`{name}` at {site}: {error}")).hint("switchback prepare"))
}

fn show(common: &Common, name: &ServiceName, site: &SiteName, needs: &[Need], made: bool) {
    if common.format == Format::Json {
        for need in needs {
            json::print(&json!({"schema": "switchback/need/1", "service": name, "site": site, "need": need}));
        }
        return;
    }
    if made && needs.is_empty() {
        session::say(&format!("-- {name} at {site}: nothing is missing"));
        return;
    }
    session::say(&format!("-- {name} at {site}"));
    let databases: BTreeSet<&str> = needs.iter().map(|need| need.database.as_str()).collect();
    for database in databases {
        // Of what every database of a server has in common, none is said.
        if !database.is_empty() {
            session::say(&format!("\\connect {database}"));
        }
        for need in needs.iter().filter(|need| need.database == database) {
            let state = match need.present {
                Some(true) => "there",
                Some(false) if made => "made",
                Some(false) => "MISSING",
                None => "cannot be seen",
            };
            session::say(&format!("-- {} ({state})\n{};", need.reason, need.statement));
        }
    }
}
