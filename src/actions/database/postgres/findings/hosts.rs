//! What the hosts lack, who else acts there, and what the way back would need.

use super::super::member::{DISK_LOOK_MAX, Member};
use super::super::server::Server;
use super::super::survey::HostSurvey;
use super::super::{disk, way};
use super::Found;
use crate::actions::ssh::As;
use crate::engine::action::ActionError;
use crate::estate::model::Control;
use crate::runbook::bound::Mode;

pub(super) fn on_host(found: &mut Found, member: &Member, host: Result<HostSurvey, ActionError>) {
    let name = member.name();
    let host = match host {
        Ok(host) => host,
        Err(error) => return found.blocks_planned(error.message),
    };
    let (vital, useful): (Vec<&str>, Vec<&str>) = host
        .missing_programs
        .iter()
        .map(String::as_str)
        .partition(|program| !matches!(*program, "pg_rewind" | "pg_basebackup" | "pg_waldump" | "sha256sum"));
    if !vital.is_empty() {
        found.blocks_planned(format!(
            "{name} lacks {} (bin_dir is {})",
            vital.join(", "),
            member.estate.bin_dir.display()
        ));
    }
    if !useful.is_empty() {
        found.warns(format!(
            "{name} lacks {}, without which a member that diverged cannot be brought back",
            useful.join(", ")
        ));
    }
    if host.not_writable {
        found.blocks_planned(format!(
            "{} at {name}, or the folder that it lies in, cannot be written by us; does `run_as` name its owner?",
            member.data_dir()
        ));
    }
    for automation in host.automation {
        found.blocks(format!("{automation} runs at {name} and would act on its own; stop it at every member first"));
    }
}

pub(super) fn way_back(
    found: &mut Found,
    from: &Member,
    to: &Member,
    reaches: Option<Result<String, String>>,
    target: &Server,
) {
    match reaches {
        Some(Ok(identifier)) if identifier == target.system_identifier => {}
        Some(Ok(identifier)) => found.blocks(format!(
            "what {} would follow at the address of {} has system identifier {identifier}, not {}",
            from.name(),
            to.name(),
            target.system_identifier
        )),
        Some(Err(why)) => found.blocks_planned(format!("{} could not follow {}: {why}", from.name(), to.name())),
        None => {}
    }
}

/// The service is started and stopped as root where systemd is in charge; and the room for a copy.
pub(super) async fn root(found: &mut Found, members: &[&Member]) {
    for member in members {
        if let Control::Systemd { .. } = member.estate.control {
            let tried = member.host.look_argv(&["true".to_owned()], As::User("root"), DISK_LOOK_MAX).await;
            if let Err(error) = tried {
                found
                    .blocks_planned(format!("the service at {} cannot be stopped and started: {error}", member.name()));
            }
        }
    }
    // How large a database is a server says after a look at each of its files. In an emergency users wait, and `rejoin` asks itself.
    let ([from, to], Mode::Planned) = (members, found.mode) else { return };
    if let Ok(room) = way::room(from, to).await {
        if room.free_bytes < room.needed_bytes {
            found.warns(format!(
                "if {} ever had to be copied anew, {} MiB would be needed and {} MiB are free",
                from.name(),
                room.needed_bytes >> 20,
                room.free_bytes >> 20
            ));
        }
        if room.cannot_exchange || room.wal_elsewhere {
            found.warns(format!(
                "if {} ever had to be copied anew, that would be by hand: its directory cannot be exchanged",
                from.name()
            ));
        }
    }
    if let Ok(disk) = from.disk().await
        && let disk::Data::Found(cluster) = disk.data
        && !cluster.control.rewindable
    {
        found.warns(format!(
            "{} has neither data checksums nor wal_log_hints: if it ever diverges it must be copied anew",
            from.name()
        ));
    }
}
