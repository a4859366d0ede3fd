//! A terminal for moving lines that may be resized while they stand.
//!
//! indicatif fills each line with spaces to the terminal's edge and lets the terminal wrap. A terminal that
//! is resized then takes the lines for one long one and lays it out anew, and what should have been
//! cleared stays as debris. Here lines end where their text ends, and when the terminal has become narrower
//! the rows that they take now are counted, not those that they took when they were drawn.

use std::io;
use std::sync::{Mutex, PoisonError};

use console::{Term, measure_text_width};
use indicatif::TermLike;

/// Standard error, for moving lines.
#[derive(Debug)]
pub struct Screen {
    term: Term,
    drawn: Mutex<Drawn>,
}

/// What stands at the end of the screen.
#[derive(Debug, Default)]
struct Drawn {
    /// Columns of each line.
    widths: Vec<usize>,
    /// A line was ended and the next is not begun: its line feed is owed.
    owed: bool,
}

impl Screen {
    pub fn new() -> Self {
        Self { term: Term::stderr(), drawn: Mutex::new(Drawn::default()) }
    }

    fn drawn(&self) -> std::sync::MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows that lines of these widths take on a terminal of so many columns.
fn rows(widths: &[usize], columns: usize) -> usize {
    widths.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum()
}

/// Whether the terminal lays lines out anew when it is resized; the two that do not cut them off instead.
fn lays_out_anew() -> bool {
    std::env::var_os("XTERM_VERSION").is_none() && std::env::var_os("TERM").is_none_or(|term| term != "linux")
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.term.size().1
    }
    fn height(&self) -> u16 {
        self.term.size().0
    }
    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        let mut drawn = self.drawn();
        drawn.owed = false;
        let widths = std::mem::take(&mut drawn.widths);
        if widths.is_empty() {
            return self.term.move_cursor_up(lines);
        }
        let rows = if lays_out_anew() { rows(&widths, usize::from(self.width())) } else { widths.len() };
        self.term.move_cursor_up(rows.saturating_sub(1))?;
        // Row by row: a terminal that keeps what is cleared from its top to its end would keep every frame.
        for _ in 1..rows {
            self.term.clear_line()?;
            self.term.move_cursor_down(1)?;
        }
        self.term.clear_line()?;
        self.term.move_cursor_up(rows.saturating_sub(1))
    }
    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.term.move_cursor_down(lines)
    }
    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.term.move_cursor_right(columns)
    }
    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.term.move_cursor_left(columns)
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.term.write_line(text)
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut drawn = self.drawn();
        if text.bytes().all(|byte| byte == b' ') {
            // The filler.
            drawn.owed = !drawn.widths.is_empty();
            return Ok(());
        }
        if std::mem::take(&mut drawn.owed) {
            self.term.write_str("\n")?;
        }
        drawn.widths.push(measure_text_width(text));
        self.term.write_str(text)
    }
    fn clear_line(&self) -> io::Result<()> {
        self.term.clear_line()
    }
    fn flush(&self) -> io::Result<()> {
        self.term.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn a_line_takes_the_rows_that_it_needs() {
        assert_eq!(rows(&[79, 40, 0], 80), 3);
        assert_eq!(rows(&[79, 40, 41], 40), 5);
        assert_eq!(rows(&[], 80), 0);
    }
}
