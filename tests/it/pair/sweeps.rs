//! Deaths and faults at every call of the real actions, enumerated.

use switchback::engine::verdict::Verdict;

use super::plans::{Maker, Order, maker};
use super::world::{CUTS, DEATHS, FAULTS, LATE, Mishap, Shared, World};
use crate::engine::world::{End, Paper, run_process};

/// How a story ended.
pub struct Ended {
    pub verdict: Verdict,
    pub calls: usize,
    pub writes: usize,
}

/// Runs, and resumes after every death, until the run ends.
pub async fn to_the_end(maker: &Maker, world: &Shared, die_at: Option<(usize, bool)>) -> Ended {
    let mut journal = Paper { die_at, ..Paper::default() };
    for _ in 0..12 {
        world.world().dead = false;
        let dead = || world.world().dead;
        match run_process(&maker.plan, maker.actions(world), &dead, &mut journal).await {
            End::Verdict(verdict) => {
                let calls = world.world().calls;
                return Ended { verdict, calls, writes: journal.writes };
            }
            End::Died => journal.die_at = None,
        }
    }
    panic!("it never ends");
}

/// What must hold whatever happened; `planned`: nothing may be lost.
fn judge(world: &Shared, planned: bool, story: &str) {
    let world = world.world();
    assert!(world.broken.is_empty(), "{:?}: {story}\n{}", world.broken, world.story.join("\n"));
    assert!(world.promotions <= 1, "promoted {} times: {story}\n{}", world.promotions, world.story.join("\n"));
    if planned {
        assert_eq!(world.lost(), Vec::new(), "acknowledged writes are lost: {story}\n{}", world.story.join("\n"));
    }
}

/// Whether a start of the new primary takes writes, as it does.
fn is_settled(world: &Shared) -> bool {
    !world.world().members[1].signal
}

fn serves(world: &Shared) -> Option<usize> {
    let world = world.world();
    (0..2).find(|at| world.is_writable(*at))
}

/// Two deaths at any calls, every pair of them.
async fn two_deaths(order: Order) {
    let maker = maker(order, "dallas", "nuremberg");
    let calm = Shared::new(World::new(Vec::new()));
    let ended = to_the_end(&maker, &calm, None).await;
    assert_eq!((ended.verdict, serves(&calm)), (Verdict::Done, Some(1)), "{}", calm.world().story.join("\n"));
    assert!(calm.world().streams(0), "the old primary follows");
    assert!(ended.calls > 25, "{} calls", ended.calls);
    for first in 0..ended.calls {
        for one in DEATHS {
            for second in first + 1..first + ended.calls + 8 {
                for two in DEATHS {
                    let story = format!("{one:?} at {first}, {two:?} at {second}");
                    let world = Shared::new(World::new(vec![(first, one), (second, two)]));
                    let ended = to_the_end(&maker, &world, None).await;
                    judge(&world, true, &story);
                    let end = (ended.verdict, serves(&world), is_settled(&world));
                    assert_eq!(end, (Verdict::Done, Some(1), true), "{story}\n{}", world.world().story.join("\n"));
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_planned_failover_survives_two_deaths_at_any_calls() {
    two_deaths(Order::Failover).await;
}

/// Between its promotion and the step that settles it a start of the new primary is read-only again; it takes writes all the same.
#[tokio::test(start_paused = true)]
async fn a_new_primary_that_is_killed_and_started_before_it_is_settled_takes_writes_again() {
    let maker = maker(Order::Failover, "dallas", "nuremberg");
    let calm = Shared::new(World::new(Vec::new()));
    to_the_end(&maker, &calm, None).await;
    let calls: Vec<String> = calm.world().story.clone();
    let call = |name: &str| calls.iter().position(|line| line.contains(name)).expect("it is called");
    let mut fell_back = 0;
    for at in call(" promote nuremberg") + 1..=call(" settle nuremberg") {
        for death in [None, Some(Mishap::DieBefore), Some(Mishap::DieAfter)] {
            let mishaps = [(at, Some(Mishap::Killed)), (at + 1, Some(Mishap::Started)), (at + 2, death)];
            let mishaps = mishaps.into_iter().filter_map(|(at, mishap)| Some((at, mishap?))).collect();
            let world = Shared::new(World::new(mishaps));
            let ended = to_the_end(&maker, &world, None).await;
            let story = format!("killed at {at}, {death:?}");
            judge(&world, true, &story);
            let end = (ended.verdict, serves(&world), is_settled(&world));
            assert_eq!(end, (Verdict::Done, Some(1), true), "{story}\n{}", world.world().story.join("\n"));
            fell_back += world.world().story.iter().filter(|line| line.contains(" promote nuremberg")).count() - 1;
        }
    }
    assert!(fell_back > 10, "it was promoted again {fell_back} times");
}

#[tokio::test(start_paused = true)]
async fn a_failback_survives_two_deaths_at_any_calls() {
    two_deaths(Order::Failback).await;
}

async fn a_death_at_any_journal_write(order: Order) {
    let maker = maker(order, "dallas", "nuremberg");
    let ended = to_the_end(&maker, &Shared::new(World::new(Vec::new())), None).await;
    for at in 0..ended.writes {
        for written in [false, true] {
            let world = Shared::new(World::new(Vec::new()));
            let ended = to_the_end(&maker, &world, Some((at, written))).await;
            judge(&world, true, &format!("write {at}, written: {written}"));
            assert_eq!((ended.verdict, serves(&world)), (Verdict::Done, Some(1)), "write {at}, written: {written}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_planned_failover_survives_a_death_at_any_journal_write() {
    a_death_at_any_journal_write(Order::Failover).await;
}

#[tokio::test(start_paused = true)]
async fn a_failback_survives_a_death_at_any_journal_write() {
    a_death_at_any_journal_write(Order::Failback).await;
}

#[tokio::test(start_paused = true)]
async fn an_emergency_and_a_rejoin_survive_a_death_at_any_journal_write() {
    let (emergency, rejoin) =
        (maker(Order::Emergency, "dallas", "nuremberg"), maker(Order::Rejoin, "dallas", "nuremberg"));
    let calm = Shared::new(killed(Vec::new()));
    let writes = (to_the_end(&emergency, &calm, None).await.writes, to_the_end(&rejoin, &calm, None).await.writes);
    assert!(writes.0 > 8 && writes.1 > 5, "{writes:?}");
    let in_emergency = (0..writes.0).map(|at| (Some(at), None));
    for (first, second) in in_emergency.chain((0..writes.1).map(|at| (None, Some(at)))) {
        for written in [false, true] {
            let story = format!("write {first:?} of the emergency, {second:?} of the rejoin, written: {written}");
            let world = Shared::new(killed(Vec::new()));
            let ended = to_the_end(&emergency, &world, first.map(|at| (at, written))).await;
            assert_eq!(ended.verdict, Verdict::Done, "{story}");
            let ended = to_the_end(&rejoin, &world, second.map(|at| (at, written))).await;
            judge(&world, false, &story);
            assert_eq!((ended.verdict, serves(&world)), (Verdict::Done, Some(1)), "{story}");
            assert!(world.world().streams(0) && world.world().members[0].kept, "{story}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_call_ends_there_or_back_home() {
    every_fault_at_every_call(Order::Failover, 3).await;
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_call_of_a_failback_ends_there_or_back_home() {
    every_fault_at_every_call(Order::Failback, 3).await;
}

async fn every_fault_at_every_call(order: Order, back_outs_min: u32) {
    let maker = maker(order, "dallas", "nuremberg");
    let ended = to_the_end(&maker, &Shared::new(World::new(Vec::new())), None).await;
    let mut backed_out = 0;
    for at in 0..ended.calls {
        for fault in FAULTS.into_iter().chain(CUTS) {
            let story = format!("{fault:?} at {at}");
            let world = Shared::new(World::new(vec![(at, fault)]));
            let ended = to_the_end(&maker, &world, None).await;
            judge(&world, true, &story);
            match (ended.verdict, serves(&world)) {
                (Verdict::Done, Some(1)) | (Verdict::Refused, Some(0)) => {}
                (Verdict::BackedOut, Some(0)) => {
                    backed_out += 1;
                    assert!(
                        follows_again(&world),
                        "the standby follows again: {story}\n{}",
                        world.world().story.join("\n")
                    );
                }
                // Past the point of no return a refusal stops; what serves is the new site, or nobody yet.
                (Verdict::Stopped | Verdict::InDoubt, serving) => {
                    let refused = matches!(fault, Mishap::Refused | Mishap::WrongServer);
                    assert!(refused, "{story}\n{}", world.world().story.join("\n"));
                    assert_ne!(serving, Some(0), "{story}");
                }
                other => panic!("{other:?}: {story}\n{}", world.world().story.join("\n")),
            }
        }
    }
    assert!(backed_out >= back_outs_min, "{backed_out} runs backed out");
}

/// The standby follows as soon as the link is there again.
fn follows_again(world: &Shared) -> bool {
    let mut world = world.world();
    world.link_cut_until = 0;
    world.streams(1)
}

#[tokio::test(start_paused = true)]
async fn what_is_done_late_at_any_call_makes_no_second_writer_and_loses_nothing() {
    for order in [Order::Failover, Order::Failback] {
        let maker = maker(order, "dallas", "nuremberg");
        let calls = to_the_end(&maker, &Shared::new(World::new(Vec::new())), None).await.calls;
        let (mut there, mut home) = (0, 0);
        for at in 0..calls {
            for late in LATE {
                let story = format!("{order:?}: {late:?} at {at}");
                let world = Shared::new(World::new(vec![(at, late)]));
                let ended = to_the_end(&maker, &world, None).await;
                let serving = serves(&world);
                // What is late comes, also when the run has long ended.
                tokio::time::sleep(std::time::Duration::from_secs(300)).await;
                for _ in 0..3 {
                    world.world().pass();
                }
                judge(&world, true, &story);
                match (ended.verdict, serving) {
                    (Verdict::Done | Verdict::DoneWithMisses, Some(1)) => there += 1,
                    (Verdict::Refused | Verdict::BackedOut, Some(0)) => home += 1,
                    // A person must look at what may still come; past the promotion nobody goes back.
                    (Verdict::Stopped | Verdict::InDoubt, _) => {}
                    other => panic!("{other:?}: {story}\n{}", world.world().story.join("\n")),
                }
            }
        }
        assert!(there > 20 && home > 5, "{order:?}: {there} there, {home} home");
    }
}

#[tokio::test(start_paused = true)]
async fn a_death_in_a_back_out_still_leads_home() {
    a_death_in_a_back_out(Order::Failover).await;
}

#[tokio::test(start_paused = true)]
async fn a_death_in_the_back_out_of_a_failback_still_leads_home() {
    a_death_in_a_back_out(Order::Failback).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_could_take_nothing_back_leaves_the_way_forward_open() {
    // Somebody rolls back past the point of no return. Nothing is taken back, and a resume finishes the run.
    let maker = maker(Order::Failover, "dallas", "nuremberg");
    let calm = Shared::new(World::new(Vec::new()));
    let _ = to_the_end(&maker, &calm, None).await;
    let promotes = calm.world().story.iter().position(|line| line.contains("promote")).expect("it promotes");
    let world = Shared::new(World::new(vec![(promotes, Mishap::DieAfter)]));
    let mut journal = Paper::default();
    let dead = || world.world().dead;
    assert_eq!(run_process(&maker.plan, maker.actions(&world), &dead, &mut journal).await, End::Died);
    super::seeds::roll_back(&mut journal, &maker);
    world.world().dead = false;
    let alive = || false;
    let stopped = run_process(&maker.plan, maker.actions(&world), &alive, &mut journal).await;
    assert_eq!((stopped, serves(&world)), (End::Verdict(Verdict::Stopped), Some(1)));
    let done = run_process(&maker.plan, maker.actions(&world), &alive, &mut journal).await;
    assert_eq!((done, serves(&world)), (End::Verdict(Verdict::Done), Some(1)), "{}", world.world().story.join("\n"));
}

async fn a_death_in_a_back_out(order: Order) {
    let maker = maker(order, "dallas", "nuremberg");
    let calls = to_the_end(&maker, &Shared::new(World::new(Vec::new())), None).await.calls;
    let mut tried = 0;
    for refused in 0..calls {
        let world = Shared::new(World::new(vec![(refused, Mishap::Refused)]));
        let ended = to_the_end(&maker, &world, None).await;
        if ended.verdict != Verdict::BackedOut {
            continue;
        }
        for death_at in refused + 1..ended.calls + 2 {
            for death in DEATHS {
                tried += 1;
                let story = format!("refused at {refused}, {death:?} at {death_at}");
                let world = Shared::new(World::new(vec![(refused, Mishap::Refused), (death_at, death)]));
                let ended = to_the_end(&maker, &world, None).await;
                judge(&world, true, &story);
                assert_eq!(
                    (ended.verdict, serves(&world)),
                    (Verdict::BackedOut, Some(0)),
                    "{story}\n{}",
                    world.world().story.join("\n")
                );
            }
        }
    }
    assert!(tried > 20, "{tried} cases");
}

/// The primary's server was killed while the standby was a few writes behind.
fn killed(mishaps: Vec<(usize, Mishap)>) -> World {
    let mut world = World::new(mishaps);
    world.members[0].running = false;
    world.members[0].clean = false;
    world
}

#[tokio::test(start_paused = true)]
async fn an_emergency_and_the_way_back_survive_a_death_at_any_call() {
    let (emergency, rejoin) =
        (maker(Order::Emergency, "dallas", "nuremberg"), maker(Order::Rejoin, "dallas", "nuremberg"));
    let calm = Shared::new(killed(Vec::new()));
    let calls = to_the_end(&emergency, &calm, None).await.calls;
    let all_calls = to_the_end(&rejoin, &calm, None).await.calls;
    assert_eq!(serves(&calm), Some(1));
    assert!(calm.world().streams(0), "{}", calm.world().story.join("\n"));
    assert!(!calm.world().lost().is_empty(), "the world lost nothing, so nothing is tried");
    assert!(calm.world().members[0].kept, "what only the old primary had was kept");
    for at in 0..all_calls + 4 {
        for death in DEATHS {
            let story = format!("{death:?} at {at} ({calls} calls of the emergency)");
            let world = Shared::new(killed(vec![(at, death)]));
            let ended = to_the_end(&emergency, &world, None).await;
            assert_eq!(ended.verdict, Verdict::Done, "{story}\n{}", world.world().story.join("\n"));
            let ended = to_the_end(&rejoin, &world, None).await;
            judge(&world, false, &story);
            assert_eq!(
                (ended.verdict, serves(&world)),
                (Verdict::Done, Some(1)),
                "{story}\n{}",
                world.world().story.join("\n")
            );
            assert!(world.world().streams(0), "{story}");
            assert!(world.world().members[0].kept, "diverged writes were thrown away: {story}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_primary_that_somebody_starts_between_a_death_and_the_resume_is_fenced_again() {
    let maker = maker(Order::Failover, "dallas", "nuremberg");
    let calls = to_the_end(&maker, &Shared::new(World::new(Vec::new())), None).await.calls;
    let (mut done, mut back, mut asked) = (0, 0, 0);
    for at in 0..calls {
        for death in DEATHS {
            let story = format!("{death:?} at {at}");
            let world = Shared::new(World::new(vec![(at, death)]));
            let mut journal = Paper::default();
            let dead = || world.world().dead;
            assert_eq!(
                run_process(&maker.plan, maker.actions(&world), &dead, &mut journal).await,
                End::Died,
                "{story}"
            );
            {
                let mut world = world.world();
                if world.is_writable(1) {
                    // Past the point of no return nobody can be kept from starting it by hand; that is not tried here.
                    continue;
                }
                let old = &mut world.members[0];
                (old.running, old.recovery, old.signal, old.clean, old.follows) = (true, false, false, false, None);
                world.dead = false;
                for _ in 0..3 {
                    world.pass();
                }
            }
            let end = run_process(&maker.plan, maker.actions(&world), &dead, &mut journal).await;
            judge(&world, true, &story);
            match (end, serves(&world)) {
                (End::Verdict(Verdict::Done), Some(1)) => done += 1,
                // What it wrote after the stream was cut cannot arrive any more: nothing is promoted over it.
                (End::Verdict(Verdict::BackedOut), Some(0)) => back += 1,
                // The promotion was intended and not carried out, and it writes again: to fence it now, without a
                // standby that receives, would lose that. From there nothing is done by itself.
                (End::Verdict(Verdict::Stopped), Some(0)) => asked += 1,
                other => panic!("{other:?}: {story}\n{}", world.world().story.join("\n")),
            }
        }
    }
    // Without a new look at the fence only 14 would go on: the promotion itself would refuse, and the run go back.
    assert!(done > 20 && back > 1 && asked == 1, "{done} went on, {back} went back, {asked} asked");
}
