//! Whether two members have the same rows: each table in parts along its key, hashed by the servers themselves.
//!
//! Users go on writing meanwhile. A part that is not the same is looked at again when the follower has applied all that
//! the leader had: only what stays different while the leader's part stays the same is a difference.

use std::time::Duration;

use super::events::identifier;
use super::live::{LookSql, Session};
use super::member::Member;
use crate::actions::database::port::{Part, Same, Table};
use crate::engine::action::ActionError;

const SQL_MAX: Duration = Duration::from_secs(10);
/// One part of a table without a key is all of it.
const PART_MAX: Duration = Duration::from_secs(600);
const ROWS_A_PART: u64 = 10_000;
const TRIES: u32 = 8;
const CATCH_UP_SECONDS: &str = "10";

const TABLES: LookSql = LookSql(
    "SELECT table_schema, table_name, CAST(greatest(coalesce(data_length, 0), 1) AS CHAR) FROM information_schema.tables
     WHERE table_schema = ? AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY table_name",
);
const COLUMNS: LookSql = LookSql(
    "SELECT column_name, CAST(data_type AS CHAR) FROM information_schema.columns
     WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
);
const KEY: LookSql = LookSql(
    "SELECT s.column_name, CAST(c.data_type AS CHAR) FROM information_schema.statistics s JOIN information_schema.columns c
       ON c.table_schema = s.table_schema AND c.table_name = s.table_name AND c.column_name = s.column_name
     WHERE s.table_schema = ? AND s.table_name = ? AND s.index_name = 'PRIMARY' ORDER BY s.seq_in_index",
);

/// What is to be compared, by the leader's word.
pub async fn tables(_member: &Member, leader: &Member) -> Result<Vec<Table>, ActionError> {
    let mut tables = Vec::new();
    for database in &leader.estate.databases {
        let rows = leader.link.look(TABLES, &[database], SQL_MAX).await?;
        tables.extend((0..rows.count()).map(|row| {
            let name = format!("{}.{}", database, rows.text(row, 1).unwrap_or_default());
            Table {
                database: database.clone(),
                name,
                key: rows.text(row, 1).unwrap_or_default().to_owned(),
                bytes: rows.get(row, 2).unwrap_or(1),
            }
        }));
    }
    Ok(tables)
}

/// How a table's rows are hashed, and along what it is cut into parts.
struct Shape {
    table: String,
    hash: String,
    /// Columns of the key, each with whether it is text.
    key: Vec<(String, bool)>,
}

/// How many rows, and what their hashes come to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sum {
    rows: u64,
    hash: String,
}

/// Compares the next part of a table.
pub async fn part(member: &Member, leader: &Member, table: &Table, from: Option<&str>) -> Result<Part, ActionError> {
    let (here, there) = futures::join!(member.link.apart(), leader.link.apart());
    let (here, there) = (here?, there?);
    let shape = shape(&there, table).await?;
    let next = shape.next(&there, from).await?;
    let pair = Pair { member, leader, here: &here, there: &there };
    let (mut same, mut sum) = pair.compared(&shape, table, from, next.as_deref()).await?;
    // New rows at the end of a table are the usual reason: what was there a moment ago stands still.
    if matches!(same, Same::Changing(_))
        && next.is_none()
        && let Some(end) = shape.end(&there, from).await?
    {
        (same, sum) = pair.compared(&shape, table, from, Some(&end)).await?;
    }
    let rows = sum.rows;
    let done = from.and_then(|from| from.split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) + rows;
    Ok(Part {
        same,
        rows,
        // A row's share is not known; rows so far, weighed as if each had a hundred bytes.
        bytes: if next.is_some() { done * 100 } else { table.bytes },
        next: next.map(|next| format!("{done} {next}")),
    })
}

/// The two, each with a session of its own.
struct Pair<'a> {
    member: &'a Member,
    leader: &'a Member,
    here: &'a Session,
    there: &'a Session,
}

impl Pair<'_> {
    async fn compared(
        &self,
        shape: &Shape,
        table: &Table,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(Same, Sum), ActionError> {
        let query = shape.sum(from, to);
        let place = || format!("{} {}", table.name, Shape::place(from, to));
        let mut now = summed(self.there, &query).await?;
        let mut unchanged = 0;
        for _ in 0..TRIES {
            let position = self.leader.server().await?.position;
            self.here.look(self.here.words().wait, &[&position, CATCH_UP_SECONDS], SQL_MAX * 2).await?;
            let own = summed(self.here, &query).await?;
            if own == now {
                return Ok((Same::Equal, now));
            }
            if unchanged >= 2 {
                let (name, leader) = (self.member.name(), self.leader.name());
                let rows = format!("({} rows at {name}, {} at {leader})", own.rows, now.rows);
                return Ok((Same::Differs(format!("{} {rows}", place())), now));
            }
            let again = summed(self.there, &query).await?;
            unchanged = if again == now { unchanged + 1 } else { 0 };
            now = again;
        }
        Ok((Same::Changing(place()), now))
    }
}

async fn shape(session: &Session, table: &Table) -> Result<Shape, ActionError> {
    let columns = session.look(COLUMNS, &[&table.database, &table.key], SQL_MAX).await?;
    let key = session.look(KEY, &[&table.database, &table.key], SQL_MAX).await?;
    let hashed: Vec<String> =
        columns.first_column().map(|column| format!("coalesce(hex(concat({})), '~')", identifier(column))).collect();
    if hashed.is_empty() {
        return Err(ActionError::transient(format!("the table {} is gone", table.name)));
    }
    let is_text = |kind: &str| kind.contains("char") || kind.contains("text") || kind == "enum" || kind == "set";
    let key = (0..key.count())
        .map(|row| (identifier(key.text(row, 0).unwrap_or_default()), is_text(key.text(row, 1).unwrap_or_default())));
    Ok(Shape {
        table: format!("{}.{}", identifier(&table.database), identifier(&table.key)),
        // MySQL 9.7 has no md5() by itself any more.
        hash: format!("sha2(concat_ws('#', {}), 256)", hashed.join(", ")),
        key: key.collect(),
    })
}

impl Shape {
    fn columns(&self) -> String {
        self.key.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The values of a key, from the hexadecimal in which they are kept.
    fn values(&self, place: &str) -> String {
        let place = place.rsplit(' ').next().unwrap_or_default();
        let values = place.split('/').zip(&self.key).map(|(hex, (_, text))| {
            // Only hexadecimal came out, and only that goes in.
            let hex: String = hex.chars().filter(char::is_ascii_hexdigit).collect();
            if *text { format!("convert(unhex('{hex}') using utf8mb4)") } else { format!("unhex('{hex}')") }
        });
        values.collect::<Vec<_>>().join(", ")
    }

    fn bounds(&self, from: Option<&str>, to: Option<&str>) -> String {
        let mut bounds = vec!["true".to_owned()];
        bounds.extend(from.map(|from| format!("({}) > ({})", self.columns(), self.values(from))));
        bounds.extend(to.map(|to| format!("({}) <= ({})", self.columns(), self.values(to))));
        bounds.join(" AND ")
    }

    fn sum(&self, from: Option<&str>, to: Option<&str>) -> String {
        let half =
            |begin: u32| format!("coalesce(bit_xor(cast(conv(substring(h, {begin}, 16), 16, 10) AS unsigned)), 0)");
        format!(
            "SELECT CAST(count(*) AS CHAR), concat({}, '/', {}) FROM (SELECT {} AS h FROM {} WHERE {}) AS hashed",
            half(1),
            half(17),
            self.hash,
            self.table,
            self.bounds(from, to)
        )
    }

    /// Where the part after `from` ends; `None` where it is the last.
    async fn next(&self, session: &Session, from: Option<&str>) -> Result<Option<String>, ActionError> {
        if self.key.is_empty() {
            return Ok(None);
        }
        let hex: Vec<String> = self.key.iter().map(|(name, _)| format!("hex(concat({name}))")).collect();
        let query = format!(
            "SELECT concat_ws('/', {}) FROM {} WHERE {} ORDER BY {} LIMIT 1 OFFSET {}",
            hex.join(", "),
            self.table,
            self.bounds(from, None),
            self.columns(),
            ROWS_A_PART - 1
        );
        let rows = session.look_at(&query, PART_MAX).await?;
        Ok(rows.text(0, 0).map(str::to_owned))
    }

    /// The last row there is by now; `None` where the table has no key, or no row.
    async fn end(&self, session: &Session, from: Option<&str>) -> Result<Option<String>, ActionError> {
        if self.key.is_empty() {
            return Ok(None);
        }
        let hex: Vec<String> = self.key.iter().map(|(name, _)| format!("hex(concat({name}))")).collect();
        let last: Vec<String> = self.key.iter().map(|(name, _)| format!("{name} DESC")).collect();
        let query = format!(
            "SELECT concat_ws('/', {}) FROM {} WHERE {} ORDER BY {} LIMIT 1",
            hex.join(", "),
            self.table,
            self.bounds(from, None),
            last.join(", ")
        );
        let rows = session.look_at(&query, PART_MAX).await?;
        Ok(rows.text(0, 0).map(str::to_owned))
    }

    fn place(from: Option<&str>, to: Option<&str>) -> String {
        let readable = |place: &str| {
            let place = place.rsplit(' ').next().unwrap_or_default();
            place.split('/').map(unhex).collect::<Vec<_>>().join("/")
        };
        match (from, to) {
            (None, None) => "anywhere".to_owned(),
            (None, Some(to)) => format!("up to {}", readable(to)),
            (Some(from), None) => format!("after {}", readable(from)),
            (Some(from), Some(to)) => format!("after {} up to {}", readable(from), readable(to)),
        }
    }
}

fn unhex(hex: &str) -> String {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let bytes =
        digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair.iter().fold(0, |all, digit| all * 16 + digit)).ok());
    String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).chars().take(40).collect()
}

async fn summed(session: &Session, query: &str) -> Result<Sum, ActionError> {
    let rows = session.look_at(query, PART_MAX).await?;
    Ok(Sum { rows: rows.get(0, 0).unwrap_or(0), hash: rows.text(0, 1).unwrap_or_default().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_named_as_people_read_it() {
        let key = vec![("`id`".to_owned(), false), ("`name`".to_owned(), true)];
        let shape = Shape { table: "`a`.`b`".to_owned(), hash: "h".to_owned(), key };
        assert_eq!(Shape::place(Some("100 3137/C3A4"), None), "after 17/ä");
        assert_eq!(
            shape.bounds(Some("100 3137/C3A4"), None),
            "true AND (`id`, `name`) > (unhex('3137'), convert(unhex('C3A4') using utf8mb4))"
        );
    }
}
