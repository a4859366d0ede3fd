//! A link is cut while a run is at a phase of either runbook: operator and one site, operator and the other, the two
//! sites. It heals after a moment, or when the run has given up. Whatever happens meanwhile: never two writers, nothing
//! acknowledged is lost, the exit code is true, and `resume` or `rollback` leads to a whole end.
//!
//! Each story has a number. `SWITCHBACK_PARTITIONS=N` plays that one; with `SWITCHBACK_SOAK_SECONDS=S` it plays on from there
//! until time is up. Without either a share is played: each link at the fence and at the promotion.

use std::time::{Duration, Instant};

use crate::lab::{Lab, lab};
use crate::random_kills::number;
use crate::running::Running;

const LINKS: [(&str, &str); 3] = [("operator", "dallas"), ("operator", "nuremberg"), ("dallas", "nuremberg")];

/// The phases, and the event of it that the link is cut at.
const THERE: [(&str, &str); 9] = [
    ("look/", "looked"),
    ("prepare/", "intended"),
    ("fence.1/", "intended"),
    ("arrived.1/", "looked"),
    ("detach.1/", "intended"),
    ("promote.1/", "intended"),
    ("redirect.1/", "intended"),
    ("verify/", "looked"),
    ("protect/", "intended"),
];
const BACK: [(&str, &str); 11] = [
    ("soak/", "looked"),
    ("rejoin/", "looked"),
    ("look/", "looked"),
    ("prepare/", "intended"),
    ("offline.1/", "intended"),
    ("arrived.1/", "looked"),
    ("detach.1/", "intended"),
    ("promote.1/", "intended"),
    ("redirect.1/", "intended"),
    ("verify/", "looked"),
    ("rebuild/", "intended"),
];

/// A cut that stays is healed when the run has ended, at the latest after so long: past `outage_max` and every time-out.
const STAYS_MAX: Duration = Duration::from_secs(45);
/// No run goes on for longer, whatever is cut.
const RUN_MAX: Duration = Duration::from_secs(300);

struct Story {
    number: u64,
    back: bool,
    link: (&'static str, &'static str),
    phase: (&'static str, &'static str),
    /// Whether the link heals after a moment.
    soon: bool,
    /// Whether a run that stopped is taken back instead of gone on with.
    rolls_back: bool,
}

impl Story {
    /// Every story is among the first 132; those that follow each other have little in common.
    fn of(number: u64) -> Self {
        let back = !number.is_multiple_of(2);
        let phases = if back { &BACK[..] } else { &THERE[..] };
        let all = phases.len() * LINKS.len() * 2;
        let which = usize::try_from(number / 2 % 1_000).expect("small") * 31 % all;
        Self {
            number,
            back,
            link: LINKS[which % 3],
            soon: (which / 3).is_multiple_of(2),
            phase: phases[which / 6],
            rolls_back: number / 2 % 3 == 1,
        }
    }

    fn order(&self) -> &'static [&'static str] {
        if self.back {
            &["failback", "--input", "soak=1s", "--yes"]
        } else {
            &["failover", "--to", "nuremberg", "--yes"]
        }
    }

    /// Who serves before it, and who is to serve after it.
    fn members(&self) -> (&'static str, &'static str) {
        if self.back { ("b-db", "a-db") } else { ("a-db", "b-db") }
    }

    fn told(&self) -> String {
        let Self { number, link, phase, soon, .. } = self;
        let heals = if *soon { "for a moment" } else { "until it gave up" };
        format!("{number}: {} – {} cut {heals} at {} of {}", link.0, link.1, phase.0, self.order()[0])
    }
}

/// Ends a program that goes on for too long, so that the test ends too.
fn ended_by(deadline: Duration, running: &Running) -> std::sync::mpsc::Sender<()> {
    let (over, waits) = std::sync::mpsc::channel();
    let pid = running.pid().to_string();
    std::thread::spawn(move || {
        if waits.recv_timeout(deadline) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            eprintln!("it goes on for more than {deadline:?}");
            let _ = std::process::Command::new("kill").args(["-KILL", &pid]).status();
        }
    });
    over
}

/// A run with the link cut at its phase; what it ended with.
fn cut_in(lab_: &Lab, story: &Story) -> i32 {
    let told = story.told();
    let mut running = Running::begin(lab_, story.order());
    let in_time = ended_by(RUN_MAX, &running);
    assert!(running.until(story.phase.0, story.phase.1), "{told}: {:?} never came", story.phase);
    running.signal("STOP");
    lab(&["cut", story.link.0, story.link.1]);
    running.signal("CONT");
    let began = Instant::now();
    let heals_after = if story.soon { Duration::from_secs(2) } else { STAYS_MAX };
    // Its events are read meanwhile, or it would wait for its reader.
    let ends = std::thread::spawn(move || running.ends());
    while began.elapsed() < heals_after && !ends.is_finished() {
        std::thread::sleep(Duration::from_millis(50));
    }
    if !ends.is_finished() {
        lab(&["heal"]);
    }
    let (said, _) = ends.join().expect("read to its end");
    drop(in_time);
    let after = began.elapsed();
    is_true(lab_, story, said.code, &said.stderr);
    lab(&["heal"]);
    eprintln!("soak: partition {told}: exit code {} after {after:.1?}", said.code);
    said.code
}

/// Sees that what an exit code says is so, the link healed or not.
fn is_true(lab_: &Lab, story: &Story, code: i32, stderr: &str) {
    let (from, to) = story.members();
    let serve = (lab_.is_primary(from) == Some(true), lab_.is_primary(to) == Some(true));
    let told = format!("{}: exit code {code}: {stderr}", story.told());
    match code {
        0 | 10 => assert_eq!(serve, (false, true), "{told}"),
        4 | 6 => assert_eq!(serve, (true, false), "{told}"),
        5 | 7 => assert_ne!(serve, (true, true), "{told}"),
        _ => panic!("{told}"),
    }
}

/// All is healed: the run is gone on with, or taken back, until it is over. Says who serves.
fn settled(lab_: &Lab, story: &Story, mut code: i32) -> (&'static str, &'static str) {
    let mut verb = if story.rolls_back { "rollback" } else { "resume" };
    for _ in 0..4 {
        if !matches!(code, 5 | 7) {
            break;
        }
        let said = lab_.run(&[verb, "--yes"]);
        is_true(lab_, story, said.code, &said.stderr);
        code = said.code;
        verb = "resume";
    }
    let (from, to) = story.members();
    match code {
        0 | 10 => (to, from),
        4 | 6 => (from, to),
        _ => panic!("{}: all is healed, and it ends with {code}", story.told()),
    }
}

/// A standby that was cut off comes back by itself, within its own pauses.
fn streams_again(lab_: &Lab, primary: &str) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if lab_.sql(primary, "select count(*) from pg_stat_replication where state = 'streaming'") == "1" {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Plays one, and says who serves afterwards.
fn play(lab_: &mut Lab, story: &Story, serves: &str) -> &'static str {
    eprintln!("soak: number {}", story.number);
    if story.members().0 != serves {
        lab_.ok(Story { back: !story.back, ..*story }.order());
    }
    lab_.client_starts();
    let code = cut_in(lab_, story);
    let (primary, standby) = settled(lab_, story, code);
    streams_again(lab_, primary);
    lab_.is_at_rest(primary, standby);
    lab_.ok(&["runs", "--verify"]);
    lab_.client_stops().is_whole(&story.told());
    primary
}

#[test]
fn a_link_that_is_cut_at_any_phase_loses_nothing() {
    let from = number("SWITCHBACK_PARTITIONS");
    let seconds = number("SWITCHBACK_SOAK_SECONDS");
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    let mut lab_ = Lab::fresh();
    let mut serves = "a-db";
    let at_the_points_that_matter = |number: &u64| {
        let story = Story::of(*number);
        story.soon && matches!(story.phase.0, "fence.1/" | "promote.1/") && !story.back
    };
    match (from, seconds) {
        (None, None) => {
            for number in (0..108).filter(at_the_points_that_matter) {
                serves = play(&mut lab_, &Story::of(number), serves);
            }
        }
        (Some(from), None) => {
            play(&mut lab_, &Story::of(from), serves);
        }
        (from, Some(_)) => {
            for number in from.unwrap_or(0).. {
                serves = play(&mut lab_, &Story::of(number), serves);
                if Instant::now() >= until {
                    break;
                }
            }
        }
    }
}
