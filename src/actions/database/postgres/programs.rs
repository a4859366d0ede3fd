//! The fixed texts that run on members. What is dynamic is a positional argument.

use crate::actions::ssh::{LookScript, TouchScript};

macro_rules! touch {
    ($name:literal, $($file:literal),+) => {
        TouchScript { name: $name, text: concat!(include_str!("scripts/own.sh"), $(include_str!(concat!("scripts/", $file))),+) }
    };
}
macro_rules! look {
    ($name:literal, $file:literal) => {
        LookScript { name: $name, text: include_str!(concat!("scripts/", $file)) }
    };
}

/// More: where its server listens, seconds to wait for the stop (0: none), `yes` to kill what does not go. Prints a look.
pub const FENCE: TouchScript = touch!("postgres-fence", "fence.sh", "look.sh");
/// More: where its server listens, seconds for the start and the stop. Prints a look.
pub const QUARANTINE: TouchScript = touch!("postgres-quarantine", "alone.sh", "quarantine.sh", "look.sh");
/// More: where its server listens. Prints a look. Starts nothing.
pub const UNFENCE: TouchScript = touch!("postgres-unfence", "unfence.sh", "look.sh");
/// More: `nobody`, `leader` or `before`; connection string and slot as lines of a configuration file want them.
pub const TELL: TouchScript = touch!("postgres-tell", "tell.sh");
/// More: seconds.
pub const START: TouchScript = touch!("postgres-start", "start.sh");
/// More: seconds.
pub const STOP: TouchScript = touch!("postgres-stop", "stop.sh");
/// More: name, text, and what the text wants after the places.
pub const JOB: TouchScript = touch!("postgres-job", "job.sh");
/// More: folder's name, first segment. Prints how many files lie where.
pub const KEEP: TouchScript = touch!("postgres-keep", "keep.sh");

/// More: database, SQL text. Runs it as a superuser over the server's own socket, all of it or nothing.
pub const PREPARE: TouchScript = touch!("postgres-prepare", "prepare.sh");

/// A job's text. More: source, connection string and slot to follow with.
pub const REWIND: &str = concat!(include_str!("scripts/own.sh"), include_str!("scripts/rewind.sh"));
/// A job's text. More: source, connection string and slot to follow with, the slot's bare name, a label.
pub const COPY: &str = concat!(include_str!("scripts/own.sh"), include_str!("scripts/copy.sh"));

/// A text of awk as a variable of the shell.
macro_rules! awk {
    ($name:literal, $file:literal) => {
        concat!($name, "=$(cat <<'END_OF_AWK'\n", include_str!(concat!("scripts/", $file)), "END_OF_AWK\n)\n")
    };
}
/// A job's text. More: the folder of what is kept, timeline, the fork's segment and a segment's bytes, place of the fork (padded),
/// end, a role, the most rows and bytes.
pub const SAVE: &str = concat!(
    include_str!("scripts/own.sh"),
    include_str!("scripts/alone.sh"),
    awk!("log_rows", "log_rows.awk"),
    awk!("lost_rows", "lost_rows.awk"),
    awk!("row_sql", "row_sql.awk"),
    awk!("row_count", "row_count.awk"),
    include_str!("scripts/save.sh")
);
/// More: database.
pub const TABLES: LookScript = LookScript {
    name: "postgres-tables",
    text: concat!(include_str!("scripts/superuser.sh"), include_str!("scripts/tables.sh")),
};
/// More: database, number of the table, first block, how many, the first transaction to leave out or nothing, a place that
/// must be replayed or nothing.
pub const PART: LookScript = LookScript {
    name: "postgres-part",
    text: concat!(include_str!("scripts/superuser.sh"), include_str!("scripts/part.sh")),
};
/// More: timeline, end of the log, the leader's timeline.
pub const ACCOUNTS: LookScript = look!("postgres-accounts", "accounts.sh");

/// More: the file of the timeline's history.
pub const HISTORY: LookScript = look!("postgres-history", "history.sh");
pub const SPACE: LookScript = look!("postgres-space", "space.sh");
/// More: how to reach the other member, or nothing.
pub const CHECK: LookScript = look!("postgres-check", "check.sh");
pub const JOB_LOG: LookScript = look!("postgres-job-log", "job_log.sh");
/// More: timeline, place to begin at.
pub const ACCOUNT: LookScript = look!("postgres-account", "account.sh");
