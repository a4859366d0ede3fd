//! What the actions refuse, whatever the engine asks.

use std::sync::Arc;

use switchback::actions::database::port::Database;
use switchback::engine::action::{Action, Effect, Fault, Observed};
use switchback::engine::event::What;
use switchback::engine::rehearsal::{Foreseen, rehearse};
use switchback::engine::verdict::Verdict;

use super::database::SimDatabase;
use super::plans::{Order, maker};
use super::sweeps::to_the_end;
use super::world::{HostToo, Shared, World};
use crate::engine::world::{End, Paper, TestClock, run_process};

fn step<'a>(actions: &'a [Box<dyn Action>], maker: &super::plans::Maker, name: &str) -> &'a dyn Action {
    let index = maker.plan.steps.iter().position(|step| step.action.name == name).expect("in the plan");
    actions[index].as_ref()
}

#[tokio::test(start_paused = true)]
async fn a_fence_is_not_taken_back_over_a_promotion() {
    // The run dies in the undo of its fence, and meanwhile somebody promotes the other side by hand. The
    // resumed back-out must not start the old primary.
    let maker = maker(Order::Failover, "dallas", "nuremberg");
    let world = Shared::new(World::new(Vec::new()));
    let calm = to_the_end(&maker, &world, None).await.calls;
    let mut tried = 0;
    for refused in 0..calm {
        for promoted_at in refused + 1..refused + 8 {
            let world = Shared::new(World::new(vec![(refused, super::world::Mishap::Refused)]));
            world.world().promoted_by_hand_at = Some(promoted_at);
            let _ = to_the_end(&maker, &world, None).await;
            let world = world.world();
            if world.was_promoted_by_hand {
                tried += 1;
                assert!(world.broken.is_empty(), "{:?}\n{}", world.broken, world.story.join("\n"));
            }
        }
    }
    assert!(tried > 5, "{tried} cases");
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_serves_alone_is_not_promoted_over() {
    // The standby is cut off: a planned fail-over is refused before anything is touched.
    let maker = maker(Order::Failover, "dallas", "nuremberg");
    let world = Shared::new(World::new(Vec::new()));
    world.world().members[1].follows = None;
    let actions = maker.actions(&world);
    let clock = TestClock(tokio::time::Instant::now());
    let rehearsal = rehearse(&maker.plan, &actions, &clock, 5_000).await;
    assert!(rehearsal.blocked().count() >= 1, "{rehearsal:?}");
    let promote = step(&actions, &maker, "database.promote");
    assert!(matches!(promote.observe().await, Ok(Observed::Blocked { .. })));
    assert!(world.world().is_writable(0), "a rehearsal changed something");
}

#[tokio::test(start_paused = true)]
async fn an_emergency_names_what_must_be_accepted() {
    let mut maker = maker(Order::Emergency, "dallas", "nuremberg");
    maker.accept_nothing();
    let world = Shared::new(World::new(Vec::new()));
    world.world().members[0].reachable = false;
    let actions = maker.actions(&world);
    let clock = TestClock(tokio::time::Instant::now());
    let rehearsal = rehearse(&maker.plan, &actions, &clock, 5_000).await;
    let all: Vec<&str> = rehearsal.blocked().map(|(_, reason)| reason).collect();
    assert!(all.iter().any(|reason| reason.contains("--accept-unfenced dallas")), "{all:?}");
    assert!(all.iter().any(|reason| reason.contains("--accept-data-loss orders")), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn two_writable_members_stop_everything() {
    let maker = maker(Order::Failover, "dallas", "nuremberg");
    let world = Shared::new(World::new(Vec::new()));
    {
        let mut world = world.world();
        (world.members[1].recovery, world.members[1].follows) = (false, None);
    }
    let actions = maker.actions(&world);
    for name in ["database.ready", "database.promote"] {
        let observed = step(&actions, &maker, name).observe().await;
        assert!(
            matches!(&observed, Ok(Observed::Blocked { reason, .. }) if reason.contains("dallas") && reason.contains("nuremberg")),
            "{observed:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_run_finds_everything_done() {
    let maker = maker(Order::Failover, "dallas", "nuremberg");
    let world = Shared::new(World::new(Vec::new()));
    let _ = to_the_end(&maker, &world, None).await;
    let clock = TestClock(tokio::time::Instant::now());
    let rehearsal = rehearse(&maker.plan, &maker.actions(&world), &clock, 5_000).await;
    for (step, foreseen) in maker.plan.steps.iter().zip(&rehearsal.steps) {
        assert!(matches!(foreseen, Foreseen::Already(_)), "{}: {foreseen:?}", step.id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_a_refusal() {
    let world = Shared::new(World::new(vec![(0, super::world::Mishap::Refused)]));
    let database: Arc<dyn Database> = Arc::new(SimDatabase(world));
    let site = database.places().remove(0);
    let error = database.standing(&site).await.expect_err("refused");
    assert_eq!(error.fault, Fault::Refused);
}

#[tokio::test(start_paused = true)]
async fn only_the_root_of_a_refusal_is_told() {
    let mut maker = maker(Order::Emergency, "dallas", "nuremberg");
    maker.accept_nothing();
    let world = Shared::new(World::new(Vec::new()));
    world.world().members[0].reachable = false;
    let clock = TestClock(tokio::time::Instant::now());
    let rehearsal = rehearse(&maker.plan, &maker.actions(&world), &clock, 5_000).await;
    let blocked: Vec<&str> = rehearsal.blocked().map(|(index, _)| maker.plan.steps[index].id.as_str()).collect();
    assert_eq!(blocked, ["shut-out/orders", "promote.1/orders"], "what only waits for these is not told again");
}

#[tokio::test(start_paused = true)]
async fn a_promotion_looks_at_the_fence_itself() {
    // Everything has arrived and nobody writes, but a start would make the old primary writable again.
    let maker = maker(Order::Failover, "dallas", "nuremberg");
    let world = Shared::new(World::new(Vec::new()));
    {
        let mut world = world.world();
        world.replicate(1, usize::MAX);
        (world.members[0].running, world.members[0].clean) = (false, true);
    }
    let actions = maker.actions(&world);
    let observed = step(&actions, &maker, "database.promote").observe().await;
    assert!(matches!(&observed, Ok(Observed::Blocked { reason, .. }) if reason.contains("fenced")), "{observed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_promotion_looks_at_the_arrival_itself() {
    // The old primary is fenced, and its last writes never left it.
    let maker = maker(Order::Failover, "dallas", "nuremberg");
    let world = Shared::new(World::new(Vec::new()));
    {
        let mut world = world.world();
        (world.members[0].running, world.members[0].clean, world.members[0].signal) = (false, true, true);
    }
    let actions = maker.actions(&world);
    let observed = step(&actions, &maker, "database.promote").observe().await;
    assert!(matches!(&observed, Ok(Observed::Blocked { .. })), "{observed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_dies_behind_the_fence_does_not_take_both_sites_down() {
    // The old primary is fenced, and then the only other member is gone: the old one must serve again.
    let maker = maker(Order::Failover, "dallas", "nuremberg");
    let calm = to_the_end(&maker, &Shared::new(World::new(Vec::new())), None).await.calls;
    let mut home = 0;
    for at in 0..calm {
        let world = Shared::new(World::new(Vec::new()));
        world.world().standby_dies_at = Some((at, HostToo::Lives));
        let ended = to_the_end(&maker, &world, None).await;
        let world = world.world();
        let story = world.story.join("\n");
        assert!(world.broken.is_empty() && world.lost().is_empty(), "{:?}\n{story}", world.broken);
        match ended.verdict {
            Verdict::BackedOut | Verdict::Refused => {
                assert!(world.is_writable(0), "dies at {at}: nobody serves\n{story}");
                home += 1;
            }
            // It died after the intention to promote it: from there nothing starts the old primary by itself.
            Verdict::InDoubt | Verdict::Stopped => assert_eq!(world.promotions, 0, "dies at {at}\n{story}"),
            Verdict::Done => assert!(world.is_writable(1), "dies at {at}\n{story}"),
            other => panic!("{other:?}: dies at {at}\n{story}"),
        }
    }
    assert!(home > 12, "{home} runs went home");
}

#[tokio::test(start_paused = true)]
async fn a_person_may_vouch_for_a_standby_that_is_gone_with_its_host() {
    let mut maker = maker(Order::Failover, "dallas", "nuremberg");
    let calm = to_the_end(&maker, &Shared::new(World::new(Vec::new())), None).await.calls;
    let mut vouched = 0;
    for at in 0..calm {
        maker.accept_nothing();
        let world = Shared::new(World::new(Vec::new()));
        world.world().standby_dies_at = Some((at, HostToo::Dies));
        let mut journal = Paper::default();
        let dead = || false;
        let end = run_process(&maker.plan, maker.actions(&world), &dead, &mut journal).await;
        let fenced = !world.world().is_writable(0);
        if end != End::Verdict(Verdict::Stopped) || !fenced || world.world().promotions > 0 {
            continue;
        }
        maker.accept_unfenced("nuremberg");
        let end = run_process(&maker.plan, maker.actions(&world), &dead, &mut journal).await;
        let story = world.world().story.join("\n");
        if world.world().is_writable(0) {
            assert_eq!(end, End::Verdict(Verdict::BackedOut), "gone at {at}\n{story}");
            vouched += 1;
        } else {
            // The intention to promote was on disk.
            assert_ne!(end, End::Verdict(Verdict::BackedOut), "gone at {at}\n{story}");
        }
    }
    assert!(vouched >= 3, "{vouched} runs went home on a person's word");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_discarded_before_it_is_saved() {
    // `nuremberg` was promoted while `dallas` had more than it; `dallas` would be rewound.
    let maker = maker(Order::Rejoin, "dallas", "nuremberg");
    let world = Shared::new(World::new(Vec::new()));
    {
        let mut world = world.world();
        let [dallas, nuremberg] = &mut world.members;
        (dallas.running, dallas.clean, dallas.signal) = (false, true, true);
        (nuremberg.recovery, nuremberg.follows, nuremberg.timeline) = (false, None, 2);
    }
    let actions = maker.actions(&world);
    let follow = step(&actions, &maker, "database.follow");
    assert!(matches!(follow.observe().await, Ok(Observed::Blocked { until: Some(_), .. })));
    let touch = switchback::engine::action::Touch::for_preparation();
    let refused = follow.apply(&touch).await.expect_err("refused");
    assert!(refused.message.contains("database.account"), "{refused}");
    let account = step(&actions, &maker, "database.account");
    assert!(matches!(account.observe().await, Ok(Observed::Pending(_))));
    account.apply(&touch).await.expect("saved");
    assert!(matches!(account.observe().await, Ok(Observed::Satisfied(_))));
    assert!(matches!(follow.observe().await, Ok(Observed::Pending(_))));
}

#[tokio::test(start_paused = true)]
async fn tables_that_differ_are_named_and_equal_ones_counted() {
    let maker = maker(Order::Compare, "dallas", "nuremberg");
    for falsified in [false, true] {
        let world = Shared::new(World::new(Vec::new()));
        world.world().members[1].falsified = falsified;
        let actions = maker.actions(&world);
        let compare = actions[0].as_ref();
        // The first look counts only, since a plan takes it too.
        let Ok(Observed::Pending(evidence)) = compare.observe().await else { panic!("not counted") };
        assert_eq!((evidence.number("tables"), evidence.number("percent")), (Some(1), Some(0)));
        match compare.observe().await {
            Ok(Observed::Satisfied(evidence)) if !falsified => {
                assert_eq!((evidence.number("percent"), evidence.number("parts")), (Some(100), Some(2)));
            }
            Err(error) if falsified => {
                assert_eq!(error.fault, Fault::Refused);
                assert!(error.message.contains("1 parts differ: log"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_emergency_need_not_look_at_twice_is_nothing_that_a_promotion_rests_on() {
    let maker = maker(Order::Emergency, "dallas", "nuremberg");
    let world = Shared::new(World::new(Vec::new()));
    world.world().members[0].reachable = false;
    let clock = TestClock(tokio::time::Instant::now());
    let rehearsal = rehearse(&maker.plan, &maker.actions(&world), &clock, 5_000).await;
    let seen = rehearsal.seen_before_the_first_act(&maker.plan);
    let first_act = maker.plan.steps.iter().position(|step| step.effect != Effect::Look).expect("an act");
    for what in &seen {
        let What::Looked { step, observed: Observed::Satisfied(_) } = what else { panic!("{what:?}") };
        assert!(*step < first_act, "{}", maker.plan.steps[*step].id);
    }
    assert!(seen.len() <= first_act && first_act < maker.plan.steps.len(), "{seen:?}");
}
