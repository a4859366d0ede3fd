//! Problems as people and programs read them: the file, the line and the column, the source line
//! with a caret, and what to do.

use std::fmt::Write as _;
use std::io::Write as _;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use super::args::Format;
use super::conceal::concealed;
use super::view::words::Paint;
use crate::base::problem::{Problem, Problems};

/// Prints problems that keep a command from beginning: talk for people, a result for programs.
pub fn print(problems: &Problems, format: Format, paint: Paint) {
    // A reader that went away is no failure of ours.
    let _ = match format {
        Format::Human => std::io::stderr().lock().write_all(human(problems, paint).as_bytes()),
        Format::Json => std::io::stdout().lock().write_all(json(problems).as_bytes()),
    };
}

/// All problems for people, each with its source line.
pub fn human(problems: &Problems, paint: Paint) -> String {
    let theme = if paint.color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(paint.width).with_links(false);
    let mut text = String::new();
    for problem in problems.iter() {
        let shown = Shown::of(problem);
        if handler.render_report(&mut text, &shown).is_err() {
            // The plain sentence is always better than none.
            let _ = writeln!(text, "{problem}");
        }
    }
    let count = problems.len();
    let _ = writeln!(text, "{count} problem{}", if count == 1 { "" } else { "s" });
    text
}

/// All problems for programs, one JSON object a line.
pub fn json(problems: &Problems) -> String {
    let mut text = String::new();
    for problem in problems.iter() {
        let (line, column) = problem.place.line_and_column().unzip();
        let object = serde_json::json!({
            "schema": "switchback/problem/1",
            "file": problem.place.source.name,
            "line": line,
            "column": column,
            "sentence": printable(&problem.sentence),
            "hint": problem.hint,
        });
        let _ = writeln!(text, "{object}");
    }
    text
}

/// A sentence may quote what somebody wrote; a terminal must not obey it.
fn printable(sentence: &str) -> String {
    sentence.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[derive(Debug)]
struct Shown {
    sentence: String,
    hint: Option<String>,
    source: Lines,
    label: Option<LabeledSpan>,
}

impl Shown {
    fn of(problem: &Problem) -> Self {
        let place = &problem.place;
        let covered = place.extent.filter(|_| problem.concealed);
        let text = concealed(&place.source.text, covered);
        let label = place.extent.map(|extent| {
            // One line is enough to find it by, however long a text it is.
            let rest = text.get(extent.start..extent.end).unwrap_or_default();
            let len = rest.split('\n').next().map_or(0, str::len);
            LabeledSpan::new(None, extent.start.min(text.len()), len)
        });
        let sentence = printable(&problem.sentence);
        let sentence = match label {
            Some(_) => sentence,
            None => format!("{}: {sentence}", place.source.name),
        };
        Self { sentence, hint: problem.hint.clone(), source: Lines { name: place.source.name.clone(), text }, label }
    }
}

/// A text of which no more is ever shown than the one line that a problem is in.
#[derive(Debug)]
struct Lines {
    name: String,
    text: String,
}

impl SourceCode for Lines {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let before = self.text.get(..span.offset()).ok_or(MietteError::OutOfBounds)?;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count();
        // Asked for no context, the place itself is wanted: it stands in the heading.
        let column = if lines_before == 0 { before.get(start..).map_or(0, columns) } else { 0 };
        let end = self.text.get(start..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |len| start + len);
        let data = self.text.get(start..end).unwrap_or_default().trim_end_matches('\r');
        let span = SourceSpan::new(start.into(), data.len());
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), data.as_bytes(), span, line, column, 1)))
    }
}

/// As [`crate::base::place::Source::line_and_column`] counts, from 0.
fn columns(text: &str) -> usize {
    text.chars().filter(|&c| c != '\u{feff}').count()
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn std::fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.label.as_ref().map(|_| &self.source as &dyn SourceCode)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.label
            .as_ref()
            .map(|label| Box::new(std::iter::once(label.clone())) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::place::{Extent, Source};

    const PLAIN: Paint = Paint { color: false, width: 80 };

    #[test]
    fn the_line_the_caret_and_the_hint() {
        let source = Source::new("switchback.yaml", "format: 1\nsites: {a: {entyr: 1}}\n");
        let problem =
            Problem::at(&source, Extent::new(21, 26), "sites.a: no key `entyr` here").hint("keys here: entry");
        let expected = "  × sites.a: no key `entyr` here\n   ╭─[switchback.yaml:2:12]\n 2 │ sites: {a: {entyr: 1}}\n   · \
                        \u{20}          ─────\n   ╰────\n  help: keys here: entry\n1 problem\n";
        assert_eq!(human(&problem.clone().into(), PLAIN), expected);
        let line: serde_json::Value = serde_json::from_str(&json(&problem.into())).expect("one object");
        assert_eq!((line["line"].as_u64(), line["column"].as_u64()), (Some(2), Some(12)));
        assert_eq!(line["schema"], "switchback/problem/1");
    }

    #[test]
    fn a_whole_file_has_no_line() {
        let problem = Problem::whole(&Source::new("x.yaml", ""), "there is no such file");
        assert_eq!(human(&problem.into(), PLAIN), "  × x.yaml: there is no such file\n1 problem\n");
    }

    #[test]
    fn a_secret_in_clear_is_shown_nowhere() {
        let text = "format: 1\nestate: x\nsites: {a: {}, b: {}}\nproviders:\n  main:\n    powerdns: {url: 5, key: hunter2, \
                    zonse: []}\nservices:\n  x:\n    priority: 1\n    postgres:\n      password: >\n        hunter2\n        \
                    hunter2\n      members: {}\n      databases: [x]\n  y: {priority: x, password: hunter2}\n";
        // Read as it stands, and with an end that is no YAML, and with one that is no YAML in the secret's place.
        for broken in [text.to_owned(), format!("{text}\n}}"), text.replace("key: hunter2", "key: @hunter2")] {
            let source = Source::new("x.yaml", broken.clone());
            let found = crate::estate::parse(&source, Path::new("/"), None).expect_err("it is wrong");
            let shown = human(&found, PLAIN) + &json(&found);
            assert!(!shown.contains("hunter2"), "{broken}\n{shown}");
        }
    }
}
