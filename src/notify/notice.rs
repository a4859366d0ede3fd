//! What is said of a run, and when: folded from its events, without a clock and without the world.

use jiff::Timestamp;
use serde::Serialize;

use crate::base::quantity::spoken;
use crate::engine::event::{Event, What};
use crate::engine::park::Wait;
use crate::engine::plan::Plan;
use crate::engine::state::{RunState, Stage};
use crate::engine::verdict::Verdict;
use crate::estate::notify::Occasion;
use crate::runbook::signature::Undo;

/// The version of [`Notice`]'s form as JSON.
const SCHEMA: &str = "switchback/notice/1";
/// How many lines of detail a message has; the rest is in the journal.
const DETAILS_MAX: usize = 12;

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    pub schema: &'static str,
    /// `started`, `waiting`, `no_return`, `going_back`, `stopped`, `failed`, `done`.
    pub event: &'static str,
    pub at: Timestamp,
    /// Milliseconds since the run began.
    pub elapsed_ms: u64,
    pub estate: String,
    pub run: String,
    pub title: String,
    pub runbook: String,
    pub mode: String,
    pub to: Option<String>,
    pub from: Option<String>,
    /// Who carries it out.
    pub operator: String,
    /// A sentence.
    pub says: String,
    /// More of them.
    pub details: Vec<String>,
    /// What may be typed next.
    pub commands: Vec<String>,
    /// How long nobody could write, as the engine saw it; until now where it still lasts.
    pub outage_ms: Option<u64>,
    #[serde(skip)]
    pub occasion: Occasion,
}

/// Listens to a run and says what is to be told.
#[derive(Debug)]
pub struct Teller {
    run: String,
    operator: String,
    no_return_told: bool,
}

impl Teller {
    /// For a run that begins, or goes on, from this state.
    pub fn new(run: &str, operator: &str, state: &RunState) -> Self {
        Self { run: run.to_owned(), operator: operator.to_owned(), no_return_told: state.any_has_passed() }
    }

    /// That it began, or goes on.
    pub fn began(&self, plan: &Plan, state: &RunState, at: Timestamp) -> Notice {
        let says = if state.now_ms == 0 { "has begun" } else { "goes on" };
        self.notice(Occasion::Started, plan, state, at, says.to_owned())
    }

    /// What this event, which is folded already, is told as.
    pub fn hear(&mut self, plan: &Plan, state: &RunState, event: &Event) -> Option<Notice> {
        let tell = |occasion, says: String| self.notice(occasion, plan, state, event.at, says);
        match &event.what {
            What::Intended { step, .. } => {
                let step = plan.steps.get(*step).filter(|step| step.undo == Undo::Impossible)?;
                if self.no_return_told {
                    return None;
                }
                let notice =
                    tell(Occasion::NoReturn, format!("passes the point of no return: {} ({})", step.summary, step.id));
                self.no_return_told = true;
                Some(notice)
            }
            What::BackOutBegan { reason, .. } => {
                Some(tell(Occasion::GoingBack, format!("takes back what it did, because {reason}")))
            }
            What::Asked { question } => {
                let mut notice = tell(Occasion::Waiting, format!("waits for an answer: {}", question.text));
                notice.details = question.evidence.iter().take(DETAILS_MAX).cloned().collect();
                Some(notice)
            }
            What::Parked { wait: wait @ Wait::Person(_) } => {
                Some(tell(Occasion::Waiting, format!("waits for an answer: {}", wait.told(plan))))
            }
            What::Parked { wait: wait @ Wait::Window(_) } => {
                Some(tell(Occasion::Waiting, format!("waits for {}", wait.told(plan))))
            }
            What::Ended { verdict, reason } => Some(self.ended(plan, state, event.at, *verdict, reason)),
            _ => None,
        }
    }

    /// That the program ends without a verdict: the journal failed, or it was interrupted a second time.
    pub fn broke_off(&self, plan: &Plan, state: &RunState, at: Timestamp, why: &str) -> Notice {
        let mut notice = self.notice(Occasion::Stopped, plan, state, at, format!("broke off: {why}"));
        notice.details = unfinished(plan, state);
        notice.commands = self.commands(&["show", "resume"]);
        notice
    }

    fn ended(&self, plan: &Plan, state: &RunState, at: Timestamp, verdict: Verdict, reason: &str) -> Notice {
        let (occasion, verbs): (_, &[&str]) = match verdict {
            Verdict::Done | Verdict::DoneWithMisses => (Occasion::Done, &["report"]),
            Verdict::Refused | Verdict::BackedOut | Verdict::Declined { changed: false } => {
                (Occasion::Failed, &["show"])
            }
            Verdict::InDoubt => (Occasion::Stopped, &["show", "resume"]),
            Verdict::Stopped | Verdict::Interrupted | Verdict::Declined { changed: true } => {
                (Occasion::Stopped, &["show", "resume", "rollback"])
            }
        };
        let says = format!("ended after {}: {}: {reason}", spoken(state.now_ms), verdict.word());
        let mut notice = self.notice(occasion, plan, state, at, says);
        notice.details = unfinished(plan, state);
        if let Some(ms) = notice.outage_ms.filter(|_| occasion == Occasion::Done) {
            notice.details.insert(0, format!("writes stopped for {}", spoken(ms)));
        }
        for part in &state.measured {
            notice.details.push(part.told());
            notice.details.extend(part.split.as_ref().map(|split| format!("SPLIT: {split}")));
        }
        notice.commands = self.commands(verbs);
        notice
    }

    fn commands(&self, verbs: &[&str]) -> Vec<String> {
        verbs.iter().map(|verb| format!("switchback {verb} {}", self.run)).collect()
    }

    fn notice(&self, occasion: Occasion, plan: &Plan, state: &RunState, at: Timestamp, says: String) -> Notice {
        let waits = state.waits_since_ms().map(|from| state.now_ms.saturating_sub(from));
        Notice {
            schema: SCHEMA,
            event: occasion.word(),
            at,
            elapsed_ms: state.now_ms,
            estate: plan.estate.clone(),
            run: self.run.clone(),
            title: plan.title.clone(),
            runbook: plan.runbook.clone(),
            mode: plan.mode.to_string(),
            to: plan.to.as_ref().map(ToString::to_string),
            from: plan.from.as_ref().map(ToString::to_string),
            operator: self.operator.clone(),
            says,
            details: Vec::new(),
            commands: Vec::new(),
            outage_ms: waits.or_else(|| state.no_writes_ms(plan)),
            occasion,
        }
    }
}

/// Steps that came to no good end, each with the reason.
fn unfinished(plan: &Plan, state: &RunState) -> Vec<String> {
    let all = plan.steps.iter().zip(&state.steps).filter_map(|(step, record)| match &record.stage {
        Stage::Failed { why, .. } => Some(format!("{} failed: {why}", step.id)),
        Stage::Missed { why } => Some(format!("{} missed: {why}", step.id)),
        Stage::InDoubt { why } => Some(format!("{} is in doubt: {why}", step.id)),
        _ => None,
    });
    all.take(DETAILS_MAX).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::event::{Question, QuestionKind};
    use crate::engine::plan::{PLAN_FORMAT, PlanStep};
    use crate::runbook::bound::{BoundAction, Mode, OnFailure};
    use crate::runbook::signature::Effect;

    fn step(id: &str, undo: Undo) -> PlanStep {
        let action = BoundAction { name: "a.b".to_owned(), item: None, arguments: serde_json::Map::default() };
        PlanStep {
            id: id.to_owned(),
            phase: 0,
            summary: format!("do {id}"),
            action,
            site: None,
            services: Vec::new(),
            effect: Effect::Once,
            guard: false,
            undo,
            needs: Vec::new(),
            gives: Vec::new(),
            within_ms: 0,
            on_failure: OnFailure::Stop,
            long: false,
            question: None,
            place: String::new(),
        }
    }

    fn plan() -> Plan {
        Plan {
            format: PLAN_FORMAT,
            estate: "shop".to_owned(),
            estate_digest: String::new(),
            runbook_digest: String::new(),
            runbook: "failover".to_owned(),
            title: "Fail over".to_owned(),
            mode: Mode::Planned,
            to: crate::base::name::SiteName::new("nuremberg").ok(),
            from: crate::base::name::SiteName::new("dallas").ok(),
            inputs: std::collections::BTreeMap::default(),
            outage_max_ms: None,
            rto_ms: None,
            rpo_ms: None,
            legs: Vec::new(),
            phases: Vec::new(),
            steps: vec![
                step("fence", Undo::Possible),
                step("promote/a", Undo::Impossible),
                step("promote/b", Undo::Impossible),
            ],
        }
    }

    /// Everything that a run of these events is told as.
    pub(in crate::notify) fn told(happened: Vec<What>) -> Vec<Notice> {
        let plan = plan();
        let mut state = RunState::new(&plan);
        let mut teller = Teller::new("20260704-1", "me@here", &state);
        let mut list = vec![teller.began(&plan, &state, Timestamp::UNIX_EPOCH)];
        state.now_ms = 4_200;
        for (seq, what) in (0..).zip(happened) {
            let event = Event { seq, at: Timestamp::UNIX_EPOCH, elapsed_ms: 4_200, what };
            list.extend(teller.hear(&plan, &state, &event));
        }
        list
    }

    fn ended(verdict: Verdict) -> What {
        What::Ended { verdict, reason: "so it was".to_owned() }
    }

    #[test]
    fn what_is_told_of_a_run() {
        let question = Question {
            id: "q".to_owned(),
            text: "Go on?".to_owned(),
            kind: QuestionKind::Confirm,
            evidence: vec!["all is well".to_owned()],
            details: Vec::new(),
        };
        let intended = |step| What::Intended { step, attempt: 1 };
        let list = told(vec![
            What::Asked { question },
            What::Parked { wait: Wait::Person(0) },
            intended(0),
            intended(1),
            intended(2),
            What::BackOutBegan { reason: "it took too long".to_owned(), wave: None, by: None },
            ended(Verdict::Done),
        ]);
        let said: Vec<String> = list.iter().map(|notice| format!("{}: {}", notice.event, notice.says)).collect();
        assert_eq!(
            said,
            [
                "started: has begun",
                "waiting: waits for an answer: Go on?",
                "waiting: waits for an answer: do fence",
                "no_return: passes the point of no return: do promote/a (promote/a)",
                "going_back: takes back what it did, because it took too long",
                "done: ended after 4.2 s: done: so it was",
            ]
        );
        assert_eq!(list.get(1).map(|notice| notice.details.clone()), Some(vec!["all is well".to_owned()]));
    }

    #[test]
    fn every_end_is_one_of_three() {
        for (verdict, event) in [
            (Verdict::Done, "done"),
            (Verdict::DoneWithMisses, "done"),
            (Verdict::Refused, "failed"),
            (Verdict::BackedOut, "failed"),
            (Verdict::Declined { changed: false }, "failed"),
            (Verdict::Declined { changed: true }, "stopped"),
            (Verdict::Stopped, "stopped"),
            (Verdict::Interrupted, "stopped"),
            (Verdict::InDoubt, "stopped"),
        ] {
            let list = told(vec![ended(verdict)]);
            let last = list.last().expect("an end");
            assert_eq!(last.event, event, "{verdict:?}");
            assert!(last.commands.iter().all(|line| line.ends_with(" 20260704-1")), "{:?}", last.commands);
            assert_eq!(!verdict.is_final(), last.commands.iter().any(|line| line.contains(" resume ")), "{verdict:?}");
        }
    }
}
