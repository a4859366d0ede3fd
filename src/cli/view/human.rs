//! A run as a person watches it: a line for every step that is settled, which stays, and on a terminal a
//! few moving lines for what is under way.
//!
//! Talk goes to standard error. Without a terminal nothing moves: a line an event, and every ten seconds
//! a line for each slow step. A thread of its own writes it all, so that a terminal that takes nothing (a
//! Ctrl-S, a link that hangs) does not hold up a fail-over.

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::board::{Board, is_slow};
use super::page;
use super::screen::Screen;
use super::words::{Paint, lay_out, together};
use crate::base::quantity::spoken;
use crate::cli::clock::SystemClock;
use crate::cli::experience::Experience;
use crate::engine::event::{Event, What};
use crate::engine::pace::Pace;
use crate::engine::park::Wait;
use crate::engine::plan::{Plan, PlanStep, StepIndex};
use crate::engine::ports::{Clock, Reporter};
use crate::engine::state::{RunState, Stage, UndoStage};
use crate::runbook::signature::Undo;

/// Without a terminal, how often a slow step is spoken of, in milliseconds.
const HEARTBEAT_MS: u64 = 10_000;
/// How often moving lines move.
const FRAME: Duration = Duration::from_millis(150);
/// How long a question waits for the moving lines to be gone.
const CLEARED_WITHIN: Duration = Duration::from_secs(1);

/// Tells people.
pub struct HumanReporter {
    paint: Paint,
    verbose: u8,
    experience: Experience,
    pace: Pace,
    phase: Option<usize>,
    no_return_told: bool,
    writer: Writer,
}

impl HumanReporter {
    /// For a run that goes on from this state.
    pub fn new(
        (plan, state): (&Plan, &RunState),
        experience: Experience,
        paint: Paint,
        verbose: u8,
        terminal: bool,
    ) -> Self {
        let writer = Writer::begin(paint, terminal);
        let mut pace = Pace::new(plan);
        pace.open(plan, state);
        let this = Self { paint, verbose, experience, pace, phase: None, no_return_told: false, writer };
        this.board(plan, state);
        this
    }

    fn board(&self, plan: &Plan, state: &RunState) {
        let board = Board::of(plan, state, &self.pace, &self.experience);
        self.writer.tell(Told::Board { board: Box::new(board), now_ms: state.now_ms });
    }

    /// Prints a line above the moving ones.
    pub fn say(&self, line: &str) {
        self.line("", line, 2);
    }

    /// A text after a lead of spaces, later lines indented by so many columns.
    fn line(&self, lead: &'static str, text: &str, indent: usize) {
        self.writer.tell(Told::Line { lead, text: text.to_owned(), indent });
    }

    fn headline(&mut self, plan: &Plan, step: &PlanStep) {
        if self.phase == Some(step.phase) {
            return;
        }
        self.phase = Some(step.phase);
        if let Some(phase) = plan.phases.get(step.phase) {
            let procedure = phase.procedure.as_ref().map_or_else(String::new, |key| format!(" ({key})"));
            let usual = self.experience.phase_ms(plan, step.phase);
            let usual = usual.map_or_else(String::new, |ms| format!(" (usually {})", spoken(ms)));
            let line = format!(
                "{}{} {}{}",
                self.paint.strong(&phase.id),
                self.paint.faint(&procedure),
                phase.title,
                self.paint.faint(&usual)
            );
            self.line("", &line, 2);
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
        let took = self
            .took(plan, state, index)
            .map_or_else(String::new, |took| format!(" {}", together(&format!("[{took}]"))));
        let short = step.id.split_once('/').map_or(step.id.as_str(), |(_, rest)| rest);
        Some(format!("{mark} {short}: {word}{}{what}{took}", if what.is_empty() { "" } else { " – " }))
    }

    /// What a settled step took, and a word when that is more than it used to be.
    fn took(&self, plan: &Plan, state: &RunState, index: StepIndex) -> Option<String> {
        let (step, record) = (plan.steps.get(index)?, state.steps.get(index)?);
        if record.undo != UndoStage::No {
            return None;
        }
        let opened_ms = self.pace.opened_ms(index)?;
        let took_ms = record.ended_ms?.saturating_sub(opened_ms);
        let usual = self.experience.step(step).filter(|times| is_slow(took_ms, *times));
        let told =
            usual.map(|times| self.paint.odd(&format!("{}, usually {}", spoken(took_ms), spoken(times.median_ms))));
        told.or_else(|| (took_ms > 0).then(|| self.paint.faint(&spoken(took_ms))))
    }

    fn step_event(&mut self, plan: &Plan, state: &RunState, event: &Event, index: StepIndex) {
        let (Some(step), Some(record)) = (plan.steps.get(index), state.steps.get(index)) else { return };
        let undoing = matches!(event.what, What::Undone { .. } | What::UndoFailed { .. });
        let settled = record.is_settled() || matches!(record.stage, Stage::Failed { .. } | Stage::InDoubt { .. });
        if !undoing {
            self.headline(plan, step);
        }
        if let What::Intended { attempt, .. } = &event.what {
            if step.undo == Undo::Impossible && !self.no_return_told {
                self.no_return_told = true;
                self.line("", &self.paint.odd(&page::no_return(self.paint.width)), 0);
            }
            if self.verbose > 0 {
                self.line("  ", &self.paint.faint(&format!("> {} (attempt {attempt})", step.summary)), 4);
            }
            return;
        }
        if (undoing || settled || self.verbose > 1)
            && let Some(line) = self.step_line(plan, state, index)
        {
            self.line("  ", &line, 4);
        }
    }
}

impl Reporter for HumanReporter {
    fn event(&mut self, plan: &Plan, state: &RunState, event: &Event) {
        self.pace.after(plan, state, event);
        match &event.what {
            What::Looked { step, .. }
            | What::LookFailed { step, .. }
            | What::Intended { step, .. }
            | What::Acted { step, .. }
            | What::ActFailed { step, .. }
            | What::Undone { step, .. }
            | What::UndoFailed { step, .. }
            | What::Resolved { step, .. } => self.step_event(plan, state, event, *step),
            What::BackOutBegan { reason, .. } => {
                self.line("", &self.paint.odd(&format!("going back, because {reason}")), 2);
                self.phase = None;
            }
            What::StopAsked => {
                self.line("", &self.paint.odd("stopping after the step in hand; once more to stop now"), 2);
            }
            What::Parked { wait } => {
                let told = wait.told(plan);
                let opens = wait.opens(plan, event.at).map_or_else(String::new, |opens| format!(", next at {opens}"));
                self.line("", &format!("waits for {told}{opens}; the lock is given back meanwhile"), 2);
                if matches!(wait, Wait::Person(_)) {
                    return self.writer.clear();
                }
            }
            What::Waited { .. } => {}
            What::Noted { note } => self.line("  ", &note.summary, 4),
            // The question is printed by whoever asks it; moving lines would tear it.
            What::Asked { .. } | What::Ended { .. } => return self.writer.clear(),
            What::Started { .. }
            | What::Resumed { .. }
            | What::Attended { .. }
            | What::Answered { .. }
            | What::UndoIntended { .. }
            // The end tells it.
            | What::Measured { .. }
            | What::TimePassed => {}
        }
        self.board(plan, state);
    }
}

/// What the thread that writes is told.
enum Told {
    Line {
        lead: &'static str,
        text: String,
        indent: usize,
    },
    Board {
        board: Box<Board>,
        now_ms: u64,
    },
    /// Take the moving lines away and say when they are gone.
    Clear(Sender<()>),
}

/// The thread that writes.
struct Writer {
    sender: Option<Sender<Told>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn begin(paint: Paint, terminal: bool) -> Self {
        let (sender, receiver) = channel();
        let page = Sheet { paint, terminal, clock: SystemClock::new(), bar: None, board: None, heard_ms: 0 };
        let thread = std::thread::Builder::new().name("view".to_owned()).spawn(move || page.write(&receiver)).ok();
        Self { sender: Some(sender), thread }
    }

    /// Never waits; a thread that is gone is no reason to stop a run.
    fn tell(&self, told: Told) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(told);
        }
    }

    fn clear(&self) {
        let (cleared, wait) = channel();
        self.tell(Told::Clear(cleared));
        let _ = wait.recv_timeout(CLEARED_WITHIN);
    }
}

impl Drop for Writer {
    /// What was told is written before whoever comes next writes.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread writes on.
struct Sheet {
    paint: Paint,
    terminal: bool,
    clock: SystemClock,
    bar: Option<ProgressBar>,
    /// The last board, the run's time when it was made, and this clock's time when it came.
    board: Option<(Board, u64, u64)>,
    heard_ms: u64,
}

impl Sheet {
    fn write(mut self, receiver: &Receiver<Told>) {
        loop {
            match receiver.recv_timeout(FRAME) {
                Ok(Told::Line { lead, text, indent }) => self.line(lead, &text, indent),
                Ok(Told::Board { board, now_ms }) => {
                    self.board = Some((*board, now_ms, self.clock.monotonic_ms()));
                    self.draw();
                }
                Ok(Told::Clear(cleared)) => {
                    self.clear();
                    let _ = cleared.send(());
                }
                Err(RecvTimeoutError::Timeout) => self.draw(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.clear();
    }

    fn line(&mut self, lead: &str, text: &str, indent: usize) {
        self.heard_ms = self.clock.monotonic_ms();
        let text = format!("{lead}{}", lay_out(text, self.width(), indent));
        let print = || {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// A terminal may have been resized since; a file has no width.
    fn width(&self) -> usize {
        let size = self.terminal.then(|| console::Term::stderr().size_checked()).flatten();
        size.map_or(self.paint.width, |(_, columns)| usize::from(columns)).clamp(20, 160)
    }

    fn draw(&mut self) {
        let Some((board, made_ms, came_ms)) = &self.board else { return };
        let mono_ms = self.clock.monotonic_ms();
        let now_ms = made_ms + mono_ms.saturating_sub(*came_ms);
        if self.terminal {
            let lines = board.lines(now_ms, self.width().saturating_sub(1), self.paint);
            let bar = self.bar.get_or_insert_with(moving_lines);
            bar.set_message(lines.join("\n"));
            bar.tick();
        } else if board.is_waiting() && mono_ms.saturating_sub(self.heard_ms) >= HEARTBEAT_MS {
            for line in board.heartbeat(now_ms, self.paint) {
                self.line("  ", &line, 4);
            }
        }
    }

    fn clear(&mut self) {
        self.board = None;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// The lines that move.
fn moving_lines() -> ProgressBar {
    let target = ProgressDrawTarget::term_like(Box::new(Screen::new()));
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}
