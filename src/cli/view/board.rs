//! What a run looks like at one moment, as lines: the phase, what is under way against what it usually
//! takes, how long nobody can write, and what turning back now would cost.
//!
//! Pure: made from a plan and a state, laid out for a moment and a width.

use super::words::Paint;
use crate::base::quantity::spoken;
use crate::cli::experience::{Experience, Times};
use crate::engine::machine;
use crate::engine::pace::{Pace, open_group};
use crate::engine::plan::{Plan, PlanStep};
use crate::engine::state::{RunState, Stage, UndoStage};
use crate::runbook::bound::Mode;

/// How many steps that are under way have a line of their own.
const OPEN_MAX: usize = 6;
/// By how much a step is past its 75th percentile before that is said, in milliseconds: less is noise.
const SLOW_BY_MS: u64 = 500;
const SPINNER: [&str; 4] = ["◐", "◓", "◑", "◒"];

/// One moment of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    phase: String,
    open: Vec<Open>,
    /// Since when nobody can write, and how long that may last.
    outage: Option<(u64, Option<u64>)>,
    back: Back,
}

/// A step that is under way.
#[derive(Debug, Clone, PartialEq)]
struct Open {
    id: String,
    since_ms: u64,
    usual: Option<Times>,
    /// What it waits for.
    why: String,
    undoing: bool,
}

/// What turning back now would cost.
#[derive(Debug, Clone, PartialEq)]
enum Back {
    /// Nothing was changed.
    Nothing,
    /// These steps are taken back, in this order, and how long that took before.
    Steps { ids: Vec<String>, took_ms: Option<u64> },
    /// Some service is past its point of no return.
    Passed,
    /// It does already.
    Going { reason: String },
}

impl Board {
    pub fn of(plan: &Plan, state: &RunState, pace: &Pace, experience: &Experience) -> Self {
        let mut open: Vec<Open> = Vec::new();
        for (index, (step, record)) in plan.steps.iter().zip(&state.steps).enumerate() {
            let undo_why = match &record.undo {
                UndoStage::Acting { .. } => Some(String::new()),
                UndoStage::Again { why, .. } => Some(why.clone()),
                _ => None,
            };
            if let Some(why) = undo_why {
                let since_ms = record.undo_began_ms.unwrap_or(state.now_ms);
                open.push(Open { id: step.id.clone(), since_ms, usual: experience.undo(step), why, undoing: true });
                continue;
            }
            let runs = state.back_out.is_none() && !record.is_settled();
            let (true, Some(since_ms)) = (runs, pace.opened_ms(index)) else { continue };
            let why = match &record.stage {
                Stage::NotYet { why } | Stage::InDoubt { why } | Stage::Failed { why, .. } => why.clone(),
                Stage::Unproven => "done, and not to be seen yet".to_owned(),
                _ => String::new(),
            };
            open.push(Open { id: step.id.clone(), since_ms, usual: experience.step(step), why, undoing: false });
        }
        let outage = state.waits_since_ms().map(|began| (began, most_ms(plan)));
        Self { phase: phase_line(plan, state), open, outage, back: Back::of(plan, state, experience) }
    }

    /// Whether anything is under way that could be waited for.
    pub fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// The board at a moment, no line wider than `width`.
    pub fn lines(&self, now_ms: u64, width: usize, paint: Paint) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.phase.is_empty() {
            lines.push(paint.strong(&self.phase));
        }
        let beat = usize::try_from(now_ms / 150).unwrap_or(0);
        let spinner = SPINNER.get(beat % SPINNER.len()).copied().unwrap_or("…");
        lines.extend(self.open.iter().take(OPEN_MAX).map(|open| format!("  {spinner} {}", open.text(now_ms, paint))));
        if self.open.len() > OPEN_MAX {
            lines.push(paint.faint(&format!("  … and {} more", self.open.len() - OPEN_MAX)));
        }
        lines.extend(self.outage_line(now_ms, paint));
        lines.extend(self.back.line(paint));
        lines.into_iter().map(|line| cut(&line, width)).collect()
    }

    /// The steps under way, without colour or movement, for where nothing can move.
    pub fn heartbeat(&self, now_ms: u64, paint: Paint) -> Vec<String> {
        let plain = Paint { color: false, ..paint };
        let mut lines: Vec<String> =
            self.open.iter().take(OPEN_MAX).map(|open| format!("… {}", open.text(now_ms, plain))).collect();
        if self.open.len() > OPEN_MAX {
            lines.push(format!("… and {} more", self.open.len() - OPEN_MAX));
        }
        lines.extend(self.outage_line(now_ms, plain).map(|line| line.trim().to_owned()));
        lines
    }

    fn outage_line(&self, now_ms: u64, paint: Paint) -> Option<String> {
        let (began_ms, most_ms) = self.outage?;
        let lasted_ms = now_ms.saturating_sub(began_ms);
        let Some(most_ms) = most_ms.filter(|most| *most > 0) else {
            return Some(paint.odd(&format!("  no writes for {}", spoken(lasted_ms))));
        };
        let tenths = usize::try_from(lasted_ms.saturating_mul(10) / most_ms).unwrap_or(10).min(10);
        let bar = format!("{}{}", "█".repeat(tenths), "░".repeat(10 - tenths));
        let text = format!("  no writes for {} of {} {bar}", spoken(lasted_ms), spoken(most_ms));
        Some(if tenths >= 8 { paint.bad(&text) } else { paint.odd(&text) })
    }
}

impl Open {
    fn text(&self, now_ms: u64, paint: Paint) -> String {
        let for_ms = now_ms.saturating_sub(self.since_ms);
        let what = if self.undoing { ", being taken back" } else { "" };
        let usual = match self.usual {
            Some(times) if is_slow(for_ms, times) => {
                let than = if times.count > 1 { "3 of 4 times before" } else { "the time before" };
                paint.odd(&format!(", slower than {than} ({})", spoken(times.p75_ms)))
            }
            Some(times) => paint.faint(&format!(" of usually {}", spoken(times.median_ms))),
            None => String::new(),
        };
        let why = if self.why.is_empty() { String::new() } else { format!(" – {}", self.why) };
        format!("{}{what} {}{usual}{why}", self.id, spoken(for_ms))
    }
}

/// Whether something takes longer than three of four times before, by more than noise.
pub fn is_slow(took_ms: u64, times: Times) -> bool {
    took_ms > times.p75_ms.saturating_add(SLOW_BY_MS)
}

impl Back {
    fn of(plan: &Plan, state: &RunState, experience: &Experience) -> Self {
        if let Some(back_out) = &state.back_out {
            return Self::Going { reason: back_out.reason.clone() };
        }
        let wave = open_group(plan, state).and_then(|(phase, _)| phase.wave);
        let back: Vec<&PlanStep> =
            machine::to_undo(plan, state, wave).into_iter().filter_map(|index| plan.steps.get(index)).collect();
        if back.is_empty() {
            let passed = state.any_has_passed_in(state.leg(plan));
            return if passed { Self::Passed } else { Self::Nothing };
        }
        let took: Option<Vec<u64>> = back.iter().map(|step| Some(experience.undo(step)?.median_ms)).collect();
        Self::Steps {
            ids: back.iter().map(|step| step.id.clone()).collect(),
            took_ms: took.map(|took| took.into_iter().sum()),
        }
    }

    fn line(&self, paint: Paint) -> Option<String> {
        Some(match self {
            Self::Nothing => paint.faint("  turning back now costs nothing: nothing was changed"),
            Self::Steps { ids, took_ms } => {
                let took = took_ms.map_or_else(String::new, |ms| format!(", usually {}", spoken(ms)));
                let steps = if ids.len() == 1 { "1 step".to_owned() } else { format!("{} steps", ids.len()) };
                format!("  turning back now takes back {steps}{took}: {}", ids.join(", "))
            }
            Self::Passed => paint.odd("  past the point of no return: the way is forward"),
            Self::Going { reason } => paint.odd(&format!("  going back, because {reason}")),
        })
    }
}

fn most_ms(plan: &Plan) -> Option<u64> {
    match plan.mode {
        Mode::Planned => plan.outage_max_ms,
        Mode::Emergency => plan.rto_ms,
    }
}

fn phase_line(plan: &Plan, state: &RunState) -> String {
    let Some((open, _)) = open_group(plan, state) else { return String::new() };
    let real = || plan.phases.iter().filter(|phase| !phase.groups.is_empty());
    let number = real().position(|phase| std::ptr::eq(phase, open)).map_or(0, |index| index + 1);
    format!("[{number}/{}] {}: {}", real().count(), open.id, open.title)
}

/// A line cut to a width, with a sign that it was.
fn cut(line: &str, width: usize) -> String {
    console::truncate_str(line, width, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAINT: Paint = Paint { color: false, width: 80 };

    fn board() -> Board {
        let usual = Some(Times { median_ms: 1_000, p75_ms: 2_000, count: 4 });
        let open = |id: &str, why: &str| Open {
            id: id.to_owned(),
            since_ms: 10_000,
            usual,
            why: why.to_owned(),
            undoing: false,
        };
        let ids = vec!["fence/fence-databases/orders".to_owned()];
        Board {
            phase: "[3/9] fence: Nothing at dallas can take a write".to_owned(),
            open: vec![open("fence/fence-databases/orders", "the server is still going down, with words to spare"); 8],
            outage: Some((10_000, Some(20_000))),
            back: Back::Steps { ids, took_ms: Some(700) },
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [20, 40, 79, 119] {
            let lines = board().lines(12_400, width, PAINT);
            assert!(lines.iter().all(|line| console::measure_text_width(line) <= width), "{width}: {lines:#?}");
            assert_eq!(lines.len(), 1 + OPEN_MAX + 1 + 1 + 1, "{lines:#?}");
        }
    }

    #[test]
    fn a_step_is_slow_past_its_75th_percentile_and_not_before() {
        let said = |now_ms| board().lines(now_ms, 200, PAINT).join("\n");
        assert!(said(11_900).contains("1.9 s of usually 1.0 s"), "{}", said(11_900));
        assert!(!said(12_400).contains("slower"), "within what is noise");
        assert!(said(12_600).contains("2.6 s, slower than 3 of 4 times before (2.0 s)"), "{}", said(12_600));
    }

    #[test]
    fn the_outage_is_told_against_its_limit() {
        let said = board().lines(26_000, 200, PAINT).join("\n");
        assert!(said.contains("no writes for 16.0 s of 20.0 s ████████░░"), "{said}");
        assert!(said.contains("takes back 1 step, usually 700 ms: fence/fence-databases/orders"), "{said}");
    }
}
