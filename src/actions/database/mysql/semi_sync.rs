//! Semi-synchronous replication: commits that wait until a replica has said that it has them.
//!
//! It promises nothing here, since what was not acknowledged may come to light again: what the old primary has in its log is
//! what is compared. But it makes servers wait. A freeze waits for commits that wait; a new primary that nobody follows yet
//! waits with its first ones, our receipt among them.

use std::time::Duration;

use super::live::{LookSql, Rows, Session};
use super::versions::SemiSyncNames;
use crate::actions::database::port::{Finding, Severity};
use crate::base::quantity::spoken;
use crate::engine::action::ActionError;
use crate::runbook::bound::Mode;

const SQL_MAX: Duration = Duration::from_secs(5);
/// How long a new primary may keep its first writers waiting, in milliseconds.
const FIRST_COMMIT_MS_MAX: u64 = 3000;

const SETTINGS: LookSql = LookSql("SHOW GLOBAL VARIABLES LIKE 'rpl\\_semi\\_sync%'");
const STATUS: LookSql = LookSql("SHOW GLOBAL STATUS LIKE 'Rpl\\_semi\\_sync%'");

/// How a server stands to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SemiSync {
    /// As a primary it waits.
    waits: bool,
    /// How long, before it goes on without.
    timeout_ms: u64,
    /// It waits at this moment; off after a time-out, until a replica has caught up.
    is_on: bool,
    /// As a replica it acknowledges.
    acknowledges: bool,
    /// Replicas that acknowledge.
    replicas: u64,
    /// Commits that wait.
    waiting: u64,
    /// What the server calls how long it waits.
    timeout_name: String,
}

/// Asks a server; all is off where it knows nothing of it.
pub async fn look(session: &Session) -> Result<SemiSync, ActionError> {
    let settings = session.look(SETTINGS, &[], SQL_MAX).await?;
    let status = session.look(STATUS, &[], SQL_MAX).await?;
    Ok(read(session.words().semi_sync, &settings, &status))
}

fn read(names: &[SemiSyncNames], settings: &Rows, status: &Rows) -> SemiSync {
    let value = |rows: &Rows, name: &str| {
        let row = (0..rows.count()).find(|row| rows.text(*row, 0).is_some_and(|own| own.eq_ignore_ascii_case(name)));
        row.and_then(|row| rows.text(row, 1)).map(str::to_owned)
    };
    let known = names.iter().find(|names| value(settings, names.waits).is_some());
    let Some(names) = known.or(names.first()) else { return SemiSync::default() };
    let is = |rows: &Rows, name: &str| value(rows, name).is_some_and(|value| value.eq_ignore_ascii_case("ON"));
    let count = |rows: &Rows, name: &str| value(rows, name).and_then(|value| value.parse().ok()).unwrap_or(0);
    SemiSync {
        waits: is(settings, names.waits),
        timeout_ms: count(settings, names.timeout),
        is_on: is(status, names.is_on),
        acknowledges: is(settings, names.acknowledges),
        replicas: count(status, names.replicas),
        waiting: count(status, names.waiting),
        timeout_name: names.timeout.to_owned(),
    }
}

impl SemiSync {
    /// Why a lock may not have been had: commits that wait, and for how long at most.
    pub fn holds_up(&self) -> Option<String> {
        (self.waits && self.waiting > 0).then(|| {
            format!(
                "{} for a replica's acknowledgement (semi-sync, `{}` is {})",
                match self.waiting {
                    1 => "1 commit waits".to_owned(),
                    count => format!("{count} commits wait"),
                },
                self.timeout_name,
                spoken(self.timeout_ms)
            )
        })
    }
}

/// What the two mean for a change of roles. `old` is the one that serves, where it answers.
pub fn findings(old: Option<(&str, &SemiSync)>, new: (&str, &SemiSync), mode: Mode) -> Vec<Finding> {
    let (name, new) = new;
    let mut findings = Vec::new();
    let mut says = |severity, sentence| findings.push(Finding { severity, sentence });
    if new.waits && new.is_on && new.replicas == 0 && new.timeout_ms > FIRST_COMMIT_MS_MAX {
        // Also in an emergency: the promotion itself would stand still.
        says(
            Severity::Blocks,
            format!(
                "{name} waits with each commit for a replica's acknowledgement, and would have no replica once it serves: its first \
                 commits would take {}; `SET GLOBAL {} = {FIRST_COMMIT_MS_MAX}` there, or less, and go on",
                spoken(new.timeout_ms),
                new.timeout_name
            ),
        );
    }
    let Some((old_name, old)) = old.filter(|(_, old)| old.waits) else { return findings };
    // In an emergency it is stopped, and what waits counts as written: it is in the log.
    if mode == Mode::Planned
        && old.replicas == 0
        && let Some(waiting) = old.holds_up()
    {
        says(
            Severity::Blocks,
            format!(
                "at {old_name} {waiting}, and no replica gives one, so that it could not be frozen; let {name} follow again, or lower \
                 that time"
            ),
        );
    } else if !old.is_on {
        says(
            Severity::Warns,
            format!("semi-sync is enabled at {old_name}, and off since a replica did not acknowledge in time"),
        );
    }
    if !new.acknowledges {
        says(Severity::Warns, format!("{old_name} waits for acknowledgements (semi-sync), and {name} gives none"));
    }
    if old.is_on && old.timeout_ms > FIRST_COMMIT_MS_MAX {
        // A replica that is set to wait as a primary waits with what it applies, too.
        let wait = spoken(old.timeout_ms);
        says(
            Severity::Warns,
            format!(
                "once it follows, {old_name} waits {wait} for an acknowledgement of its own before it applies more (`{}`)",
                old.timeout_name
            ),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::database::mysql::versions;
    use crate::estate::model::Flavour;

    fn asked(flavour: Flavour, version: &str, settings: &[(&str, &str)], status: &[(&str, &str)]) -> SemiSync {
        let rows = |pairs: &[(&str, &str)]| {
            let cells: Vec<[Option<&str>; 2]> = pairs.iter().map(|(name, value)| [Some(*name), Some(*value)]).collect();
            let cells: Vec<&[Option<&str>]> = cells.iter().map(<[_; 2]>::as_slice).collect();
            Rows::recorded(&["Variable_name", "Value"], &cells)
        };
        read(versions::words(flavour, version).expect("known").semi_sync, &rows(settings), &rows(status))
    }

    /// As the servers say it: MariaDB 10.11 on a real one, MySQL by its manual, with either of its two plugins.
    #[test]
    fn every_name_that_it_has_is_read() {
        let mariadb = asked(
            Flavour::MariaDb,
            "10.11.19-MariaDB",
            &[
                ("rpl_semi_sync_master_enabled", "ON"),
                ("rpl_semi_sync_master_timeout", "10000"),
                ("rpl_semi_sync_slave_enabled", "ON"),
            ],
            &[
                ("Rpl_semi_sync_master_clients", "1"),
                ("Rpl_semi_sync_master_status", "ON"),
                ("Rpl_semi_sync_master_wait_sessions", "2"),
            ],
        );
        let expected = SemiSync {
            waits: true,
            timeout_ms: 10_000,
            is_on: true,
            acknowledges: true,
            replicas: 1,
            waiting: 2,
            timeout_name: "rpl_semi_sync_master_timeout".to_owned(),
        };
        assert_eq!(mariadb, expected);
        let source = asked(
            Flavour::MySql,
            "8.4.3",
            &[
                ("rpl_semi_sync_source_enabled", "ON"),
                ("rpl_semi_sync_source_timeout", "10000"),
                ("rpl_semi_sync_replica_enabled", "ON"),
            ],
            &[
                ("Rpl_semi_sync_source_clients", "1"),
                ("Rpl_semi_sync_source_status", "ON"),
                ("Rpl_semi_sync_source_wait_sessions", "2"),
            ],
        );
        assert_eq!(source, SemiSync { timeout_name: "rpl_semi_sync_source_timeout".to_owned(), ..expected.clone() });
        let old_plugin = asked(
            Flavour::MySql,
            "8.0.36",
            &[
                ("rpl_semi_sync_master_enabled", "ON"),
                ("rpl_semi_sync_master_timeout", "10000"),
                ("rpl_semi_sync_slave_enabled", "ON"),
            ],
            &[
                ("Rpl_semi_sync_master_clients", "1"),
                ("Rpl_semi_sync_master_status", "ON"),
                ("Rpl_semi_sync_master_wait_sessions", "2"),
            ],
        );
        assert_eq!(old_plugin, expected);
        let none = asked(Flavour::MySql, "8.4.3", &[], &[]);
        assert!(!none.waits && findings(Some(("a", &none)), ("b", &none), Mode::Planned).is_empty());
    }

    #[test]
    fn what_would_stand_still_is_refused_and_the_rest_is_said() {
        let fine = SemiSync {
            waits: true,
            timeout_ms: 1000,
            is_on: true,
            acknowledges: true,
            replicas: 1,
            ..SemiSync::default()
        };
        let alone = SemiSync { replicas: 0, ..fine.clone() };
        let found = |old: &SemiSync, new: &SemiSync| {
            let found = findings(Some(("a", old)), ("b", new), Mode::Planned);
            found.into_iter().map(|finding| (finding.severity, finding.sentence)).collect::<Vec<_>>()
        };
        assert_eq!(found(&fine, &alone), []);
        let slow = SemiSync { timeout_ms: 10_000, ..alone.clone() };
        assert!(
            matches!(found(&fine, &slow).as_slice(), [(Severity::Blocks, said)] if said.contains("first commits would take 10.0 s"))
        );
        // It has timed out before, and waits for nobody.
        assert_eq!(found(&fine, &SemiSync { is_on: false, ..slow.clone() }), []);
        let stuck = SemiSync { waiting: 3, ..alone.clone() };
        assert!(
            matches!(found(&stuck, &alone).as_slice(), [(Severity::Blocks, said)] if said.contains("at a 3 commits wait"))
        );
        assert_eq!(findings(Some(("a", &stuck)), ("b", &alone), Mode::Emergency), []);
        let patient = SemiSync { timeout_ms: 60_000, ..fine.clone() };
        assert!(
            matches!(found(&patient, &alone).as_slice(), [(Severity::Warns, said)] if said.contains("once it follows, a waits 1 min"))
        );
        let off = SemiSync { is_on: false, ..alone.clone() };
        assert!(matches!(found(&off, &alone).as_slice(), [(Severity::Warns, said)] if said.contains("off since")));
        let deaf = SemiSync { acknowledges: false, ..alone };
        assert!(matches!(found(&fine, &deaf).as_slice(), [(Severity::Warns, said)] if said.contains("b gives none")));
    }
}
