//! Members that only say what they are told to.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::actions::database::awake::STOOD_STILL;

/// Answers from a list, the last one for ever.
struct Scripted(Vec<Hold>, AtomicU32, Arc<AtomicU32>);

impl MemberLock for Scripted {
    fn hold(&self) -> BoxFuture<'_, Hold> {
        let asked = self.1.fetch_add(1, Ordering::Relaxed) as usize;
        let answer = self.0.get(asked).or(self.0.last()).cloned().expect("an answer");
        Box::pin(async move { answer })
    }
    fn let_go(&self) -> BoxFuture<'_, ()> {
        self.2.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {})
    }
    fn end_holder<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Option<String>, ActionError>> {
        Box::pin(async { Ok(Some("the holder".to_owned())) })
    }
}

fn members(answers: Vec<Vec<Hold>>) -> Vec<Box<dyn MemberLock>> {
    counted(answers, &Arc::default())
}

/// The same, and how often any of them was let go.
fn counted(answers: Vec<Vec<Hold>>, let_go: &Arc<AtomicU32>) -> Vec<Box<dyn MemberLock>> {
    let scripted = |answers| Box::new(Scripted(answers, AtomicU32::new(0), Arc::clone(let_go))) as Box<dyn MemberLock>;
    answers.into_iter().map(scripted).collect()
}

fn taken() -> Option<Lost> {
    Some(Lost::Taken("switchback/7 from 10.0.0.9".to_owned()))
}

fn theirs() -> Hold {
    Hold::Theirs("switchback/7 from 10.0.0.9".to_owned())
}

#[tokio::test]
async fn a_holder_that_goes_in_a_moment_does_not_refuse_us() {
    let locks = acquire(members(vec![vec![Hold::Theirs("x".to_owned()), Hold::Ours]]), None).await;
    assert_eq!(locks.expect("ours").lost(), None);
}

#[tokio::test(start_paused = true)]
async fn somebody_else_is_named_at_once_or_later() {
    let gone = Hold::Unreachable(ActionError::unreachable("a-db does not answer"));
    let locks = acquire(members(vec![vec![Hold::Ours, theirs()], vec![gone]]), None).await.expect("ours");
    assert_eq!(locks.not_held, ["a-db does not answer"]);
    assert_eq!(locks.lost(), None);
    tokio::time::sleep(TEND_EVERY * 2).await;
    assert_eq!(locks.lost(), taken());
}

#[tokio::test]
async fn who_is_refused_at_one_member_keeps_none() {
    let let_go = Arc::default();
    let refused = acquire(counted(vec![vec![Hold::Ours], vec![theirs()]], &let_go), None).await;
    assert_eq!(refused.map(drop).map_err(|refused| refused.holder), Err("switchback/7 from 10.0.0.9".to_owned()));
    // Also after its last try: both of them, each time.
    assert!(let_go.load(Ordering::Relaxed) >= 4, "{let_go:?}");
}

#[tokio::test(start_paused = true)]
async fn a_contender_that_is_quicker_at_a_member_that_came_back_does_not_end_our_run() {
    let quicker = vec![Hold::Ours, theirs(), theirs(), Hold::Ours];
    let locks = acquire(members(vec![vec![Hold::Ours], quicker]), None).await.expect("ours");
    tokio::time::sleep(TEND_EVERY * 2).await;
    assert_eq!(locks.lost(), None);
}

#[tokio::test]
async fn a_take_over_ends_the_sessions_of_the_holder() {
    let members = members(vec![vec![theirs(), Hold::Ours], vec![Hold::Ours]]);
    let locks = acquire(members, Some(Touch::for_test())).await.expect("taken over");
    assert_eq!(locks.ended, ["the holder", "the holder"]);
}

#[tokio::test]
async fn who_stood_still_looks_again_before_anything_is_sent() {
    let locks = acquire(members(vec![vec![Hold::Ours, theirs()]]), None).await.expect("ours");
    let watch = locks.watch();
    assert_eq!(watch.lost().await, None, "the look of a moment ago holds");
    // Nothing of this program runs meanwhile, as when it is stopped.
    std::thread::sleep(STOOD_STILL + Duration::from_millis(300));
    assert_eq!(watch.lost().await, taken());
    assert_eq!(locks.lost(), taken(), "what is lost stays lost");
}

#[tokio::test]
async fn locks_that_nobody_looked_at_for_long_are_lost_and_nobody_is_said_to_have_them() {
    let locks = acquire(members(vec![vec![Hold::Ours, theirs()]]), None).await.expect("ours");
    let watch = locks.watch();
    watch.locked().looked = Moment::now().earlier(UNTENDED_MAX + Duration::from_secs(1));
    for lost in [locks.lost(), watch.lost().await] {
        assert!(matches!(&lost, Some(Lost::Stale(why)) if why.contains("31 s ago")), "{lost:?}");
    }
}

#[tokio::test]
async fn locks_that_are_given_back_are_let_go_of_and_nobody_who_watches_keeps_a_session() {
    let (let_go, gone) = (Arc::default(), Arc::new(()));
    for waits_for_it in [true, false] {
        let mut members = counted(vec![vec![Hold::Ours], vec![Hold::Ours]], &let_go);
        members.push(Box::new(Session(Arc::clone(&gone))));
        let locks = acquire(members, None).await.expect("ours");
        let watch = locks.watch();
        assert_eq!(watch.lost().await, None);
        if waits_for_it {
            locks.let_go().await;
            assert_eq!(let_go.load(Ordering::Relaxed), 2, "each member was told");
        } else {
            drop(locks);
        }
        assert!(watch.lost().await.is_some(), "nothing may be sent any more");
        assert_eq!(Arc::strong_count(&gone), 1, "a session is kept: nobody else could take the lock, nor we again");
    }
}

/// Counts as a session for as long as somebody keeps it.
struct Session(#[expect(dead_code, reason = "it is only counted")] Arc<()>);

impl MemberLock for Session {
    fn hold(&self) -> BoxFuture<'_, Hold> {
        Box::pin(async { Hold::Ours })
    }
    fn let_go(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
    fn end_holder<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Option<String>, ActionError>> {
        Box::pin(async { Ok(None) })
    }
}

#[tokio::test(start_paused = true)]
async fn who_runs_all_the_time_looks_no_more_often_than_it_tends() {
    let locks = acquire(members(vec![vec![Hold::Ours, theirs()]]), None).await.expect("ours");
    let watch = locks.watch();
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(watch.lost().await, None);
    }
}
