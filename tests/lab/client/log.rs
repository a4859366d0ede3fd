//! One line per outcome, so that a killed client leaves a readable log:
//!
//! ```text
//! ok ID MICROSECONDS SITE ADDRESS TIMELINE     the write was acknowledged
//! no ID MICROSECONDS KIND                      it certainly did not happen
//! unknown ID MICROSECONDS KIND                 nobody can tell from here
//! end MICROSECONDS                             the client finished by itself
//! ```
//!
//! The timeline is the one that the server was on when it wrote: each promotion begins a higher one.

use anyhow::Context as _;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, PartialEq)]
pub enum Line {
    Ok { id: i64, at_us: u64, site: String, address: Ipv4Addr, timeline: u32 },
    No { id: i64, at_us: u64, kind: String },
    Unknown { id: i64, at_us: u64, kind: String },
    End { at_us: u64 },
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Ok { id, at_us, site, address, timeline } => write!(f, "ok {id} {at_us} {site} {address} {timeline}"),
            Line::No { id, at_us, kind } => write!(f, "no {id} {at_us} {kind}"),
            Line::Unknown { id, at_us, kind } => write!(f, "unknown {id} {at_us} {kind}"),
            Line::End { at_us } => write!(f, "end {at_us}"),
        }
    }
}

/// All lines of a log; one that a kill cut short at the end is left out.
pub fn read(text: &str) -> anyhow::Result<Vec<Line>> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| parse(line).with_context(|| format!("the log has a line `{line}`"))).collect()
}

pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn parse(line: &str) -> anyhow::Result<Line> {
    let words: Vec<&str> = line.split(' ').collect();
    Ok(match words[..] {
        ["ok", id, at, site, address, timeline] => Line::Ok {
            id: id.parse()?,
            at_us: at.parse()?,
            site: site.to_owned(),
            address: address.parse()?,
            timeline: timeline.parse()?,
        },
        ["no", id, at, kind] => Line::No { id: id.parse()?, at_us: at.parse()?, kind: kind.to_owned() },
        ["unknown", id, at, kind] => Line::Unknown { id: id.parse()?, at_us: at.parse()?, kind: kind.to_owned() },
        ["end", at] => Line::End { at_us: at.parse()? },
        _ => anyhow::bail!("which says nothing known"),
    })
}
