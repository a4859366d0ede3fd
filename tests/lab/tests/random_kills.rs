//! SIGKILL at random moments of both runbooks under load, of resumed runs too, and `resume` until done.
//!
//! `SWITCHBACK_KILLS=N` says how many (10), `SWITCHBACK_SOAK_SECONDS=N` for how long instead, `SWITCHBACK_SEED=N`
//! which moments. Each kill has a line of its own, so that they can be counted whatever comes after.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::Lab;
use crate::running::Running;

/// splitmix64: the same moments for the same seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }
}

pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, not a number")))
}

/// Begins a command, kills it after so long, and says whether it was killed.
fn killed_after(lab: &Lab, arguments: &[&str], after: Duration) -> bool {
    let mut running = Running::begin(lab, arguments);
    std::thread::sleep(after);
    if running.is_over() {
        let (said, _) = running.ends();
        assert!(matches!(said.code, 0 | 10), "{arguments:?}: {}: {}", said.code, said.stderr);
        return false;
    }
    let events = running.kill();
    let last = events.last().map(|event| format!("{} {}", event["event"], event["step_id"])).unwrap_or_default();
    eprintln!("soak: kill of {arguments:?} after {after:?}, last event: {last}");
    true
}

/// Resumes until the run is done; a run that was killed before it began is given anew.
fn finish(lab: &Lab, order: &[&str], primary: &str) {
    for _ in 0..5 {
        let said = lab.run(&["resume", "--yes"]);
        match said.code {
            0 | 10 => return,
            // What was begun is over: the kill came too late.
            2 if lab.is_primary(primary) == Some(true) => return,
            // Nothing was begun.
            2 => {
                let said = lab.run(order);
                assert!(matches!(said.code, 0 | 10), "{order:?}: {}: {}", said.code, said.stderr);
                return;
            }
            // In order, resumable.
            5 | 7 => eprintln!("again: {}", said.stderr),
            other => panic!("a resume of {order:?} ended with {other}: {}", said.stderr),
        }
    }
    panic!("{order:?} is never done");
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let seed = number("SWITCHBACK_SEED").unwrap_or(1);
    let most = number("SWITCHBACK_KILLS").unwrap_or(10);
    let until = number("SWITCHBACK_SOAK_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut dice = Dice(seed);
    let mut lab = Lab::fresh();
    lab.client_starts();
    let there = ["failover", "--to", "nuremberg", "--yes"];
    let back = ["failback", "--input", "soak=1s", "--yes"];
    // How long they take when they are left alone, on this machine today.
    let began = Instant::now();
    lab.ok(&there);
    lab.ok(&back);
    let usual_ms = u64::try_from(began.elapsed().as_millis() / 2).expect("small").max(500);
    let mut kills = 0;
    for round in 0_u64.. {
        if until.map_or(kills >= most, |until| Instant::now() >= until) {
            break;
        }
        let (order, primary, standby) =
            if round.is_multiple_of(2) { (&there[..], "b-db", "a-db") } else { (&back[..], "a-db", "b-db") };
        if killed_after(&lab, order, Duration::from_millis(dice.roll(usual_ms))) {
            kills += 1;
            // And now and then again, while it is resumed.
            let again = dice.roll(3) == 0;
            if again && lab.run(&["runs", "--verify"]).code == 0 {
                let resume = ["resume", "--yes"];
                let mut running = Running::begin(&lab, &resume);
                std::thread::sleep(Duration::from_millis(dice.roll(usual_ms)));
                if !running.is_over() {
                    kills += 1;
                    eprintln!("soak: kill of a resume");
                }
                running.kill();
            }
            finish(&lab, order, primary);
        }
        lab.ok(&["runs", "--verify"]);
        lab.is_at_rest(primary, standby);
    }
    let seen = lab.client_stops();
    assert_eq!(seen.missing, Vec::<Value>::new(), "acknowledged writes are missing (seed {seed})");
    assert_eq!(seen.both, Vec::<Value>::new(), "both sites took writes (seed {seed})");
    eprintln!("{kills} kills (seed {seed}), {} acknowledged writes", seen.acknowledged);
}
