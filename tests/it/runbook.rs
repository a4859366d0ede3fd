//! The shipped runbooks on a good estate: what comes out, step by step.

use std::collections::BTreeMap;
use std::path::Path;

use switchback::actions::catalogue::CATALOGUE;
use switchback::base::name::{ServiceName, SiteName};
use switchback::base::place::Source;
use switchback::estate::{self, Estate};
use switchback::runbook::bound::{BoundRunbook, Mode};
use switchback::runbook::{self, Serving};

use crate::bench::{Folder, case};

fn shop() -> Estate {
    estate::load(&Folder::shop().estate()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn bound(name: &str, given: &[(&str, &str)], mode: Mode, serving: Option<&str>) -> BoundRunbook {
    let runbook = runbook::shipped(name, CATALOGUE).expect("shipped").unwrap_or_else(|problems| panic!("{problems}"));
    let given: BTreeMap<String, String> =
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let serving = Serving { site: serving.map(|site| SiteName::new(site).expect("a name")), assumed: false };
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
    insta::assert_snapshot!(outline(&bound("failover", &[("to", "nuremberg")], Mode::Planned, Some("dallas"))));
}

#[test]
fn failover_emergency() {
    insta::assert_snapshot!(outline(&bound("failover", &[("to", "nuremberg")], Mode::Emergency, None)));
}

#[test]
fn failback() {
    insta::assert_snapshot!(outline(&bound("failback", &[("soak", "2s")], Mode::Planned, Some("nuremberg"))));
}

#[test]
fn rejoin() {
    insta::assert_snapshot!(outline(&bound("rejoin", &[], Mode::Planned, Some("nuremberg"))));
}

#[test]
fn a_second_failover_to_the_same_site_looks_at_the_same_old_primary() {
    let again = bound("failover", &[("to", "nuremberg")], Mode::Planned, Some("nuremberg"));
    assert_eq!(again.from().map(SiteName::as_str), Some("dallas"));
}

#[test]
fn a_bound_step_carries_plain_values_and_its_place() {
    let bound = bound("failback", &[], Mode::Planned, Some("nuremberg"));
    let steps: Vec<_> = bound.phases.iter().flat_map(|phase| &phase.groups).flat_map(|group| &group.steps).collect();
    let soak = steps.iter().find(|step| step.id == "soak/healthy/a-db").expect("a soak");
    assert_eq!(soak.action.arguments["for"], "30m");
    assert_eq!(soak.action.arguments["misses_max"], 0);
    assert_eq!(soak.site.as_ref().map(SiteName::as_str), Some("dallas"));
    assert!(soak.place.starts_with("runbooks/failback.yaml:"), "{}", soak.place);
    let promote = steps.iter().find(|step| step.id == "promote.2/promote/crm").expect("a promotion");
    assert_eq!((promote.within.to_string().as_str(), promote.services.len()), ("1m", 1));
    let point = steps.iter().find(|step| step.id == "redirect.2/point/crm.shop.test").expect("an entrance");
    assert_eq!(point.services.iter().map(ServiceName::as_str).collect::<Vec<_>>(), ["crm", "orders"]);
}

#[test]
fn what_has_no_member_at_a_site_has_no_part_in_its_runs() {
    // `crm` is at both sites, `lone` at a third: it is neither fenced nor promoted, and its name stays.
    let text = case("plain.yaml")
        .replace("\ndefaults:", "\n  c: {entry: {A: [192.0.2.3]}}\ndefaults:")
        .replace("\nservices:", "\n  c-db: {site: c}\nservices:")
        .replace("\nentrances:", "\n  lone:\n    priority: 2\n    postgres:\n      layout: {debian: 15/lone}\n      port: 5433\n      databases: [x]\n      user: switchback\n      password: {env: X}\n      replication: {user: replicator}\n      members: {a-db: {}, c-db: {}}\nentrances:\n  lone.shop.test: {needs: [lone], dns: {}}");
    let estate =
        estate::parse(&Source::new("x", text), Path::new("/"), None).unwrap_or_else(|problems| panic!("{problems}"));
    let runbook = runbook::shipped("failover", CATALOGUE).expect("shipped").expect("sound");
    let given = BTreeMap::from([("to".to_owned(), "b".to_owned()), ("from".to_owned(), "a".to_owned())]);
    let bound = runbook::bind(&runbook, &estate, &given, Mode::Planned, &Serving::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert!(!outline(&bound).contains("lone"), "{}", outline(&bound));
    assert!(outline(&bound).contains("promote.1/promote/orders"));
}

#[test]
fn a_question_is_asked_once_and_before_a_step() {
    let text = "runbook: r\nformat: 1\nmodes: [planned]\ninputs: {more: {type: flag}}\nphases:\n  - {phase: a, confirm: Shall $more?, steps: [{id: x, when: {flag: $more}, for_each: host, do: {host.command: {run: [a, $host]}}}]}\n  - {phase: b, confirm: Really?, steps: [{id: y, for_each: host, do: {host.command: {run: [b]}}}]}\n  - {phase: c, confirm: Really?, steps: [{id: z, for_each: host, do: {host.command: {run: [c]}}}]}\n";
    let runbook =
        runbook::load(&Source::new("r.yaml", text), CATALOGUE).unwrap_or_else(|problems| panic!("{problems}"));
    let estate = estate::parse(&Source::new("x", case("plain.yaml")), Path::new("/"), None).expect("sound");
    let asked = |more: &str| {
        let given = BTreeMap::from([("more".to_owned(), more.to_owned())]);
        let bound = runbook::bind(&runbook, &estate, &given, Mode::Planned, &Serving::default()).expect("bound");
        bound.phases.iter().map(|phase| phase.confirm.clone()).collect::<Vec<_>>()
    };
    assert_eq!(asked("true"), [Some("Shall true?".to_owned()), Some("Really?".to_owned()), None]);
    assert_eq!(asked("false"), [None, Some("Shall false? Really?".to_owned()), None]);
}

#[test]
fn own_runbooks_lie_beside_the_estate_under_their_own_names() {
    use switchback::runbook::shelf;
    let folder = Folder::shop();
    let text = |name: &str| runbook::SHIPPED[2].1.replace("runbook: rejoin", &format!("runbook: {name}"));
    folder.write("runbooks/mine.yaml", &text("mine"));
    folder.write("runbooks/other.yaml", &text("yet-another"));
    folder.write("runbooks/failover.yaml", &text("failover"));
    folder.write("runbooks/notes.txt", "");
    assert_eq!(shelf::own(folder.path()).len(), 3);
    let said = |name: &str| match shelf::find(name, folder.path(), CATALOGUE) {
        Ok(runbook) => runbook.name,
        Err(problems) => problems.iter().map(|problem| problem.sentence.clone()).collect(),
    };
    assert_eq!(said("mine"), "mine");
    assert_eq!(said("failback"), "failback");
    assert_eq!(said("other"), "the file is not named like the runbook; call it `yet-another.yaml`");
    assert_eq!(
        said("mien"),
        "no runbook `mien`; did you mean `mine`?; there are failover, failback, rejoin, account, mine, other"
    );
    let beside = folder.path().join("runbooks/failover.yaml");
    let problems = shelf::load_own(&beside, CATALOGUE).expect_err("named like a shipped one");
    assert!(problems.to_string().ends_with("give yours another name, or let it say `extends: failover`"), "{problems}");
}
