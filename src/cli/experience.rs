//! What earlier runs of a runbook took, so that a plan can say what to expect.

use super::args::Common;
use super::session;
use crate::base::quantity::spoken;
use crate::engine::plan::Plan;
use crate::engine::verdict::Verdict;

/// How many earlier runs are looked at, newest first.
const RUNS_MAX: usize = 20;

/// A sentence on earlier runs of the same runbook in the same mode; `None` where there are none. A state
/// directory that is not there yet is not made: a plan leaves nothing behind.
pub fn of_earlier_runs(common: &Common, plan: &Plan) -> Option<String> {
    let store = session::open_store_if_there(common)?;
    let (mut took, mut outages) = (Vec::new(), Vec::new());
    for row in store.runs(Some(&plan.estate)).ok()?.into_iter().take(RUNS_MAX) {
        let Ok(past) = session::read_run(&store, &row) else { continue };
        let finished = matches!(past.state.ended, Some((Verdict::Done | Verdict::DoneWithMisses, _)));
        if !finished || past.plan.runbook != plan.runbook || past.plan.mode != plan.mode {
            continue;
        }
        took.push(past.state.now_ms);
        outages.extend(
            past.state.outage_began_ms.zip(past.state.outage_ended_ms).map(|(from, to)| to.saturating_sub(from)),
        );
    }
    let runs = took.len();
    let took = median(took)?;
    let times = if runs == 1 { "one earlier run".to_owned() } else { format!("{runs} earlier runs (medians)") };
    let outage = median(outages).map_or_else(String::new, |ms| format!(", and writes stopped for {}", spoken(ms)));
    Some(format!("Going by {times} it takes {}{outage}.", spoken(took)))
}

/// The middle value; of an even number, the larger of the two.
fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3, 1, 2]), Some(2));
        assert_eq!(median(vec![4, 1, 2, 3]), Some(3));
    }
}
