//! Who keeps everybody else from writing to the journal. A transaction takes milliseconds; whoever holds the file for longer
//! was stopped in the middle of one, or its disk hangs.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::FILE;

/// Which byte of its shared memory SQLite locks to write in WAL mode (`WAL_WRITE_LOCK` in its `wal.c`).
const WRITE_LOCK: u64 = 120;

/// A process that is writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// `None` where the kernel does not tell, as from within another container.
    pub pid: Option<u32>,
    /// It was stopped (Ctrl-Z, SIGSTOP, a debugger), and finishes when it is told to go on.
    pub stopped: bool,
}

impl Busy {
    /// Who holds the journal of this state directory at this moment.
    pub(super) fn of(folder: &Path) -> Self {
        let inode = std::fs::metadata(folder.join(format!("{FILE}-shm"))).map(|shm| shm.ino()).ok();
        let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
        let pid = inode.and_then(|inode| locks.lines().find_map(|line| writes(line, inode)));
        Self { pid, stopped: pid.is_some_and(is_stopped) }
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, self.stopped) {
            (Some(pid), true) => write!(f, "process {pid} is stopped in the middle of it"),
            (Some(pid), false) => write!(f, "process {pid} does not come to its end with it"),
            (None, _) => f.write_str("another process does not come to its end with it"),
        }
    }
}

/// The process that a line of `/proc/locks` (proc(5)) says to hold the write lock of this file:
/// `1: POSIX  ADVISORY  WRITE 4242 fe:00:131 120 120`.
fn writes(line: &str, inode: u64) -> Option<u32> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, "POSIX", _, "WRITE", pid, file, from, to] = fields.as_slice() else { return None };
    let of = file.rsplit(':').next()?.parse::<u64>().ok()?;
    let range = from.parse::<u64>().ok()?..=to.parse::<u64>().unwrap_or(u64::MAX);
    (of == inode && range.contains(&WRITE_LOCK)).then_some(())?;
    pid.parse().ok().filter(|pid| *pid != 0)
}

fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| matches!(rest.split_whitespace().next(), Some("T" | "t")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_is_found_among_locks() {
        assert_eq!(writes("1: POSIX  ADVISORY  WRITE 4242 fe:00:131 120 120", 131), Some(4242));
        assert_eq!(writes("1: POSIX  ADVISORY  WRITE 4242 fe:00:131 0 EOF", 131), Some(4242));
        for other in [
            "1: POSIX  ADVISORY  READ  4242 fe:00:131 124 124",
            "1: POSIX  ADVISORY  WRITE 4242 fe:00:132 120 120",
            "1: POSIX  ADVISORY  WRITE 4242 fe:00:131 121 121",
            "1: POSIX  ADVISORY  WRITE 0 fe:00:131 120 120",
            "1: -> POSIX  ADVISORY  WRITE 4242 fe:00:131 120 120",
            "2: FLOCK  ADVISORY  WRITE 4242 fe:00:131 0 EOF",
            "",
        ] {
            assert_eq!(writes(other, 131), None, "{other}");
        }
    }
}
