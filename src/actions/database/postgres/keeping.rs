//! What a rewind or a copy would destroy: the log past the fork, and the configuration.

use std::time::Duration;

use super::disk::Data;
use super::lsn::Lsn;
use super::member::Member;
use super::{programs, promotion, server, way};
use crate::actions::database::port::{By, Keepsake, Way};
use crate::engine::action::{ActionError, Evidence, Touch};

const KEEP_MAX: Duration = Duration::from_secs(4 * 3600);
const LOOK_MAX: Duration = Duration::from_secs(10);

/// Where something is kept, and from which place in the log on.
struct Place {
    folder: String,
    from: Lsn,
    segment_bytes: u64,
}

/// What tells one state of a member from another: timeline, end of its log and the leader's timeline, as the names of
/// folders have it. The end stays where it is when a crashed server replays its log; a checkpoint does not.
pub fn state_name(timeline: u32, end: Lsn, segment_bytes: u64, leader_timeline: u32) -> [String; 3] {
    [timeline.to_string(), format!("{:X}", end.past_header(segment_bytes).0), leader_timeline.to_string()]
}

/// Whether there is something to keep, and whether it is kept.
pub async fn look(member: &Member, leader: &Member, label: &str) -> Result<Keepsake, ActionError> {
    let why = match way::look(member, leader, By::Cheapest).await? {
        Way::Already(evidence) | Way::Follow(evidence) => {
            return Ok(Keepsake::Nothing(Evidence::new(format!("nothing would be lost: {}", evidence.summary))));
        }
        Way::Rewind(evidence) | Way::Copy(evidence) => evidence.summary,
        // What cannot follow is not destroyed either; `follow` says why.
        Way::Blocked(why) => return Ok(Keepsake::Nothing(Evidence::new(format!("nothing will be replaced: {why}")))),
    };
    let Some(place) = place(member, leader, label).await? else {
        return Ok(Keepsake::Nothing(Evidence::new("there is no cluster, so there is nothing to keep")));
    };
    let list = format!("{}.switchback/kept/{}/SHA256SUMS", member.data_dir(), place.folder);
    let argv = ["test", "-f", &list].map(str::to_owned);
    let is_kept = member.host.look_argv(&argv, member.owner(), LOOK_MAX).await?.is_ok();
    let evidence =
        Evidence::new(format!("{why} → its log from {} on is kept in {list}", place.from)).with("list", list);
    Ok(if is_kept { Keepsake::Kept(evidence) } else { Keepsake::ToKeep(evidence) })
}

/// Keeps the log for an account; gives the folder's name.
pub async fn keep_log(member: &Member, leader: &Member, label: &str, touch: &Touch) -> Result<String, ActionError> {
    let evidence = keep(member, leader, label, touch).await?;
    let name = evidence.text("folder").and_then(|folder| folder.rsplit('/').next()).unwrap_or_default();
    if name.is_empty() {
        return Err(ActionError::refused(format!("{}: there is no log to be kept", member.name())));
    }
    Ok(name.to_owned())
}

/// Keeps it.
pub async fn keep(member: &Member, leader: &Member, label: &str, touch: &Touch) -> Result<Evidence, ActionError> {
    let Some(place) = place(member, leader, label).await? else {
        return Ok(Evidence::new("there is no cluster, so there is nothing to keep"));
    };
    let segment = segment_digits(place.from, place.segment_bytes);
    let output = member.touch_script(touch, &programs::KEEP, &[&place.folder, &segment], KEEP_MAX).await?;
    let text = output.stdout_or(&format!("{}: keeping its log aside", member.name()))?;
    let (files, folder) = text.trim().split_once(' ').unwrap_or(("0", ""));
    let summary =
        format!("{files} files from {} on lie in {folder} at {}, with their checksums", place.from, member.name());
    Ok(Evidence::new(summary).with("folder", folder))
}

async fn place(member: &Member, leader: &Member, label: &str) -> Result<Option<Place>, ActionError> {
    let seen = member.look().await?;
    let Data::Found(cluster) = &seen.disk.as_ref().map_err(Clone::clone)?.data else { return Ok(None) };
    let control = &cluster.control;
    let end = way::end_of_log(member, &seen, cluster).await?;
    let timeline = cluster.timeline();
    let leading = server::look(&leader.link).await?;
    let fork = promotion::history(leader, leading.timeline).await?.end_of(timeline);
    // Without a common past: all that there is.
    let from = fork.map_or(Lsn(0), |fork| fork.min(control.redo));
    // The same state gives the same folder, so that keeping it twice is keeping it once.
    let state = state_name(timeline, end, control.segment_bytes, leading.timeline).join("-");
    let folder = format!("{label}-{state}");
    Ok(Some(Place { folder, from, segment_bytes: control.segment_bytes }))
}

/// The part of a segment's file name that follows its timeline.
fn segment_digits(at: Lsn, segment_bytes: u64) -> String {
    let number = at.0 / segment_bytes.max(1);
    let per_file = (1_u64 << 32) / segment_bytes.max(1);
    format!("{:08X}{:08X}", number / per_file.max(1), number % per_file.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_segment() {
        assert_eq!(segment_digits(Lsn(0x1_3300_0028), 16 << 20), "0000000100000033");
        assert_eq!(segment_digits(Lsn(0x1_3300_0028), 1 << 30), "0000000100000000");
    }
}
