//! The shipped runbooks on a good estate: what comes out, step by step.

use std::collections::BTreeMap;

use switchback::actions::catalogue::CATALOGUE;
use switchback::base::name::SiteName;
use switchback::estate::{self, Estate};
use switchback::runbook::bound::{BoundRunbook, Mode};
use switchback::runbook::{self, Serving};

use crate::bench::Folder;

fn shop() -> Estate {
    estate::load(&Folder::shop().estate()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn bound(name: &str, given: &[(&str, &str)], mode: Mode, serving: Option<&str>) -> BoundRunbook {
    let runbook = runbook::shipped(name, CATALOGUE).expect("shipped").unwrap_or_else(|problems| panic!("{problems}"));
    let given: BTreeMap<String, String> =
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let serving = Serving { site: serving.map(|site| SiteName::new(site).expect("a name")) };
    runbook::bind(&runbook, &shop(), &given, mode, &serving).unwrap_or_else(|problems| panic!("{problems}"))
}

/// One line a phase and one a group.
fn outline(bound: &BoundRunbook) -> String {
    let mut lines = vec![format!("{} ({})", bound.title, bound.mode)];
    for phase in &bound.phases {
        let procedure = phase.procedure.as_deref().unwrap_or("-");
        let no_return = if phase.no_return { " NO RETURN" } else { "" };
        lines.push(format!("{} [{procedure}] {}{no_return}", phase.id, phase.title));
        lines.extend(phase.confirm.iter().map(|question| format!("  ? {question}")));
        lines.extend(phase.empty.iter().map(|(step, noun)| format!("  {step}: no {noun}")));
        for group in &phase.groups {
            let steps: Vec<&str> = group.steps.iter().map(|step| step.id.as_str()).collect();
            lines.push(format!("  {}", steps.join(" | ")));
        }
    }
    lines.join("\n")
}

#[test]
fn failover_planned() {
    println!("{}", outline(&bound("failover", &[("to", "nuremberg")], Mode::Planned, Some("dallas"))));
    println!("{}", outline(&bound("failover", &[("to", "nuremberg")], Mode::Emergency, None)));
    println!("{}", outline(&bound("failback", &[], Mode::Planned, None)));
    println!("{}", outline(&bound("rejoin", &[("site", "dallas")], Mode::Planned, None)));
}
