//! What is told of a run: everything that a page needs, folded from the events, with nothing left to work out.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::figures::{Figures, figures};
use super::words::{accepted, carried_out_by, decisions, notes, step_says, step_word};
use super::{Notified, Told};
use crate::base::quantity::spoken;
use crate::engine::event::{Event, What};
use crate::engine::measured::{self, SeenBy};
use crate::engine::pace::Pace;
use crate::engine::plan::{Plan, PlanPhase, PlanStep};
use crate::engine::state::{RunState, Stage};
use crate::runbook::bound::Mode;
use crate::runbook::signature::{Effect, FactKind};

/// The version of [`Account`]'s form as JSON.
pub const ACCOUNT_SCHEMA: &str = "switchback/report/1";

/// A run as a page tells it.
#[derive(Debug, Serialize)]
pub struct Account {
    pub schema: &'static str,
    pub run: String,
    pub estate: String,
    pub title: String,
    pub runbook: String,
    pub mode: String,
    pub verdict: String,
    pub good: bool,
    pub reason: String,
    pub began_at: String,
    pub ended_at: String,
    pub took: String,
    pub operators: Vec<String>,
    pub figures: Figures,
    pub measures: Vec<Measure>,
    pub services: Vec<Receipt>,
    pub decisions: Vec<Decision>,
    pub exceptions: Vec<String>,
    pub notes: Vec<String>,
    /// What a client saw, as each process measured it.
    pub client: Vec<String>,
    /// Who was told, and who could not be.
    pub notices: Vec<Notified>,
    pub before: Vec<StepRow>,
    pub after: Vec<StepRow>,
    pub phases: Vec<PhaseRow>,
    pub estate_digest: String,
    pub runbook_digest: String,
    /// SHA-256 of the plan as journaled.
    pub plan_digest: String,
    /// Hash of the last event.
    pub head: String,
    pub events: usize,
}

/// One figure, beside what is wanted and what was usual.
#[derive(Debug, Serialize)]
pub struct Measure {
    pub name: &'static str,
    pub ms: Option<u64>,
    pub value: String,
    pub objective: String,
    /// `None` where nothing is wanted or nothing was measured.
    pub met: Option<bool>,
    pub usual: String,
    pub runs: usize,
}

/// What is known of one service after its role changed.
#[derive(Debug, Serialize)]
pub struct Receipt {
    pub service: String,
    pub site: String,
    pub at: String,
    pub says: String,
    /// Values of the receipt by name: timeline, fork, identity.
    pub values: Vec<(String, String)>,
    pub lost: String,
}

/// Who said what, when.
#[derive(Debug, Serialize)]
pub struct Decision {
    pub at: String,
    pub who: String,
    pub question: String,
    pub answer: String,
    /// What stood before who was asked.
    pub evidence: Vec<String>,
}

/// A phase and its steps.
#[derive(Debug, Serialize)]
pub struct PhaseRow {
    pub id: String,
    pub title: String,
    pub procedure: String,
    pub steps: Vec<StepRow>,
}

/// A step, as it ended.
#[derive(Debug, Clone, Serialize)]
pub struct StepRow {
    pub id: String,
    pub summary: String,
    pub state: &'static str,
    pub good: bool,
    pub says: String,
    pub at: String,
    pub took: String,
    pub attempts: u32,
}

/// Folds it all.
pub fn account(told: &Told<'_>) -> Account {
    let Told { plan, state, events, .. } = told;
    let (verdict, reason) = state.ended.as_ref().map_or_else(
        || ("not ended".to_owned(), String::new()),
        |(verdict, reason)| (verdict.word().to_owned(), reason.clone()),
    );
    let time =
        |event: Option<&Event>| event.map_or_else(String::new, |event| event.at.strftime("%F %T UTC").to_string());
    let own = figures(plan, state, events);
    let pace = Pace::of(plan, events);
    let (before, after) = checks(plan, state, &pace);
    Account {
        schema: ACCOUNT_SCHEMA,
        run: told.run.to_owned(),
        estate: plan.estate.clone(),
        title: plan.title.clone(),
        runbook: plan.runbook.clone(),
        mode: plan.mode.to_string(),
        good: verdict == "done",
        verdict,
        reason,
        began_at: time(events.first()),
        ended_at: time(events.last()),
        took: spoken(state.now_ms),
        operators: carried_out_by(events),
        measures: measures(plan, state, &own, told.earlier),
        figures: own,
        services: receipts(plan, state, events),
        decisions: decisions(plan, events),
        exceptions: accepted(plan, events),
        notes: notes(events),
        client: client(state, events),
        notices: told.notices.to_vec(),
        before,
        after,
        phases: plan
            .phases
            .iter()
            .filter(|phase| !phase.groups.is_empty())
            .map(|phase| phase_row(plan, state, &pace, phase))
            .collect(),
        estate_digest: plan.estate_digest.clone(),
        runbook_digest: plan.runbook_digest.clone(),
        plan_digest: digest(plan),
        head: told.head.to_owned(),
        events: events.len(),
    }
}

/// SHA-256 of a plan in its journaled form, in hex.
fn digest(plan: &Plan) -> String {
    let text = serde_json::to_vec(plan).unwrap_or_default();
    crate::base::hex(&Sha256::digest(text))
}

fn measures(plan: &Plan, state: &RunState, own: &Figures, earlier: &[super::Earlier]) -> Vec<Measure> {
    let one = |name, get: fn(&Figures) -> Option<u64>, objective: Option<u64>| {
        let ms = get(own);
        let mut before: Vec<u64> = earlier.iter().filter_map(|run| get(&run.figures)).collect();
        before.sort_unstable();
        let median = before.get(before.len() / 2);
        Measure {
            name,
            ms,
            value: ms.map_or_else(|| "–".to_owned(), spoken),
            objective: objective.map_or_else(|| "–".to_owned(), |ms| format!("at most {}", spoken(ms))),
            met: ms.zip(objective).map(|(ms, most)| ms <= most),
            usual: median.map_or_else(|| "–".to_owned(), |ms| spoken(*ms)),
            runs: before.len(),
        }
    };
    let (rto, outage_max) = match plan.mode {
        Mode::Emergency => (plan.rto_ms, None),
        Mode::Planned => (None, plan.outage_max_ms),
    };
    // The objective stands beside the figure that it is held against.
    let by_client = measured::figure(plan, state).is_some_and(|figure| figure.seen_by == SeenBy::Client);
    let objective = |client: bool| outage_max.or(rto).filter(|_| by_client == client);
    let mut list = vec![
        one("decide", |figures| figures.decide_ms, None),
        one("fence", |figures| figures.fence_ms, None),
        one("promote", |figures| figures.promote_ms, None),
        one("redirect", |figures| figures.redirect_ms, None),
        one("verify", |figures| figures.verify_ms, None),
        one("no writes", |figures| figures.outage_ms, objective(false)),
        one("whole run", |figures| Some(figures.whole_ms), None),
    ];
    if let Some(gap) = measured::client_gap(state) {
        let mut seen = one("no writes, as a client saw it", |figures| figures.client_ms, objective(true));
        seen.value = gap.spoken();
        list.insert(list.len() - 1, seen);
    }
    list
}

/// What a client saw, and what nobody saw.
fn client(state: &RunState, events: &[Event]) -> Vec<String> {
    let mut list = Vec::new();
    for part in &state.measured {
        list.push(part.told());
        list.extend(part.split.as_ref().map(|split| format!("SPLIT: {split}")));
    }
    let processes =
        events.iter().filter(|event| matches!(event.what, What::Started { .. } | What::Resumed { .. })).count();
    if !list.is_empty() && processes > 1 {
        list.push(format!(
            "the run was carried on by {processes} processes, of which {} measured to their end; in the time between two nothing was measured",
            state.measured.len()
        ));
    }
    list
}

fn receipts(plan: &Plan, state: &RunState, events: &[Event]) -> Vec<Receipt> {
    let mut list = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let Some(fact) = step.gives.iter().find(|fact| fact.kind == FactKind::Promoted) else { continue };
        let Some(record) = state.steps.get(index).filter(|record| matches!(record.stage, Stage::Done { .. })) else {
            continue;
        };
        let settled = events.iter().rev().find(|event| match &event.what {
            What::Acted { step, .. } | What::Looked { step, .. } => *step == index,
            _ => false,
        });
        let values = record.evidence.values.iter().filter(|(_, value)| !value.is_object() && !value.is_array());
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        list.push(Receipt {
            service: fact.service.to_string(),
            site: fact.site.to_string(),
            at: settled.map_or_else(String::new, |event| event.at.strftime("%F %T UTC").to_string()),
            says: record.evidence.summary.clone(),
            values: values.map(|(name, value)| (name.replace('_', " "), text(value))).collect(),
            lost: lost(plan, state, step),
        });
    }
    list
}

/// What was lost of each service that was promoted, as far as it was seen.
pub fn lost_of(plan: &Plan, state: &RunState) -> Vec<(String, String)> {
    let pairs = plan.steps.iter().zip(&state.steps);
    let did = pairs.filter(|(_, record)| record.attempts > 0 && matches!(record.stage, Stage::Done { .. }));
    let facts = did.flat_map(|(step, _)| step.gives.iter().map(move |fact| (step, fact)));
    let promoted = facts.filter(|(_, fact)| fact.kind == FactKind::Promoted);
    promoted.map(|(step, fact)| (fact.service.to_string(), lost(plan, state, step))).collect()
}

/// What was lost of a promoted service, as far as it was seen.
fn lost(plan: &Plan, state: &RunState, promoted: &PlanStep) -> String {
    let of_service = |step: &PlanStep| step.services.iter().any(|service| promoted.services.contains(service));
    let records = || plan.steps.iter().zip(&state.steps).filter(|(step, _)| of_service(step));
    let done = |step: &PlanStep, kind, stage: &Stage| {
        step.gives.iter().any(|fact| fact.kind == kind) && matches!(stage, Stage::Done { .. })
    };
    let objective =
        plan.rpo_ms.map_or_else(String::new, |ms| format!(" (objective: at most {} of writes)", spoken(ms)));
    // An account that the same run takes is of what an earlier one lost.
    let tells =
        |step: &PlanStep| step.gives.iter().any(|fact| matches!(fact.kind, FactKind::CaughtUp | FactKind::Promoted));
    let counted = records().filter(|(step, _)| tells(step)).find_map(|(_, record)| {
        // A promotion's own evidence is its receipt; what it would lose was seen in the look before it.
        let seen = [Some(&record.evidence), record.before.as_ref()];
        let mut counted = seen
            .into_iter()
            .flatten()
            .filter_map(|evidence| Some((evidence.number("lost_transactions")?, evidence.number("lost_bytes"))));
        counted.next()
    });
    match counted {
        Some((0, _)) => format!("nothing: counted in the old primary's log{objective}"),
        Some((transactions, bytes)) => {
            // MariaDB and MySQL count by their transactions' names, and weigh none.
            let bytes = bytes.map_or_else(String::new, |bytes| format!(", {bytes} bytes of log"));
            let plural = if transactions == 1 { "" } else { "s" };
            format!("{transactions} transaction{plural}{bytes}, counted at the old primary{objective}")
        }
        None if records().any(|(step, record)| done(step, FactKind::CaughtUp, &record.stage)) => {
            format!("nothing: everything had arrived before the promotion{objective}")
        }
        None => format!("unknown: the old primary's log was not there to be counted{objective}"),
    }
}

/// The looks before anything was to be changed, and those after the last promotion.
fn checks(plan: &Plan, state: &RunState, pace: &Pace) -> (Vec<StepRow>, Vec<StepRow>) {
    let acts = |step: &PlanStep| step.effect != Effect::Look;
    let first = plan.steps.iter().position(acts).unwrap_or(plan.steps.len());
    let last = plan.steps.iter().rposition(|step| step.gives.iter().any(|fact| fact.kind == FactKind::Promoted));
    let row = |index: usize| step_row(plan, state, pace, index);
    let looks = |index: &usize| plan.steps.get(*index).is_some_and(|step| !acts(step));
    let before = (0..first).filter_map(row).collect();
    let after = last.map_or_else(Vec::new, |last| (last..plan.steps.len()).filter(looks).filter_map(row).collect());
    (before, after)
}

fn phase_row(plan: &Plan, state: &RunState, pace: &Pace, phase: &PlanPhase) -> PhaseRow {
    PhaseRow {
        id: phase.id.clone(),
        title: phase.title.clone(),
        procedure: phase.procedure.clone().unwrap_or_default(),
        steps: phase.groups.iter().flatten().filter_map(|index| step_row(plan, state, pace, *index)).collect(),
    }
}

fn step_row(plan: &Plan, state: &RunState, pace: &Pace, index: usize) -> Option<StepRow> {
    let (step, record) = (plan.steps.get(index)?, state.steps.get(index)?);
    let (word, good) = step_word(&record.stage, &record.undo);
    let began_ms = pace.opened_ms(index).or(record.began_ms);
    Some(StepRow {
        id: step.id.clone(),
        summary: step.summary.clone(),
        state: word,
        good,
        says: step_says(record),
        at: began_ms.map_or_else(String::new, spoken),
        took: record.ended_ms.zip(began_ms).map_or_else(String::new, |(to, from)| spoken(to.saturating_sub(from))),
        attempts: record.attempts,
    })
}
