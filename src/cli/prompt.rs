//! Questions: answered by flags, or by a person at a terminal; without either, not at all.

use std::io::{IsTerminal, Write};

use dialoguer::{Input, Select};
use futures::future::BoxFuture;

use crate::engine::event::{Answer, Question, QuestionKind};
use crate::engine::ports::Prompter;

/// What the command line said beforehand.
#[derive(Debug, Clone, Default)]
pub struct Beforehand {
    /// `--yes`
    pub yes: bool,
    /// `--confirm SITE`
    pub confirm: Option<String>,
    /// `--no-input`, or no terminal: nobody is asked.
    pub no_input: bool,
    /// `--accept-miss STEP`, each with the reason given.
    pub misses: Vec<String>,
    pub operator: String,
}

impl Beforehand {
    /// Whether a person can be asked.
    pub fn can_ask(&self) -> bool {
        // dialoguer falls back to /dev/tty when only stdin is not a terminal, and waits there for ever.
        !self.no_input && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// The flag that would have answered a question.
    fn flag_for(question: &Question) -> String {
        match &question.kind {
            QuestionKind::Confirm => "--yes".to_owned(),
            QuestionKind::ConfirmSite(site) => format!("--confirm {site}"),
            QuestionKind::Human { .. } => "a terminal: no flag answers a question that is put to a person".to_owned(),
            QuestionKind::Failure { .. } => format!("--accept-miss {} --reason …", question.id),
        }
    }

    fn answer(&self, question: &Question) -> Option<Answer> {
        match &question.kind {
            QuestionKind::Confirm if self.yes || self.confirm.is_some() => Some(Answer::Yes),
            QuestionKind::ConfirmSite(site) if self.confirm.as_ref() == Some(site) => Some(Answer::Yes),
            QuestionKind::Failure { may_pass: true, .. } if self.misses.contains(&question.id) => Some(Answer::Pass),
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
        let question = question.clone();
        Box::pin(async move {
            let answer = tokio::task::spawn_blocking(move || at_the_terminal(&question)).await.ok()??;
            Some((answer, by))
        })
    }
}

fn at_the_terminal(question: &Question) -> Option<Answer> {
    let text = question.evidence.iter().fold(question.text.clone(), |text, line| format!("{text}\n  {line}"));
    match &question.kind {
        QuestionKind::Confirm | QuestionKind::Human { .. } => {
            let yes = dialoguer::Confirm::new().with_prompt(text).default(false).interact().ok()?;
            Some(if yes { Answer::Yes } else { Answer::No })
        }
        QuestionKind::ConfirmSite(site) => {
            let typed: String = Input::new()
                .with_prompt(format!("{text}\nType the name of the site that takes over to confirm"))
                .allow_empty(true)
                .interact_text()
                .ok()?;
            Some(if typed.trim() == site { Answer::Yes } else { Answer::No })
        }
        QuestionKind::Failure { may_pass, may_back_out } => {
            let mut choices = vec![("try again", Answer::Retry)];
            if *may_pass {
                choices.push(("go on without it", Answer::Pass));
            }
            if *may_back_out {
                choices.push(("go back", Answer::BackOut));
            }
            choices.push(("stop here", Answer::No));
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let chosen = Select::new().with_prompt(text).items(&names).default(0).interact().ok()?;
            choices.get(chosen).map(|(_, answer)| *answer)
        }
    }
}
