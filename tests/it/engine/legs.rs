//! Legs, waves and doubt: made-up events go in, and what the machine says next is compared.

use switchback::base::name::{ServiceName, SiteName};
use switchback::engine::action::{ActionError, Applied, Evidence, Fact, FactKind, Fault, Observed};
use switchback::engine::event::{Event, Resolution, What};
use switchback::engine::machine::{self, Directive};
use switchback::engine::plan::{Plan, StepIndex};
use switchback::engine::state::{RunState, Stage, UndoStage};
use switchback::engine::verdict::Verdict;
use switchback::runbook::bound::Mode;
use switchback::runbook::signature::{Effect, Undo};

use super::world::{owner, plan};

/// (id, leg, wave, service); what the step does is the last word of its id.
type Row = (&'static str, usize, Option<u32>, &'static str);

/// There in one leg, a check of one's own, back in another leg, and a last check of one's own.
const THERE_AND_BACK: &[Row] = &[
    ("there/fence", 1, Some(1), "orders"),
    ("there/promote", 1, Some(1), "orders"),
    ("there/point", 1, Some(1), "orders"),
    ("there/check", 1, None, ""),
    ("patched/check", 0, None, ""),
    ("back/check", 2, None, ""),
    ("back/fence", 2, Some(1), "orders"),
    ("back/promote", 2, Some(1), "orders"),
    ("back/point", 2, Some(1), "orders"),
    ("back/late/check", 2, None, ""),
    ("fine/check", 0, None, ""),
];

const TWO_WAVES: &[Row] = &[
    ("1/fence", 0, Some(1), "orders"),
    ("1/promote", 0, Some(1), "orders"),
    ("1/point", 0, Some(1), "orders"),
    ("2/fence", 0, Some(2), "wiki"),
    ("2/promote", 0, Some(2), "wiki"),
    ("2/point", 0, Some(2), "wiki"),
];

const FAILBACK: &[Row] = &[
    ("rejoin/follow", 0, None, "orders"),
    ("1/fence", 0, Some(1), "orders"),
    ("1/arrived", 0, Some(1), "orders"),
    ("1/detach", 0, Some(1), "orders"),
    ("1/promote", 0, Some(1), "orders"),
    ("1/point", 0, Some(1), "orders"),
];

const SECOND: u64 = 1_000;

fn of(rows: &[Row]) -> Plan {
    let toy = plan(Mode::Planned);
    let mut made = Plan { phases: Vec::new(), steps: Vec::new(), ..toy.clone() };
    for (index, (id, leg, wave, service)) in rows.iter().enumerate() {
        let kind = id.rsplit('/').next().expect("a word");
        let model = toy.steps.iter().zip(&toy.phases).find(|(step, _)| step.id.starts_with(kind));
        let (mut step, mut phase) = model.map_or_else(
            || (toy.steps[1].clone(), toy.phases[1].clone()),
            |(step, phase)| (step.clone(), phase.clone()),
        );
        if kind == "command" {
            (step.gives, step.undo, step.effect, step.guard) = (Vec::new(), Undo::Possible, Effect::Once, false);
        }
        if matches!(kind, "check" | "follow") {
            (step.gives, step.undo) = (Vec::new(), Undo::Nothing);
            step.effect = if kind == "check" { Effect::Look } else { Effect::Guarded };
        }
        step.services = ServiceName::new(*service).into_iter().collect();
        for fact in &mut step.gives {
            fact.service = step.services[0].clone();
        }
        (step.id, step.phase) = ((*id).to_owned(), index);
        (phase.id, phase.leg, phase.wave, phase.groups) = ((*id).to_owned(), *leg, *wave, vec![vec![index]]);
        made.steps.push(step);
        made.phases.push(phase);
    }
    made.outage_max_ms = Some(60 * SECOND);
    made
}

/// A run as its events tell it.
struct Story {
    plan: Plan,
    state: RunState,
    now_ms: u64,
}

impl Story {
    fn new(rows: &[Row]) -> Self {
        let plan = of(rows);
        let state = RunState::new(&plan);
        let mut story = Self { plan: plan.clone(), state, now_ms: 0 };
        story.tell(What::Started { format: 1, plan: Box::new(plan), accepted: serde_json::Value::Null, by: owner() });
        story
    }

    fn tell(&mut self, what: What) {
        let (seq, elapsed_ms) = (self.state.next_seq(), self.now_ms);
        let event = Event { seq, at: jiff::Timestamp::UNIX_EPOCH, elapsed_ms, what };
        self.state.fold(&self.plan, &event).expect("it follows");
    }

    fn at(&mut self, seconds: u64) -> &mut Self {
        self.now_ms = seconds * SECOND;
        self
    }

    fn find(&self, id: &str) -> StepIndex {
        self.plan.find(id).expect("in the plan")
    }

    fn stage(&self, id: &str) -> &Stage {
        &self.state.steps[self.find(id)].stage
    }

    fn looks(&mut self, id: &str, observed: Observed) -> &mut Self {
        let step = self.find(id);
        self.tell(What::Looked { step, observed });
        self
    }

    /// The look before an act, and the intention.
    fn intends(&mut self, id: &str) -> &mut Self {
        let step = self.find(id);
        if !matches!(self.stage(id), Stage::Ready) {
            self.looks(id, Observed::Pending(Evidence::new("not so")));
        }
        let attempt = self.state.steps[step].attempts + 1;
        self.tell(What::Intended { step, attempt });
        self
    }

    fn does(&mut self, id: &str) -> &mut Self {
        let step = self.find(id);
        if self.plan.steps[step].effect == Effect::Look {
            return self.looks(id, Observed::Satisfied(Evidence::new("so")));
        }
        self.intends(id);
        let attempt = self.state.steps[step].attempts;
        self.tell(What::Acted { step, attempt, applied: Applied::Proven(Evidence::new("done")) });
        self
    }

    fn does_all_before(&mut self, id: &str) -> &mut Self {
        let ids: Vec<String> = self.plan.steps[..self.find(id)].iter().map(|step| step.id.clone()).collect();
        ids.iter().fold(self, |story, id| story.does(id))
    }

    fn does_all_after(&mut self, id: &str) -> &mut Self {
        let ids: Vec<String> = self.plan.steps[self.find(id) + 1..].iter().map(|step| step.id.clone()).collect();
        ids.iter().fold(self, |story, id| story.does(id))
    }

    /// An act is refused, or a look.
    fn refuses(&mut self, id: &str) -> &mut Self {
        let step = self.find(id);
        let error = ActionError::new(Fault::Refused, "no");
        let attempt = self.state.steps[step].attempts;
        let acts = *self.stage(id) == Stage::Acting;
        self.tell(if acts { What::ActFailed { step, attempt, error } } else { What::LookFailed { step, error } });
        self
    }

    /// Another process goes on with it.
    fn resumes(&mut self) -> &mut Self {
        self.tell(What::Resumed { by: owner(), reason: None, accepted: serde_json::Value::Null });
        self
    }

    fn goes_back(&mut self) -> &mut Self {
        self.tell(What::BackOutBegan { reason: "somebody said so".to_owned(), wave: None, by: None });
        self
    }

    /// Does what the machine says until the run has ended; every undo works.
    fn goes_back_to_its_end(&mut self) -> Verdict {
        for _ in 0..20 {
            match self.next() {
                Directive::Record(what) => self.tell(what),
                Directive::Undo { step, attempt, .. } => {
                    self.tell(What::UndoIntended { step, attempt });
                    self.tell(What::Undone { step, evidence: Evidence::new("taken back") });
                }
                Directive::Finish(verdict, reason) => {
                    self.tell(What::Ended { verdict, reason });
                    return verdict;
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("it never ends");
    }

    /// The first thing that the machine says.
    fn next(&self) -> Directive {
        machine::next(&self.plan, &self.state).into_iter().next().expect("something is to be done")
    }

    fn looks_next_at(&self, id: &str) {
        let next = self.next();
        assert!(matches!(next, Directive::Observe { step, .. } if step == self.find(id)), "{id}: {next:?}");
    }

    fn ends(&self) -> Verdict {
        match self.next() {
            Directive::Finish(verdict, _) => verdict,
            other => panic!("{other:?}"),
        }
    }
}

fn not_fenced() -> Observed {
    let (service, site) = (ServiceName::new("orders").expect("a name"), SiteName::new("a").expect("a name"));
    let until = Some(Fact { kind: FactKind::Fenced, service, site });
    Observed::Blocked { until, reason: "not fenced".to_owned(), evidence: Evidence::default() }
}

#[test]
fn a_check_before_a_promotion_is_not_passed_over_because_another_leg_has_promoted() {
    let passed_over = ["there/check", "back/late/check", "fine/check"];
    for (id, ..) in THERE_AND_BACK.iter().filter(|(id, ..)| id.ends_with("check")) {
        let mut story = Story::new(THERE_AND_BACK);
        story.does_all_before(id).refuses(id);
        if passed_over.contains(id) {
            assert!(matches!(story.stage(id), Stage::Missed { .. }), "{id}: {:?}", story.stage(id));
        } else {
            assert_eq!(story.ends(), Verdict::Stopped, "{id} stands between the run and an outage");
        }
    }
}

#[test]
fn a_check_between_two_promotions_of_one_leg_is_not_passed_over() {
    let rows = [TWO_WAVES[0], TWO_WAVES[1], ("check", 0, None, ""), TWO_WAVES[3], TWO_WAVES[4]];
    let mut story = Story::new(&rows);
    story.does_all_before("check").refuses("check");
    assert_eq!(story.ends(), Verdict::Stopped);
}

#[test]
fn the_outage_of_a_later_wave_begins_with_its_own_fence() {
    let mut story = Story::new(TWO_WAVES);
    story.at(1).does("1/fence").at(5).does("1/promote").does("1/point");
    story.at(6).intends("2/fence").at(7).refuses("2/fence");
    assert_eq!(story.goes_back_to_its_end(), Verdict::Stopped, "the first wave stays where it is");
    // A person mends what was refused, and goes on.
    story.at(600).resumes().does("2/fence");
    story.looks_next_at("2/promote");
    assert_eq!(machine::wake_at(&story.plan, &story.state), Some(660 * SECOND));
    story.at(661).tell(What::TimePassed);
    let next = story.next();
    assert!(matches!(next, Directive::Record(What::BackOutBegan { wave: Some(2), .. })), "{next:?}");
}

#[test]
fn the_objective_is_that_of_each_wave_and_of_each_leg() {
    let mut story = Story::new(TWO_WAVES);
    story.at(1).does("1/fence").at(40).does("1/promote").does("1/point");
    story.at(41).does("2/fence").at(80).does("2/promote").does("2/point");
    assert_eq!(story.ends(), Verdict::Done, "nobody waited for longer than 39 s");
    let seconds = |from, to| (from * SECOND, Some(to * SECOND));
    assert_eq!(story.state.without_writes(&story.plan), [seconds(1, 40), seconds(41, 80)]);
    assert_eq!(story.state.no_writes_ms(&story.plan), Some(39 * SECOND), "and no report says more");

    let mut story = Story::new(THERE_AND_BACK);
    story.at(1).does("there/fence").at(90).does("there/promote").does("there/point");
    story.at(91).does_all_after("there/point");
    assert_eq!(story.ends(), Verdict::DoneWithMisses, "the first leg kept users waiting for 89 s");
    assert_eq!(story.state.no_writes_ms(&story.plan), Some(89 * SECOND));
}

#[test]
fn a_rollback_of_a_run_in_doubt_says_so_until_somebody_has_looked() {
    let doubted = || {
        let mut story = Story::new(FAILBACK);
        story.intends("rejoin/follow").resumes().goes_back().looks_next_at("rejoin/follow");
        story.refuses("rejoin/follow");
        assert_eq!(story.goes_back_to_its_end(), Verdict::InDoubt, "a copy may be running");
        story.resumes().looks_next_at("rejoin/follow");
        story
    };
    for observed in [Observed::Pending(Evidence::new("not so")), Observed::Satisfied(Evidence::new("so"))] {
        assert_eq!(doubted().looks("rejoin/follow", observed).goes_back_to_its_end(), Verdict::BackedOut);
    }
    let mut story = doubted();
    story.looks("rejoin/follow", Observed::Unknown("nobody can tell".to_owned()));
    assert_eq!(story.goes_back_to_its_end(), Verdict::InDoubt);
    let (step, reason, by) = (story.find("rejoin/follow"), "seen".to_owned(), "p".to_owned());
    story.tell(What::Resolved { step, verdict: Resolution::NotDone, reason, by });
    story.tell(What::Ended { verdict: Verdict::Stopped, reason: "resolved".to_owned() });
    assert_eq!(story.resumes().goes_back_to_its_end(), Verdict::BackedOut);
}

#[test]
fn what_a_resume_settles_by_itself_is_no_doubt_after_a_promotion() {
    let mut story = Story::new(TWO_WAVES);
    story.does("1/fence").does("1/promote").intends("1/point").resumes().goes_back();
    assert_eq!(story.goes_back_to_its_end(), Verdict::Stopped, "the record is written by a resume, or was written");
    story.resumes().looks_next_at("1/point");
}

#[test]
fn what_was_done_before_a_runbook_that_has_promoted_stays_when_a_later_step_goes_back() {
    let own = |id| (id, 0, None, "");
    let rows = [own("before/command"), THERE_AND_BACK[0], THERE_AND_BACK[1], own("1/command"), own("2/command")];
    let mut story = Story::new(&rows);
    story.does_all_before("2/command").intends("2/command").refuses("2/command");
    assert_eq!(story.goes_back_to_its_end(), Verdict::Stopped);
    let undone = |id: &str| story.state.steps[story.find(id)].undo == UndoStage::Undone;
    assert_eq!(["before/command", "1/command", "2/command"].map(undone), [false, true, true]);
}

#[test]
fn of_steps_that_fail_together_the_one_in_doubt_is_told() {
    let mut story = Story::new(&[("1/promote", 0, None, "orders"), ("2/promote", 0, None, "wiki")]);
    story.plan.phases[0].groups = vec![vec![0, 1]];
    story.plan.phases[1].groups = Vec::new();
    story.intends("1/promote").intends("2/promote").refuses("1/promote");
    let error = ActionError::new(Fault::InDoubt, "no answer");
    story.tell(What::ActFailed { step: 1, attempt: 1, error });
    story.refuses("2/promote");
    assert!(matches!(story.stage("2/promote"), Stage::Failed { doubt: true, .. }), "{:?}", story.stage("2/promote"));
    assert_eq!(story.ends(), Verdict::InDoubt);
}

#[test]
fn what_a_promotion_rests_on_is_looked_at_again_until_it_is_done() {
    let before = |story: &mut Story| {
        story.does_all_before("1/promote").intends("1/promote");
    };
    // Cut off in the act: that is looked at first. It was done, so nothing before it matters any more.
    let mut story = Story::new(FAILBACK);
    before(&mut story);
    story.resumes().looks_next_at("1/promote");
    story.looks("1/promote", Observed::Satisfied(Evidence::new("so"))).looks_next_at("1/point");

    // It was not done, and waits for a fence that went with the process which held it.
    let mut story = Story::new(FAILBACK);
    before(&mut story);
    story.resumes().looks("1/promote", not_fenced()).looks_next_at("1/fence");
    story.does("1/fence").looks_next_at("1/arrived");
    story.does("1/arrived").does("1/detach").looks_next_at("1/promote");
    assert_eq!(story.does("1/promote").does("1/point").ends(), Verdict::Done);

    // Refused, or in doubt and then said to be not done by a person.
    for doubt in [false, true] {
        let mut story = Story::new(FAILBACK);
        before(&mut story);
        if doubt {
            let down = Observed::Blocked { until: None, reason: "down".to_owned(), evidence: Evidence::default() };
            story.resumes().looks("1/promote", down.clone()).at(3).looks("1/promote", down);
            assert_eq!(story.ends(), Verdict::InDoubt);
            let (step, reason, by) = (story.find("1/promote"), "seen".to_owned(), "p".to_owned());
            story.tell(What::Resolved { step, verdict: Resolution::NotDone, reason, by });
        } else {
            story.refuses("1/promote");
            assert_eq!(story.ends(), Verdict::Stopped, "past the point of no return nothing goes back");
        }
        story.resumes().looks_next_at("1/fence");
        story.does("1/fence").does("1/arrived").does("1/detach").does("1/promote").does("1/point");
        assert_eq!(story.ends(), Verdict::Done);
    }
}
