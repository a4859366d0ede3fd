//! Replication slots: they hold the log for members that are away. Only those that bear our name are touched.

use std::time::Duration;

use super::live::LookSql;
use super::member::Member;
use super::server;
use crate::engine::action::{ActionError, Touch};

const SQL_MAX: Duration = Duration::from_secs(5);
const PREFIX: &str = "switchback_";

/// Immediately reserved: the log from now on is kept although nobody has come for it yet.
const MAKE: &str = "SELECT pg_create_physical_replication_slot($1, true)::text
                    WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)";
const DROP: &str =
    "SELECT pg_drop_replication_slot(slot_name)::text FROM pg_replication_slots WHERE slot_name = $1 AND NOT active";
const OURS: LookSql = LookSql(
    "SELECT slot_name::text FROM pg_replication_slots
     WHERE slot_type = 'physical' AND NOT active AND starts_with(slot_name::text, $1) ORDER BY 1",
);

/// Makes the slots of these members at the leader, those that are not there; says how many.
pub async fn make(leader: &Member, others: &[&Member], touch: &Touch) -> Result<usize, ActionError> {
    let mut made = 0;
    for other in others {
        made += leader.link.touch(touch, MAKE, &[&other.estate.slot()], SQL_MAX).await?.count();
    }
    Ok(made)
}

/// Slots of ours that hold the log for nobody: all inactive ones at a standby; at a primary those of no member.
pub async fn leftovers(member: &Member, members: &[Member]) -> Result<Vec<String>, ActionError> {
    let in_recovery = server::look(&member.link).await?.in_recovery;
    let rows = member.link.look(OURS, &[PREFIX], SQL_MAX).await?;
    let is_a_members =
        |slot: &str| members.iter().any(|other| other.name() != member.name() && other.estate.slot() == slot);
    Ok(rows.first_column().filter(|slot| in_recovery || !is_a_members(slot)).map(str::to_owned).collect())
}

/// Drops a slot of ours, if nobody uses it.
pub async fn drop_slot(member: &Member, slot: &str, touch: &Touch) -> Result<(), ActionError> {
    if !slot.starts_with(PREFIX) {
        return Err(ActionError::refused(format!("slot `{slot}` at {} is not ours to drop", member.name())));
    }
    member.link.touch(touch, DROP, &[slot], SQL_MAX).await.map(drop)
}
