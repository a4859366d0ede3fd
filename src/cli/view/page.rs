//! The plan as a page one would sign: what would change from what to what, what is so already, what is in
//! the way, what could not be looked at, where the point of no return lies, and how to get back before it.

use std::fmt::Write as _;

use super::words::{Paint, lay_out};
use crate::engine::plan::Plan;
use crate::engine::rehearsal::{Foreseen, Rehearsal};
use crate::runbook::bound::Mode;

/// The page.
pub fn plan_page(plan: &Plan, rehearsal: &Rehearsal, paint: Paint) -> String {
    let mut page = String::new();
    let mode = match plan.mode {
        Mode::Planned => "planned: lose nothing or refuse",
        Mode::Emergency => "emergency: every loss and every unproven fence is accepted by name",
    };
    let _ = writeln!(page, "{}", paint.strong(&format!("{}: {}", plan.estate, plan.title)));
    let _ = writeln!(page, "{mode}\n");
    let mut passed = false;
    for phase in &plan.phases {
        if phase.groups.is_empty() && phase.empty.is_empty() {
            continue;
        }
        if phase.no_return && !passed {
            passed = true;
            let back = match plan.mode {
                Mode::Planned => "until here a failure backs out by itself, and `switchback rollback` goes back",
                Mode::Emergency => "until here a failure stops and asks",
            };
            let _ =
                writeln!(page, "{}", paint.odd(&lay_out(&format!("── point of no return; {back} ──"), paint.width, 0)));
        }
        let procedure = phase.procedure.as_ref().map_or_else(String::new, |key| format!(" ({key})"));
        let _ = writeln!(page, "{}{} {}", paint.strong(&phase.id), paint.faint(&procedure), phase.title);
        if let Some(question) = &phase.confirm {
            let _ = writeln!(page, "  {}", paint.faint(&lay_out(&format!("asks: {question}"), paint.width, 8)));
        }
        for index in phase.groups.iter().flatten() {
            if let (Some(step), Some(foreseen)) = (plan.steps.get(*index), rehearsal.steps.get(*index)) {
                let short = step.id.split_once('/').map_or(step.id.as_str(), |(_, rest)| rest);
                let text = format!("{} {short}: {} – {}", paint.foreseen(foreseen), foreseen.word(), said(foreseen));
                let _ = writeln!(page, "  {}", lay_out(&text, paint.width, 4));
            }
        }
        for (step, noun) in &phase.empty {
            let noun = format!("{noun:?}").to_lowercase();
            let _ = writeln!(page, "  {}", paint.faint(&format!("· {step}: none in this estate ({noun})")));
        }
    }
    let _ = writeln!(page, "\n{}", lay_out(&summary(rehearsal), paint.width, 0));
    page
}

/// What a rehearsal says of a step, in words.
pub fn said(foreseen: &Foreseen) -> &str {
    match foreseen {
        Foreseen::Already(evidence) | Foreseen::WouldChange(evidence) | Foreseen::WouldWait(evidence) => {
            &evidence.summary
        }
        Foreseen::Later(why) | Foreseen::Unverified(why) => why,
        Foreseen::Blocked { reason, .. } => reason,
    }
}

fn summary(rehearsal: &Rehearsal) -> String {
    let count = |word: &str| rehearsal.steps.iter().filter(|foreseen| foreseen.word() == word).count();
    let (blocked, change) = (count("blocked"), count("would change"));
    let mut text = format!(
        "{} steps: {change} would change something, {} are so already, {} wait or come later, {} unverified, {blocked} blocked; \
         {} % were looked at",
        rehearsal.steps.len(),
        count("already so"),
        count("later") + count("would wait"),
        count("unverified"),
        rehearsal.coverage_percent(),
    );
    text.push_str(match (blocked, change) {
        (0, 0) => ". Nothing would be changed.",
        (0, _) => ". Nothing was touched.",
        _ => ". Nothing was touched. A run would refuse to begin.",
    });
    text
}
