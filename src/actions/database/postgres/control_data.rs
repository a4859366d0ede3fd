//! What `pg_controldata` prints: the one file of a data directory that says how its server ended.

use super::lsn::Lsn;

/// The control data, as far as it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlData {
    pub system_identifier: String,
    pub state: ClusterState,
    /// Where the last checkpoint record begins, the place to recover from, and its segment's file.
    pub checkpoint: Lsn,
    pub redo: Lsn,
    pub redo_file: String,
    pub timeline: u32,
    pub checkpoint_time: String,
    /// For what was in recovery: how far it must be replayed before it is consistent; 0/0 for a primary.
    pub min_recovery_end: Lsn,
    pub min_recovery_timeline: u32,
    pub segment_bytes: u64,
    /// Whether pg_rewind can find what changed: hint bits are logged, or pages have checksums.
    pub rewindable: bool,
    pub full_page_writes: bool,
    pub max_connections: u64,
    pub max_worker_processes: u64,
    pub max_wal_senders: u64,
    pub max_prepared_xacts: u64,
    pub max_locks_per_xact: u64,
}

/// `Database cluster state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterState {
    StartingUp,
    ShutDown,
    ShutDownInRecovery,
    ShuttingDown,
    InCrashRecovery,
    InArchiveRecovery,
    InProduction,
}

impl ClusterState {
    const ALL: [(Self, &'static str); 7] = [
        (Self::StartingUp, "starting up"),
        (Self::ShutDown, "shut down"),
        (Self::ShutDownInRecovery, "shut down in recovery"),
        (Self::ShuttingDown, "shutting down"),
        (Self::InCrashRecovery, "in crash recovery"),
        (Self::InArchiveRecovery, "in archive recovery"),
        (Self::InProduction, "in production"),
    ];

    /// As PostgreSQL words it.
    pub fn words(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, words)| words)
    }

    /// Whether the server ended in order, which proves that it does not write.
    pub fn is_shut_down(self) -> bool {
        matches!(self, Self::ShutDown | Self::ShutDownInRecovery)
    }
}

/// Why a text is no control data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pg_controldata did not print `{0}` as it should")]
pub struct BadControlData(&'static str);

/// Reads what `LC_ALL=C pg_controldata` prints.
pub fn parse(text: &str) -> Result<ControlData, BadControlData> {
    let value = |name: &'static str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim).filter(|value| !value.is_empty()).ok_or(BadControlData(name))
    };
    let lsn = |name| value(name)?.parse::<Lsn>().map_err(|_| BadControlData(name));
    let number = |name| value(name)?.parse::<u64>().map_err(|_| BadControlData(name));
    let timeline = |name| value(name)?.parse::<u32>().map_err(|_| BadControlData(name));
    let words = value("Database cluster state")?;
    let state = ClusterState::ALL.iter().find(|(_, known)| *known == words).map(|(state, _)| *state);
    Ok(ControlData {
        system_identifier: value("Database system identifier")?.to_owned(),
        state: state.ok_or(BadControlData("Database cluster state"))?,
        checkpoint: lsn("Latest checkpoint location")?,
        redo: lsn("Latest checkpoint's REDO location")?,
        redo_file: value("Latest checkpoint's REDO WAL file")?.to_owned(),
        timeline: timeline("Latest checkpoint's TimeLineID")?,
        checkpoint_time: value("Time of latest checkpoint")?.to_owned(),
        min_recovery_end: lsn("Minimum recovery ending location")?,
        min_recovery_timeline: timeline("Min recovery ending loc's timeline")?,
        segment_bytes: number("Bytes per WAL segment")?,
        rewindable: value("wal_log_hints setting")? == "on" || number("Data page checksum version")? > 0,
        full_page_writes: value("Latest checkpoint's full_page_writes")? == "on",
        max_connections: number("max_connections setting")?,
        max_worker_processes: number("max_worker_processes setting")?,
        max_wal_senders: number("max_wal_senders setting")?,
        max_prepared_xacts: number("max_prepared_xacts setting")?,
        max_locks_per_xact: number("max_locks_per_xact setting")?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub const PRINTED: &str = "\
pg_control version number:            1300
Catalog version number:               202209061
Database system identifier:           7710480190015016757
Database cluster state:               shut down
pg_control last modified:             Sat Nov 21 04:46:17 2026
Latest checkpoint location:           0/33000028
Latest checkpoint's REDO location:    0/33000028
Latest checkpoint's REDO WAL file:    000000010000000000000033
Latest checkpoint's TimeLineID:       1
Latest checkpoint's PrevTimeLineID:   1
Latest checkpoint's full_page_writes: on
Time of latest checkpoint:            Sat Nov 21 04:46:08 2026
Minimum recovery ending location:     0/0
Min recovery ending loc's timeline:   0
wal_level setting:                    replica
wal_log_hints setting:                off
max_connections setting:              100
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           0
max_locks_per_xact setting:           64
Bytes per WAL segment:                16777216
Data page checksum version:           1
";

    #[test]
    fn what_it_prints_is_read() {
        let data = parse(PRINTED).expect("control data");
        assert_eq!(data.state, ClusterState::ShutDown);
        assert_eq!((data.checkpoint, data.timeline), ("0/33000028".parse().expect("an LSN"), 1));
        assert!(data.rewindable && data.full_page_writes);
    }

    #[test]
    fn every_state_is_known() {
        for (state, words) in ClusterState::ALL {
            let text = PRINTED.replace("state:               shut down", &format!("state:               {words}"));
            assert_eq!(parse(&text).expect(words).state, state);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(parse(""), Err(BadControlData("Database cluster state")));
        let other = PRINTED.replace("shut down", "heruntergefahren");
        assert_eq!(parse(&other), Err(BadControlData("Database cluster state")));
        let odd = PRINTED.replace("0/33000028\n", "nowhere\n");
        assert_eq!(parse(&odd), Err(BadControlData("Latest checkpoint location")));
    }
}
