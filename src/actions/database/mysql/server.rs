//! What a running server tells of itself.

use std::time::Duration;

use super::gtid::Gtids;
use super::live::{Rows, Session};
use super::versions::Words;
use crate::engine::action::ActionError;

/// "Access denied; you need (at least one of) …".
const NO_RIGHT: u64 = 1227;
/// How long a look over SQL may take.
pub const LOOK_MAX: Duration = Duration::from_secs(5);

/// A running server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub version: String,
    /// Its `server_id`.
    pub number: u32,
    pub read_only: bool,
    /// Everything that it has: written by itself, or applied.
    pub own: Gtids,
    /// Its position as its own people write it.
    pub position: String,
    pub data_dir: String,
    pub port: u16,
    pub keeps_log: bool,
    pub logs_what_it_applies: bool,
    /// Whether events are carried out.
    pub scheduler: bool,
    pub strict: bool,
    pub row_format: bool,
    /// Every commit is on disk before it is acknowledged: `sync_binlog` and `innodb_flush_log_at_trx_commit` are 1.
    pub durable: bool,
    /// What is no longer in its log; MySQL says it, of MariaDB it is found in the log.
    pub purged: Option<Gtids>,
    /// What a replica of MariaDB has applied, which is where it would go on.
    pub applied: String,
    /// Every transaction has a GTID.
    pub numbers_all: bool,
    /// Whom it follows, by connection.
    pub followed: Vec<Followed>,
}

/// One that it follows, or is told to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub receiving: Receiving,
    pub applying: bool,
    pub received: Gtids,
    pub by_gtid: bool,
    pub behind_s: Option<u64>,
    pub delay_s: u64,
    /// What stopped it, with the server's number for it; 0 for nothing.
    pub receive_error: (u32, String),
    pub apply_error: (u32, String),
    /// What it leaves out, where it is told to.
    pub filters: String,
}

/// Whether what the other writes comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiving {
    Yes,
    /// It tries.
    Connecting,
    No,
}

/// Asks a server how it stands.
pub async fn look(session: &Session) -> Result<Server, ActionError> {
    let words = session.words();
    let [rows, following] = match session.look_twice(words.look, words.following, LOOK_MAX).await {
        // An account that was never prepared may not see whom it follows. Who takes writes can be seen without it.
        Err(error) if error.evidence.number("code") == Some(NO_RIGHT) => {
            let rows = session.look(words.look, &[], LOOK_MAX).await?;
            if !says_writable(rows.text(0, 2)) {
                return Err(error);
            }
            [rows, Rows::default()]
        }
        other => other?,
    };
    read(words, &rows, &following).ok_or_else(|| ActionError::refused("the server did not say who it is"))
}

/// Whether a server says that it takes writes.
pub async fn is_writable(session: &Session) -> Result<bool, ActionError> {
    let rows = session.look(session.words().is_read_only, &[], LOOK_MAX).await?;
    Ok(says_writable(rows.text(0, 0)))
}

/// MariaDB 12 knows more ways of being read-only than one, each stricter than the last.
fn says_writable(said: Option<&str>) -> bool {
    matches!(said, Some("0" | "OFF"))
}

/// When the server that a session speaks to began, by its host's clock, in seconds since 1970.
pub async fn started(session: &Session) -> Result<u64, ActionError> {
    let rows = session.look(session.words().started, &[], LOOK_MAX).await?;
    whole_seconds(&rows).ok_or_else(|| ActionError::refused("the server did not say how long it has been running"))
}

/// A server's answer may have a fraction.
fn whole_seconds(rows: &Rows) -> Option<u64> {
    rows.text(0, 0)?.split('.').next()?.parse().ok()
}

fn read(words: &Words, rows: &Rows, following: &Rows) -> Option<Server> {
    let gtids = |text: &str| Gtids::parse(words.flavour, text);
    let text = |column| rows.text(0, column).unwrap_or_default().to_owned();
    let followed: Vec<Followed> = (0..following.count()).map(|row| followed(words, following, row)).collect();
    Some(Server {
        version: text(0),
        number: rows.get(0, 1)?,
        read_only: rows.text(0, 2).is_some() && !says_writable(rows.text(0, 2)),
        own: gtids(&text(3))?,
        data_dir: text(4),
        port: rows.get(0, 5)?,
        keeps_log: rows.is(0, 6),
        logs_what_it_applies: rows.is(0, 7),
        scheduler: rows.is(0, 8),
        strict: rows.is(0, 9),
        row_format: rows.text(0, 10) == Some("ROW"),
        durable: rows.text(0, 11) == Some("1") && rows.text(0, 12) == Some("1"),
        purged: rows.text(0, 13).and_then(gtids),
        position: text(14).replace('\n', ""),
        applied: text(15).replace('\n', ""),
        numbers_all: rows.is(0, 16),
        followed,
    })
}

fn followed(words: &Words, rows: &Rows, row: usize) -> Followed {
    let columns = &words.columns;
    let text = |column: &str| rows.named(row, column).unwrap_or_default();
    let error = |kind: &str| {
        let number = text(&format!("Last_{kind}_Errno")).parse().unwrap_or(0);
        (number, text(&format!("Last_{kind}_Error")).to_owned())
    };
    let filters: Vec<String> =
        ["Replicate_Do_DB", "Replicate_Ignore_DB", "Replicate_Do_Table", "Replicate_Ignore_Table"]
            .into_iter()
            .chain(["Replicate_Wild_Do_Table", "Replicate_Wild_Ignore_Table", "Replicate_Rewrite_DB"])
            .filter(|name| !text(name).is_empty())
            .map(|name| format!("{name}={}", text(name)))
            .collect();
    Followed {
        host: text(columns.host).to_owned(),
        port: text(columns.port).parse().unwrap_or(0),
        user: text(columns.user).to_owned(),
        receiving: match text(columns.receiving) {
            "Yes" => Receiving::Yes,
            "Connecting" | "Preparing" => Receiving::Connecting,
            _ => Receiving::No,
        },
        applying: text(columns.applying) == "Yes",
        received: Gtids::parse(words.flavour, text(columns.received)).unwrap_or(Gtids::none(words.flavour)),
        by_gtid: !matches!(text(columns.by_gtid), "" | "No" | "0"),
        behind_s: text(columns.behind_s).parse().ok(),
        delay_s: text("SQL_Delay").parse().unwrap_or(0),
        receive_error: error("IO"),
        apply_error: error("SQL"),
        filters: filters.join(" "),
    }
}

impl Server {
    /// The one that it follows, where it is one.
    pub fn leader(&self) -> Option<&Followed> {
        self.followed.first()
    }

    /// Receives and applies.
    pub fn streams(&self) -> bool {
        self.leader().is_some_and(|leader| leader.receiving == Receiving::Yes && leader.applying)
    }

    /// Is told to follow and was not told to stop: it receives, tries to, applies, or says what stopped it.
    pub fn is_replica(&self) -> bool {
        let goes = |leader: &Followed| leader.receiving != Receiving::No || leader.applying;
        self.leader().is_some_and(goes) || self.trouble().is_some()
    }

    /// What it received and has not applied, in transactions.
    pub fn to_apply(&self) -> u64 {
        let missing = self.followed.iter().map(|leader| super::gtid::count(&leader.received.missing_from(&self.own)));
        missing.sum()
    }

    /// What stopped it from following, in the server's own words.
    pub fn trouble(&self) -> Option<String> {
        let leader = self.leader()?;
        let said = |(number, text): &(u32, String)| {
            (*number != 0).then(|| format!("{} ({number})", text.trim_end_matches('.').replace('\n', " ")))
        };
        said(&leader.receive_error).or_else(|| said(&leader.apply_error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::database::mysql::versions;
    use crate::estate::model::Flavour;

    const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    /// As MySQL 8.4 and 8.0.20 answer, taken from their reference manuals and reduced to what is read.
    #[test]
    fn a_replica_of_mysql_in_new_and_in_old_terms() {
        let executed = format!("{UUID}:1-5");
        let received = format!("{UUID}:1-7");
        let own = |version: &'static str| {
            let all = [version, "2", "1", &executed, "/var/lib/mysql/", "3306", "1", "1", "ON"];
            let rest = ["ON", "ROW", "1", "1", "", &executed, &executed, "ON"];
            let cells: Vec<Option<&str>> = all.into_iter().chain(rest).map(Some).collect();
            Rows::recorded(&[""; 17], &[&cells])
        };
        let cells = [
            Some("10.0.0.1"),
            Some("3306"),
            Some("repl"),
            Some("Yes"),
            Some("Yes"),
            Some("0"),
            Some(received.as_str()),
            Some("1"),
            Some("0"),
            Some("0"),
            Some(""),
        ];
        let new = ["Source_Host", "Source_Port", "Source_User", "Replica_IO_Running", "Replica_SQL_Running"];
        let old = ["Master_Host", "Master_Port", "Master_User", "Slave_IO_Running", "Slave_SQL_Running"];
        let rest =
            |behind| [behind, "Retrieved_Gtid_Set", "Auto_Position", "SQL_Delay", "Last_IO_Errno", "Last_IO_Error"];
        for (version, first, behind) in
            [("8.4.3", new, "Seconds_Behind_Source"), ("8.0.20", old, "Seconds_Behind_Master")]
        {
            let words = versions::words(Flavour::MySql, version).expect("known");
            let names: Vec<&str> = first.into_iter().chain(rest(behind)).collect();
            let server = read(words, &own(version), &Rows::recorded(&names, &[&cells])).expect("an answer");
            assert!(
                server.read_only && server.streams() && server.durable && server.row_format && server.numbers_all,
                "{server:?}"
            );
            assert_eq!((server.to_apply(), server.trouble()), (2, None));
            assert_eq!(server.leader().map(|leader| (leader.host.as_str(), leader.port)), Some(("10.0.0.1", 3306)));
        }
    }

    #[test]
    fn only_off_is_writable() {
        assert!(says_writable(Some("0")) && says_writable(Some("OFF")));
        assert!(!["1", "ON", "NO_LOCK", "NO_LOCK_NO_ADMIN", ""].into_iter().any(|said| says_writable(Some(said))));
        assert!(!says_writable(None), "it did not say");
    }

    #[test]
    fn seconds_are_read_with_and_without_a_fraction() {
        let said = |text| whole_seconds(&Rows::recorded(&[""], &[&[text]]));
        assert_eq!(said(Some("1795246582.000000")), Some(1_795_246_582));
        assert_eq!((said(Some("7")), said(None), said(Some("soon"))), (Some(7), None, None));
    }

    #[test]
    fn what_stopped_it_is_said() {
        let words = versions::words(Flavour::MariaDb, "10.11.19-MariaDB").expect("known");
        let names = [
            "Master_Host",
            "Slave_IO_Running",
            "Slave_SQL_Running",
            "Last_IO_Errno",
            "Last_SQL_Errno",
            "Last_SQL_Error",
        ];
        let said = "An attempt was made to binlog GTID 0-1-7 which would create an out-of-order sequence number.";
        let cells = [Some("10.0.0.1"), Some("Yes"), Some("No"), Some("0"), Some("1950"), Some(said)];
        let leader = followed(words, &Rows::recorded(&names, &[&cells]), 0);
        assert_eq!(leader.apply_error, (1950, said.to_owned()));
        assert!(!leader.applying && leader.receiving == Receiving::Yes && !leader.by_gtid);
    }
}
