//! Exit codes: one code, one meaning (`docs/exit-codes.md`).

use crate::engine::verdict::Verdict;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    Internal = 1,
    Usage = 2,
    Invalid = 3,
    Refused = 4,
    Stopped = 5,
    BackedOut = 6,
    InDoubt = 7,
    Locked = 8,
    Declined = 9,
    DoneWithMisses = 10,
    PlanStale = 11,
    Interrupted = 130,
}

/// One row of the table: code, name, meaning, whether anything changed.
pub type Row = (Exit, &'static str, &'static str);

/// The table that `docs/exit-codes.md` shows.
pub const TABLE: &[Row] = &[
    (Exit::Done, "done (or nothing to do; or a dry-run with no blocked step)", "as planned"),
    (Exit::Internal, "internal error", "see the journal"),
    (Exit::Usage, "usage", "no"),
    (Exit::Invalid, "estate or runbook invalid", "no"),
    (
        Exit::Refused,
        "refused before the first act: a check, a fence, a policy; or a dry-run found a blocked step",
        "no",
    ),
    (Exit::Stopped, "stopped part-way; `resume` or `rollback`", "yes"),
    (Exit::BackedOut, "failed and backed out: every service is where it was", "net no"),
    (Exit::InDoubt, "in doubt: a person must look (`resolve`)", "unknown"),
    (Exit::Locked, "another run holds the lock", "no"),
    (Exit::Declined, "declined, or no answer in time, before the first act (later: 5)", "no"),
    (Exit::DoneWithMisses, "done, but an objective was missed or a check after it failed", "yes"),
    (Exit::PlanStale, "the saved plan no longer matches", "no"),
    (Exit::Interrupted, "interrupted", "see the journal"),
];

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Done => Self::Done,
            Verdict::DoneWithMisses => Self::DoneWithMisses,
            Verdict::Refused => Self::Refused,
            Verdict::Stopped | Verdict::Declined { changed: true } => Self::Stopped,
            Verdict::BackedOut => Self::BackedOut,
            Verdict::InDoubt => Self::InDoubt,
            Verdict::Declined { changed: false } => Self::Declined,
            Verdict::Interrupted => Self::Interrupted,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::broken::journal_failure;
    use crate::engine::action::Lost;
    use crate::engine::ports::JournalError;

    fn page() -> String {
        let mut page = String::from(
            "# Exit codes\n\nOne code has one meaning. A test holds this table equal to the one in the program.\n\n\
             | code | meaning | did anything change? |\n|---|---|---|\n",
        );
        for (exit, meaning, changed) in TABLE {
            page.push_str(&format!("| {} | {meaning} | {changed} |\n", *exit as u8));
        }
        page
    }

    #[test]
    fn the_documented_table_is_the_programs() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/exit-codes.md");
        if std::env::var_os("SWITCHBACK_BLESS").is_some() {
            std::fs::write(path, page()).expect("written");
        }
        let documented = std::fs::read_to_string(path).expect("docs/exit-codes.md");
        assert_eq!(documented, page(), "run the tests with SWITCHBACK_BLESS=1 to write it anew");
    }

    #[test]
    fn one_code_has_one_meaning() {
        let mut codes: Vec<u8> = TABLE.iter().map(|(exit, ..)| *exit as u8).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn a_lock_that_was_taken_is_anothers_and_one_that_went_stale_leaves_a_run_part_way() {
        let text = || "why".to_owned();
        let table = [
            (JournalError::LockLost(Lost::Taken(text())), true, Exit::Locked),
            (JournalError::LockLost(Lost::Taken(text())), false, Exit::Locked),
            (JournalError::LockLost(Lost::Stale(text())), true, Exit::Stopped),
            (JournalError::LockLost(Lost::Stale(text())), false, Exit::Refused),
            (JournalError::Disk(text()), true, Exit::Stopped),
            (JournalError::Disk(text()), false, Exit::Refused),
        ];
        for (error, touched, exit) in table {
            let failure = journal_failure(&error, "r", touched);
            assert_eq!(failure.exit, exit, "{error:?}, touched: {touched}");
            let leads_on = failure.hints.iter().any(|hint| hint.contains("switchback rollback r"));
            assert_eq!(leads_on, matches!(error, JournalError::LockLost(Lost::Stale(_))), "{:?}", failure.hints);
        }
    }

    #[test]
    fn every_verdict_has_its_code() {
        let table = [
            (Verdict::Done, 0),
            (Verdict::Refused, 4),
            (Verdict::Stopped, 5),
            (Verdict::BackedOut, 6),
            (Verdict::InDoubt, 7),
            (Verdict::Declined { changed: false }, 9),
            (Verdict::Declined { changed: true }, 5),
            (Verdict::DoneWithMisses, 10),
            (Verdict::Interrupted, 130),
        ];
        for (verdict, code) in table {
            assert_eq!(Exit::from(verdict) as u8, code, "{verdict:?}");
        }
    }
}
