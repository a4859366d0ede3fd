//! The database steps of the shipped runbooks, as plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use switchback::actions::catalogue;
use switchback::actions::context::{Accepted, Memory, RunContext, is_settled_later};
use switchback::actions::database::{self, port::Database};
use switchback::base::name::{ServiceName, SiteName};
use switchback::base::quantity::Span;
use switchback::engine::action::Action;
use switchback::engine::plan::{Plan, PlanFrame};
use switchback::runbook::bound::{BoundAction, BoundGroup, BoundPhase, BoundRunbook, BoundStep, Leg, Mode, OnFailure};
use switchback::runbook::signature::Noun;

use super::database::SimDatabase;
use super::world::Shared;

/// (phase, wave, action, site of `at`)
type Row = (&'static str, Option<u32>, &'static str, &'static str);

const FAILOVER: &[Row] = &[
    ("look", None, "database.ready", "to"),
    ("prepare", None, "database.prepare", "from"),
    ("fence.1", Some(1), "database.fence", "from"),
    ("arrived.1", Some(1), "database.arrived", "to"),
    ("detach.1", Some(1), "database.detach", "to"),
    ("promote.1", Some(1), "database.promote", "to"),
    ("test.1", Some(1), "database.write_test", "to"),
    ("settle.1", Some(1), "database.settle", "to"),
    ("protect", None, "database.follow", "from"),
    ("marker", None, "database.marker_seen", "from"),
];

const FAILBACK: &[Row] = &[
    ("keep", None, "database.keep_aside", "to"),
    ("account", None, "database.account", "to"),
    ("rejoin", None, "database.follow", "to"),
    ("caught-up", None, "database.caught_up", "to"),
    ("look", None, "database.ready", "to"),
    ("prepare", None, "database.prepare", "from"),
    ("offline.1", Some(1), "database.fence", "from"),
    ("arrived.1", Some(1), "database.arrived", "to"),
    ("detach.1", Some(1), "database.detach", "to"),
    ("promote.1", Some(1), "database.promote", "to"),
    ("test.1", Some(1), "database.write_test", "to"),
    ("rebuild", None, "database.follow", "from"),
    ("marker", None, "database.marker_seen", "from"),
];

const EMERGENCY: &[Row] = &[
    ("look", None, "database.ready", "to"),
    ("shut-out", None, "database.fence", "from"),
    ("detach.1", Some(1), "database.detach", "to"),
    ("promote.1", Some(1), "database.promote", "to"),
    ("test.1", Some(1), "database.write_test", "to"),
    ("settle.1", Some(1), "database.settle", "to"),
    ("siblings", None, "database.siblings_follow", "to"),
];

const REJOIN: &[Row] = &[
    ("keep", None, "database.keep_aside", "from"),
    ("account", None, "database.account", "from"),
    ("rejoin", None, "database.follow", "from"),
    ("caught-up", None, "database.caught_up", "from"),
    ("marker", None, "database.marker_seen", "from"),
];

const COMPARE: &[Row] = &[("tables", None, "database.tables_equal", "to")];

fn site(name: &str) -> SiteName {
    SiteName::new(name).expect("a name")
}

fn orders() -> ServiceName {
    ServiceName::new("orders").expect("a name")
}

/// What is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Failover,
    Failback,
    Emergency,
    /// The lost site follows again.
    Rejoin,
    /// Tables are compared.
    Compare,
}

/// A plan, and what makes its actions anew for every process.
pub struct Maker {
    pub plan: Plan,
    context: RunContext,
}

pub fn maker(order: Order, from: &str, to: &str) -> Maker {
    let (rows, mode) = match order {
        Order::Failover => (FAILOVER, Mode::Planned),
        Order::Failback => (FAILBACK, Mode::Planned),
        Order::Emergency => (EMERGENCY, Mode::Emergency),
        Order::Rejoin => (REJOIN, Mode::Planned),
        Order::Compare => (COMPARE, Mode::Planned),
    };
    let mut accepted = Accepted::default();
    if order == Order::Emergency {
        accepted.data_loss.insert(orders(), "tried".to_owned());
    }
    let context = RunContext {
        run: "run".to_owned(),
        operator: "o@m".to_owned(),
        mode,
        from: Some(site(from)),
        to: Some(site(to)),
        accepted,
        memory: Memory::default(),
        settled_later: false,
    };
    let phases = rows.iter().map(|(phase, wave, action, at)| {
        let at = if *at == "to" { to } else { from };
        let mut arguments = serde_json::Map::new();
        arguments.insert("at".to_owned(), json!(at));
        if *action == "database.keep_aside" {
            arguments.insert("label".to_owned(), json!("before"));
        }
        let signature = catalogue::signature(action).expect("in the catalogue");
        BoundPhase {
            id: (*phase).to_owned(),
            title: String::new(),
            procedure: None,
            wave: *wave,
            no_return: *action == "database.promote",
            confirm: None,
            window: None,
            leg: 0,
            empty: Vec::new(),
            groups: vec![BoundGroup {
                steps: vec![BoundStep {
                    id: format!("{phase}/orders"),
                    title: String::new(),
                    action: BoundAction {
                        name: (*action).to_owned(),
                        item: Some((Noun::Database, "orders".to_owned())),
                        arguments,
                    },
                    site: Some(site(at)),
                    services: vec![orders()],
                    // Nothing here takes hours; waiting for them in vain only takes time from the tests.
                    within: signature.within.parse::<Span>().expect("a span").min("5m".parse().expect("a span")),
                    on_failure: OnFailure::Stop,
                    place: String::new(),
                }],
            }],
        }
    });
    let bound = BoundRunbook {
        runbook: "sim".to_owned(),
        title: "sim".to_owned(),
        procedure: None,
        mode,
        legs: vec![Leg { to: Some(site(to)), from: Some(site(from)) }],
        inputs: BTreeMap::new(),
        phases: phases.collect(),
        digest: String::new(),
    };
    let frame = PlanFrame {
        estate: "sim".to_owned(),
        estate_digest: String::new(),
        outage_max_ms: Some(20_000),
        rto_ms: None,
        rpo_ms: None,
        windows: Vec::new(),
    };
    let unused = Shared::new(super::world::World::new(Vec::new()));
    let bare: Vec<Box<dyn Action>> = make_all(&bound, &context, &unused);
    Maker { plan: Plan::new(bound, frame, &bare, catalogue::signature), context }
}

fn make_all(bound: &BoundRunbook, context: &RunContext, world: &Shared) -> Vec<Box<dyn Action>> {
    let database: Arc<dyn Database> = Arc::new(SimDatabase(world.clone()));
    let steps = bound.phases.iter().flat_map(|phase| &phase.groups).flat_map(|group| &group.steps);
    steps
        .map(|step| database::make(&step.action, &orders(), Arc::clone(&database), context).expect("it can be made"))
        .collect()
}

impl Maker {
    /// Takes back what the operator accepted.
    pub fn accept_nothing(&mut self) {
        self.context.accepted = Accepted::default();
    }

    /// Vouches for a site that cannot be seen.
    pub fn accept_unfenced(&mut self, name: &str) {
        self.context.accepted.unfenced.insert(site(name), "its host is off".to_owned());
    }

    /// The plan's actions on this world.
    pub fn actions(&self, world: &Shared) -> Vec<Box<dyn Action>> {
        let database: Arc<dyn Database> = Arc::new(SimDatabase(world.clone()));
        let steps = &self.plan.steps;
        let make = |(index, step): (usize, &switchback::engine::plan::PlanStep)| {
            let settled_later = is_settled_later(&step.action, steps[index + 1..].iter().map(|step| &step.action));
            let context = RunContext { settled_later, ..self.context.clone() };
            database::make(&step.action, &orders(), Arc::clone(&database), &context).expect("it can be made")
        };
        steps.iter().enumerate().map(make).collect()
    }
}
