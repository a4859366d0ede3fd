//! What is wrong with what somebody wrote: a sentence, a place and a hint; all of them at once.

use std::fmt;
use std::sync::Arc;

use super::place::{Extent, Place, Source};

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct Problem {
    /// A lower-case sentence without a full stop, which begins with the path of what it is about.
    pub sentence: String,
    pub place: Place,
    /// What to do, where the sentence does not already say it.
    pub hint: Option<String>,
    /// What stands there may be a secret: whoever shows the line must cover it.
    pub concealed: bool,
}

/// Everything that is wrong, in the order of files and places. Never empty where it is an error.
#[derive(Debug, Clone, Default)]
pub struct Problems(Vec<Problem>);

impl Problem {
    /// A problem at a place.
    pub fn at(source: &Arc<Source>, extent: Extent, sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), place: source.at(extent), hint: None, concealed: false }
    }

    /// A problem of a file as a whole.
    pub fn whole(source: &Arc<Source>, sentence: impl Into<String>) -> Self {
        let place = Place { source: Arc::clone(source), extent: None };
        Self { sentence: sentence.into(), place, hint: None, concealed: false }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.sentence)
    }
}

impl Problems {
    /// None so far.
    pub fn none() -> Self {
        Self::default()
    }

    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    pub fn extend(&mut self, others: Problems) {
        self.0.extend(others.0);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// The value, where nothing is wrong; else all problems, sorted, each told once.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(value);
        }
        self.sort();
        Err(self)
    }

    /// By file, then place; the same sentence at the same place stands once.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| (a.place.order(), &a.sentence).cmp(&(b.place.order(), &b.sentence)));
        self.0.dedup_by(|a, b| a.place.order() == b.place.order() && a.sentence == b.sentence);
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
