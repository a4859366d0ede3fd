//! Crashes and faults, enumerated: at every call and at every journal write, alone and in pairs.

use switchback::engine::verdict::Verdict;
use switchback::runbook::bound::Mode;

use super::world::{End, Mishap, Paper, Shared, Toy, plan, process};

/// Runs and resumes until the run ends; what the world looks like then.
async fn to_the_end(
    mode: Mode,
    mishaps: Vec<(usize, Mishap)>,
    die_at: Option<(usize, bool)>,
) -> (Verdict, Toy, usize, usize) {
    let plan = plan(mode);
    let story = format!("{mishaps:?} {die_at:?}");
    let world = Shared::new(Toy::new(), mishaps);
    let mut journal = Paper { die_at, ..Paper::default() };
    for _ in 0..20 {
        match process(&plan, &world, &mut journal).await {
            End::Verdict(verdict) => {
                let world = world.world();
                assert!(!world.toy.two_writers, "two writers at once: {story}\n{:#?}", world.log);
                assert!(!world.toy.lost, "an acknowledged write was lost: {story}\n{:#?}", world.log);
                assert!(world.toy.promotions <= 1, "promoted twice: {story}\n{:#?}", world.log);
                return (verdict, world.toy.clone(), world.calls, journal.writes);
            }
            // A death at a write happens once; the next process gets further.
            End::Died => journal.die_at = None,
        }
    }
    panic!("it never ends: {story}");
}

/// The end of a run that was not disturbed.
fn is_over_there(toy: &Toy) -> bool {
    toy.b_writable && !toy.a_writable && toy.led_to_b && !toy.b_follows
}

fn is_back_home(toy: &Toy) -> bool {
    toy.a_writable && !toy.b_writable && !toy.led_to_b && toy.b_follows
}

#[tokio::test(start_paused = true)]
async fn undisturbed_it_gets_there() {
    let (verdict, toy, calls, writes) = to_the_end(Mode::Planned, Vec::new(), None).await;
    assert_eq!(verdict, Verdict::Done);
    assert!(is_over_there(&toy));
    assert!(calls >= 9 && writes >= 9, "{calls} calls, {writes} writes: the sweeps would sweep nothing");
}

#[tokio::test(start_paused = true)]
async fn a_death_at_every_journal_write_leads_to_the_same_end() {
    let (.., writes) = to_the_end(Mode::Planned, Vec::new(), None).await;
    for at in 0..writes {
        for written in [false, true] {
            let (verdict, toy, ..) = to_the_end(Mode::Planned, Vec::new(), Some((at, written))).await;
            assert_eq!(verdict, Verdict::Done, "write {at}, written: {written}");
            assert!(is_over_there(&toy), "write {at}, written: {written}: {toy:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_death_at_every_call_two_deep_leads_to_the_same_end() {
    let deaths = [Mishap::DieBefore, Mishap::DieAfter];
    let (_, _, calls, _) = to_the_end(Mode::Planned, Vec::new(), None).await;
    let mut tried = 0;
    for first in 0..calls {
        for first_death in deaths {
            // The second death falls into the resumed process, up to its end.
            for second in first + 1..first + calls + 6 {
                for second_death in deaths {
                    let mishaps = vec![(first, first_death), (second, second_death)];
                    let (verdict, toy, ..) = to_the_end(Mode::Planned, mishaps, None).await;
                    assert_eq!(verdict, Verdict::Done, "{first} {first_death:?}, {second} {second_death:?}");
                    assert!(is_over_there(&toy), "{first} {first_death:?}, {second} {second_death:?}: {toy:?}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 400, "{tried} cases");
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_call_ends_there_or_back_home() {
    let faults = [Mishap::Transient, Mishap::LostDone, Mishap::LostNotDone, Mishap::Unreachable, Mishap::Refused];
    let (_, _, calls, _) = to_the_end(Mode::Planned, Vec::new(), None).await;
    for at in 0..calls {
        for fault in faults {
            let (verdict, toy, ..) = to_the_end(Mode::Planned, vec![(at, fault)], None).await;
            match verdict {
                Verdict::Done => assert!(is_over_there(&toy), "{at} {fault:?}: {toy:?}"),
                Verdict::BackedOut | Verdict::Refused => {
                    assert_eq!(fault, Mishap::Refused, "{at}: only a refusal turns a run back");
                    assert!(is_back_home(&toy), "{at} {fault:?}: {toy:?}");
                }
                Verdict::Stopped => assert!(fault == Mishap::Refused && toy.promotions <= 1, "{at} {fault:?}: {toy:?}"),
                other => panic!("{at} {fault:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_death_during_the_back_out_still_leads_home() {
    // A refusal of the detach turns the run back; the process dies at each call from there on.
    let (_, _, calls, _) = to_the_end(Mode::Planned, Vec::new(), None).await;
    let mut turned = 0;
    for refused in 0..calls {
        let (verdict, ..) = to_the_end(Mode::Planned, vec![(refused, Mishap::Refused)], None).await;
        if verdict != Verdict::BackedOut {
            continue;
        }
        turned += 1;
        for death_at in refused + 1..refused + 6 {
            for death in [Mishap::DieBefore, Mishap::DieAfter] {
                let mishaps = vec![(refused, Mishap::Refused), (death_at, death)];
                let (verdict, toy, ..) = to_the_end(Mode::Planned, mishaps, None).await;
                assert_eq!(verdict, Verdict::BackedOut, "refused at {refused}, {death:?} at {death_at}");
                assert!(is_back_home(&toy), "refused at {refused}, {death:?} at {death_at}: {toy:?}");
            }
        }
    }
    assert!(turned >= 3, "{turned} refusals turned the run back");
}

#[tokio::test(start_paused = true)]
async fn an_emergency_never_turns_back_by_itself() {
    let (_, _, calls, _) = to_the_end(Mode::Emergency, Vec::new(), None).await;
    for at in 0..calls {
        let (verdict, toy, ..) = to_the_end(Mode::Emergency, vec![(at, Mishap::Refused)], None).await;
        assert!(
            matches!(verdict, Verdict::Done | Verdict::Stopped | Verdict::Refused),
            "refused at {at}: {verdict:?}, {toy:?}"
        );
    }
}
