//! The plan as a page one would sign: who serves now, what would change from what to what, what is so
//! already, what is in the way, what could not be looked at, where the point of no return lies and how to
//! get back before it, and how long it takes by what earlier runs took.

use std::fmt::Write as _;

use super::words::{Paint, lay_out, together};
use crate::base::quantity::spoken;
use crate::cli::experience::{CriticalPath, Experience};
use crate::engine::plan::{Plan, PlanPhase};
use crate::engine::rehearsal::{Foreseen, Rehearsal};
use crate::runbook::bound::Mode;
use crate::runbook::signature::{FactKind, Undo};

/// How many characters of a digest are shown: enough to tell two apart by eye.
const DIGEST_CHARS: usize = 12;

/// What the page is made of.
pub struct Page<'a> {
    pub plan: &'a Plan,
    pub rehearsal: &'a Rehearsal,
    pub experience: &'a Experience,
    /// Who serves now and how far behind the others are, a line each.
    pub now: &'a [String],
    pub paint: Paint,
}

impl Page<'_> {
    /// The page.
    pub fn text(&self) -> String {
        let Self { plan, rehearsal, paint, .. } = self;
        let mut page = String::new();
        let mode = match plan.mode {
            Mode::Planned => "planned: lose nothing or refuse",
            Mode::Emergency => "emergency: every loss and every unproven fence is accepted by name",
        };
        let _ = writeln!(page, "{}", paint.strong(&format!("{}: {}", plan.estate, plan.title)));
        let _ = writeln!(page, "{mode}\n");
        for line in self.now {
            let _ = writeln!(page, "{}", lay_out(line, paint.width, 2));
        }
        if !self.now.is_empty() {
            page.push('\n');
        }
        let mut passed = false;
        for (index, phase) in plan.phases.iter().enumerate() {
            if phase.groups.is_empty() && phase.empty.is_empty() {
                continue;
            }
            if phase.no_return && !passed {
                passed = true;
                let _ = writeln!(page, "{}", paint.odd(&no_return(paint.width)));
            }
            self.phase(&mut page, index, phase);
        }
        page.push('\n');
        for (title, text) in self.account() {
            let _ = writeln!(page, "{}", titled(*paint, title, &text));
        }
        let _ = writeln!(page, "\n{}", lay_out(&summary(rehearsal), paint.width, 0));
        page
    }

    fn phase(&self, page: &mut String, index: usize, phase: &PlanPhase) {
        let Self { plan, rehearsal, paint, .. } = self;
        let procedure = phase.procedure.as_ref().map_or_else(String::new, |key| format!(" ({key})"));
        let usual = self.experience.phase_ms(plan, index).map_or_else(String::new, |ms| format!("  {}", spoken(ms)));
        let head = format!("{}{} {}", paint.strong(&phase.id), paint.faint(&procedure), phase.title);
        let _ = writeln!(page, "{head}{}", paint.faint(&usual));
        if let Some(window) = &phase.window {
            let text = format!("begins: only in window `{}` ({})", window.name, window.spoken());
            let _ = writeln!(page, "  {}", paint.faint(&lay_out(&text, paint.width, 10)));
        }
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

    /// What whoever signs must know beside the steps.
    fn account(&self) -> Vec<(&'static str, String)> {
        let plan = self.plan;
        let mut account = vec![("Time", self.time())];
        for CriticalPath { wave, steps: path } in self.experience.critical_paths(plan) {
            let known: u64 = path.iter().filter_map(|(_, ms)| *ms).sum();
            let unknown = path.iter().filter(|(_, ms)| ms.is_none()).count();
            let name = |index: usize| plan.steps.get(index).map_or("", |step| step.id.as_str()).to_owned();
            let parts = path.into_iter().map(|(index, ms)| match ms {
                Some(ms) => together(&format!("{} {}", name(index), spoken(ms))),
                None => name(index),
            });
            let parts = parts.collect::<Vec<_>>().join(" → ");
            let sum = match (known, unknown) {
                (0, _) => "what they take is not known yet".to_owned(),
                (known, 0) => format!("together {}", spoken(known)),
                (known, unknown) => format!("together {}, and {unknown} of them not known yet", spoken(known)),
            };
            let wave = wave.map_or_else(String::new, |wave| format!("wave {wave}: "));
            account.push(("Critical path of the outage", format!("{wave}{parts}; {sum}")));
        }
        account.push(("Way back", self.way_back()));
        let unverified: Vec<String> = plan
            .steps
            .iter()
            .zip(&self.rehearsal.steps)
            .filter(|(_, foreseen)| matches!(foreseen, Foreseen::Unverified(_)))
            .map(|(step, foreseen)| format!("{} ({})", step.id, said(foreseen)))
            .collect();
        if !unverified.is_empty() {
            account.push(("Cannot be verified", unverified.join("; ")));
        }
        let digest = |text: &str| text.chars().take(DIGEST_CHARS).collect::<String>();
        let (estate, runbook) = (digest(&plan.estate_digest), digest(&plan.runbook_digest));
        account.push(("Made of", format!("estate {estate}, runbook {} {runbook}", plan.runbook)));
        account
    }

    fn time(&self) -> String {
        let stops = self.plan.steps.iter().any(|step| step.gives.iter().any(|fact| fact.kind == FactKind::Fenced));
        let most = match (self.plan.mode, self.plan.outage_max_ms, self.plan.rto_ms) {
            (Mode::Planned, Some(most), _) if stops => {
                format!("; after {} without writes it goes back by itself", spoken(most))
            }
            (Mode::Emergency, _, Some(most)) => format!("; the objective is {}", spoken(most)),
            _ => String::new(),
        };
        let Some(whole) = self.experience.whole else {
            return format!("not known: no earlier run of this came to its end{most}");
        };
        let range = |times: crate::cli::experience::Times| {
            let slow = if times.p75_ms > times.median_ms {
                format!(" (three of four: within {})", spoken(times.p75_ms))
            } else {
                String::new()
            };
            format!("{}{slow}", spoken(times.median_ms))
        };
        let outage =
            self.experience.outage.map_or_else(String::new, |o| format!(", of it {} without writes", range(o)));
        let runs = if self.experience.runs == 1 { "run".to_owned() } else { format!("{} runs", self.experience.runs) };
        format!("{}{outage}, going by the last {runs}{most}", range(whole))
    }

    /// How to get back, before the point of no return and after it.
    fn way_back(&self) -> String {
        let plan = self.plan;
        let mut back: Vec<&str> = plan
            .steps
            .iter()
            .zip(&self.rehearsal.steps)
            .take_while(|(step, _)| step.undo != Undo::Impossible)
            .filter(|(step, foreseen)| step.undo == Undo::Possible && !matches!(foreseen, Foreseen::Already(_)))
            .map(|(step, _)| step.id.as_str())
            .collect();
        back.reverse();
        if back.is_empty() && plan.mode == Mode::Planned {
            return "nothing of it would have to be taken back; what fails is gone on with by `switchback resume`"
                .to_owned();
        }
        let ends = plan.steps.iter().any(|step| step.undo == Undo::Impossible);
        let before = if ends { "until the point of no return " } else { "" };
        let what = if back.is_empty() {
            "there is nothing to take back".to_owned()
        } else {
            format!("it takes back {}, in this order", back.join(", "))
        };
        let how = match plan.mode {
            Mode::Planned => "by itself when a step fails; or Ctrl-C, then `switchback rollback`",
            Mode::Emergency => "not by itself: a failure stops, then `switchback resume` or `switchback rollback`",
        };
        let after =
            if ends { ". After it, forward with `switchback resume`, back with a run to the other site" } else { "" };
        format!("{before}{what}, {how}{after}")
    }
}

/// The line that nobody should miss.
pub fn no_return(width: usize) -> String {
    let text = " point of no return ";
    let rest = width.min(60).saturating_sub(text.chars().count() + 3);
    format!("───{text}{}", "─".repeat(rest))
}

fn titled(paint: Paint, title: &str, text: &str) -> String {
    let text = lay_out(&format!("{title}: {text}"), paint.width, 2);
    text.replacen(title, &paint.strong(title), 1)
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
