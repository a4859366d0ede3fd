//! The two servers, their logs, a client that writes wherever it can, and what may go wrong.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use switchback::engine::action::{ActionError, Fault};

/// Index of a site: 0 is `dallas`, 1 is `nuremberg`.
pub type At = usize;
pub const SITES: [&str; 2] = ["dallas", "nuremberg"];

/// How much the client writes in one story.
const WRITES_MAX: u64 = 300;

/// Nobody calls that often in one story.
const CALLS_MAX: usize = 50_000;

/// One entry of a log: on which timeline it was written, and its number.
pub type Entry = (u32, u64);

/// One database server and its disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The host answers.
    pub reachable: bool,
    pub running: bool,
    /// It was stopped cleanly (or was never started since).
    pub clean: bool,
    /// A start comes up in recovery.
    pub signal: bool,
    /// Running in recovery, or was when it stopped.
    pub recovery: bool,
    pub follows: Option<At>,
    /// It was promoted, and knows nobody to follow since.
    pub forgot: bool,
    pub timeline: u32,
    pub log: Vec<Entry>,
    pub kept: bool,
    /// What only it wrote is saved.
    pub accounted: bool,
    /// A row of it was changed behind everybody's back.
    pub falsified: bool,
    pub test_rows: BTreeSet<(u32, bool)>,
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    DieBefore,
    DieAfter,
    Transient,
    LostDone,
    LostNotDone,
    Unreachable,
    Refused,
    /// Another server answers than the one that was meant, and the adapter notices.
    WrongServer,
    /// Done, and the answer takes this many seconds.
    Slow(u64),
    /// Nobody answers; it is done this many seconds later, whoever still waits for it.
    Late(u64),
    /// The site is out of the operator's reach for so many calls; the sites see each other.
    Away(usize),
    /// The sites do not see each other for so many calls.
    LinkCut(usize),
    /// The server at the site is killed.
    Killed,
    /// Somebody starts the server at the site, as it is.
    Started,
}

pub const DEATHS: [Mishap; 2] = [Mishap::DieBefore, Mishap::DieAfter];
pub const FAULTS: [Mishap; 8] = [
    Mishap::Transient,
    Mishap::LostDone,
    Mishap::LostNotDone,
    Mishap::Unreachable,
    Mishap::Refused,
    Mishap::WrongServer,
    Mishap::Slow(3),
    Mishap::Away(4),
];

/// The sites do not see each other, for a moment and for longer than a phase lasts.
pub const CUTS: [Mishap; 3] = [Mishap::LinkCut(1), Mishap::LinkCut(6), Mishap::LinkCut(25)];
/// Nobody answers, and it is done while somebody still waits, after the step's time, and after everybody has given up.
pub const LATE: [Mishap; 4] = [Mishap::Late(5), Mishap::Late(40), Mishap::Late(100), Mishap::Late(200)];

#[derive(Debug)]
pub struct World {
    pub members: [Member; 2],
    next: u64,
    /// What the client was promised.
    pub acknowledged: Vec<Entry>,
    pub promotions: u32,
    pub calls: usize,
    pub mishaps: Vec<(usize, Mishap)>,
    pub dead: bool,
    /// Invariants that were broken, each in a sentence.
    pub broken: Vec<String>,
    pub story: Vec<String>,
    /// At this call somebody promotes `nuremberg` by hand, if it is in recovery and `dallas` does not serve.
    pub promoted_by_hand_at: Option<usize>,
    pub was_promoted_by_hand: bool,
    /// At this call the standby at `nuremberg` dies, and its host with it or not, if it is in recovery then.
    pub standby_dies_at: Option<(usize, HostToo)>,
    pub standby_died: bool,
    /// Until which call the operator does not reach a site, and the sites not each other.
    pub away_until: [usize; 2],
    pub link_cut_until: usize,
}

/// Whether the host of a server dies with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostToo {
    Dies,
    Lives,
}

impl World {
    /// `dallas` serves, `nuremberg` follows a little behind.
    pub fn new(mishaps: Vec<(usize, Mishap)>) -> Self {
        let log: Vec<Entry> = (0..10).map(|number| (1, number)).collect();
        let primary = Member {
            reachable: true,
            running: true,
            clean: false,
            signal: false,
            recovery: false,
            follows: None,
            forgot: false,
            timeline: 1,
            log: log.clone(),
            kept: false,
            accounted: false,
            falsified: false,
            test_rows: BTreeSet::new(),
        };
        let standby = Member {
            recovery: true,
            signal: true,
            follows: Some(0),
            log: log.iter().take(7).copied().collect(),
            ..primary.clone()
        };
        Self {
            members: [primary, standby],
            next: 10,
            acknowledged: log,
            promotions: 0,
            calls: 0,
            mishaps,
            dead: false,
            broken: Vec::new(),
            story: Vec::new(),
            promoted_by_hand_at: None,
            was_promoted_by_hand: false,
            standby_dies_at: None,
            standby_died: false,
            away_until: [0; 2],
            link_cut_until: 0,
        }
    }

    pub fn is_writable(&self, at: At) -> bool {
        let member = &self.members[at];
        member.running && !member.recovery
    }

    /// The standby at a site receives from a running member whose log begins with its own.
    pub fn streams(&self, at: At) -> bool {
        let member = &self.members[at];
        let Some(from) = member.follows else { return false };
        let upstream = &self.members[from];
        member.running
            && member.recovery
            && upstream.running
            && upstream.reachable
            && self.calls >= self.link_cut_until
            && upstream.log.starts_with(&member.log)
    }

    /// Time goes by: the client writes, replication replicates, and the invariants are looked at.
    pub fn pass(&mut self) {
        let writable: Vec<At> = (0..2).filter(|at| self.is_writable(*at)).collect();
        if writable.len() > 1 {
            self.broken.push("two members take writes at once".to_owned());
        }
        for at in writable {
            // Who waits for hours would fill the log with what tells nothing more.
            if self.next >= 10 + WRITES_MAX {
                break;
            }
            let entry = (self.members[at].timeline, self.next);
            self.next += 1;
            self.members[at].log.push(entry);
            self.acknowledged.push(entry);
        }
        for at in 0..2 {
            self.replicate(at, 3);
        }
    }

    /// What somebody else does, behind the run's back.
    fn by_hand(&mut self) {
        if self.promoted_by_hand_at.is_none_or(|at| at > self.calls)
            || self.was_promoted_by_hand
            || self.is_writable(0)
            || !self.members[1].recovery
        {
            return;
        }
        self.story.push("    somebody promotes nuremberg by hand".to_owned());
        (self.members[1].recovery, self.members[1].follows, self.members[1].forgot) = (false, None, true);
        self.members[1].timeline += 1;
        self.was_promoted_by_hand = true;
    }

    fn standby_dies(&mut self) {
        let Some((_, host)) = self.standby_dies_at.filter(|(at, _)| *at <= self.calls && !self.standby_died) else {
            return;
        };
        if !self.members[1].recovery {
            return;
        }
        self.story.push(format!("    the standby dies; its host {host:?}"));
        self.members[1].running = false;
        self.members[1].reachable = host == HostToo::Lives;
        self.standby_died = true;
    }

    pub fn replicate(&mut self, at: At, most: usize) {
        if !self.streams(at) {
            return;
        }
        let Some(from) = self.members[at].follows else { return };
        let have = self.members[at].log.len();
        let more: Vec<Entry> = self.members[from].log.iter().skip(have).take(most).copied().collect();
        self.members[at].log.extend(more);
        self.members[at].timeline = self.members[from].timeline;
        let rows = self.members[from].test_rows.clone();
        self.members[at].test_rows = rows;
    }

    /// Acknowledged writes that the one writable member does not have.
    pub fn lost(&self) -> Vec<Entry> {
        let Some(at) = (0..2).find(|at| self.is_writable(*at)) else { return Vec::new() };
        let have: BTreeSet<&Entry> = self.members[at].log.iter().collect();
        self.acknowledged.iter().filter(|entry| !have.contains(entry)).copied().collect()
    }
}

/// The world, shared by everything that calls it.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call to a site. Whether `effect` happens, and whether its answer comes back, is the mishap's.
    pub async fn call<T: Send + 'static>(
        &self,
        name: &'static str,
        at: At,
        effect: impl FnOnce(&mut World) -> Result<T, ActionError> + Send + 'static,
    ) -> Result<T, ActionError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mishap = self.world().begin(name, at);
        let answer = match mishap {
            Some(Mishap::Slow(seconds)) => {
                let answer = self.world().answer(name, at, None, effect);
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                answer
            }
            Some(Mishap::Late(seconds)) => {
                let world = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    let mut world = world.world();
                    world.story.push(format!("    {name} {} happens now", SITES[at]));
                    let _ = world.answer(name, at, None, effect);
                });
                // Adapters have a limit of their own.
                tokio::time::sleep(Duration::from_secs(120)).await;
                Err(ActionError::in_doubt(format!("{name} at {}: no answer in time", SITES[at])))
            }
            mishap => self.world().answer(name, at, mishap, effect),
        };
        if self.world().dead {
            return std::future::pending().await;
        }
        answer
    }
}

impl World {
    /// A call begins: its number is counted, and what else happens at this moment happens.
    fn begin(&mut self, name: &str, at: At) -> Option<Mishap> {
        let mishap = self.mishaps.iter().find(|(call, _)| *call == self.calls).map(|(_, mishap)| *mishap);
        let tells = mishap.map_or_else(String::new, |m| format!("{m:?}"));
        self.story.push(format!("{:>3} {name} {} {tells}", self.calls, SITES[at]));
        // Between the look and the act a gap remains (docs/safety.md); nobody falls into it here.
        if name != "unfence" {
            self.by_hand();
        }
        self.standby_dies();
        self.calls += 1;
        assert!(self.calls < CALLS_MAX, "it calls and calls:\n{}", self.story[..200].join("\n"));
        match mishap {
            Some(Mishap::Away(calls)) => self.away_until[at] = self.calls + calls,
            Some(Mishap::LinkCut(calls)) => self.link_cut_until = self.calls + calls,
            Some(Mishap::Killed) if self.members[at].running => {
                (self.members[at].running, self.members[at].clean) = (false, false);
            }
            Some(Mishap::Started) => self.start(at),
            _ => {}
        }
        self.pass();
        mishap
    }

    /// Somebody starts the server of a site: its own disk says what it comes up as. A primary that a person
    /// starts beside a serving one, or one that was left behind in place of the one that served last, is that
    /// person's doing, and not tried.
    fn start(&mut self, at: At) {
        let beside = self.is_writable(1 - at);
        let last = self.acknowledged.last();
        let member = &mut self.members[at];
        let served_last = last.is_none_or(|entry| member.log.contains(entry));
        if !member.running && (member.signal || (served_last && !beside)) {
            (member.running, member.recovery, member.clean) = (true, member.signal, false);
        }
    }

    fn answer<T>(
        &mut self,
        name: &str,
        at: At,
        mishap: Option<Mishap>,
        effect: impl FnOnce(&mut Self) -> Result<T, ActionError>,
    ) -> Result<T, ActionError> {
        let say = |fault, text: &str| Err(ActionError::new(fault, format!("{name} at {}: {text}", SITES[at])));
        let gone = !self.members[at].reachable || self.calls < self.away_until[at];
        let answer = match mishap {
            _ if gone => say(Fault::Unreachable, "no route"),
            Some(Mishap::Transient) => say(Fault::Transient, "busy"),
            Some(Mishap::Unreachable) => say(Fault::Unreachable, "no route"),
            Some(Mishap::Refused) => say(Fault::Refused, "no"),
            Some(Mishap::WrongServer) => say(Fault::Refused, "another server answers"),
            Some(Mishap::LostNotDone) => say(Fault::InDoubt, "no answer"),
            Some(Mishap::LostDone) => {
                let _ = effect(self);
                say(Fault::InDoubt, "no answer")
            }
            Some(death @ (Mishap::DieBefore | Mishap::DieAfter)) => {
                if death == Mishap::DieAfter {
                    let _ = effect(self);
                }
                self.dead = true;
                say(Fault::InDoubt, "died")
            }
            _ => effect(self),
        };
        self.pass();
        answer
    }
}
