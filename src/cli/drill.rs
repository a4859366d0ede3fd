//! What a drill found, how two of them differ, and how long ago the last good one was.

use serde::{Deserialize, Serialize};

use super::clock::wall_ms;
use super::error::Failure;
use super::exit::Exit;
use crate::base::quantity::spoken;
use crate::engine::plan::Plan;
use crate::runbook::bound::Mode;
use crate::store::Store;
use crate::store::drills::DrillRow;

/// The version of [`Drill`]'s form.
const DRILL_FORMAT: u32 = 1;

/// What came of a drill, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    pub format: u32,
    pub kind: Kind,
    pub verdict: Verdict,
    pub why: String,
    pub estate: String,
    pub runbook: String,
    pub title: String,
    pub mode: Mode,
    pub to: Option<String>,
    pub from: Option<String>,
    pub estate_digest: String,
    pub runbook_digest: String,
    pub took_ms: u64,
    /// The longer of the two outages of a live drill.
    pub outage_ms: Option<u64>,
    /// The longest time without a write that a client saw in either, where that was measured.
    #[serde(default)]
    pub client_ms: Option<u64>,
    /// Runs that a live drill is made of.
    pub runs: Vec<String>,
    pub steps: Vec<Found>,
}

/// What a drill found of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub step: String,
    /// What a plan would say of it (`already so`, `blocked`), or how it ended.
    pub word: String,
    pub says: String,
    pub took_ms: Option<u64>,
}

/// What a drill does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Takes every look and changes nothing.
    Looks,
    /// Fails over and comes back.
    Live,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Looks => "looks",
            Self::Live => "live",
        }
    }
}

/// How a drill came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was looked at, or done, and nothing stood in the way.
    Passed,
    /// Something did.
    Failed,
    /// Nothing was seen to be wrong, but not everything could be seen.
    Inconclusive,
    /// It was not begun.
    NotStarted,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::NotStarted => "not started",
        }
    }
}

impl Drill {
    /// A drill of this plan of which nothing is known yet.
    pub fn of(kind: Kind, plan: &Plan) -> Self {
        Self {
            format: DRILL_FORMAT,
            kind,
            verdict: Verdict::NotStarted,
            why: String::new(),
            estate: plan.estate.clone(),
            runbook: plan.runbook.clone(),
            title: plan.title.clone(),
            mode: plan.mode,
            to: plan.to.as_ref().map(ToString::to_string),
            from: plan.from.as_ref().map(ToString::to_string),
            estate_digest: plan.estate_digest.clone(),
            runbook_digest: plan.runbook_digest.clone(),
            took_ms: 0,
            outage_ms: None,
            client_ms: None,
            runs: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// What is different from an earlier one, a sentence each.
    pub fn since(&self, before: &Self) -> Vec<String> {
        let mut list = Vec::new();
        if self.runbook_digest != before.runbook_digest {
            list.push("the runbook was changed".to_owned());
        }
        if self.estate_digest != before.estate_digest {
            list.push("the estate was changed".to_owned());
        }
        if self.verdict != before.verdict {
            list.push(format!("the verdict was `{}` and is `{}`", before.verdict.word(), self.verdict.word()));
        }
        for now in &self.steps {
            match before.steps.iter().find(|then| then.step == now.step) {
                None => list.push(format!("{} is new", now.step)),
                Some(then) => {
                    if then.word != now.word {
                        list.push(format!("{} was `{}` and is `{}`", now.step, then.word, now.word));
                    }
                    list.extend(slower(&now.step, now.took_ms, then.took_ms));
                }
            }
        }
        let gone = before.steps.iter().filter(|then| self.steps.iter().all(|now| now.step != then.step));
        list.extend(gone.map(|then| format!("{} is gone", then.step)));
        list.extend(slower("the longest time without writes", self.outage_ms, before.outage_ms));
        list.extend(slower("the whole", Some(self.took_ms), Some(before.took_ms)));
        list
    }

    /// The JSON that is kept.
    pub fn row(&self, id: &str, began_at: jiff::Timestamp) -> Result<DrillRow, Failure> {
        let body = serde_json::to_string(self)
            .map_err(|error| Failure::new(Exit::Internal, format!("the drill cannot be kept: {error}")))?;
        let (estate, runbook) = (self.estate.clone(), self.runbook.clone());
        Ok(DrillRow { id: id.to_owned(), estate, runbook, began_at: began_at.to_string(), body })
    }
}

/// Half as long again, and by more than what a busy machine makes of anything.
fn slower(what: &str, now: Option<u64>, then: Option<u64>) -> Option<String> {
    const NOISE_MS: u64 = 1_000;
    let (now, then) = now.zip(then)?;
    (now > then + then / 2 && now > then + NOISE_MS)
        .then(|| format!("{what} took {}, {} before", spoken(now), spoken(then)))
}

/// The drills of an estate that this version can read, newest first.
pub fn all(store: &Store, estate: &str) -> Result<Vec<(DrillRow, Drill)>, Failure> {
    let rows = store.drills(Some(estate))?.into_iter();
    let read = |row: DrillRow| {
        let record: Drill = serde_json::from_str(&row.body).ok()?;
        (record.format <= DRILL_FORMAT).then_some((row, record))
    };
    Ok(rows.filter_map(read).collect())
}

/// One line for whoever is about to rely on this runbook: when it was last tried with success.
pub fn last_good(store: Option<&Store>, plan: &Plan) -> String {
    let all = store.and_then(|store| all(store, &plan.estate).ok()).unwrap_or_default();
    let mut good = all.iter().filter(|(row, record)| {
        row.runbook == plan.runbook && record.mode == plan.mode && record.verdict == Verdict::Passed
    });
    let to = plan.to.as_ref().map(ToString::to_string);
    let Some((row, record)) = good.find(|(_, record)| record.to == to) else {
        let there = to.map_or_else(String::new, |to| format!(" to {to}"));
        return format!("drills: none of `{}`{there} ({}) has passed yet", plan.runbook, plan.mode);
    };
    let ago = row.began_at.parse::<jiff::Timestamp>().map_or_else(
        |_| "at an unknown time".to_owned(),
        |at| format!("{} ago", rounded(wall_ms().saturating_sub(at.as_millisecond()))),
    );
    let mut line = format!("drills: the last good one ({}) was {ago}", record.kind.word());
    for (changed, what) in [
        (record.runbook_digest != plan.runbook_digest, "the runbook"),
        (record.estate_digest != plan.estate_digest, "the estate"),
    ] {
        if changed {
            line.push_str(&format!("; {what} was changed since"));
        }
    }
    line
}

/// A time as people say it of the past.
fn rounded(ms: i64) -> String {
    let minutes = ms.max(0) / 60_000;
    match minutes {
        0 => "less than a minute".to_owned(),
        1..120 => format!("{minutes} min"),
        120..2_880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drill(steps: &[(&str, &str, u64)], runbook_digest: &str) -> Drill {
        let found = |(step, word, took): &(&str, &str, u64)| Found {
            step: (*step).to_owned(),
            word: (*word).to_owned(),
            says: String::new(),
            took_ms: Some(*took),
        };
        Drill {
            format: DRILL_FORMAT,
            kind: Kind::Looks,
            verdict: Verdict::Passed,
            why: String::new(),
            estate: String::new(),
            runbook: String::new(),
            title: String::new(),
            mode: Mode::Planned,
            to: None,
            from: None,
            estate_digest: "e".to_owned(),
            runbook_digest: runbook_digest.to_owned(),
            took_ms: 4_000,
            outage_ms: None,
            client_ms: None,
            runs: Vec::new(),
            steps: steps.iter().map(found).collect(),
        }
    }

    #[test]
    fn what_changed_is_said_and_noise_is_not() {
        let before =
            drill(&[("ready", "already so", 100), ("fence", "would change", 2_000), ("old", "later", 0)], "r1");
        let mut now = drill(&[("ready", "blocked", 900), ("fence", "would change", 3_100), ("new", "later", 0)], "r2");
        now.verdict = Verdict::Failed;
        now.took_ms = 4_900;
        assert_eq!(
            now.since(&before),
            [
                "the runbook was changed",
                "the verdict was `passed` and is `failed`",
                "ready was `already so` and is `blocked`",
                "fence took 3.1 s, 2.0 s before",
                "new is new",
                "old is gone",
            ]
        );
        assert!(before.since(&before).is_empty());
    }

    #[test]
    fn a_time_as_people_say_it() {
        let said = [0, 90_000, 5 * 3_600_000, 72 * 3_600_000].map(rounded);
        assert_eq!(said, ["less than a minute", "1 min", "5 hours", "3 days"]);
    }
}
