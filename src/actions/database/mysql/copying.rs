//! Making a member anew, as a copy of the one that serves: where what only it has cannot be taken back, or the leader has not
//! kept what it lacks.
//!
//! The copy is a physical one (mariadb-backup), since a replica must be the same to the last digit, and goes from host to host
//! through us: the two know no way to each other but the servers' own. It lies beside the data directory until all of it is there
//! and made ready, so that half a copy is never started; what was there is kept. From the exchange on until its position
//! is set nobody can come in from outside. Each part is written down at its end, and goes on from there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::disk::Copying;
use super::member::{Member, StartsAs};
use super::{following, keeping, programs, read_lock};
use crate::actions::database::port::Account;
use crate::actions::ssh::{self, End};
use crate::engine::action::{ActionError, Evidence, Touch};

/// The step's own time ends it before.
const COPY_MAX: Duration = Duration::from_secs(86_400);
const PUT_MAX: Duration = Duration::from_secs(14_400);
const POSITION_MAX: Duration = Duration::from_secs(60);
/// How long the leader may be asked to wait for a lock; whoever writes there would wait as long.
const LOCK_SECONDS: &str = "3";

/// Makes `member` a copy of `leader` that runs read-only and knows its position. Repeatable, wherever it was cut off.
pub async fn copy(member: &Member, leader: &Member, touch: &Touch) -> Result<Evidence, ActionError> {
    let copying = member.disk().await?.copying;
    if matches!(copying, None | Some(Copying::Received)) {
        // Whatever the runbook did: what is replaced is saved before.
        if let Account::ToTake(_) = keeping::account(member, leader).await? {
            keeping::take_account(member, leader, touch).await?;
        }
    }
    let mut received = String::new();
    if copying.is_none() {
        let bytes = receive(member, leader, touch).await?;
        received = format!(", {} MiB", bytes >> 20);
    }
    let label = if copying.is_none() { label(leader) } else { String::new() };
    let replaced = match copying {
        Some(Copying::Placed) => None,
        _ => Some(put(member, &label, touch).await?),
    };
    seal(member, touch).await?;
    member.enable(touch).await?;
    member.start(touch).await?;
    let output = member.touch_script(touch, &programs::POSITION, &[], POSITION_MAX).await?;
    let stands = output.stdout_or(&format!("{}: telling the copy its position", member.name()))?;
    following::come_up(member, touch).await?;
    let kept = replaced.map_or_else(String::new, |folder| format!("; what was there is kept in {folder}"));
    let (name, leader, stands) = (member.name(), leader.name(), stands.trim());
    Ok(Evidence::new(format!("{name} was copied anew from {leader}{received}, and stands at {stands}{kept}")))
}

/// Copies are told apart by when they came.
fn label(leader: &Member) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("{}-{now}", leader.name())
}

async fn receive(member: &Member, leader: &Member, touch: &Touch) -> Result<u64, ActionError> {
    let (here, there) = (member.places(), leader.places());
    let here: Vec<&str> = here.iter().map(String::as_str).collect();
    let there: Vec<&str> = there.iter().map(String::as_str).chain([LOCK_SECONDS]).collect();
    let from = End { host: &leader.host, script: &programs::BACKUP, arguments: &there, user: leader.owner() };
    let to = End { host: &member.host, script: &programs::RECEIVE, arguments: &here, user: member.owner() };
    ssh::pour(touch, from, to, COPY_MAX).await
}

/// The copy takes the place of what is there. Gives where that is kept.
async fn put(member: &Member, label: &str, touch: &Touch) -> Result<String, ActionError> {
    read_lock::let_go(member).await;
    seal(member, touch).await?;
    member.stop(touch).await?;
    let output = member.touch_script(touch, &programs::PUT, &[label], PUT_MAX).await?;
    output.stdout_or(&format!("{}: putting the copy in its place", member.name())).map(|text| text.trim().to_owned())
}

/// Any start from now on lets nobody in from outside.
async fn seal(member: &Member, touch: &Touch) -> Result<(), ActionError> {
    let disk = member.disk().await?;
    let scheduler = disk.scheduler_before.unwrap_or(disk.scheduler);
    let sealed = member.starts_as(touch, StartsAs::Sealed, scheduler).await?;
    if sealed.is_sealed() {
        return Ok(());
    }
    Err(ActionError::refused(format!(
        "{}: the server does not read {}, so it cannot be kept to itself",
        member.name(),
        member.estate.config_dir.display()
    )))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use super::super::disk;
    use super::*;

    const POSITION: &str = "0-1-500,9-2-1";
    /// Whatever a script calls is counted, and the shell is killed when its turn has come.
    const STUB: &str = "#!/bin/sh
name=${0##*/}
[ ! -s \"$COUNT\" ] && echo 0 >\"$COUNT\"
read -r count <\"$COUNT\"
count=$((count + 1))
echo $count >\"$COUNT\"
[ $count != \"$CUT_AT\" ] || { kill -KILL $PPID; exit 1; }
case $name in
    mariadbd) printf '%s\\n' \"--log-bin=$LOGS/binlog --datadir=x\" ;;
    mariadb-backup) echo 'completed OK!' ;;
    *) PATH=/usr/bin:/bin exec \"$name\" \"$@\" ;;
esac
";

    /// A member's folders, with an old data directory, a log elsewhere, and programs that do nothing but count.
    struct Place {
        top: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            let place = Self { top: tempfile::tempdir().expect("a folder") };
            for folder in ["data/mysql", "logs", "conf.d", "bin"] {
                fs::create_dir_all(place.at(folder)).expect("made");
            }
            for (file, text) in [("data/mysql/old", "old"), ("data/ibdata1", "old"), ("logs/binlog.000001", "log")] {
                fs::write(place.at(file), text).expect("written");
            }
            fs::write(place.at("logs/binlog.index"), format!("{}\n", place.at("logs/binlog.000001").display()))
                .expect("written");
            for name in ["mv", "sync", "rm", "mkdir", "rmdir", "find", "cat", "mariadbd", "mariadb-backup"] {
                fs::write(place.at(&format!("bin/{name}")), STUB).expect("written");
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                fs::set_permissions(place.at(&format!("bin/{name}")), mode).expect("set");
            }
            place
        }

        fn at(&self, path: &str) -> PathBuf {
            self.top.path().join(path)
        }

        /// What `receive` leaves.
        fn receives(&self) {
            let new = self.at("data.switchback/new");
            let _ = fs::remove_dir_all(&new);
            fs::create_dir_all(new.join("mysql")).expect("made");
            fs::write(new.join("mysql/new"), "new").expect("written");
            fs::write(new.join("ibdata1"), "new").expect("written");
            fs::write(new.join("xtrabackup_binlog_info"), format!("binlog.000007\t33\t{POSITION}\n")).expect("written");
        }

        /// Runs a script as a host would, and has it killed at this call of a program; 0 for never.
        fn runs(&self, text: &str, more: &str, cut_at: u32) -> (bool, String) {
            let count = self.at("count");
            let _ = fs::remove_file(&count);
            let place = |path: &str| self.at(path).display().to_string();
            let mut command = Command::new("sh");
            command.args(["-c", text, "script", &place("data"), &place("conf.d"), "", &place("bin"), more]);
            command.env("COUNT", count).env("CUT_AT", cut_at.to_string()).env("LOGS", place("logs"));
            let output = command.output().expect("a shell");
            (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
        }

        fn copying(&self) -> Option<Copying> {
            let (_, said) = self.runs(programs::LOOK.text, "", 0);
            disk::parse(&said).expect("a look").copying
        }

        /// What `copy` does, cut off at this call the first time. Says whether there were as many.
        fn copies(&self, cut_at: u32) -> bool {
            let (mut cut_at, mut was_cut) = (cut_at, false);
            for _ in 0..6 {
                let label = match self.copying() {
                    Some(Copying::Placed) => return was_cut,
                    Some(_) => "",
                    None => {
                        self.receives();
                        "b-db-7"
                    }
                };
                self.runs(programs::PUT.text, label, cut_at);
                let calls: u32 = read(&self.at("count")).trim().parse().unwrap_or(0);
                was_cut |= cut_at > 0 && calls >= cut_at;
                cut_at = 0;
            }
            panic!("the copy never came to its place");
        }
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    #[test]
    fn an_exchange_that_is_cut_off_at_any_call_comes_to_the_same_end() {
        let mut cut_at = 1;
        loop {
            let place = Place::new();
            let was_cut = place.copies(cut_at);
            let state = place.at("data.switchback");
            assert_eq!(read(&place.at("data/ibdata1")), "new", "cut at {cut_at}");
            assert!(place.at("data/mysql/new").exists() && !place.at("data/mysql/old").exists(), "cut at {cut_at}");
            assert_eq!(read(&state.join("position")).trim(), POSITION, "cut at {cut_at}");
            let replaced = state.join("replaced-b-db-7");
            assert_eq!(
                (read(&replaced.join("ibdata1")), read(&replaced.join("mysql/old"))),
                ("old".to_owned(), "old".to_owned())
            );
            // Its log lay elsewhere, and is kept there.
            let kept = place.at("logs/replaced-b-db-7");
            assert!(kept.join("binlog.000001").exists() && kept.join("binlog.index").exists(), "cut at {cut_at}");
            assert!(!state.join("new").exists(), "cut at {cut_at}");
            if !was_cut {
                break;
            }
            cut_at += 1;
        }
        assert!(cut_at > 20, "only {cut_at} places to be cut at: the test lost its point");
    }

    #[test]
    fn what_tells_no_position_takes_nobodys_place() {
        let place = Place::new();
        for info in ["", "binlog.000007\t33\t\n", "binlog.000007\t33\t0-1-5; DROP TABLE x\n"] {
            place.receives();
            fs::write(place.at("data.switchback/new/xtrabackup_binlog_info"), info).expect("written");
            assert!(!place.runs(programs::PUT.text, "b-db-7", 0).0, "{info}");
            assert_eq!((place.copying(), read(&place.at("data/ibdata1"))), (None, "old".to_owned()));
        }
        // Nor does one of which nobody said that it was all.
        place.receives();
        assert!(!place.runs(programs::PUT.text, "", 0).0);
        assert_eq!(read(&place.at("data/ibdata1")), "old");
    }
}
