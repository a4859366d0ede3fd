//! What becomes of a run when a step fails before the point of no return and somebody is there to say so.

use futures::future::BoxFuture;
use switchback::engine::driver::Driver;
use switchback::engine::event::{Answer, Event, Question, QuestionKind, What};
use switchback::engine::ports::{Clock, Interrupt, Journal, Prompter};
use switchback::engine::state::RunState;
use switchback::engine::verdict::Verdict;
use switchback::runbook::bound::Mode;

use super::world::{Mishap, Paper, Shared, Silent, TestClock, Toy, actions, owner, plan};

/// Gives these answers to failures, one after the other, and then none for ever.
struct Says {
    answers: Vec<Answer>,
    asked: usize,
    /// Whether there was something to take back when it was asked last.
    takes_back: bool,
}

impl Prompter for Says {
    fn ask<'a>(&'a mut self, question: &'a Question) -> BoxFuture<'a, Option<(Answer, String)>> {
        if question.kind == QuestionKind::Confirm {
            return Box::pin(async { Some((Answer::Yes, "o".to_owned())) });
        }
        self.asked += 1;
        let QuestionKind::Failure { may_back_out, .. } = question.kind else { panic!("{question:?}") };
        let takes_back = question.evidence.iter().any(|line| line.starts_with("going back takes back"));
        assert_eq!(takes_back, may_back_out, "{question:?}");
        self.takes_back = takes_back;
        assert!(!question.details.is_empty());
        if self.answers.is_empty() {
            Box::pin(std::future::pending())
        } else {
            let answer = self.answers.remove(0);
            Box::pin(async move { Some((answer, "o".to_owned())) })
        }
    }
}

/// A run in which these calls are refused; how it ended, the world then, how often somebody was asked
/// and whether something was to be taken back, and the milliseconds that it took.
async fn run(refused: &[usize], answers: &[Answer], outage_max_ms: Option<u64>) -> (Verdict, Toy, (usize, bool), u64) {
    let mut plan = plan(Mode::Planned);
    plan.outage_max_ms = outage_max_ms;
    let world = Shared::new(Toy::new(), refused.iter().map(|at| (*at, Mishap::Refused)).collect());
    let mut journal = Paper::default();
    let clock = TestClock(tokio::time::Instant::now());
    let mut state = RunState::new(&plan);
    let started =
        What::Started { format: 1, plan: Box::new(plan.clone()), accepted: serde_json::Value::Null, by: owner() };
    for what in [started, What::Attended { by: "o".to_owned() }] {
        let event = Event { seq: state.next_seq(), at: clock.now(), elapsed_ms: 0, what };
        journal.append(&event, true).expect("written");
        state.fold(&plan, &event).expect("it follows");
    }
    let (_sender, interrupt) = tokio::sync::watch::channel(Interrupt::None);
    let actions = actions(&world);
    let mut prompter = Says { answers: answers.to_vec(), asked: 0, takes_back: false };
    let driver = Driver {
        plan: &plan,
        actions: &actions,
        journal: &mut journal,
        clock: &clock,
        reporter: &mut Silent,
        prompter: &mut prompter,
        witness: None,
        interrupt,
        remember: &|_, _| {},
        origin_ms: i128::from(clock.monotonic_ms()),
        leave: std::sync::Arc::new(super::world::Always),
        early: switchback::engine::ahead::Early::default(),
    };
    let (verdict, _) = driver.drive(&mut state).await.expect("a verdict");
    let toy = world.world().toy.clone();
    assert!(!toy.two_writers && !toy.lost, "{toy:?}");
    (verdict, toy, (prompter.asked, prompter.takes_back), state.now_ms)
}

/// The calls of an undisturbed run at which a refusal makes somebody be asked.
async fn asked_at() -> Vec<usize> {
    let mut found = Vec::new();
    for at in 0..40 {
        if run(&[at], &[Answer::BackOut], None).await.2.0 > 0 {
            found.push(at);
        }
    }
    assert!(found.len() > 1, "nobody is ever asked");
    found
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_waits_for_an_answer_and_does_what_it_says() {
    let (mut first, mut touched) = (false, false);
    for at in asked_at().await {
        let (verdict, toy, (asked, _), _) = run(&[at], &[Answer::BackOut], None).await;
        assert_eq!((verdict, toy.a_writable, asked), (Verdict::BackedOut, true, 1), "back out at {at}");
        let (verdict, toy, ..) = run(&[at], &[Answer::Retry], None).await;
        assert_eq!((verdict, toy.b_writable), (Verdict::Done, true), "retry at {at}");
        let (verdict, toy, ..) = run(&[at], &[Answer::Pause], None).await;
        let paused = verdict == Verdict::Stopped;
        assert!(paused || verdict == Verdict::Refused, "pause at {at}: {verdict:?}");
        assert!(!toy.b_writable, "pause at {at}");
        (first, touched) = (first || !paused, touched || paused);
        // There is nothing to go back to: it ends, and says so.
        let (verdict, toy, ..) = run(&[at], &[Answer::No], None).await;
        let at_home = [Verdict::BackedOut, Verdict::Refused].contains(&verdict) && toy.a_writable;
        assert!(at_home, "no at {at}: {verdict:?}");
    }
    assert!(first && touched, "somebody is asked before the first act, too: {first} {touched}");
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_in_time_it_goes_back() {
    for at in asked_at().await {
        for (outage_max_ms, most_ms) in [(None, 310_000), (Some(20_000), 21_000)] {
            let (verdict, toy, (_, takes_back), took_ms) = run(&[at], &[], outage_max_ms).await;
            // Where nothing is to be taken back nobody waits but the lock.
            let most_ms = if takes_back { most_ms } else { 310_000 };
            assert!([Verdict::BackedOut, Verdict::Refused].contains(&verdict), "no answer at {at}: {verdict:?}");
            assert!(toy.a_writable, "no answer at {at}");
            assert!(took_ms <= most_ms, "at {at} users waited {took_ms} ms for somebody who was not there");
        }
    }
}
