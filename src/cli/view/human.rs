//! A run as a person watches it: a line for every step that is settled, and on a terminal one moving line
//! for what is under way.
//!
//! Talk goes to standard error. Without a terminal nothing moves: a line an event, and every ten seconds
//! a line that says what a slow step is waiting for.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::words::{Paint, lay_out};
use crate::base::quantity::spoken;
use crate::engine::event::{Event, What};
use crate::engine::plan::{Plan, StepIndex};
use crate::engine::ports::Reporter;
use crate::engine::state::{RunState, Stage, UndoStage};

/// Without a terminal, how often a slow step is spoken of, in milliseconds.
const HEARTBEAT_MS: u64 = 10_000;

/// Tells people.
pub struct HumanReporter {
    paint: Paint,
    verbose: u8,
    terminal: bool,
    bar: Option<ProgressBar>,
    phase: Option<usize>,
    heard_ms: u64,
}

impl HumanReporter {
    pub fn new(paint: Paint, verbose: u8, terminal: bool) -> Self {
        let bar = terminal.then(moving_line);
        Self { paint, verbose, terminal, bar, phase: None, heard_ms: 0 }
    }

    /// Prints a line above the moving one.
    pub fn say(&self, line: &str) {
        let print = || {
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn headline(&mut self, plan: &Plan, step: StepIndex) {
        let Some(phase) = plan.steps.get(step).map(|step| step.phase) else { return };
        if self.phase == Some(phase) {
            return;
        }
        self.phase = Some(phase);
        if let Some(phase) = plan.phases.get(phase) {
            let procedure = phase.procedure.as_ref().map_or_else(String::new, |key| format!(" ({key})"));
            let line = format!("{}{} {}", self.paint.strong(&phase.id), self.paint.faint(&procedure), phase.title);
            self.say(&line);
            if phase.no_return {
                self.say(&self.paint.odd("  ── the point of no return: from here the way is forward ──"));
            }
        }
    }

    fn step_line(&self, plan: &Plan, state: &RunState, index: StepIndex) -> Option<String> {
        let (step, record) = (plan.steps.get(index)?, state.steps.get(index)?);
        let (mark, word) = self.paint.stage(&record.stage, &record.undo);
        let what = match (&record.stage, &record.undo) {
            (_, UndoStage::GaveUp { why } | UndoStage::Again { why, .. }) => why.as_str(),
            (
                Stage::Failed { why, .. } | Stage::Missed { why } | Stage::InDoubt { why } | Stage::NotYet { why },
                UndoStage::No,
            ) => why,
            _ => record.evidence.summary.as_str(),
        };
        // A step that was so at its first look took no time of its own.
        let took = record.ended_ms.zip(record.began_ms).map(|(end, begin)| end.saturating_sub(begin));
        let took = took.filter(|ms| *ms > 0).map(spoken);
        let took = took.map_or_else(String::new, |took| format!("  {}", self.paint.faint(&took)));
        let short = step.id.split_once('/').map_or(step.id.as_str(), |(_, rest)| rest);
        let text = format!("{mark} {short}: {word}{}{what}", if what.is_empty() { "" } else { " – " });
        Some(format!("  {}{took}", lay_out(&text, self.paint.width.saturating_sub(12), 4)))
    }

    fn moving(&mut self, plan: &Plan, state: &RunState) {
        let open: Vec<String> = plan
            .steps
            .iter()
            .zip(&state.steps)
            .filter(|(_, record)| {
                record.began_ms.is_some() && !record.is_settled() && !matches!(record.stage, Stage::Failed { .. })
            })
            .map(|(step, record)| {
                let since =
                    record.began_ms.map_or_else(String::new, |began| spoken(state.now_ms.saturating_sub(began)));
                let why = match &record.stage {
                    Stage::NotYet { why } | Stage::InDoubt { why } => format!(" – {why}"),
                    _ => String::new(),
                };
                format!("{} {since}{why}", step.id)
            })
            .collect();
        let outage = match (state.outage_began_ms, state.outage_ended_ms) {
            (Some(began), None) => {
                let most = plan.outage_max_ms.map_or_else(String::new, |most| format!(" of at most {}", spoken(most)));
                format!("  [writes stopped for {}{most}]", spoken(state.now_ms.saturating_sub(began)))
            }
            _ => String::new(),
        };
        let line = format!("{}{outage}", open.join(" · "));
        if let Some(bar) = &self.bar {
            bar.set_message(line);
        } else if !open.is_empty() && state.now_ms.saturating_sub(self.heard_ms) >= HEARTBEAT_MS {
            self.heard_ms = state.now_ms;
            self.say(&format!("  … {line}"));
        }
    }
}

/// The one line that moves.
fn moving_line() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("  {spinner} {wide_msg}") {
        bar.set_style(style.tick_strings(&["◐", "◓", "◑", "◒", " "]));
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

impl Reporter for HumanReporter {
    fn event(&mut self, plan: &Plan, state: &RunState, event: &Event) {
        match &event.what {
            What::Looked { step, .. }
            | What::LookFailed { step, .. }
            | What::Acted { step, .. }
            | What::ActFailed { step, .. }
            | What::Undone { step, .. }
            | What::UndoFailed { step, .. }
            | What::Resolved { step, .. } => {
                let undoing = matches!(event.what, What::Undone { .. } | What::UndoFailed { .. });
                let record = state.steps.get(*step);
                let settled = record.is_some_and(|record| {
                    record.is_settled() || matches!(record.stage, Stage::Failed { .. } | Stage::InDoubt { .. })
                });
                if undoing || settled || self.verbose > 1 {
                    self.headline(plan, *step);
                    if let Some(line) = self.step_line(plan, state, *step) {
                        self.say(&line);
                        self.heard_ms = state.now_ms;
                    }
                }
            }
            What::Intended { step, attempt } if self.verbose > 0 => {
                self.headline(plan, *step);
                if let Some(step) = plan.steps.get(*step) {
                    self.say(&self.paint.faint(&format!("  > {} (attempt {attempt})", step.summary)));
                }
            }
            What::BackOutBegan { reason, .. } => {
                let line = lay_out(&format!("going back, because {reason}"), self.paint.width, 2);
                self.say(&self.paint.odd(&line));
                self.phase = None;
            }
            What::StopAsked => self.say(&self.paint.odd("stopping after the step in hand; once more to stop now")),
            What::Noted { note } => self.say(&format!("  {}", note.summary)),
            What::Ended { .. } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                return;
            }
            What::Asked { .. } => {
                // The question is printed by whoever asks it; a moving line would tear it.
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                return;
            }
            What::Answered { .. } => self.bar = self.terminal.then(moving_line),
            What::Started { .. }
            | What::Resumed { .. }
            | What::Intended { .. }
            | What::UndoIntended { .. }
            | What::TimePassed => {}
        }
        self.moving(plan, state);
    }
}
