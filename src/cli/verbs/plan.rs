//! `plan`: look at everything a runbook would do, touch nothing, and say so on a page.

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::carry_out::LOOK_LIMIT_MS;
use crate::cli::args::{Accept, Common, Format, ModeArg, Order};
use crate::cli::clock::SystemClock;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::experience::{CriticalPath, Experience, Times};
use crate::cli::present;
use crate::cli::session::{self, Prepared};
use crate::cli::view::json;
use crate::cli::view::page::{self, Page};
use crate::cli::{canary, drill};
use crate::engine::plan::{PLAN_FORMAT, Plan};
use crate::engine::rehearsal::{Rehearsal, rehearse};
use crate::runbook::bound::Mode;

/// The largest saved plan that is read, in bytes.
const SAVED_BYTES_MAX: u64 = 16 << 20;

/// Shows the plan; exit code 4 when a step of it is blocked.
pub async fn run(
    common: &Common,
    runbook: &str,
    order: &Order,
    accept: &Accept,
    out: Option<&Path>,
) -> Result<Exit, Failure> {
    let clock = SystemClock::new();
    let prepared = session::prepare(common, runbook, order, accept, "plan").await?;
    let (rehearsal, mut now) = futures::join!(
        rehearse(&prepared.plan, &prepared.actions, &clock, LOOK_LIMIT_MS),
        present::lines(&prepared.workshop)
    );
    now.push(drill::last_good(session::open_store_if_there(common).as_ref(), &prepared.plan));
    now.extend(canary::foreseen(&prepared));
    let experience = Experience::of(common, &prepared.plan);
    match common.format {
        Format::Human => {
            let paint = crate::cli::paint(common, false);
            let page = Page { plan: &prepared.plan, rehearsal: &rehearsal, experience: &experience, now: &now, paint };
            session::say(page.text().trim_end());
        }
        Format::Json => print_json(&prepared, &rehearsal, &experience, &now),
    }
    if let Some(path) = out {
        save(path, &prepared.plan, &rehearsal).map_err(|error| Failure::caused(Exit::Usage, &error))?;
    }
    let blocked = rehearsal.blocked().count();
    if blocked == 0 {
        return Ok(Exit::Done);
    }
    let mut failure = Failure::new(
        Exit::Refused,
        format!("{blocked} of {} steps would be refused; nothing was touched", rehearsal.steps.len()),
    );
    for (index, reason) in rehearsal.blocked() {
        if let Some(step) = prepared.plan.steps.get(index) {
            failure = failure.detail(format!("{}: {reason}", step.id));
        }
    }
    Err(failure)
}

fn print_json(prepared: &Prepared, rehearsal: &Rehearsal, experience: &Experience, now: &[String]) {
    let plan = &prepared.plan;
    for (step, foreseen) in plan.steps.iter().zip(&rehearsal.steps) {
        json::print(&json!({
            "schema": "switchback/foreseen/1", "step": step.id, "action": step.action.name, "summary": step.summary,
            "state": foreseen.word(), "says": page::said(foreseen), "foreseen": foreseen,
            "expected": experience.step(step).map(times),
        }));
    }
    let paths = experience.critical_paths(plan).into_iter().map(|CriticalPath { wave, steps: path }| {
        let steps = path
            .into_iter()
            .map(|(index, ms)| json!({"step": plan.steps.get(index).map(|step| &step.id), "median_ms": ms}));
        json!({"wave": wave, "steps": steps.collect::<Vec<_>>()})
    });
    json::print(&json!({
        "schema": "switchback/plan/1", "runbook": plan.runbook, "title": plan.title, "mode": plan.mode,
        "to": plan.to, "from": plan.from, "steps": rehearsal.steps.len(), "blocked": rehearsal.blocked().count(),
        "coverage_percent": rehearsal.coverage_percent(), "nothing_to_do": rehearsal.is_all_done(),
        "now": now, "expected": experience.whole.map(times), "expected_outage": experience.outage.map(times),
        "critical_paths": paths.collect::<Vec<_>>(),
    }));
}

fn times(times: Times) -> serde_json::Value {
    json!({"median_ms": times.median_ms, "p75_ms": times.p75_ms, "runs": times.count})
}

/// A plan kept in a file, to be carried out exactly or not at all.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    pub format: u32,
    pub plan: Plan,
    /// What every step would do, as it was seen when the plan was made.
    pub outline: Vec<String>,
}

fn save(path: &Path, plan: &Plan, rehearsal: &Rehearsal) -> anyhow::Result<()> {
    let outline = rehearsal.outline().into_iter().map(str::to_owned).collect();
    let saved = Saved { format: PLAN_FORMAT, plan: plan.clone(), outline };
    let text = serde_json::to_string_pretty(&saved).context("the plan cannot be written down")?;
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// Reads a saved plan.
pub fn read_saved(path: &Path) -> Result<Saved, Failure> {
    let text = session::read_small(path, SAVED_BYTES_MAX).map_err(|error| Failure::caused(Exit::Usage, &error))?;
    let saved: Saved = serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Usage, format!("{} is not a saved plan: {error}", path.display()))
            .hint("make one with `switchback plan … --out FILE`")
    })?;
    if saved.format != PLAN_FORMAT {
        return Err(Failure::new(
            Exit::PlanStale,
            format!("{} was saved by another version; make it anew", path.display()),
        ));
    }
    Ok(saved)
}

impl Saved {
    /// The order that made the plan. What is said again on the command line must not differ, or the plan
    /// would no longer be what is carried out; [`Saved::still_fits`] sees to that.
    pub fn order(&self, said: &Order) -> Order {
        let mut order = said.clone();
        order.inputs = self.plan.inputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        order.to = None;
        order.from = None;
        order.mode = Some(match self.plan.mode {
            Mode::Planned => ModeArg::Planned,
            Mode::Emergency => ModeArg::Emergency,
        });
        order
    }

    /// The command that makes such a plan anew.
    fn command(&self) -> String {
        let mut command = format!("switchback plan {}", self.plan.runbook);
        for (name, value) in &self.plan.inputs {
            command.push_str(&match name.as_str() {
                "to" | "from" => format!(" --{name} {value}"),
                _ => format!(" --input {name}={value}"),
            });
        }
        format!("{command} --mode {} --out FILE", self.plan.mode)
    }

    /// Refuses when the inputs, or what was seen, are no longer what they were.
    pub fn still_fits(&self, plan: &Plan, rehearsal: &Rehearsal) -> Result<(), Failure> {
        let stale = |what: &str| {
            Failure::new(Exit::PlanStale, format!("the saved plan no longer matches: {what}"))
                .hint(format!("look again, and save what is seen: {}", self.command()))
        };
        if plan.estate_digest != self.plan.estate_digest {
            return Err(stale("the estate was edited since"));
        }
        if plan.runbook_digest != self.plan.runbook_digest {
            return Err(stale("the runbook was edited since, or is another version's"));
        }
        if *plan != self.plan {
            return Err(stale("its steps are others now"));
        }
        for ((step, now), then) in plan.steps.iter().zip(rehearsal.outline()).zip(&self.outline) {
            if now != then {
                return Err(stale(&format!("{} was `{then}` and is `{now}` now", step.id)));
            }
        }
        Ok(())
    }
}
