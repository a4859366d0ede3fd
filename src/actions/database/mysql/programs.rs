//! The fixed texts that run on members. What is dynamic is a positional argument.

use crate::actions::ssh::{LookScript, TouchScript};

macro_rules! touch {
    ($name:literal, $($file:literal),+) => {
        TouchScript {
            name: $name,
            text: concat!(
                include_str!("scripts/own.sh"), include_str!("scripts/touching.sh"), $(include_str!(concat!("scripts/", $file))),+
            ),
        }
    };
}
macro_rules! look {
    ($name:literal, $file:literal) => {
        LookScript {
            name: $name,
            text: concat!(include_str!("scripts/own.sh"), include_str!(concat!("scripts/", $file))),
        }
    };
}

/// More: unit, or nothing; groups, or nothing.
pub const LOOK: LookScript = look!("mysql-look", "look.sh");
/// The last transactions in the log on disk.
pub const TAIL: LookScript = look!("mysql-tail", "tail.sh");
/// More: unit or nothing, role, what read-only is called, the scheduler's state to come back to, groups or nothing. Prints a look.
pub const ROLE: TouchScript = touch!("mysql-role", "role.sh", "look.sh");
/// The same. Prints only whether a start would be read-only: users wait.
pub const ROLE_IN_HASTE: TouchScript = touch!("mysql-role", "role.sh", "starts.sh");
/// More: seconds, `yes` to end what does not go.
pub const STOP: TouchScript = touch!("mysql-stop", "stop.sh");
/// More: SQL text.
pub const PREPARE: TouchScript = touch!("mysql-prepare", "prepare.sh");
/// More: folder's name, the transactions. Prints how many files lie where.
pub const KEEP: TouchScript = touch!("mysql-keep", "keep.sh");
/// More: folder's name. Prints where it lies, and its figures.
pub const KEPT: LookScript = look!("mysql-kept", "kept.sh");
/// More: folder's name, the transactions. Prints where it lies, and its figures.
pub const ACCOUNT: TouchScript = touch!("mysql-account", "account.sh");
/// More: the transactions. Prints where the log stood before them, or why they cannot be taken back.
pub const REWINDABLE: LookScript = look!("mysql-rewindable", "rewindable.sh");
/// Prints what a copy from here or to here rests on.
pub const PLACE: LookScript = look!("mysql-place", "place.sh");
/// More: seconds that a lock is waited for. Prints the copy.
pub const BACKUP: TouchScript = touch!("mysql-backup", "backup.sh");
/// Reads a copy.
pub const RECEIVE: TouchScript = touch!("mysql-receive", "receive.sh");
/// More: a label where the copy has just come in, or nothing. Prints where the old files are.
pub const PUT: TouchScript = touch!("mysql-put", "put.sh");
/// Prints where it stands.
pub const POSITION: TouchScript = touch!("mysql-position", "position.sh");
/// More: where the log stood before, the transactions. Prints where it stands.
pub const REWIND: TouchScript = touch!("mysql-rewind", "rewind.sh");
