//! What a member's disk tells, whether its server runs or not.

use std::net::IpAddr;

use super::control_data::{self, ClusterState, ControlData};
use super::lsn::Lsn;
use crate::actions::ssh::LookScript;

/// Arguments: data directory, configuration directory, directory of the programs, systemd unit or nothing, where its server
/// listens or nothing.
pub const LOOK: LookScript = LookScript { name: "postgres-look", text: include_str!("scripts/look.sh") };

/// A data directory, as a look found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    pub data: Data,
    /// Why the directory must never be started: a rewind began and did not end.
    pub unusable: Option<String>,
    /// Something long that Switchback began there.
    pub job: Option<Job>,
    /// What systemd says of its unit: `enabled`, `disabled`, `masked`, …
    pub unit: Option<String>,
    /// No server runs in the directory, and another listens where its would: the directory in which that one works, or
    /// `unknown`. Then nothing that the directory says is a proof of anything.
    pub elsewhere: Option<String>,
}

/// The data directory itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, and it lives for one look")]
pub enum Data {
    Missing,
    /// There, and not a data directory.
    Empty,
    /// There, and not ours to read.
    Unreadable,
    Found(Cluster),
}

/// A cluster on disk.
#[expect(clippy::struct_excessive_bools, reason = "each is a file that is there or not")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Major version, as in `PG_VERSION`.
    pub version: u32,
    pub control: ControlData,
    /// Its postmaster, where one runs in this very directory.
    pub running: Option<Running>,
    pub standby_signal: bool,
    pub recovery_signal: bool,
    pub backup_label: bool,
    pub tablespaces: bool,
    /// Host that it is told to follow; empty text where the setting names none; `None` where it is told nobody.
    pub follows: Option<String>,
    /// Length of the shutdown checkpoint's record, where the server was shut down as a primary.
    pub checkpoint_bytes: Option<u64>,
}

/// A running postmaster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub pid: u32,
    /// When it began, in seconds since 1970, as its pid file says.
    pub started: u64,
    pub port: u16,
    /// Stopped by a signal: it answers nobody, and may go on at any moment.
    pub frozen: bool,
}

/// Something long that was begun on the host and outlives us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub name: String,
    pub state: JobState,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    Running,
    Done,
    Failed,
    /// It ended without saying how: killed, or the host went down.
    Died,
}

impl Cluster {
    /// Where the old primary's log ends: after its shutdown checkpoint, or where its recovery ended.
    pub fn end(&self) -> Option<Lsn> {
        let control = &self.control;
        match control.state {
            ClusterState::ShutDown => {
                Some(control.checkpoint.end_of_record(self.checkpoint_bytes?, control.segment_bytes))
            }
            ClusterState::ShutDownInRecovery => Some(control.min_recovery_end),
            _ => None,
        }
    }

    /// The timeline that it is on: of what was in recovery, the one that it recovered along.
    pub fn timeline(&self) -> u32 {
        self.control.timeline.max(self.control.min_recovery_timeline)
    }

    /// Whether its server, where one runs in recovery, was started as a standby and so stays in recovery until it is
    /// promoted. With `recovery.signal` it takes writes by itself once it has come to the end of what it recovers,
    /// also where the other signal was written since.
    pub fn stays_in_recovery(&self) -> bool {
        self.standby_signal && !self.recovery_signal
    }

    /// Whether a start would come up in recovery, following nobody on its own account.
    pub fn starts_read_only(&self) -> bool {
        self.standby_signal
    }
}

/// Reads what the look script printed.
pub fn parse(text: &str) -> Result<Disk, String> {
    let (fields, control) = text.split_once("== control\n").unwrap_or((text, ""));
    let field = |name: &str| fields.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::trim);
    let filled = |name: &str| field(name).filter(|value| !value.is_empty()).map(str::to_owned);
    let data = match field("data") {
        Some("missing") => Data::Missing,
        Some("empty") => Data::Empty,
        Some("unreadable") => Data::Unreadable,
        Some("found") => {
            let version = filled("version").unwrap_or_default();
            let version =
                version.parse().map_err(|_| format!("PG_VERSION says `{version}`, which is no version from 10 on"))?;
            let running = filled("running").and_then(|pid| {
                let (started, port) = (filled("started")?.parse().ok()?, filled("port")?.parse().ok()?);
                Some(Running { pid: pid.parse().ok()?, started, port, frozen: field("process") == Some("T") })
            });
            Data::Found(Cluster {
                version,
                control: control_data::parse(control).map_err(|error| error.to_string())?,
                running,
                standby_signal: field("standby_signal").is_some(),
                recovery_signal: field("recovery_signal").is_some(),
                backup_label: field("backup_label").is_some(),
                tablespaces: field("tablespaces").is_some(),
                follows: field("follows").map(str::to_owned),
                checkpoint_bytes: filled("checkpoint_bytes").and_then(|bytes| bytes.parse().ok()),
            })
        }
        _ => return Err("the look at the data directory printed nothing that it should".to_owned()),
    };
    let job = filled("job").map(|name| Job {
        name,
        state: match field("job_state") {
            Some("running") => JobState::Running,
            Some("done") => JobState::Done,
            Some("failed") => JobState::Failed,
            _ => JobState::Died,
        },
    });
    Ok(Disk { data, unusable: filled("unusable"), job, unit: filled("unit"), elsewhere: filled("elsewhere") })
}

/// Where a server with this address and port listens, as an expression over the places in `/proc/net/tcp` and its like. A
/// name may stand for any address but this machine's own, where hosts of a laboratory stand beside each other. The
/// kernel writes each four bytes of an address in its machine's order.
pub fn listens(address: &str, port: u16) -> String {
    let written = |bytes: &[u8], turned: bool| {
        let words = bytes.chunks(4).map(|word| {
            let hex = |byte: &u8| format!("{byte:02X}");
            if turned { word.iter().rev().map(hex).collect::<String>() } else { word.iter().map(hex).collect() }
        });
        words.collect::<String>()
    };
    let mut places = vec!["0{8}".to_owned(), "0{32}".to_owned()];
    for turned in [true, false] {
        match address.parse() {
            Ok(IpAddr::V4(address)) => {
                places.push(written(&address.octets(), turned));
                places.push(written(&address.to_ipv6_mapped().octets(), turned));
            }
            Ok(IpAddr::V6(address)) => places.push(written(&address.octets(), turned)),
            Err(_) => {}
        }
    }
    if address.parse::<IpAddr>().is_err() {
        // The byte that says 127 is the last of four, or the first.
        places.push("[0-9A-F]{6}([0-689A-F][0-9A-F]|7[0-9A-E])".to_owned());
        places.push("[0-9A-F]{31}[02-9A-F]".to_owned());
    }
    format!("({}):{port:04X}", places.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &str) -> Cluster {
        let text = format!("data=found\nversion=15\n{fields}== control\n{}", control_data::tests::PRINTED);
        match parse(&text).expect("a disk").data {
            Data::Found(cluster) => cluster,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stopped_primary() {
        let cluster = found("standby_signal=yes\ncheckpoint_bytes=114\n");
        assert_eq!(cluster.end(), "0/330000A0".parse().ok());
        assert!(cluster.starts_read_only() && cluster.running.is_none() && cluster.follows.is_none());
    }

    #[test]
    fn a_running_server() {
        let cluster = found("started=1795236068\nport=5432\nrunning=406\nprocess=S\nfollows=10.0.0.1\n");
        let running = cluster.running.expect("it runs");
        assert_eq!((running.pid, running.started, running.port, running.frozen), (406, 1_795_236_068, 5432, false));
        assert_eq!(cluster.follows.as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn where_a_server_listens() {
        assert_eq!(listens("127.68.1.1", 5432).matches("0101447F").count(), 2, "alone, and within an address of six");
        assert!(listens("127.68.1.1", 5432).ends_with("):1538"));
        assert!(listens("fd00::1:2", 80).contains("000000FD000000000000000002000100"));
        assert!(listens("db.example.org", 5433).contains("[0-9A-F]{6}"));
    }

    #[test]
    fn no_cluster_at_all() {
        assert_eq!(parse("data=missing\n").expect("a disk").data, Data::Missing);
        let disk = parse("unusable=a rewind began\njob=rewind\njob_state=died\ndata=empty\n").expect("a disk");
        assert_eq!((disk.data, disk.unusable.as_deref()), (Data::Empty, Some("a rewind began")));
        assert_eq!(disk.job, Some(Job { name: "rewind".to_owned(), state: JobState::Died }));
        assert!(parse("").is_err());
        assert!(parse("data=found\nversion=9.6\n").is_err());
    }
}
