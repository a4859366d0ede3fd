//! Questions: answered by flags, or by a person at a terminal; without either, not at all.
//!
//! Graded: what is mild is not asked, a promotion wants a yes, what may lose data or leaves a fence unproven
//! wants the site's name typed. What to know stands above the question, and the question is one short line,
//! so that nothing is drawn twice when it is answered.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use dialoguer::Input;
use futures::future::BoxFuture;

use super::args::OnFailureArg;
use super::view::words::{Paint, lay_out};
use crate::engine::event::{Answer, Question, QuestionKind};
use crate::engine::ports::Prompter;

/// How often `--on-failure retry` tries a step again before it goes back.
const RETRIES_MAX: u32 = 3;

/// What the command line said beforehand.
#[derive(Debug, Clone)]
pub struct Beforehand {
    /// `--yes`
    pub yes: bool,
    /// `--confirm SITE`
    pub confirm: Option<String>,
    /// `--on-failure`, and how often each step was tried again by it.
    pub on_failure: Option<OnFailureArg>,
    pub retries: BTreeMap<String, u32>,
    /// `--no-input`, or no terminal: nobody is asked.
    pub no_input: bool,
    /// `--accept-miss STEP`, each with the reason given.
    pub misses: Vec<String>,
    pub operator: String,
    pub paint: Paint,
    /// What was seen beforehand of what is asked, by the question's id.
    pub stakes: BTreeMap<String, Vec<String>>,
}

/// Whether a person can be asked.
pub fn can_ask(no_input: bool) -> bool {
    // dialoguer falls back to /dev/tty when only stdin is not a terminal, and waits there for ever.
    !no_input && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// How often a question is put again whose answer will not do.
const TRIES_MAX: u32 = 10;

/// Asks for a line; what is offered is taken when nothing is typed. An answer that will not do is told why, and the question
/// put again, so that a slip does not cost the answers before it. The terminal's own line is what is typed into: it
/// wraps and is edited as everywhere.
pub fn text(question: &str, default: Option<&str>, judge: &dyn Fn(&str) -> Result<(), String>) -> Option<String> {
    for _ in 0..TRIES_MAX {
        let offered = default.map_or_else(String::new, |default| format!(" [{default}]"));
        let _ = write!(std::io::stderr().lock(), "{question}{offered}: ");
        let _ = std::io::stderr().lock().flush();
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line).ok()? == 0 {
            let _ = writeln!(std::io::stderr().lock());
            return None;
        }
        let said = match (line.trim(), default) {
            ("", Some(default)) => default,
            ("", None) => continue,
            (said, _) => said,
        };
        match judge(said) {
            Ok(()) => return Some(said.to_owned()),
            Err(why) => tell(&format!("  ✗ {why}")),
        }
    }
    None
}

impl Beforehand {
    /// Whether a person can be asked.
    pub fn can_ask(&self) -> bool {
        can_ask(self.no_input)
    }

    /// Those of the questions that nothing said beforehand answers.
    pub fn open(&self, mut questions: Vec<Question>) -> Vec<Question> {
        questions.retain(|question| !self.confirms(&question.kind));
        questions
    }

    fn confirms(&self, kind: &QuestionKind) -> bool {
        match kind {
            QuestionKind::Confirm => self.yes || self.confirm.is_some(),
            QuestionKind::ConfirmSite(site) => self.confirm.as_ref() == Some(site),
            QuestionKind::Human { .. } | QuestionKind::Failure { .. } => false,
        }
    }

    /// The flag that would have answered a question.
    pub fn flag_for(question: &Question) -> String {
        match &question.kind {
            QuestionKind::Confirm => "--yes".to_owned(),
            QuestionKind::ConfirmSite(site) => format!("--confirm {site}"),
            QuestionKind::Human { .. } => "a terminal: no flag answers a question that is put to a person".to_owned(),
            QuestionKind::Failure { may_pass: true, .. } => format!("--accept-miss {} --reason …", question.id),
            QuestionKind::Failure { .. } => "--on-failure retry, back-out or pause".to_owned(),
        }
    }

    fn answer(&mut self, question: &Question) -> Option<Answer> {
        match &question.kind {
            kind if self.confirms(kind) => Some(Answer::Yes),
            QuestionKind::Failure { may_pass: true, .. } if self.misses.contains(&question.id) => Some(Answer::Pass),
            QuestionKind::Failure { may_pass, may_back_out } if *may_back_out || !may_pass => {
                // Where nothing is to be taken back, going back is ending here.
                let back = if *may_back_out { Answer::BackOut } else { Answer::No };
                self.on_failure.map(|what| match what {
                    OnFailureArg::Pause => Answer::Pause,
                    OnFailureArg::BackOut => back,
                    OnFailureArg::Retry => {
                        let tried = self.retries.entry(question.id.clone()).or_default();
                        *tried += 1;
                        if *tried > RETRIES_MAX { back } else { Answer::Retry }
                    }
                })
            }
            _ => None,
        }
    }
}

impl Prompter for Beforehand {
    fn ask<'a>(&'a mut self, question: &'a Question) -> BoxFuture<'a, Option<(Answer, String)>> {
        let by = self.operator.clone();
        if let Some(answer) = self.answer(question) {
            return Box::pin(async move { Some((answer, format!("{by} (by a flag)"))) });
        }
        if !self.can_ask() {
            let flag = Self::flag_for(question);
            // A pipe that went away is no reason to stop in the middle of a run.
            let _ = writeln!(
                std::io::stderr().lock(),
                "? {}\n  there is no terminal to ask at; what answers it: {flag}",
                question.text
            );
            return Box::pin(async { None });
        }
        let (mut question, paint) = (question.clone(), self.paint);
        question.evidence.extend(self.stakes.get(&question.id).cloned().unwrap_or_default());
        Box::pin(async move {
            let answer = tokio::task::spawn_blocking(move || at_the_terminal(&question, paint)).await.ok()??;
            Some((answer, by))
        })
    }
}

fn at_the_terminal(question: &Question, paint: Paint) -> Option<Answer> {
    tell(&format!("{} {}", paint.odd("?"), lay_out(&question.text, paint.width, 2)));
    match &question.kind {
        QuestionKind::Confirm | QuestionKind::Human { .. } => {
            evidence(question, paint);
            let yes = dialoguer::Confirm::new().with_prompt("Go on?").default(false).interact().ok()?;
            Some(if yes { Answer::Yes } else { Answer::No })
        }
        QuestionKind::ConfirmSite(site) => {
            evidence(question, paint);
            let typed: String = Input::new()
                .with_prompt(format!("Type `{site}`, the site that takes over, to go on"))
                .allow_empty(true)
                .interact_text()
                .ok()?;
            Some(if typed.trim() == site { Answer::Yes } else { Answer::No })
        }
        QuestionKind::Failure { may_pass, may_back_out } => after_failure(question, *may_pass, *may_back_out, paint),
    }
}

/// The question that has a limit of time: it is answered by a line, since a terminal that was left in the
/// middle of a key press would stay in its raw mode when the time is up.
fn after_failure(question: &Question, may_pass: bool, may_back_out: bool, paint: Paint) -> Option<Answer> {
    evidence(question, paint);
    let mut choices = vec![("retry", "try it again", Some(Answer::Retry))];
    if may_pass {
        choices.push(("skip", "go on without it, as a miss", Some(Answer::Pass)));
    }
    if may_back_out {
        choices.push(("back out", "take back what was done", Some(Answer::BackOut)));
        choices.push(("pause", "leave all as it is; later `switchback resume` or `rollback`", Some(Answer::Pause)));
    } else {
        choices.push(("end", "end here", Some(Answer::No)));
    }
    choices.push(("details", "show what is known", None));
    for (name, meaning, _) in &choices {
        tell(&format!("  {}  {meaning}", paint.strong(&format!("{name:<8}"))));
    }
    let names: Vec<&str> = choices.iter().map(|(name, ..)| *name).collect();
    loop {
        let _ = write!(std::io::stderr().lock(), "What now? [{}] ", names.join("/"));
        let _ = std::io::stderr().lock().flush();
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line).ok()? == 0 {
            return None;
        }
        let said = line.trim().to_lowercase();
        // The first letter suffices; no two begin alike.
        let chosen = choices.iter().find(|(name, ..)| !said.is_empty() && name.starts_with(said.as_str()));
        match chosen {
            Some((_, _, Some(answer))) => return Some(*answer),
            Some((_, _, None)) => {
                for line in &question.details {
                    tell(&format!("  {}", lay_out(line, paint.width, 4)));
                }
            }
            None if said.is_empty() => {}
            None => tell(&format!("  `{said}` is none of them; the first letter is enough")),
        }
    }
}

fn evidence(question: &Question, paint: Paint) {
    for line in &question.evidence {
        tell(&format!("  {}", lay_out(line, paint.width, 4)));
    }
}

/// Prints a line of talk.
pub fn tell(line: &str) {
    // A terminal that went away is no reason to stop in the middle of a run.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
