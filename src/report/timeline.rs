//! The timeline of a run: who was under way when, as bars; and those bars laid out for a picture.
//!
//! Two scales would not fit on one page: an outage of seconds and a person who thought for ten minutes.
//! Time in which a person was waited for, or in which the program was dead, is therefore cut short, and
//! the picture says so.

use serde::Serialize;

use crate::base::quantity::spoken;
use crate::engine::action::{Applied, Observed};
use crate::engine::event::{Event, What};
use crate::engine::pace::Pace;
use crate::engine::plan::{Plan, StepIndex};
use crate::engine::state::RunState;
use crate::runbook::signature::Undo;

/// Where bars begin and how wide the picture of them is, in the picture's own units.
const LEFT: u64 = 250;
const WIDTH: u64 = 700;
const ROW: u64 = 20;
const TOP: u64 = 34;
/// What is cut short is this part of the rest.
const CUT_PART: u64 = 25;
/// Shorter times are not cut.
const CUT_MIN_MS: u64 = 2_000;

/// What was going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Look,
    Wait,
    Act,
    Failed,
    Undo,
    Lost,
    Person,
}

/// One stretch of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bar {
    pub kind: Kind,
    pub from_ms: u64,
    pub to_ms: u64,
}

/// Bars of each step, and of the people who were asked.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Timeline {
    pub steps: Vec<Vec<Bar>>,
    pub people: Vec<Bar>,
    /// When the program was not there.
    pub dead: Vec<Bar>,
    pub no_return_ms: Option<u64>,
    pub end_ms: u64,
}

impl Timeline {
    /// Of a run's events.
    pub fn of(plan: &Plan, events: &[Event]) -> Self {
        let mut line = Self { steps: vec![Vec::new(); plan.steps.len()], ..Self::default() };
        let (mut state, mut pace) = (RunState::new(plan), Pace::new(plan));
        let mut under_way: Vec<Option<u64>> = vec![None; plan.steps.len()];
        let (mut asked, mut before) = (None, 0);
        for event in events {
            let now = event.elapsed_ms.max(before);
            line.take(plan, event, now, before, &pace, &mut under_way, &mut asked);
            before = now;
            if state.fold(plan, event).is_err() {
                break;
            }
            pace.after(plan, &state, event);
        }
        line.end_ms = before;
        line
    }

    #[expect(clippy::too_many_arguments, reason = "what is open while one event is taken in")]
    fn take(
        &mut self,
        plan: &Plan,
        event: &Event,
        now: u64,
        before: u64,
        pace: &Pace,
        under_way: &mut [Option<u64>],
        asked: &mut Option<u64>,
    ) {
        match &event.what {
            What::Looked { step, observed } => {
                let kind = if matches!(observed, Observed::Satisfied(_)) { Kind::Look } else { Kind::Wait };
                self.looked(*step, kind, pace, now);
            }
            What::LookFailed { step, .. } => self.looked(*step, Kind::Wait, pace, now),
            What::Intended { step, .. } => {
                // The look before an act is a look, whatever it found.
                if let Some(bar) = self.steps.get_mut(*step).and_then(|bars| bars.last_mut())
                    && bar.kind == Kind::Wait
                {
                    bar.kind = Kind::Look;
                }
                if plan.steps.get(*step).is_some_and(|step| step.undo == Undo::Impossible) {
                    self.no_return_ms.get_or_insert(now);
                }
                open(under_way, *step, now);
            }
            What::UndoIntended { step, .. } => open(under_way, *step, now),
            What::Acted { step, applied, .. } => {
                let from = close(under_way, *step).unwrap_or(now);
                self.put(*step, Kind::Act, from, now);
                if matches!(applied, Applied::Unproven(_)) {
                    self.put(*step, Kind::Wait, now, now);
                }
            }
            What::ActFailed { step, .. } => {
                let from = close(under_way, *step).unwrap_or(now);
                self.put(*step, Kind::Failed, from, now);
            }
            What::Undone { step, .. } | What::UndoFailed { step, .. } => {
                let from = close(under_way, *step).unwrap_or(now);
                self.put(*step, Kind::Undo, from, now);
            }
            What::Resumed { .. } => {
                for step in 0..under_way.len() {
                    if let Some(from) = close(under_way, step) {
                        self.put(step, Kind::Lost, from, before);
                    }
                }
                self.dead.push(Bar { kind: Kind::Lost, from_ms: before, to_ms: now });
                *asked = None;
            }
            What::Asked { .. } => *asked = Some(now),
            What::Answered { .. } => {
                let from = asked.take().unwrap_or(now);
                self.people.push(Bar { kind: Kind::Person, from_ms: from, to_ms: now });
            }
            _ => {}
        }
    }

    fn looked(&mut self, step: StepIndex, kind: Kind, pace: &Pace, now: u64) {
        let last = self.steps.get(step).and_then(|bars| bars.last()).map(|bar| bar.to_ms);
        let from = last.or_else(|| pace.opened_ms(step)).unwrap_or(now);
        self.put(step, kind, from, now);
    }

    fn put(&mut self, step: StepIndex, kind: Kind, from_ms: u64, to_ms: u64) {
        let Some(bars) = self.steps.get_mut(step) else { return };
        match bars.last_mut() {
            Some(last) if last.kind == kind && matches!(kind, Kind::Look | Kind::Wait) => last.to_ms = to_ms,
            _ => bars.push(Bar { kind, from_ms, to_ms }),
        }
    }
}

fn open(under_way: &mut [Option<u64>], step: StepIndex, now: u64) {
    if let Some(open) = under_way.get_mut(step) {
        *open = Some(now);
    }
}

fn close(under_way: &mut [Option<u64>], step: StepIndex) -> Option<u64> {
    under_way.get_mut(step)?.take()
}

/// Milliseconds to places in the picture, with what is cut short.
#[derive(Debug)]
struct Scale {
    cuts: Vec<(u64, u64)>,
    /// What is left of each cut, in milliseconds.
    left_ms: u64,
    whole_ms: u64,
}

impl Scale {
    fn of(line: &Timeline) -> Self {
        let mut cuts: Vec<(u64, u64)> =
            line.people.iter().chain(&line.dead).map(|bar| (bar.from_ms, bar.to_ms)).collect();
        cuts.sort_unstable();
        // Of two that overlap the later begins where the earlier ends.
        let mut end = 0;
        for cut in &mut cuts {
            cut.0 = cut.0.max(end);
            cut.1 = cut.1.max(cut.0);
            end = cut.1;
        }
        let length: u64 = cuts.iter().map(|(from, to)| to - from).sum();
        let left_ms = (line.end_ms.saturating_sub(length) / CUT_PART).max(1);
        cuts.retain(|(from, to)| to - from >= CUT_MIN_MS.max(left_ms));
        let mut scale = Self { cuts, left_ms, whole_ms: 1 };
        scale.whole_ms = scale.shortened(line.end_ms).max(1);
        scale
    }

    fn shortened(&self, ms: u64) -> u64 {
        let mut sum = ms;
        for (from, to) in self.cuts.iter().filter(|(from, _)| *from < ms) {
            let inside = ms.min(*to) - from;
            sum -= inside - inside * self.left_ms / (to - from).max(1);
        }
        sum
    }

    fn x(&self, ms: u64) -> u64 {
        LEFT + self.shortened(ms) * WIDTH / self.whole_ms
    }
}

/// The picture, in its own units, ready for a template.
#[derive(Debug, Serialize)]
pub struct Picture {
    width: u64,
    height: u64,
    left: u64,
    right: u64,
    bottom: u64,
    rows: Vec<Row>,
    phases: Vec<Label>,
    ticks: Vec<Label>,
    cuts: Vec<Label>,
    /// One for each wave.
    outages: Vec<Span>,
    no_return: Option<u64>,
    /// For who cannot see it.
    description: String,
}

#[derive(Debug, Serialize)]
struct Row {
    label: String,
    title: String,
    y: u64,
    text_y: u64,
    bars: Vec<Drawn>,
}

#[derive(Debug, Serialize)]
struct Drawn {
    kind: Kind,
    x: u64,
    width: u64,
    title: String,
}

#[derive(Debug, Serialize)]
struct Label {
    x: u64,
    y: u64,
    text: String,
}

#[derive(Debug, Serialize)]
struct Span {
    x: u64,
    width: u64,
    text: String,
}

/// Lays a timeline out.
pub fn picture(plan: &Plan, state: &RunState, line: &Timeline) -> Picture {
    let scale = Scale::of(line);
    let (mut rows, mut phases, mut y) = (Vec::new(), Vec::new(), TOP);
    if !line.people.is_empty() {
        rows.push(row("people asked", "questions and their answers", &mut y, &line.people, &scale));
    }
    for phase in plan.phases.iter().filter(|phase| !phase.groups.is_empty()) {
        phases.push(Label { x: 0, y: y + 16, text: phase.title.clone() });
        y += ROW + 4;
        for index in phase.groups.iter().flatten() {
            let (Some(step), Some(bars)) = (plan.steps.get(*index), line.steps.get(*index)) else { continue };
            let attempts = state.steps.get(*index).map_or(0, |record| record.attempts);
            let again = if attempts > 1 { format!(" ×{attempts}") } else { String::new() };
            rows.push(row(&format!("{}{again}", step.id), &step.summary, &mut y, bars, &scale));
        }
    }
    let outages = state.without_writes(plan).into_iter().map(|(from, to)| {
        let to = to.unwrap_or(line.end_ms).max(from);
        let x = scale.x(from);
        Span { x, width: (scale.x(to) - x).max(1), text: format!("no writes for {}", spoken(to - from)) }
    });
    let cuts = scale.cuts.iter().map(|(from, to)| Label {
        x: scale.x(*from).midpoint(scale.x(*to)),
        y: TOP,
        text: format!("{} cut short here", spoken(to - from)),
    });
    Picture {
        width: LEFT + WIDTH + 40,
        height: y + 12,
        left: LEFT,
        right: LEFT + WIDTH,
        bottom: y,
        ticks: ticks(line.end_ms, &scale),
        cuts: cuts.collect(),
        no_return: line.no_return_ms.map(|ms| scale.x(ms)),
        description: format!("{} steps in {} phases over {}", plan.steps.len(), phases.len(), spoken(line.end_ms)),
        rows,
        phases,
        outages: outages.collect(),
    }
}

fn row(label: &str, title: &str, y: &mut u64, bars: &[Bar], scale: &Scale) -> Row {
    let at = *y;
    *y += ROW;
    let drawn = bars.iter().map(|bar| {
        let (x, to) = (scale.x(bar.from_ms), scale.x(bar.to_ms));
        let word = match bar.kind {
            Kind::Look => "looked",
            Kind::Wait => "waited",
            Kind::Act => "acted",
            Kind::Failed => "act failed",
            Kind::Undo => "took back",
            Kind::Lost => "cut off",
            Kind::Person => "a person was asked",
        };
        let took = spoken(bar.to_ms.saturating_sub(bar.from_ms));
        Drawn {
            kind: bar.kind,
            x,
            width: (to - x).max(2),
            title: format!("{word} for {took}, from {}", spoken(bar.from_ms)),
        }
    });
    let short: String =
        if label.chars().count() > 38 { label.chars().take(37).chain(['…']).collect() } else { label.to_owned() };
    Row { label: short, title: format!("{label}: {title}"), y: at + 3, text_y: at + 14, bars: drawn.collect() }
}

/// A handful of round times along the top.
fn ticks(end_ms: u64, scale: &Scale) -> Vec<Label> {
    const STEPS: [u64; 16] = [
        100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000,
        3_600_000, 14_400_000,
    ];
    let apart = STEPS.into_iter().find(|step| scale.whole_ms / step <= 8).unwrap_or(86_400_000);
    let mut ticks: Vec<Label> = Vec::new();
    for ms in (0..=end_ms / apart).map(|count| count * apart).take(10_000) {
        let x = scale.x(ms);
        if scale.cuts.iter().all(|(from, to)| ms <= *from || ms >= *to)
            && ticks.last().is_none_or(|last| x >= last.x + WIDTH / 12)
        {
            ticks.push(Label { x, y: TOP - 8, text: spoken(ms) });
        }
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(people: &[(u64, u64)], end_ms: u64) -> Timeline {
        let person = |(from_ms, to_ms): &(u64, u64)| Bar { kind: Kind::Person, from_ms: *from_ms, to_ms: *to_ms };
        Timeline { people: people.iter().map(person).collect(), end_ms, ..Timeline::default() }
    }

    #[test]
    fn a_person_who_thinks_does_not_squeeze_the_rest() {
        let scale = Scale::of(&line(&[(10_000, 610_000)], 620_000));
        assert_eq!((scale.x(0), scale.x(620_000)), (LEFT, LEFT + WIDTH));
        assert!(scale.x(10_000) > LEFT + WIDTH / 3 && scale.x(610_000) < LEFT + 2 * WIDTH / 3);
    }

    #[test]
    fn places_never_go_back() {
        for people in [vec![], vec![(0, 5_000)], vec![(1_000, 90_000), (50_000, 120_000)], vec![(0, 200_000)]] {
            let scale = Scale::of(&line(&people, 200_000));
            let places: Vec<u64> = (0..=200).map(|count| scale.x(count * 1_000)).collect();
            assert!(places.is_sorted(), "{people:?}");
            assert_eq!(places.last(), Some(&(LEFT + WIDTH)));
        }
    }
}
