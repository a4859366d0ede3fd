//! Runbooks made of others: `extends` and `insert`, `include` and `with`, windows.

use std::collections::BTreeMap;

use switchback::actions::catalogue::CATALOGUE;
use switchback::base::name::SiteName;
use switchback::base::problem::Problems;
use switchback::estate::{self, Estate};
use switchback::runbook::bound::{BoundRunbook, Leg, Mode};
use switchback::runbook::{self, Runbook, Serving, shelf};

use crate::bench::{Folder, edited};

const WINDOWS: &str =
    "windows:\n  quiet: {days: [tue, wed], from: \"03:00\", to: \"05:00\", zone: America/Chicago}\n\nproviders:";

/// A site is patched while the other one serves.
const MAINTENANCE: &str = "\
runbook: maintenance
format: 1
procedure: P8
title: Patch $site while $stand_in serves
modes: [planned]
inputs:
  site: {type: site}
  stand_in: {type: site, default: other}
  window: {type: window, default: any}

phases:
  - phase: switch-over
    include: failover
    with: {to: $stand_in, from: $site}
    when: {serving: $site}
    window: $window

  - phase: patch
    for_each: host
    where: {site: $site, login: ssh}
    steps:
      - {id: upgrade, do: {host.command: {run: [apt-get, --yes, upgrade], repeat: safe}}, within: 30m}

  - phase: look
    steps:
      - {id: fine, do: {human.ask: {question: Do the hosts of $site look well?}}, within: 12h}

  - phase: switch-back
    include: failback
    with: {to: $site, from: $stand_in, window: $window, soak: 2m}
    when: {serving: $stand_in}
";

/// The shipped fail-over, with a step and a phase of one's own.
const EXTENDED: &str = "\
runbook: failover
format: 1
extends: failover
inputs:
  ticket: {type: text, help: The change that allows it.}
insert:
  - after: look/databases-ready
    steps:
      - {id: announce, do: {human.ask: {question: Is $ticket approved?}}, modes: [planned]}
  - before: verify
    phases:
      - phase: tell
        steps:
          - {id: tell, for_each: host, where: {site: $to, login: ssh}, do: {host.command: {run: [tell, $ticket]}}}
";

fn site(name: &str) -> Option<SiteName> {
    Some(SiteName::new(name).expect("a name"))
}

fn shop() -> Folder {
    let folder = Folder::shop();
    folder.edit("\nproviders:", &format!("\n{WINDOWS}"));
    folder
}

fn estate_of(folder: &Folder) -> Estate {
    estate::load(&folder.estate()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn loaded(folder: &Folder, name: &str) -> Result<Runbook, Problems> {
    shelf::find(name, folder.path(), CATALOGUE)
}

fn bound(folder: &Folder, name: &str, given: &[(&str, &str)], serving: &str) -> Result<BoundRunbook, Problems> {
    let runbook = loaded(folder, name)?;
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let serving = Serving { site: site(serving), assumed: false };
    runbook::bind(&runbook, &estate_of(folder), &given, Mode::Planned, &serving)
}

fn outline(bound: &BoundRunbook) -> String {
    let mut lines = vec![format!("{}, legs {}", bound.title, bound.legs.len())];
    for phase in &bound.phases {
        let window = phase.window.as_ref().map_or_else(String::new, |window| format!(" in {window}"));
        lines.push(format!("{} (leg {}){window}", phase.id, phase.leg));
        lines.extend(phase.confirm.iter().map(|question| format!("  ? {question}")));
        for group in &phase.groups {
            let steps: Vec<&str> = group.steps.iter().map(|step| step.id.as_str()).collect();
            lines.push(format!("  {}", steps.join(" | ")));
        }
    }
    lines.join("\n")
}

/// Problems as `file:line:column: sentence`, the file without its folder.
fn told(problems: &Problems) -> Vec<String> {
    let line = |problem: &switchback::base::problem::Problem| {
        let text = problem.to_string();
        let (place, sentence) = text.split_once(": ").expect("a place");
        format!("{}: {sentence}", place.rsplit('/').next().expect("a name"))
    };
    problems.iter().map(line).collect()
}

#[test]
fn a_runbook_extends_a_shipped_one_and_stands_for_it() {
    let folder = shop();
    folder.write("runbooks/failover.yaml", EXTENDED);
    let given = [("to", "nuremberg"), ("ticket", "CHG-7")];
    let extended = bound(&folder, "failover", &given, "dallas").unwrap_or_else(|problems| panic!("{problems}"));
    insta::assert_snapshot!(outline(&extended));
    assert_eq!(extended.legs, [Leg { to: site("nuremberg"), from: site("dallas") }]);
    // The digest tells that what it extends has changed, too.
    let plain = runbook::shipped("failover", CATALOGUE).expect("shipped").expect("sound");
    let plain = runbook::bind(
        &plain,
        &estate_of(&folder),
        &BTreeMap::from([("to".to_owned(), "nuremberg".to_owned())]),
        Mode::Planned,
        &Serving::default(),
    );
    assert_ne!(plain.expect("bound").digest, extended.digest);
}

#[test]
fn a_runbook_includes_others_as_legs_of_their_own() {
    let folder = shop();
    folder.write("runbooks/maintenance.yaml", MAINTENANCE);
    let given = [("site", "dallas"), ("window", "quiet")];
    let both = bound(&folder, "maintenance", &given, "dallas").unwrap_or_else(|problems| panic!("{problems}"));
    insta::assert_snapshot!(outline(&both));
    let there = Leg { to: site("nuremberg"), from: site("dallas") };
    let back = Leg { to: site("dallas"), from: site("nuremberg") };
    assert_eq!(both.legs, [Leg::default(), there, back.clone()]);

    // Where the stand-in serves already there is nothing to switch over, and yet something to switch back.
    let already = bound(&folder, "maintenance", &given, "nuremberg").unwrap_or_else(|problems| panic!("{problems}"));
    assert!(already.phases.iter().all(|phase| !phase.id.starts_with("switch-over/")), "{}", outline(&already));
    assert!(already.phases.iter().any(|phase| phase.id == "switch-back/promote.1"));
    assert_eq!(already.legs, [Leg::default(), back]);

    // Nobody can tell who serves: said, not guessed.
    let runbook = loaded(&folder, "maintenance").expect("sound");
    let given = BTreeMap::from([("site".to_owned(), "dallas".to_owned())]);
    let unknown = runbook::bind(&runbook, &estate_of(&folder), &given, Mode::Planned, &Serving::default());
    let told = told(&unknown.expect_err("nobody knows"));
    assert!(told[0].contains("`when: {serving: …}`: which site serves cannot be told"), "{told:?}");

    // In every mode, with every choice of sites.
    let problems = runbook::check_on(&runbook, &estate_of(&folder));
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn an_included_runbook_is_the_one_beside_it_where_there_is_one() {
    let folder = shop();
    folder.write(
        "runbooks/maintenance.yaml",
        &edited(MAINTENANCE, "$stand_in, from: $site}\n    when", "$stand_in, from: $site, ticket: CHG-8}\n    when"),
    );
    folder.write("runbooks/failover.yaml", EXTENDED);
    let bound =
        bound(&folder, "maintenance", &[("site", "dallas")], "dallas").unwrap_or_else(|problems| panic!("{problems}"));
    assert!(outline(&bound).contains("switch-over/tell/tell/b-db"), "{}", outline(&bound));
    let asks = bound.phases.iter().flat_map(|phase| &phase.groups).flat_map(|group| &group.steps);
    let question = asks.into_iter().find(|step| step.id == "switch-over/look/announce").expect("a question");
    assert_eq!(question.action.arguments["question"], "Is CHG-8 approved?");
    assert!(question.place.ends_with("runbooks/failover.yaml:9"), "{}", question.place);
}

#[test]
fn mistakes_are_told_where_they_stand() {
    let folder = shop();
    let said = |name: &str, text: &str| {
        folder.write(&format!("runbooks/{name}.yaml"), text);
        let problems = match loaded(&folder, name) {
            Ok(runbook) => runbook::check_on(&runbook, &estate_of(&folder)),
            Err(problems) => problems,
        };
        if problems.is_empty() { "fine".to_owned() } else { told(&problems).join("\n    ") }
    };
    let mut lines = Vec::new();
    for (from, to) in [
        ("extends: failover", "extends: failver"),
        ("extends: failover\n", ""),
        ("insert:", "phases: []\ninsert:"),
        ("after: look/databases-ready", "after: look/database-ready"),
        ("after: look/databases-ready", "after: lok/databases-ready"),
        ("after: look/databases-ready", "after: look"),
        ("before: verify\n    phases", "before: verify/from-outside\n    phases"),
        ("before: verify", "before: verify\n    after: look"),
        ("  - before: verify\n", "  -\n"),
        ("ticket: {type", "to: {type: site}\n  ticket: {type"),
        ("extends: failover", "extends: failover\nmodes: [planed]"),
        ("phase: tell\n", "phase: verify\n"),
        ("id: tell,", "id: tell, do_: 1,"),
        ("database", "database"),
    ] {
        let text = if from == to { EXTENDED.to_owned() } else { edited(EXTENDED, from, to) };
        lines.push(format!("- {from}\n+ {to}\n    {}", said("failover", &text)).replace('\n', "\n"));
    }
    std::fs::remove_file(folder.path().join("runbooks/failover.yaml")).expect("removed");
    for (from, to) in [
        ("include: failover", "include: maintenance"),
        ("include: failover", "include: fail-over"),
        ("with: {to: $stand_in, from: $site}", "with: {from: $site}"),
        ("with: {to: $stand_in, from: $site}", "with: {to: $site, from: $site}"),
        ("with: {to: $stand_in, from: $site}", "with: {to: $window, from: $site}"),
        ("with: {to: $stand_in, from: $site}", "with: {too: $stand_in, from: $site}"),
        ("soak: 2m", "soak: 2"),
        ("when: {serving: $site}", "when: {serving: $window}"),
        ("when: {serving: $site}", "when: {serving: $site, flag: $site}"),
        ("when: {serving: $site}", "waves: true"),
        ("window: $window\n", "window: quite\n"),
        ("window: $window\n", "window: $site\n"),
        ("  - phase: patch\n", "  - phase: patch\n    when: {serving: $site}\n"),
        ("  - phase: patch\n", "  - phase: patch\n    with: {a: b}\n"),
        ("modes: [planned]", "modes: [planned, emergency]"),
        ("default: any", "default: noon"),
    ] {
        let text = edited(MAINTENANCE, from, to);
        lines.push(format!("- {from}\n+ {to}\n    {}", said("maintenance", &text)));
    }
    insta::assert_snapshot!(lines.join("\n"));
}
