//! A run as JUnit's XML, which every CI system can show: a suite a phase, a case a step.

use crate::engine::plan::Plan;
use crate::engine::state::{How, RunState, Stage, StepRecord, UndoStage};

/// One case of a suite.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub took_ms: u64,
    pub outcome: Outcome,
}

/// How a case came out; the text says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Passed(String),
    Failed(String),
    Skipped(String),
}

/// Of a run that was carried out.
pub fn of_run(run: &str, plan: &Plan, state: &RunState, good: bool, reason: &str) -> String {
    let mut suites = Vec::new();
    for phase in plan.phases.iter().filter(|phase| !phase.groups.is_empty()) {
        let cases = phase.groups.iter().flatten().filter_map(|index| {
            let (step, record) = (plan.steps.get(*index)?, state.steps.get(*index)?);
            let took_ms = record.ended_ms.zip(record.began_ms).map_or(0, |(to, from)| to.saturating_sub(from));
            Some(Case { name: step.id.clone(), took_ms, outcome: outcome(record) })
        });
        suites.push((phase.title.clone(), cases.collect()));
    }
    let whole = if good { Outcome::Passed(reason.to_owned()) } else { Outcome::Failed(reason.to_owned()) };
    suites.push(("the run".to_owned(), vec![Case { name: run.to_owned(), took_ms: state.now_ms, outcome: whole }]));
    xml(&plan.title, &suites)
}

fn outcome(record: &StepRecord) -> Outcome {
    let says = || record.evidence.summary.clone();
    match (&record.undo, &record.stage) {
        (UndoStage::Undone, _) => Outcome::Skipped(format!("taken back: {}", says())),
        (UndoStage::No, Stage::Done { how: How::Unverified }) => Outcome::Passed(format!("unverified: {}", says())),
        (UndoStage::No, Stage::Done { .. }) => Outcome::Passed(says()),
        (UndoStage::No, Stage::Failed { why, .. } | Stage::Missed { why } | Stage::InDoubt { why }) => {
            Outcome::Failed(why.clone())
        }
        (UndoStage::No, Stage::Acting | Stage::Unproven) => Outcome::Failed("not known to be done".to_owned()),
        (UndoStage::No, _) => Outcome::Skipped("not reached".to_owned()),
        (_, _) => Outcome::Failed("not taken back".to_owned()),
    }
}

/// The file: one suite for each title.
pub fn xml(title: &str, suites: &[(String, Vec<Case>)]) -> String {
    let count = |cases: &[Case], which: fn(&Outcome) -> bool| cases.iter().filter(|case| which(&case.outcome)).count();
    let figures = |cases: &[Case]| {
        let took: u64 = cases.iter().map(|case| case.took_ms).sum();
        format!(
            "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{}\"",
            cases.len(),
            count(cases, |outcome| matches!(outcome, Outcome::Failed(_))),
            count(cases, |outcome| matches!(outcome, Outcome::Skipped(_))),
            seconds(took)
        )
    };
    let all: Vec<Case> = suites.iter().flat_map(|(_, cases)| cases.clone()).collect();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" {}>\n",
        escaped(title),
        figures(&all)
    );
    for (name, cases) in suites {
        text.push_str(&format!("  <testsuite name=\"{}\" {}>\n", escaped(name), figures(cases)));
        for case in cases {
            let (class, id) = (escaped(title), escaped(&case.name));
            text.push_str(&format!(
                "    <testcase classname=\"{class}\" name=\"{id}\" time=\"{}\">\n",
                seconds(case.took_ms)
            ));
            text.push_str(&match &case.outcome {
                Outcome::Passed(says) => format!("      <system-out>{}</system-out>\n", escaped(says)),
                Outcome::Failed(why) => format!("      <failure message=\"{0}\">{0}</failure>\n", escaped(why)),
                Outcome::Skipped(why) => format!("      <skipped message=\"{}\"/>\n", escaped(why)),
            });
            text.push_str("    </testcase>\n");
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// Text for XML 1.0, which has no place at all for most control characters.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(' '),
            control if control.is_control() => safe.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_breaks_the_file() {
        let case = Case {
            name: "a<b>\"&\u{1b}[31m".to_owned(),
            took_ms: 1_234,
            outcome: Outcome::Failed("x ]]> </failure> & more\nlines".to_owned()),
        };
        let text = xml("t", &[("s".to_owned(), vec![case])]);
        assert!(text.contains("name=\"a&lt;b&gt;&quot;&amp;\u{fffd}[31m\" time=\"1.234\""), "{text}");
        assert!(text.contains("<failure message=\"x ]]&gt; &lt;/failure&gt; &amp; more lines\">"), "{text}");
        assert!(
            text.contains(
                "<testsuites name=\"t\" tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"1.234\">"
            ),
            "{text}"
        );
    }
}
