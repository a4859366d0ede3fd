//! What the client saw, held against what the databases have.
//!
//! *missing*: acknowledged ids that the final primary does not have. The final primary is the member that is not in
//! recovery (MariaDB: not read-only); if both are not, the one that acknowledged last.
//!
//! *both*: writes that show two sites accepting at the same time, by any of three signs: an id acknowledged on a lower
//! timeline after this client had an acknowledgement on a higher one (the old primary wrote on after the new one was
//! promoted); an id whose row names another site on each member; and, while both members are writable, an acknowledged
//! id that only one of them has.

use crate::log::{self, Line};
use crate::{Kind, mariadb, postgres};
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// Gaps from this length on are listed one by one.
const GAP_LISTED_MS: f64 = 100.0;
const LOOK_MAX: Duration = Duration::from_secs(20);

#[derive(clap::Args)]
pub struct Report {
    /// What kind of database it is.
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// A database: its host's name and where it answers.
    #[arg(long = "member", value_name = "HOST=ADDRESS:PORT", value_parser = member)]
    members: Vec<(String, SocketAddr)>,
    #[arg(long)]
    database: String,
    #[arg(long)]
    user: String,
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    #[arg(long)]
    json: bool,
}

/// What one database has of the client's ids.
pub struct Look {
    pub host: String,
    pub writable: bool,
    pub site_of: HashMap<i64, String>,
}

struct Ack {
    id: i64,
    at_us: u64,
    site: String,
    timeline: u32,
}

#[derive(serde::Serialize)]
struct Gap {
    ms: f64,
    /// Unix time of the acknowledgement before the gap, in microseconds.
    from_us: u64,
    to_us: u64,
    from_site: String,
    to_site: String,
}

#[derive(serde::Serialize)]
struct Summary {
    acknowledged: usize,
    failed: usize,
    unknown: usize,
    /// How many of the unknown ones the final primary has.
    unknown_present: Option<usize>,
    longest_gap_ms: f64,
    longest_gap_from_us: Option<u64>,
    gaps: Vec<Gap>,
    failures: BTreeMap<String, usize>,
    acknowledged_by: BTreeMap<String, usize>,
    members: BTreeMap<String, &'static str>,
    final_primary: Option<String>,
    /// None: there is no primary to look at.
    missing: Option<Vec<i64>>,
    both: Vec<i64>,
    finished: bool,
}

impl Report {
    pub async fn run(self) -> anyhow::Result<()> {
        let text =
            std::fs::read_to_string(&self.log).with_context(|| format!("{} cannot be read", self.log.display()))?;
        let lines = log::read(&text)?;
        let password = std::fs::read_to_string(&self.password_file)
            .with_context(|| format!("{} cannot be read", self.password_file.display()))?;
        let ids = lines.iter().filter_map(id_of);
        let range = (ids.clone().min().unwrap_or(0), ids.max().unwrap_or(0));
        let mut members = BTreeMap::new();
        let mut looks = Vec::new();
        for (host, address) in &self.members {
            let login = (self.database.as_str(), self.user.as_str(), password.trim_end());
            let looking = async {
                match self.kind {
                    Kind::Postgres => postgres::look(*address, login, host, range).await,
                    Kind::Mariadb => mariadb::look(*address, login, host, range).await,
                }
            };
            match timeout(LOOK_MAX, looking).await {
                Ok(Ok(look)) => {
                    members.insert(host.clone(), if look.writable { "primary" } else { "standby" });
                    looks.push(look);
                }
                Ok(Err(_)) | Err(_) => {
                    members.insert(host.clone(), "not answering");
                }
            }
        }
        let summary = summarize(&lines, &looks, members);
        let text = if self.json { serde_json::to_string(&summary)? + "\n" } else { describe(&summary) };
        std::io::stdout().write_all(text.as_bytes()).context("the report cannot be printed")
    }
}

fn member(text: &str) -> Result<(String, SocketAddr), String> {
    let (host, address) = text.split_once('=').ok_or("HOST=ADDRESS:PORT is wanted")?;
    Ok((host.to_owned(), address.parse().map_err(|_| "the address is not one")?))
}

fn id_of(line: &Line) -> Option<i64> {
    match line {
        Line::Ok { id, .. } | Line::No { id, .. } | Line::Unknown { id, .. } => Some(*id),
        Line::End { .. } => None,
    }
}

fn summarize(lines: &[Line], looks: &[Look], members: BTreeMap<String, &'static str>) -> Summary {
    let mut acks = Vec::new();
    let mut unknown = Vec::new();
    let mut failures = BTreeMap::new();
    let mut failed = 0;
    for line in lines {
        match line {
            Line::Ok { id, at_us, site, timeline, .. } => {
                acks.push(Ack { id: *id, at_us: *at_us, site: site.clone(), timeline: *timeline });
            }
            Line::No { kind, .. } => {
                failed += 1;
                *failures.entry(kind.clone()).or_insert(0) += 1;
            }
            Line::Unknown { id, kind, .. } => {
                unknown.push(*id);
                *failures.entry(kind.clone()).or_insert(0) += 1;
            }
            Line::End { .. } => {}
        }
    }
    let last_site = acks.last().map(|ack| ack.site.as_str());
    let mut writable: Vec<&Look> = looks.iter().filter(|look| look.writable).collect();
    writable.sort_by_key(|look| Some(look.host.as_str()) != last_site);
    let last = writable.first().copied();
    let gaps = gaps(&acks);
    let longest = gaps.iter().max_by(|a, b| a.ms.total_cmp(&b.ms));
    let mut acknowledged_by = BTreeMap::new();
    for ack in &acks {
        *acknowledged_by.entry(ack.site.clone()).or_insert(0) += 1;
    }
    Summary {
        acknowledged: acks.len(),
        failed,
        unknown: unknown.len(),
        unknown_present: last.map(|look| unknown.iter().filter(|id| look.site_of.contains_key(id)).count()),
        longest_gap_ms: longest.map_or(0.0, |gap| gap.ms),
        longest_gap_from_us: longest.map(|gap| gap.from_us),
        failures,
        acknowledged_by,
        members,
        final_primary: last.map(|look| look.host.clone()),
        missing: last.map(|look| acks.iter().map(|ack| ack.id).filter(|id| !look.site_of.contains_key(id)).collect()),
        both: both(&acks, looks, &writable),
        finished: matches!(lines.last(), Some(Line::End { .. })),
        gaps: gaps.into_iter().filter(|gap| gap.ms >= GAP_LISTED_MS).collect(),
    }
}

fn gaps(acks: &[Ack]) -> Vec<Gap> {
    acks.windows(2)
        .map(|pair| Gap {
            ms: tenth_ms(pair[1].at_us.saturating_sub(pair[0].at_us)),
            from_us: pair[0].at_us,
            to_us: pair[1].at_us,
            from_site: pair[0].site.clone(),
            to_site: pair[1].site.clone(),
        })
        .collect()
}

/// Milliseconds with one decimal.
fn tenth_ms(us: u64) -> f64 {
    f64::from(u32::try_from((us + 50) / 100).unwrap_or(u32::MAX)) / 10.0
}

fn both(acks: &[Ack], looks: &[Look], writable: &[&Look]) -> Vec<i64> {
    let mut found = BTreeSet::new();
    let mut highest = 0;
    for ack in acks {
        if ack.timeline < highest {
            found.insert(ack.id);
        }
        highest = highest.max(ack.timeline);
        let mut sites = looks.iter().filter_map(|look| look.site_of.get(&ack.id));
        if let Some(first) = sites.next()
            && sites.any(|site| site != first)
        {
            found.insert(ack.id);
        }
        let holders = writable.iter().filter(|look| look.site_of.contains_key(&ack.id)).count();
        if writable.len() > 1 && holders == 1 {
            found.insert(ack.id);
        }
    }
    found.into_iter().collect()
}

fn describe(summary: &Summary) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{label:<32} {value}");
    };
    line("acknowledged", format!("{}{}", summary.acknowledged, counts(&summary.acknowledged_by)));
    line("failed", format!("{}{}", summary.failed + summary.unknown, counts(&summary.failures)));
    let present = summary.unknown_present.map_or(String::new(), |n| format!(" ({n} on the final primary)"));
    line("of which outcome unknown", format!("{}{present}", summary.unknown));
    line("longest gap", format!("{:.1} ms", summary.longest_gap_ms));
    for gap in &summary.gaps {
        line("  gap", format!("{:.1} ms from {} ({}) to {}", gap.ms, clock(gap.from_us), gap.from_site, gap.to_site));
    }
    for (host, role) in &summary.members {
        line(host, (*role).to_owned());
    }
    let lost = summary.missing.as_ref().map_or("unknown: there is no primary".to_owned(), |ids| some_of(ids));
    line("missing on the final primary", lost);
    line("acknowledged by both sites", some_of(&summary.both));
    text
}

fn counts(of: &BTreeMap<String, usize>) -> String {
    let all: Vec<String> = of.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join(", ")) }
}

fn some_of(ids: &[i64]) -> String {
    let shown: Vec<String> = ids.iter().take(10).map(i64::to_string).collect();
    match (ids.len(), shown.len()) {
        (0, _) => "0".to_owned(),
        (all, few) if all > few => format!("{all}: {}, …", shown.join(", ")),
        (all, _) => format!("{all}: {}", shown.join(", ")),
    }
}

/// The time of day in UTC.
fn clock(at_us: u64) -> String {
    let of_day_ms = at_us / 1000 % 86_400_000;
    let (s, ms) = (of_day_ms / 1000, of_day_ms % 1000);
    format!("{:02}:{:02}:{:02}.{ms:03}Z", s / 3600, s / 60 % 60, s % 60)
}
