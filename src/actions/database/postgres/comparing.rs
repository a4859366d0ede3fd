//! Whether two members hold the same rows. A standby is a copy block by block, so parts are runs of blocks, with a key
//! or without.
//!
//! The primary goes on writing. A part is read at the primary, then at the standby once that has replayed as far, and where
//! the two differ at the primary again: only what stayed the same there and is different here is a difference. Rows
//! of transactions that were not over when the part was begun are left out, so that new rows do not disturb.

use std::time::Duration;

use super::lsn::Lsn;
use super::member::Member;
use super::programs;
use crate::actions::database::port::{Part, Same, Table};
use crate::engine::action::ActionError;

const TABLES_MAX: Duration = Duration::from_secs(30);
/// The script's own limits are shorter.
const PART_MAX: Duration = Duration::from_secs(50);
/// 16 MiB of PostgreSQL's usual blocks.
const BLOCKS: u64 = 2048;
/// Before 14 there is no way to read a run of blocks but to read all of them.
const RUNS_FROM: u32 = 14;
const TRIES: usize = 5;
/// How often a part must be found different.
const DIFFERENT: usize = 2;
const BLOCKS_MAX: u64 = u32::MAX as u64;

/// What was read of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sum {
    rows: u64,
    checksum: String,
    horizon: String,
    place: Lsn,
    /// Of the whole table.
    blocks: u64,
}

impl Sum {
    fn is_as(&self, other: &Self) -> bool {
        (self.rows, &self.checksum) == (other.rows, &other.checksum)
    }
}

/// The tables of the service's databases, as the leader has them.
pub async fn tables(leader: &Member) -> Result<Vec<Table>, ActionError> {
    let mut list = Vec::new();
    for database in &leader.estate.databases {
        let output = leader.look_script(&programs::TABLES, &[database], TABLES_MAX).await?;
        let text = output.stdout_or(&format!("{}: listing the tables of {database}", leader.name()))?;
        list.extend(text.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ' ');
            let (key, bytes, name) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
            Some(Table { database: database.clone(), name: name.to_owned(), key: key.to_owned(), bytes })
        }));
    }
    Ok(list)
}

/// Compares one part.
pub async fn compare(member: &Member, leader: &Member, table: &Table, from: Option<&str>) -> Result<Part, ActionError> {
    let from: u64 = from.and_then(|from| from.parse().ok()).unwrap_or(0);
    let blocks = if leader.link.major_version().await? < RUNS_FROM { BLOCKS_MAX } else { BLOCKS };
    let run = Run { table, from, blocks };
    let mut different = 0;
    for _ in 0..TRIES {
        let Some(there) = run.read(leader, "", None).await? else {
            // It was dropped meanwhile.
            return Ok(Part { same: Same::Equal, rows: 0, bytes: table.bytes, next: None });
        };
        let here = run.read(member, &there.horizon, Some(there.place)).await?;
        if here.as_ref().is_some_and(|here| here.is_as(&there)) {
            return Ok(run.part(Same::Equal, &there));
        }
        let again = run.read(leader, &there.horizon, None).await?;
        if again.is_some_and(|again| again.is_as(&there)) {
            different += 1;
            if different == DIFFERENT {
                return Ok(run.part(Same::Differs(run.differs(member, leader, &there, here.as_ref())), &there));
            }
        }
    }
    let sentence = format!("{} from block {from} on", run.name());
    Ok(Part {
        same: Same::Changing(sentence),
        rows: 0,
        bytes: table.bytes,
        next: (from + blocks < table_blocks(table)).then(|| (from + blocks).to_string()),
    })
}

/// About how many blocks a table has, where nobody could be asked.
fn table_blocks(table: &Table) -> u64 {
    table.bytes / 8192
}

struct Run<'a> {
    table: &'a Table,
    from: u64,
    blocks: u64,
}

impl Run<'_> {
    fn name(&self) -> String {
        format!("{} in {}", self.table.name, self.table.database)
    }

    async fn read(&self, member: &Member, horizon: &str, wait: Option<Lsn>) -> Result<Option<Sum>, ActionError> {
        let wait = wait.map_or_else(String::new, |place| place.to_string());
        let (from, blocks) = (self.from.to_string(), self.blocks.to_string());
        let more = [self.table.database.as_str(), &self.table.key, &from, &blocks, horizon, &wait];
        let output = member.look_script(&programs::PART, &more, PART_MAX).await?;
        let text = output.stdout_or(&format!("{}: reading {} from block {from} on", member.name(), self.name()))?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        let sum = read(&text);
        let wrong = || ActionError::refused(format!("{}: {}: an answer that says nothing", member.name(), self.name()));
        sum.ok_or_else(wrong).map(Some)
    }

    fn part(&self, same: Same, there: &Sum) -> Part {
        let end = self.from + self.blocks;
        let done = end.min(there.blocks);
        let bytes = (self.table.bytes * done).checked_div(there.blocks).unwrap_or(self.table.bytes);
        Part { same, rows: there.rows, bytes, next: (end < there.blocks).then(|| end.to_string()) }
    }

    fn differs(&self, member: &Member, leader: &Member, there: &Sum, here: Option<&Sum>) -> String {
        let to = (self.from + self.blocks).min(there.blocks);
        let have = here.map_or_else(|| "no such table".to_owned(), |here| format!("{} rows", here.rows));
        format!(
            "{} in blocks {} to {to}: {} rows at {}, {have} at {}",
            self.name(),
            self.from,
            there.rows,
            leader.name(),
            member.name()
        )
    }
}

fn read(text: &str) -> Option<Sum> {
    let mut parts = text.split_whitespace();
    Some(Sum {
        rows: parts.next()?.parse().ok()?,
        checksum: parts.next()?.to_owned(),
        horizon: parts.next()?.to_owned(),
        place: parts.next()?.parse().ok()?,
        blocks: parts.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_read_and_a_part_says_where_the_next_begins() {
        let sum = read("10 -123456789012345678901 780 0/5000028 5000\n").expect("a sum");
        assert_eq!((sum.rows, sum.horizon.as_str(), sum.blocks), (10, "780", 5000));
        assert_eq!(read("10 5 780\n"), None);
        let table = Table {
            database: "shop".to_owned(),
            name: "public.orders".to_owned(),
            key: "16416".to_owned(),
            bytes: 5000 * 8192,
        };
        let run = |from| Run { table: &table, from, blocks: BLOCKS };
        let part = run(2048).part(Same::Equal, &sum);
        assert_eq!((part.next.as_deref(), part.bytes), (Some("4096"), 4096 * 8192));
        let last = run(4096).part(Same::Equal, &sum);
        assert_eq!((last.next, last.bytes), (None, table.bytes));
    }
}
