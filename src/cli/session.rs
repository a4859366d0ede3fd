//! What the verbs share: the state directory, an order made into a plan, a past run made ready to go on.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use super::args::{Accept, Common, Order};
use super::error::Failure;
use super::exit::Exit;
use super::past::PastRun;
use super::wire::Workshop;
use super::{last_seen, order, owner, problems};
use crate::actions::catalogue::{self, CATALOGUE};
use crate::actions::context::{Accepted, Memory, RunContext, is_settled_later};
use crate::base::closest::did_you_mean;
use crate::base::name::{ServiceName, SiteName};
use crate::base::problem::Problems;
use crate::engine::action::Action;
use crate::engine::plan::{Plan, PlanFrame};
use crate::engine::verdict::Verdict;
use crate::estate::{self, Estate};
use crate::runbook::bound::{BoundRunbook, Mode};
use crate::runbook::{self, shelf};
use crate::store::Store;

/// Prints a line of a result.
pub fn say(line: &str) {
    // A reader that went away (`| head`) is no failure of ours.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A new run's id: the time, so that a list sorts itself, and something of the process, so that two begun
/// in the same second differ.
pub fn new_run_id(now: jiff::Timestamp) -> String {
    let at = now.strftime("%Y%m%d-%H%M%S");
    let salt = (now.subsec_nanosecond().unsigned_abs() / 1_000) ^ std::process::id().rotate_left(16);
    format!("{at}-{:04x}", salt & 0xffff)
}

/// A verdict in a few words.
pub fn verdict_word(verdict: Verdict) -> &'static str {
    verdict.word()
}

/// The state directory: as said, or where the XDG base directory specification puts state.
pub fn state_folder(common: &Common) -> Option<PathBuf> {
    common.state.clone().or_else(default_state)
}

/// Opens the state directory, making it where it is missing.
pub fn open_store(common: &Common) -> Result<Store, Failure> {
    let folder = state_folder(common).ok_or_else(|| {
        Failure::new(Exit::Usage, "there is no home directory to keep the journal in")
            .hint("say where with `--state DIR`")
    })?;
    Ok(Store::open(&folder)?)
}

/// The state directory, where there is one; for looks that are to leave nothing behind.
pub fn open_store_if_there(common: &Common) -> Option<Store> {
    let folder = state_folder(common)?;
    if !folder.join("journal.sqlite").exists() {
        return None;
    }
    Store::open(&folder).ok()
}

fn default_state() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(base.join("switchback"))
}

/// Reads the estate, or prints its problems.
pub fn load_estate(common: &Common) -> Result<Arc<Estate>, Failure> {
    estate::load(&common.estate).map(Arc::new).map_err(|found| invalid(common, &found))
}

/// Problems as a failure: they are printed where they were found, the failure only counts them.
fn invalid(common: &Common, found: &Problems) -> Failure {
    problems::print(found, common.format, super::paint(common, true));
    Failure::new(Exit::Invalid, format!("{} in the estate or the runbook; nothing was looked at", counted(found.len())))
}

fn counted(problems: usize) -> String {
    if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") }
}

/// What makes actions on this estate.
pub fn workshop(estate: &Arc<Estate>, context: &RunContext) -> Result<Workshop, Failure> {
    Workshop::new(Arc::clone(estate), context).map_err(|why| Failure::new(Exit::Invalid, why))
}

/// The context of looks that belong to no run.
pub fn bare_context(name: &str) -> RunContext {
    RunContext {
        run: name.to_owned(),
        operator: owner::this_process().operator,
        mode: Mode::Planned,
        from: None,
        to: None,
        accepted: Accepted::default(),
        memory: Memory::default(),
        settled_later: false,
    }
}

/// What the operator accepts by name.
pub fn accepted(accept: &Accept) -> Result<Accepted, Failure> {
    let reason = accept.reason.clone().unwrap_or_default();
    let mut accepted = Accepted::default();
    for site in &accept.accept_unfenced {
        let site = SiteName::new(site.as_str()).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        accepted.unfenced.insert(site, reason.clone());
    }
    for service in &accept.accept_data_loss {
        let service =
            ServiceName::new(service.as_str()).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        accepted.data_loss.insert(service, reason.clone());
    }
    accepted.misses.extend(accept.accept_miss.iter().map(|step| (step.clone(), reason.clone())));
    Ok(accepted)
}

/// An order made into a plan, with the actions that carry it out.
pub struct Prepared {
    pub estate: Arc<Estate>,
    pub plan: Plan,
    pub actions: Vec<Box<dyn Action>>,
    pub context: RunContext,
    pub workshop: Workshop,
    /// What was seen of what will be asked, by the question's id.
    pub stakes: BTreeMap<String, Vec<String>>,
}

/// Reads estate and runbook, binds them, makes the actions.
pub async fn prepare(
    common: &Common,
    runbook: &str,
    said: &Order,
    accept: &Accept,
    run: &str,
) -> Result<Prepared, Failure> {
    prepare_by(common, runbook, said, accept, run, Serving::Looked).await
}

/// The same for paper: nobody is asked, and nothing is left behind.
pub async fn prepare_on_paper(common: &Common, runbook: &str, said: &Order) -> Result<Prepared, Failure> {
    prepare_by(common, runbook, said, &Accept::default(), "paper", Serving::OnPaper).await
}

/// How it is found out which site serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Serving {
    Looked,
    OnPaper,
}

async fn prepare_by(
    common: &Common,
    runbook: &str,
    said: &Order,
    accept: &Accept,
    run: &str,
    how: Serving,
) -> Result<Prepared, Failure> {
    let estate = load_estate(common)?;
    order::check_name(runbook, &estate)?;
    let runbook = shelf::find(runbook, &estate.folder, CATALOGUE).map_err(|found| invalid(common, &found))?;
    let inputs = inputs(said)?;
    let mode = match said.mode {
        Some(mode) => Mode::from(mode),
        None => runbook.modes.first().copied().unwrap_or(Mode::Planned),
    };
    order::check_inputs(&runbook, &estate, &inputs, mode)?;
    let mut context = RunContext {
        run: run.to_owned(),
        operator: owner::this_process().operator,
        mode,
        from: None,
        to: None,
        accepted: accepted(accept)?,
        memory: Memory::default(),
        settled_later: false,
    };
    if how == Serving::Looked {
        last_seen::recall(common, &estate.name, &context.memory);
    }
    let workshop = workshop(&estate, &context)?;
    // Where the input `from` is given nobody needs to look who serves.
    let serving = match said.from {
        Some(_) => None,
        None if how == Serving::OnPaper => order::serving_on_paper(&runbook, &estate, &inputs),
        None => {
            let serving = workshop.serving(&context.memory).await;
            last_seen::keep(common, &estate.name, &context.memory);
            serving
        }
    };
    let serving = runbook::Serving { site: serving, assumed: how == Serving::OnPaper };
    let bound = runbook::bind(&runbook, &estate, &inputs, mode, &serving).map_err(|found| invalid(common, &found))?;
    check_accepted(&context.accepted, &estate)?;
    (context.from, context.to) = (bound.from().cloned(), bound.to().cloned());
    let actions = make_actions(&workshop, &bound, &context)?;
    let frame = PlanFrame {
        estate: estate.name.clone(),
        estate_digest: estate.digest.clone(),
        outage_max_ms: estate.objectives.outage_max.map(crate::base::quantity::Span::millis),
        rto_ms: estate.objectives.rto.map(crate::base::quantity::Span::millis),
        rpo_ms: estate.objectives.rpo.map(crate::base::quantity::Span::millis),
        windows: estate.windows.clone(),
    };
    let plan = Plan::new(bound, frame, &actions, catalogue::signature);
    order::check_misses(&plan, accept)?;
    Ok(Prepared { estate, plan, actions, context, workshop, stakes: BTreeMap::new() })
}

fn make_actions(
    workshop: &Workshop,
    bound: &BoundRunbook,
    context: &RunContext,
) -> Result<Vec<Box<dyn Action>>, Failure> {
    let steps = bound.phases.iter().flat_map(|phase| {
        let leg = bound.legs.get(phase.leg).cloned().unwrap_or_default();
        let context = RunContext { from: leg.from, to: leg.to, ..context.clone() };
        phase.groups.iter().flat_map(|group| &group.steps).map(move |step| (step, context.clone()))
    });
    let mut rest = steps.clone().map(|(step, _)| &step.action);
    steps
        .map(|(step, context)| {
            rest.next();
            let settled_later = is_settled_later(&step.action, rest.clone());
            workshop
                .make(&step.action, &RunContext { settled_later, ..context })
                .map_err(|why| Failure::new(Exit::Invalid, format!("{}: {why}", step.id)).detail(step.place.clone()))
        })
        .collect()
}

/// A past run made ready to go on: its own plan, its actions on the estate as it is now.
pub fn prepare_again(common: &Common, past: &PastRun, more: Accepted) -> Result<Prepared, Failure> {
    let estate = load_estate(common)?;
    if estate.name != past.plan.estate {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "run {} is of the estate `{}`, and {} is `{}`",
                past.row.id,
                past.plan.estate,
                common.estate.display(),
                estate.name
            ),
        ));
    }
    let mut accepted = past.accepted.clone();
    accepted.extend(more);
    check_accepted(&accepted, &estate)?;
    let context = RunContext {
        run: past.row.id.clone(),
        operator: owner::this_process().operator,
        mode: past.plan.mode,
        from: past.plan.from.clone(),
        to: past.plan.to.clone(),
        accepted,
        memory: Memory::default(),
        settled_later: false,
    };
    last_seen::recall(common, &estate.name, &context.memory);
    for (step, record) in past.plan.steps.iter().zip(&past.state.steps) {
        if record.is_settled() {
            context.memory.record(&step.id, &record.evidence);
        }
    }
    let workshop = workshop(&estate, &context)?;
    let actions = past.plan.steps.iter().enumerate().map(|(index, step)| {
        let leg = past.plan.leg(index);
        let (from, to) = (past.plan.from_of(leg).cloned(), past.plan.to_of(leg).cloned());
        let later = past.plan.steps.iter().skip(index + 1).map(|step| &step.action);
        let settled_later = is_settled_later(&step.action, later);
        workshop.make(&step.action, &RunContext { from, to, settled_later, ..context.clone() }).map_err(|why| {
            Failure::new(Exit::PlanStale, format!("{}: {why}; the estate no longer fits this run's plan", step.id))
                .hint("put the estate back as it was when the run began, then resume")
        })
    });
    let actions = actions.collect::<Result<Vec<_>, _>>()?;
    Ok(Prepared { estate, plan: past.plan.clone(), actions, context, workshop, stakes: BTreeMap::new() })
}

fn check_accepted(accepted: &Accepted, estate: &Estate) -> Result<(), Failure> {
    if let Some(site) = accepted.unfenced.keys().find(|site| !estate.sites.contains_key(*site)) {
        return Err(Failure::new(Exit::Usage, {
            let slip = did_you_mean(site.as_str(), estate.sites.keys().map(SiteName::as_str));
            format!("`--accept-unfenced {site}`: the estate has no such site{slip}")
        }));
    }
    if let Some(service) = accepted.data_loss.keys().find(|service| !estate.services.contains_key(*service)) {
        return Err(Failure::new(Exit::Usage, {
            let slip = did_you_mean(service.as_str(), estate.services.keys().map(ServiceName::as_str));
            format!("`--accept-data-loss {service}`: the estate has no such service{slip}")
        }));
    }
    if accepted.unfenced.values().chain(accepted.data_loss.values()).any(|reason| reason.trim().is_empty()) {
        return Err(Failure::new(Exit::Usage, "what is accepted needs a reason").hint("say it with `--reason \"…\"`"));
    }
    Ok(())
}

fn inputs(order: &Order) -> Result<BTreeMap<String, String>, Failure> {
    let mut inputs = BTreeMap::new();
    for text in &order.inputs {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Failure::new(Exit::Usage, format!("`--input {text}` wants NAME=VALUE")));
        };
        inputs.insert(name.to_owned(), value.to_owned());
    }
    for (name, value) in [("to", &order.to), ("from", &order.from)] {
        if let Some(value) = value {
            inputs.insert(name.to_owned(), value.clone());
        }
    }
    Ok(inputs)
}

/// Reads a file that the user named, at most so many bytes.
pub fn read_small(path: &Path, bytes_max: u64) -> anyhow::Result<String> {
    let reading = || format!("{} cannot be read", path.display());
    let size = std::fs::metadata(path).with_context(reading)?.len();
    anyhow::ensure!(size <= bytes_max, "{}: it is larger than {bytes_max} bytes", reading());
    std::fs::read_to_string(path).with_context(reading)
}
