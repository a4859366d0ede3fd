//! Words, marks and colours, the same everywhere. Colour never stands alone: every mark is a sign, too.

use console::Style;

use crate::engine::rehearsal::Foreseen;
use crate::engine::state::{How, Stage, UndoStage};

/// Paints, or does not.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    pub color: bool,
    /// Columns of the terminal; texts are not cut, only laid out by it.
    pub width: usize,
}

impl Paint {
    fn style(self, style: Style, text: &str) -> String {
        style.force_styling(self.color).apply_to(text).to_string()
    }
    pub fn good(self, text: &str) -> String {
        self.style(Style::new().green(), text)
    }
    pub fn bad(self, text: &str) -> String {
        self.style(Style::new().red().bold(), text)
    }
    pub fn odd(self, text: &str) -> String {
        self.style(Style::new().yellow(), text)
    }
    pub fn faint(self, text: &str) -> String {
        self.style(Style::new().dim(), text)
    }
    pub fn strong(self, text: &str) -> String {
        self.style(Style::new().bold(), text)
    }

    /// The mark of a step's stage, and a word for it.
    pub fn stage(self, stage: &Stage, undo: &UndoStage) -> (String, &'static str) {
        match undo {
            UndoStage::Undone => return (self.odd("↩"), "taken back"),
            UndoStage::Acting { .. } | UndoStage::Again { .. } => return (self.odd("↩"), "being taken back"),
            UndoStage::GaveUp { .. } => return (self.bad("✗"), "could not be taken back"),
            UndoStage::No => {}
        }
        match stage {
            Stage::Waiting => (self.faint("·"), "to come"),
            Stage::NotYet { .. } => (self.odd("…"), "waiting"),
            Stage::Ready => (self.odd("…"), "to be done"),
            Stage::Acting => (self.odd("…"), "under way"),
            Stage::Unproven => (self.odd("…"), "done, not seen yet"),
            Stage::InDoubt { .. } => (self.bad("?"), "in doubt"),
            Stage::Done { how: How::Already } => (self.faint("="), "already so"),
            Stage::Done { how: How::Did } => (self.good("✓"), "done"),
            Stage::Done { how: How::Adopted } => (self.good("✓"), "found done"),
            Stage::Done { how: How::Unverified } => (self.odd("✓"), "done, unverified"),
            Stage::Done { how: How::Resolved } => (self.good("✓"), "settled by a person"),
            Stage::Failed { doubt: true, .. } => (self.bad("?"), "in doubt"),
            Stage::Failed { .. } => (self.bad("✗"), "failed"),
            Stage::Missed { .. } => (self.odd("!"), "missed"),
        }
    }

    /// The mark of what a rehearsal foresees.
    pub fn foreseen(self, foreseen: &Foreseen) -> String {
        match foreseen {
            Foreseen::Already(_) => self.faint("="),
            Foreseen::WouldChange(_) => self.good("~"),
            Foreseen::Later(_) | Foreseen::WouldWait(_) => self.faint("…"),
            Foreseen::Blocked { .. } => self.bad("✗"),
            Foreseen::Unverified(_) => self.odd("?"),
        }
    }
}

/// Keeps a figure and its unit on one line; [`lay_out`] makes a blank of it.
pub fn together(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// A text laid out to a width, later lines indented by so many columns.
pub fn lay_out(text: &str, width: usize, indent: usize) -> String {
    let room = width.saturating_sub(indent).max(20);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_ascii_whitespace() {
        if !line.is_empty() && console::measure_text_width(&line) + 1 + console::measure_text_width(word) > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join(&format!("\n{}", " ".repeat(indent))).replace('\u{a0}', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_laid_out_and_nothing_is_cut() {
        let text = "a refused connection proves nothing, and neither does a time-out";
        let laid = lay_out(text, 30, 4);
        assert!(laid.lines().all(|line| line.len() <= 30), "{laid}");
        assert_eq!(laid.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
    }
}
