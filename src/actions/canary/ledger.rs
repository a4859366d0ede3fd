//! What came of the writes, and what that means. Pure, and bounded however long a run lasts.

use std::time::Duration;

use super::port::Place;
use crate::base::name::ServiceName;
use crate::base::quantity::spoken;
use crate::engine::measured::{Gap, Measured, Stretch, Turn};

/// How long the program may not have run before that counts as standing still, in milliseconds.
const STOOD_STILL_MS: u64 = 1_000;
/// How many turns and stretches are kept. Of more turns the first and the newest are; the last stretch takes in what follows.
const KEPT_MAX: usize = 16;

/// What is measured.
#[derive(Debug, Clone)]
pub struct About {
    pub entrance: String,
    /// A service, or a method and a URL.
    pub wrote_to: String,
    /// The services whose outage shows there.
    pub services: Vec<ServiceName>,
    pub every: Duration,
}

/// The writes of one process. Times are elapsed milliseconds of the run, and never go back.
#[derive(Debug)]
pub struct Ledger {
    about: About,
    from_ms: Option<u64>,
    counts: Counts,
    first_taken_ms: Option<u64>,
    last_taken_ms: Option<u64>,
    /// Since when writing has gone on without a break, and the last acknowledged write in that time.
    unbroken_ms: Option<u64>,
    last_ms: Option<u64>,
    /// Whether a try came to nothing since then.
    missed: bool,
    longest: Option<Gap>,
    turns: Vec<Turn>,
    split: Option<String>,
    unmeasured: Vec<Stretch>,
    beat_ms: Option<u64>,
    says: Option<String>,
}

#[derive(Debug, Default)]
struct Counts {
    taken: u64,
    failed: u64,
    unknown: u64,
}

impl Ledger {
    pub fn new(about: About) -> Self {
        Self {
            about,
            from_ms: None,
            counts: Counts::default(),
            first_taken_ms: None,
            last_taken_ms: None,
            unbroken_ms: None,
            last_ms: None,
            missed: false,
            longest: None,
            turns: Vec::new(),
            split: None,
            unmeasured: Vec::new(),
            beat_ms: None,
            says: None,
        }
    }

    /// How often it is tried.
    pub fn every(&self) -> Duration {
        self.about.every
    }

    /// A try begins.
    pub fn tried(&mut self, at_ms: u64) {
        self.beat(at_ms);
        self.from_ms.get_or_insert(at_ms);
        self.unbroken_ms.get_or_insert(at_ms);
    }

    /// It was acknowledged.
    pub fn taken(&mut self, at_ms: u64, place: &Place, term: u64) {
        self.counts.taken += 1;
        self.first_taken_ms.get_or_insert(at_ms);
        self.last_taken_ms = Some(at_ms);
        match (self.last_ms, self.unbroken_ms) {
            (Some(last_ms), _) => self.gap(last_ms, at_ms, true),
            // It took no write when it was first asked: the time may have begun earlier.
            (None, Some(from_ms)) if self.missed => self.gap(from_ms, at_ms, false),
            (None, _) => {}
        }
        (self.last_ms, self.missed) = (Some(at_ms), false);
        self.turn(at_ms, place, term);
    }

    /// It was not, or its answer was lost.
    pub fn failed(&mut self, _at_ms: u64, why: &str, unknown: bool) {
        if unknown {
            self.counts.unknown += 1;
        } else {
            self.counts.failed += 1;
        }
        self.missed = true;
        self.says = Some(why.to_owned());
    }

    /// Nobody wrote in this time, since a person was waited for.
    pub fn rested(&mut self, from_ms: u64, to_ms: u64) {
        if self.from_ms.is_some() {
            self.look_away(from_ms, to_ms);
        }
    }

    /// The program runs. Where it did not for a while, nobody measured.
    pub fn beat(&mut self, at_ms: u64) {
        if let Some(before_ms) = self.beat_ms
            && at_ms.saturating_sub(before_ms) >= STOOD_STILL_MS
            && self.from_ms.is_some()
        {
            self.look_away(before_ms, at_ms);
        }
        self.beat_ms = Some(at_ms);
    }

    /// All of it; `None` where nothing was tried.
    pub fn measured(&self, now_ms: u64) -> Option<Measured> {
        let from_ms = self.from_ms?;
        let open_since = self.last_ms.or(self.unbroken_ms).filter(|_| self.missed);
        let open = open_since.map(|from_ms| Gap { from_ms, to_ms: now_ms.max(from_ms), whole: false });
        Some(Measured {
            entrance: self.about.entrance.clone(),
            wrote_to: self.about.wrote_to.clone(),
            services: self.about.services.clone(),
            every_ms: u64::try_from(self.about.every.as_millis()).unwrap_or(u64::MAX),
            from_ms,
            to_ms: now_ms.max(from_ms),
            taken: self.counts.taken,
            failed: self.counts.failed,
            unknown: self.counts.unknown,
            first_taken_ms: self.first_taken_ms,
            last_taken_ms: self.last_taken_ms,
            gap: longer(self.longest, open),
            turns: self.turns.clone(),
            split: self.split.clone(),
            unmeasured: self.unmeasured.clone(),
            says: self.says.clone(),
        })
    }

    fn gap(&mut self, from_ms: u64, to_ms: u64, whole: bool) {
        self.longest = longer(self.longest, Some(Gap { from_ms, to_ms, whole }));
    }

    fn look_away(&mut self, from_ms: u64, to_ms: u64) {
        // What had lasted by then has lasted so long at least.
        if let Some(since_ms) = self.last_ms.or(self.unbroken_ms).filter(|_| self.missed) {
            self.gap(since_ms, from_ms.max(since_ms), false);
        }
        (self.unbroken_ms, self.last_ms, self.missed) = (None, None, false);
        let full = self.unmeasured.len() >= KEPT_MAX;
        match self.unmeasured.last_mut() {
            Some(last) if full || last.to_ms >= from_ms => last.to_ms = to_ms,
            _ => self.unmeasured.push(Stretch { from_ms, to_ms }),
        }
    }

    fn turn(&mut self, at_ms: u64, place: &Place, term: u64) {
        let at = place.site.as_ref().map_or_else(|| place.address.to_string(), ToString::to_string);
        self.see_split(at_ms, &at, term);
        let goes_on = |last: &Turn| last.at == at && (last.term == term || last.term == 0 || term == 0);
        match self.turns.last_mut() {
            Some(last) if goes_on(last) => {
                last.to_ms = at_ms;
                last.taken += 1;
                last.term = last.term.max(term);
            }
            _ => {
                if self.turns.len() >= KEPT_MAX {
                    self.turns.remove(1);
                }
                self.turns.push(Turn { at, term, from_ms: at_ms, to_ms: at_ms, taken: 1 });
            }
        }
    }

    /// A promotion begins a higher term, so a server that takes a write under a lower one after a higher one was
    /// written under, or under the same one as another server, was never told that it was succeeded.
    fn see_split(&mut self, at_ms: u64, at: &str, term: u64) {
        if term == 0 || self.split.is_some() {
            return;
        }
        // Two addresses that are no site's may well be one server's.
        let is_site = |at: &str| at.parse::<std::net::IpAddr>().is_err();
        let two = |turn: &&Turn| turn.at != at && is_site(at) && is_site(&turn.at);
        let other = self.turns.iter().find(|turn| turn.term > term || (turn.term == term && two(turn)));
        if let Some(other) = other {
            self.split = Some(format!(
                "two servers took writes in overlapping times: {at} took one {} after the order in its term {term}, and {} \
                 had taken one at {} in term {}; what only one of them has must be found and one of them be stopped",
                spoken(at_ms),
                other.at,
                spoken(other.to_ms),
                other.term
            ));
        }
    }
}

/// The longer of two; of equal ones the first.
fn longer(one: Option<Gap>, other: Option<Gap>) -> Option<Gap> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.ms() > one.ms() { other } else { one }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::SiteName;

    fn ledger() -> Ledger {
        Ledger::new(About {
            entrance: "db.shop.internal".to_owned(),
            wrote_to: "`orders`".to_owned(),
            services: vec![ServiceName::new("orders").expect("a name")],
            every: Duration::from_millis(20),
        })
    }

    fn at(site: &str) -> Place {
        let name = |site: &str| SiteName::new(site).expect("a name");
        match site.parse() {
            Ok(address) => Place { address, site: None },
            Err(_) => Place { address: [192, 0, 2, 1].into(), site: Some(name(site)) },
        }
    }

    /// Tries every 20 ms from here to there, each acknowledged at once.
    fn taken(ledger: &mut Ledger, from_ms: u64, to_ms: u64, site: &str, term: u64) {
        for ms in (from_ms..=to_ms).step_by(20) {
            ledger.tried(ms);
            ledger.taken(ms, &at(site), term);
        }
    }

    fn failed(ledger: &mut Ledger, from_ms: u64, to_ms: u64) {
        for ms in (from_ms..=to_ms).step_by(20) {
            ledger.tried(ms);
            ledger.failed(ms, "no", false);
        }
    }

    fn gap(ledger: &Ledger, now_ms: u64) -> (u64, u64, bool) {
        let gap = ledger.measured(now_ms).expect("measured").gap.expect("a gap");
        (gap.from_ms, gap.to_ms, gap.whole)
    }

    #[test]
    fn the_longest_time_is_between_two_that_were_acknowledged() {
        let mut ledger = ledger();
        taken(&mut ledger, 0, 400, "dallas", 1);
        failed(&mut ledger, 420, 1_180);
        taken(&mut ledger, 1_200, 2_000, "nuremberg", 2);
        assert_eq!(gap(&ledger, 2_000), (400, 1_200, true));
        let measured = ledger.measured(2_000).expect("measured");
        assert_eq!((measured.taken, measured.failed, measured.unknown), (62, 39, 0));
        assert_eq!(
            (measured.first_taken_ms, measured.last_taken_ms, measured.split.clone()),
            (Some(0), Some(2_000), None)
        );
        let turns: Vec<&str> = measured.turns.iter().map(|turn| turn.at.as_str()).collect();
        assert_eq!(turns, ["dallas", "nuremberg"]);
        assert_eq!(
            measured.told(),
            "a client that wrote to `orders` by `db.shop.internal` saw 800 ms without a write: 62 of 101 acknowledged, \
             at dallas, then nuremberg, 39 failed"
        );
    }

    #[test]
    fn what_had_begun_before_or_lasts_still_is_said_to_be_at_least_that() {
        let mut late = ledger();
        failed(&mut late, 1_000, 1_980);
        taken(&mut late, 2_000, 2_100, "nuremberg", 2);
        assert_eq!(gap(&late, 2_100), (1_000, 2_000, false));
        let mut early = ledger();
        taken(&mut early, 0, 100, "dallas", 1);
        failed(&mut early, 120, 900);
        assert_eq!(gap(&early, 5_000), (100, 5_000, false));
        assert!(early.measured(5_000).expect("measured").told().contains("saw at least 4.9 s"));
        let mut never = ledger();
        failed(&mut never, 0, 40);
        assert_eq!(gap(&never, 100), (0, 100, false));
        assert!(never.measured(100).expect("measured").told().ends_with("had none of 3 writes acknowledged; last: no"));
        assert_eq!(ledger().measured(100), None, "nothing was tried, so nothing was measured");
    }

    #[test]
    fn while_a_person_is_waited_for_or_the_program_stands_still_nothing_is_measured() {
        let mut ledger = ledger();
        taken(&mut ledger, 0, 100, "dallas", 1);
        ledger.rested(110, 60_000);
        taken(&mut ledger, 60_000, 60_100, "dallas", 1);
        // Stopped, and gone on with half an hour later.
        taken(&mut ledger, 1_860_000, 1_860_100, "dallas", 1);
        let measured = ledger.measured(1_860_100).expect("measured");
        assert_eq!(measured.gap.map(Gap::ms), Some(20));
        let stretch = |from_ms, to_ms| Stretch { from_ms, to_ms };
        assert_eq!(measured.unmeasured, [stretch(110, 60_000), stretch(60_100, 1_860_000)]);
    }

    #[test]
    fn an_outage_in_which_the_program_stood_still_is_not_made_shorter_by_it() {
        let mut ledger = ledger();
        taken(&mut ledger, 0, 100, "dallas", 1);
        failed(&mut ledger, 120, 700);
        taken(&mut ledger, 9_000, 9_100, "nuremberg", 2);
        assert_eq!(gap(&ledger, 9_100), (100, 700, false));
    }

    #[test]
    fn two_servers_in_overlapping_times_are_a_split() {
        let split = |writes: &[(&str, u64)]| {
            let mut ledger = ledger();
            for (place, (site, term)) in writes.iter().enumerate() {
                ledger.tried(place as u64 * 20);
                ledger.taken(place as u64 * 20, &at(site), *term);
            }
            ledger.measured(1_000).expect("measured").split
        };
        // Each promotion begins a higher term: over, and back.
        assert_eq!(split(&[("dallas", 1), ("nuremberg", 2), ("dallas", 3), ("dallas", 3)]), None);
        // The old one goes on; two are of the same term; and a name server that gives now this and now that.
        let told = split(&[("dallas", 1), ("nuremberg", 2), ("dallas", 1)]).expect("a split");
        assert!(
            told.starts_with("two servers took writes in overlapping times: dallas took one 40 ms after"),
            "{told}"
        );
        assert!(split(&[("dallas", 4), ("nuremberg", 4)]).is_some());
        // What a web server writes to is not seen, and two addresses may be one server's.
        assert_eq!(split(&[("dallas", 0), ("nuremberg", 0), ("dallas", 0)]), None);
        assert_eq!(split(&[("192.0.2.1", 1), ("2001:db8::1", 1), ("192.0.2.1", 1)]), None);
        assert!(split(&[("192.0.2.1", 1), ("192.0.2.2", 2), ("192.0.2.1", 1)]).is_some());
    }

    #[test]
    fn a_run_of_days_needs_no_more_room_than_one_of_minutes() {
        let mut ledger = ledger();
        for turn in 0..1_000_u64 {
            let site = if turn % 2 == 0 { "dallas" } else { "nuremberg" };
            taken(&mut ledger, turn * 100_000, turn * 100_000 + 40, site, turn + 1);
            ledger.rested(turn * 100_000 + 50, (turn + 1) * 100_000);
        }
        let measured = ledger.measured(100_000_000).expect("measured");
        assert_eq!((measured.turns.len(), measured.unmeasured.len(), measured.taken), (KEPT_MAX, KEPT_MAX, 3_000));
        assert_eq!(measured.split, None);
    }
}
