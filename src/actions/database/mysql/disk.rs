//! What a member's disk tells, without asking its server.

/// A member's directory, settings and process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disk {
    pub data: Data,
    pub running: Option<Process>,
    /// What its unit is, where it has one: `enabled`, `masked`, …
    pub unit: Option<String>,
    /// Whether the server's programs are there: without them nothing is known of what a start would be.
    pub programs: bool,
    /// Any start comes up read-only, by all the files that the server reads.
    pub starts_read_only: bool,
    /// Any start comes up without a listener.
    pub starts_without_network: bool,
    /// What our own settings say that it is.
    pub role: Option<String>,
    /// Whether events were carried out before the fence.
    pub scheduler_before: Option<bool>,
    /// Whether a start carries out events.
    pub scheduler: bool,
    /// What is being taken back, as it was written down before that began: the position to come to, the transactions.
    pub rewinding: Option<String>,
    /// Why the data directory must never be started.
    pub unusable: Option<String>,
    /// How far a copy has come that is to take its place.
    pub copying: Option<Copying>,
    /// Which groups of its files the server reads, where this look asked it.
    pub groups: Option<String>,
}

/// How far a copy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copying {
    /// All of it is there, beside the data directory.
    Received,
    /// It takes the place of what was there; neither is whole.
    Exchanging,
    /// It is in its place, and does not know its position yet.
    Placed,
}

/// What the data directory is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Data {
    #[default]
    Missing,
    Unreadable,
    Empty,
    Found,
}

/// The server's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    /// Stopped by a signal: it answers nobody, and may go on at any time.
    pub frozen: bool,
    /// In seconds since 1970, by the host's clock.
    pub started: u64,
    /// The file that it was given as `--defaults-file`.
    pub given: Option<String>,
}

/// Reads what the look script prints.
pub fn parse(text: &str) -> Result<Disk, String> {
    let mut disk = Disk { programs: true, ..Disk::default() };
    let mut process = Process { pid: 0, frozen: false, started: 0, given: None };
    let (mut found, mut persisted) = (false, String::new());
    for line in text.lines() {
        let (key, value) = line.split_once('=').ok_or_else(|| format!("the look printed `{line}`"))?;
        match key {
            "data" => {
                found = true;
                disk.data = match value {
                    "missing" => Data::Missing,
                    "unreadable" => Data::Unreadable,
                    "empty" => Data::Empty,
                    _ => Data::Found,
                };
            }
            "unit" => disk.unit = Some(value.to_owned()).filter(|unit| !unit.is_empty()),
            "running" => process.pid = value.parse().map_err(|_| format!("`{value}` is no process"))?,
            "process" => process.frozen = value == "T",
            "started" => process.started = value.parse().map_err(|_| format!("`{value}` is no time"))?,
            "given" => process.given = Some(value.to_owned()).filter(|given| !given.is_empty()),
            "programs" => disk.programs = false,
            "starts_read_only" => disk.starts_read_only = true,
            "starts_without_network" => disk.starts_without_network = true,
            "scheduler" => disk.scheduler = is_on(value),
            "rewinding" => disk.rewinding = Some(value.to_owned()).filter(|what| !what.is_empty()),
            "unusable" => disk.unusable = Some(value.to_owned()),
            "copying" => {
                disk.copying = match value {
                    "received" => Some(Copying::Received),
                    "exchanging" => Some(Copying::Exchanging),
                    "placed" => Some(Copying::Placed),
                    _ => return Err(format!("`{value}` is no state of a copy")),
                };
            }
            "groups" => disk.groups = Some(value.trim().to_owned()).filter(|groups| !groups.is_empty()),
            "role" => disk.role = Some(value.to_owned()),
            "scheduler_before" if !value.is_empty() => disk.scheduler_before = Some(is_on(value)),
            "persisted" => value.clone_into(&mut persisted),
            _ => {}
        }
    }
    if !found {
        return Err("the look at the disk was cut short".to_owned());
    }
    disk.running = (process.pid != 0).then_some(process);
    for one in persisted.split_whitespace() {
        // Read last of all by MySQL. Either of the two makes it read-only.
        match one.split_once(':') {
            Some((_, value)) if is_on(value) => disk.starts_read_only = true,
            Some(("super_read_only", _)) => disk.starts_read_only = false,
            _ => {}
        }
    }
    Ok(disk)
}

fn is_on(value: &str) -> bool {
    ["1", "ON", "TRUE", "YES"].contains(&value.to_ascii_uppercase().as_str())
}

impl Disk {
    /// Any start is read-only, without events, and nobody can come in from outside.
    pub fn is_sealed(&self) -> bool {
        self.starts_read_only && self.starts_without_network && !self.scheduler
    }

    /// What the member had of its own is not in its data directory any more; it was saved before, and is kept.
    pub fn is_replaced(&self) -> bool {
        matches!(self.copying, Some(Copying::Exchanging | Copying::Placed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read() {
        let text = "data=found\nrunning=77\nprocess=S\nstarted=1795246582\ngiven=/x/my.cnf\nstarts_read_only=yes\nscheduler=OFF\n\
                    role=fenced\nscheduler_before=ON\n";
        let disk = parse(text).expect("a look");
        assert_eq!(disk.running.as_ref().map(|process| process.pid), Some(77));
        assert!(disk.starts_read_only && !disk.is_sealed() && disk.scheduler_before == Some(true));
        assert!(
            parse("data=found\nstarts_read_only=yes\nstarts_without_network=yes\n").is_ok_and(|disk| disk.is_sealed())
        );
        assert!(parse("").is_err() && parse("oh").is_err());
    }

    #[test]
    fn how_far_a_copy_has_come() {
        for (said, expected, replaced) in [
            ("", None, false),
            ("copying=received\n", Some(Copying::Received), false),
            ("unusable=a copy began\ncopying=exchanging\n", Some(Copying::Exchanging), true),
            ("copying=placed\n", Some(Copying::Placed), true),
        ] {
            let disk = parse(&format!("data=found\n{said}")).expect("a look");
            assert_eq!((disk.copying, disk.is_replaced()), (expected, replaced), "{said}");
            assert_eq!(disk.unusable.is_some(), said.contains("unusable"));
        }
        assert!(parse("data=found\ncopying=perhaps\n").is_err());
    }

    #[test]
    fn what_mysql_persists_is_read_last() {
        let starts = |text: &str| parse(text).map(|disk| disk.starts_read_only);
        assert_eq!(starts("data=found\nstarts_read_only=yes\npersisted=super_read_only:OFF \n"), Ok(false));
        assert_eq!(starts("data=found\npersisted=super_read_only:ON \n"), Ok(true));
    }
}
