//! The legs of a run: the runbook's own, and one for each runbook that it includes.
//!
//! A maintenance moves a service there and back in one run. What is moved in one leg has its own fence, its own point
//! of no return and its own way back: the second leg's failure must not be taken for a reason, nor the first leg's
//! promotion for an obstacle, to leave the service fenced.

use super::plan::Plan;
use super::state::RunState;
use crate::base::name::ServiceName;

impl RunState {
    /// Whether a service has passed its point of no return in a leg: the intention to promote it is on disk.
    pub fn has_passed(&self, leg: usize, service: &ServiceName) -> bool {
        // A set of pairs is searched by pairs; it never holds more than a few.
        self.passed.iter().any(|(passed_in, passed)| *passed_in == leg && passed == service)
    }

    /// Whether any service has passed its point of no return in a leg.
    pub fn any_has_passed_in(&self, leg: usize) -> bool {
        self.passed.iter().any(|(passed_in, _)| *passed_in == leg)
    }

    /// Whether any service has passed a point of no return.
    pub fn any_has_passed(&self) -> bool {
        !self.passed.is_empty()
    }

    /// The leg that the run is in: that of the first step that is not settled, and when it goes back the one that
    /// goes back. What an earlier leg did stands; it has its own way back, which is another run.
    pub fn leg(&self, plan: &Plan) -> usize {
        let in_force = || super::pace::open_group(plan, self).map(|(phase, _)| phase.leg);
        let last = || plan.phases.iter().rev().find(|phase| !phase.groups.is_empty()).map(|phase| phase.leg);
        self.back_out.as_ref().map(|back_out| back_out.leg).or_else(in_force).or_else(last).unwrap_or(0)
    }
}
