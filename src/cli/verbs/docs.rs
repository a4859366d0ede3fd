//! `docs`: the written procedure of a runbook, to be printed and kept where no machine is needed to read it.
//!
//! It looks at nothing and nobody: the site that serves is taken to be the one that the runbook would lead away from.

use crate::actions::by_hand::{self, by_hand};
use crate::actions::catalogue;
use crate::base::quantity::spoken;
use crate::cli::args::{Common, Format, Order, PageForm};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::experience::Experience;
use crate::cli::session::{self, Prepared};
use crate::engine::plan::{Plan, PlanPhase, PlanStep};
use crate::estate::Estate;
use crate::report::procedure::{self, Contact, Hand, Host, PROCEDURE_SCHEMA, Phase, Procedure, Step};
use crate::runbook::bound::Mode;

/// Writes the page.
pub async fn run(common: &Common, runbook: &str, order: &Order, form: &PageForm) -> Result<Exit, Failure> {
    let prepared = session::prepare_on_paper(common, runbook, order).await?;
    let page = page(&prepared, &Experience::of(common, &prepared.plan));
    let unmade = |error| Failure::new(Exit::Internal, format!("the procedure cannot be made: {error}"));
    let text = if form.html {
        procedure::html(&page).map_err(unmade)?
    } else if common.format == Format::Json && !form.markdown {
        serde_json::to_value(&page).unwrap_or_default().to_string()
    } else {
        procedure::markdown(&page).map_err(unmade)?
    };
    super::report::put(text.trim_end(), form.out.as_deref())?;
    Ok(Exit::Done)
}

fn page(prepared: &Prepared, experience: &Experience) -> Procedure {
    let (plan, estate) = (&prepared.plan, &prepared.estate);
    let usually = experience.whole.map_or_else(String::new, |whole| {
        let outage = experience.outage.map_or_else(String::new, |outage| {
            format!(", with {} in which nobody can write", spoken(outage.median_ms))
        });
        format!("{}{outage}", spoken(whole.median_ms))
    });
    let mut number = 0;
    let phases = plan.phases.iter().enumerate().filter(|(_, phase)| !phase.groups.is_empty());
    let phases = phases.map(|(index, phase)| self::phase(prepared, experience, index, phase, &mut number)).collect();
    Procedure {
        schema: PROCEDURE_SCHEMA,
        title: plan.title.clone(),
        runbook: plan.runbook.clone(),
        estate: plan.estate.clone(),
        mode: plan.mode.to_string(),
        command: command(plan),
        estate_digest: plan.estate_digest.clone(),
        runbook_digest: plan.runbook_digest.clone(),
        version: env!("CARGO_PKG_VERSION"),
        usually,
        objectives: objectives(plan),
        contacts: contacts(estate),
        hosts: hosts(estate),
        phases,
    }
}

fn phase(prepared: &Prepared, experience: &Experience, index: usize, phase: &PlanPhase, number: &mut usize) -> Phase {
    let plan = &prepared.plan;
    let steps = phase.groups.iter().flatten().filter_map(|step| plan.steps.get(*step));
    let steps = steps.map(|step| {
        *number += 1;
        self::step(prepared, experience, step, *number)
    });
    let nothing = |(step, noun): &(String, crate::runbook::signature::Noun)| {
        format!("`{step}`: this estate has nothing that is {}", noun.spoken())
    };
    Phase {
        id: phase.id.clone(),
        title: phase.title.clone(),
        procedure: phase.procedure.clone().unwrap_or_default(),
        confirm: phase.confirm.clone().unwrap_or_default(),
        no_return: phase.no_return,
        usually: experience.phase_ms(plan, index).map_or_else(String::new, spoken),
        empty: phase.empty.iter().map(nothing).collect(),
        steps: steps.collect(),
    }
}

fn step(prepared: &Prepared, experience: &Experience, step: &PlanStep, number: usize) -> Step {
    let found = by_hand(&step.action, prepared.plan.from.as_ref(), &prepared.estate);
    let hand = |hand: by_hand::Hand| Hand {
        host: hand.host.map_or_else(String::new, |host| host.to_string()),
        command: hand.command,
        expect: hand.expect,
        only: hand.only,
        secrets: hand.secrets.into_iter().map(|(variable, lies)| (variable.to_owned(), lies)).collect(),
    };
    Step {
        number,
        id: step.id.clone(),
        summary: step.summary.clone(),
        done: catalogue::signature(&step.action.name).map_or("", |signature| signature.done).to_owned(),
        within: spoken(step.within_ms),
        usually: experience.step(step).map_or_else(String::new, |times| spoken(times.median_ms)),
        hands: found.steps.into_iter().map(hand).collect(),
        back: found.back.into_iter().map(hand).collect(),
    }
}

/// The command that does all of it.
fn command(plan: &Plan) -> String {
    let mut command = match plan.runbook.as_str() {
        "failover" | "failback" => format!("switchback {}", plan.runbook),
        other => format!("switchback run {other}"),
    };
    for (name, value) in &plan.inputs {
        match name.as_str() {
            "to" => command.push_str(&format!(" --to {value}")),
            // Who serves is found by looking.
            "from" => {}
            _ => command.push_str(&format!(" --input {name}={value}")),
        }
    }
    if plan.mode == Mode::Emergency {
        command.push_str(" --mode emergency");
    }
    command
}

fn objectives(plan: &Plan) -> Vec<String> {
    let one = |ms: Option<u64>, what: &str| ms.map(|ms| format!("Objective: {what} {}", spoken(ms)));
    let outage = match plan.mode {
        Mode::Planned => one(plan.outage_max_ms, "nobody can write for at most"),
        Mode::Emergency => one(plan.rto_ms, "users are served again within"),
    };
    let lost = plan.rpo_ms.map(|ms| match ms {
        0 => "Objective: no write is lost".to_owned(),
        ms => format!("Objective: no more than the writes of {} are lost", spoken(ms)),
    });
    outage.into_iter().chain(lost).collect()
}

fn contacts(estate: &Estate) -> Vec<Contact> {
    let one = |contact: &crate::estate::model::Contact| Contact {
        name: contact.name.clone(),
        role: contact.role.clone().unwrap_or_default(),
        phone: contact.phone.clone().unwrap_or_default(),
        email: contact.email.clone().unwrap_or_default(),
    };
    estate.contacts.iter().map(one).collect()
}

fn hosts(estate: &Estate) -> Vec<Host> {
    let one = |host: &crate::estate::model::Host| Host {
        name: host.name.to_string(),
        site: host.site.to_string(),
        address: host.address.clone(),
        login: by_hand::login(host),
    };
    estate.hosts.values().map(one).collect()
}
