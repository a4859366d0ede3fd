//! Taking the estate's lock on this machine, with a sentence for whoever is refused.

use super::clock::wall_ms;
use super::error::Failure;
use super::exit::Exit;
use super::owner;
use crate::store::Store;
use crate::store::lock::{Held, Taken};

/// Takes the lock, or says who holds it.
pub fn take(store: &mut Store, estate: &str, run: &str, take_over: bool) -> Result<Held, Failure> {
    let owner = owner::this_process();
    match store.take_lock(estate, run, &owner, wall_ms(), &owner::is_alive, take_over)? {
        Taken::Ours(held) => Ok(held),
        Taken::Refused(holder) => {
            let mut sentence = format!(
                "run {} of `{estate}` holds the lock: {}, pid {} on {}, since {}",
                holder.run, holder.owner.operator, holder.owner.pid, holder.owner.machine, holder.since
            );
            if let Some(silent_ms) = holder.silent_ms {
                let silent = crate::base::quantity::spoken(u64::try_from(silent_ms).unwrap_or(0));
                sentence.push_str(&format!("; its lease ran out {silent} ago"));
            }
            Err(Failure::new(Exit::Locked, sentence)
                .hint("wait for it, or ask its operator")
                .hint("if it is stopped for good: the same command with `--take-over --reason \"…\"`"))
        }
    }
}
