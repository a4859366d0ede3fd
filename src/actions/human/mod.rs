//! People: a step that is nothing but a question.

use futures::future::BoxFuture;
use serde::Deserialize;

use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, Observed, Touch};
use crate::engine::plan::HumanQuestion;
use crate::runbook::bound::BoundAction;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    question: String,
    #[serde(default)]
    who: Option<String>,
}

/// Makes one of this family's actions. The error is a sentence for the plan's problems.
pub fn make(bound: &BoundAction) -> Result<Box<dyn Action>, String> {
    if bound.name != "human.ask" {
        return Err(format!("no action `{}`", bound.name));
    }
    let arguments = serde_json::Value::Object(bound.arguments.clone());
    let ask: Ask = serde_json::from_value(arguments).map_err(|error| format!("`human.ask`: {error}"))?;
    Ok(Box::new(ask))
}

impl Action for Ask {
    fn summary(&self) -> String {
        match &self.who {
            Some(who) => format!("ask {who}: {}", self.question),
            None => format!("ask: {}", self.question),
        }
    }
    fn effect(&self) -> Effect {
        Effect::Look
    }
    fn question(&self) -> Option<HumanQuestion> {
        Some(HumanQuestion { text: self.question.clone(), who: self.who.clone() })
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        // What a person will say cannot be looked up.
        Box::pin(async { Ok(Observed::Unknown("a person will be asked".to_owned())) })
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Ok(Applied::Unproven(Evidence::default())) })
    }
}
