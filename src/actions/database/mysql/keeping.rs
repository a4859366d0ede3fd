//! What only a member has: kept aside, and saved as SQL, before anything discards it.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::disk::{Data, Disk};
use super::gtid::{self, Stretch};
use super::member::Member;
use super::{programs, way};
use crate::actions::database::port::{Account, Keepsake};
use crate::base::hex;
use crate::engine::action::{ActionError, Evidence, Touch};

const LOOK_MAX: Duration = Duration::from_secs(10);
const KEEP_MAX: Duration = Duration::from_secs(3600);

/// What the member has and the leader lacks.
pub async fn errant(member: &Member, leader: &Member) -> Result<Vec<Stretch>, ActionError> {
    // The leader last: what it wrote between two looks is not what only the member has.
    let seen = member.look().await;
    let lead = leader.server().await?;
    let disk = seen.disk.as_ref().ok().filter(|_| seen.server.is_err());
    // What was there was saved before a copy took its place.
    if disk.is_some_and(Disk::is_replaced) {
        return Ok(Vec::new());
    }
    // Where there is no data directory its log may lie elsewhere; where there is neither, there is nothing.
    if disk.is_some_and(|disk| matches!(disk.data, Data::Missing | Data::Empty)) && member.log_on_disk().await.is_err()
    {
        return Ok(Vec::new());
    }
    let compared = way::compare(member, seen.server.as_ref().ok(), leader, &lead).await?;
    if !compared.own.is_empty() && !compared.own.is_akin_to(&compared.leader) {
        return Err(ActionError::refused(format!(
            "{} has {}, {} has {}, and nothing in common: they are two databases",
            member.name(),
            compared.own,
            leader.name(),
            compared.leader
        )));
    }
    Ok(compared.own.missing_from(&compared.leader))
}

/// As the scripts read them: `0-1:101:105`.
pub fn arguments(errant: &[Stretch]) -> Vec<String> {
    errant.iter().map(|Stretch { writer, first, last }| format!("{writer}:{first}:{last}")).collect()
}

/// The folder of a log that is kept under this label.
fn folder(label: &str, errant: &[Stretch]) -> String {
    format!("{label}-{}", name(errant))
}

/// The folder of an account. A kept log's ends with what [`name`] gives, whatever its label, so none is taken for an account.
fn account_folder(errant: &[Stretch]) -> String {
    format!("{}.account", name(errant))
}

/// A name of their own for each set of transactions, the same whenever it is asked for.
fn name(errant: &[Stretch]) -> String {
    let named: Vec<String> =
        errant.iter().take(3).map(|Stretch { writer, first, last }| format!("{writer}_{first}_{last}")).collect();
    let rest = errant.get(3..).unwrap_or_default();
    let more = if rest.is_empty() {
        String::new()
    } else {
        let all: Vec<String> = rest.iter().map(Stretch::to_string).collect();
        let digest = hex(Sha256::digest(all.join(",")).get(..6).unwrap_or_default());
        format!("_and_{}_more_{digest}", rest.len())
    };
    format!("{}{more}", named.join("-")).replace(':', "_")
}

/// Whether there is something to keep, and whether it is kept.
pub async fn look(member: &Member, leader: &Member, label: &str) -> Result<Keepsake, ActionError> {
    let errant = errant(member, leader).await?;
    if errant.is_empty() {
        return Ok(Keepsake::Nothing(Evidence::new(nothing(member, leader))));
    }
    let spoken = gtid::spoken(&errant);
    Ok(match kept(member, &folder(label, &errant)).await? {
        Some(figures) => {
            let place = figure(&figures, "folder").unwrap_or_default();
            Keepsake::Kept(Evidence::new(format!("the log with {spoken} is kept in {place}")).with("folder", place))
        }
        None => Keepsake::ToKeep(Evidence::new(format!("the log of {} with {spoken} → kept aside", member.name()))),
    })
}

fn nothing(member: &Member, leader: &Member) -> String {
    format!("{} has nothing that {} lacks", member.name(), leader.name())
}

/// Keeps the log that holds what the leader lacks.
pub async fn keep(member: &Member, leader: &Member, label: &str, touch: &Touch) -> Result<Evidence, ActionError> {
    let errant = errant(member, leader).await?;
    if errant.is_empty() {
        return Ok(Evidence::new(nothing(member, leader)));
    }
    let (folder, stretches) = (folder(label, &errant), arguments(&errant));
    let more: Vec<&str> = std::iter::once(folder.as_str()).chain(stretches.iter().map(String::as_str)).collect();
    let output = member.touch_script(touch, &programs::KEEP, &more, KEEP_MAX).await?;
    let text = output.stdout_or(&format!("{}: keeping its log aside", member.name()))?;
    let (files, place) = text.trim().split_once(' ').unwrap_or(("0", ""));
    Ok(Evidence::new(format!("{files} files of {} are kept in {place}", member.name())).with("folder", place))
}

/// Whether what was lost is saved as SQL.
pub async fn account(member: &Member, leader: &Member) -> Result<Account, ActionError> {
    let errant = errant(member, leader).await?;
    if errant.is_empty() {
        return Ok(Account::Needless(Evidence::new(nothing(member, leader))));
    }
    let all = gtid::count(&errant);
    let saved = kept(member, &account_folder(&errant)).await?.map(|figures| told(member, &figures));
    Ok(match saved.filter(|told| told.number("lost_transactions") == Some(all)) {
        Some(told) => Account::Taken(told),
        None => Account::ToTake(Evidence::new(format!(
            "{} of {} never came to {} → saved as SQL",
            gtid::spoken(&errant),
            member.name(),
            leader.name()
        ))),
    })
}

/// Saves what was lost as SQL.
pub async fn take_account(member: &Member, leader: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    let errant = errant(member, leader).await?;
    if errant.is_empty() {
        return Ok(Evidence::new(nothing(member, leader)));
    }
    let (folder, stretches) = (account_folder(&errant), arguments(&errant));
    let more: Vec<&str> = std::iter::once(folder.as_str()).chain(stretches.iter().map(String::as_str)).collect();
    let output = member.touch_script(touch, &programs::ACCOUNT, &more, KEEP_MAX).await?;
    let text = output.stdout_or(&format!("{}: saving what was lost", member.name()))?;
    let evidence = told(member, &text);
    let expected = gtid::count(&errant);
    if evidence.number("lost_transactions") != Some(expected) {
        return Err(ActionError::refused(format!(
            "{}: {expected} transactions were lost, and the log gave {}: nothing is discarded before all are saved; look at {}",
            member.name(),
            evidence.number("lost_transactions").unwrap_or(0),
            evidence.text("folder").unwrap_or("the kept folder")
        )));
    }
    Ok(evidence)
}

async fn kept(member: &Member, folder: &str) -> Result<Option<String>, ActionError> {
    let output = member.look_script(&programs::KEPT, &[folder], LOOK_MAX).await?;
    let text = output.stdout_or(&format!("{}: looking at what is kept", member.name()))?;
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

fn figure<'a>(figures: &'a str, name: &str) -> Option<&'a str> {
    figures.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

/// The figures of an account, for people and for the report.
fn told(member: &Member, figures: &str) -> Evidence {
    let number = |name| figure(figures, name).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    let text = |name| figure(figures, name).unwrap_or_default();
    let tables: Vec<&str> = figures.lines().filter_map(|line| line.strip_prefix("table=")).collect();
    let (transactions, rows, folder) = (number("transactions"), number("rows"), text("folder"));
    let by_table = if tables.is_empty() { String::new() } else { format!(" ({})", tables.join(", ")) };
    Evidence::new(format!(
        "{transactions} transactions of {} that were lost, with {rows} changes of rows{by_table}, from {} to {}, are saved in {folder}/lost.sql",
        member.name(),
        text("first"),
        text("last")
    ))
    .with("lost_transactions", transactions)
    .with("saved_rows", rows)
    .with("folder", folder)
    .with("file", format!("{folder}/lost.sql"))
    .with("tables", tables)
    .with("not_recovered", Vec::<String>::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(writer: &str, last: u64) -> Stretch {
        Stretch { writer: writer.to_owned(), first: 1, last }
    }

    #[test]
    fn no_label_makes_a_kept_log_look_like_an_account() {
        let errant = [stretch("0-1", 5)];
        assert_eq!(account_folder(&errant), "0-1_1_5.account");
        for label in ["account", "0-1_1_5.account", "x.account"] {
            assert!(!folder(label, &errant).ends_with(".account"), "{label}");
        }
    }

    #[test]
    fn every_set_of_transactions_has_a_name_of_its_own() {
        let of = |last: u64| {
            account_folder(&["a", "b", "c", "d"].map(|writer| stretch(writer, if writer == "d" { last } else { 9 })))
        };
        assert_ne!(of(5), of(6), "what was written since would count as saved");
        assert_eq!(of(5), of(5));
        assert!(of(5).starts_with("a_1_9-b_1_9-c_1_9_and_1_more_"), "{}", of(5));
    }
}
