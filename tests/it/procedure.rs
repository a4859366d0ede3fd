//! The written procedure: every step of every shipped runbook can be done by hand, on real hosts and ports.

use std::process::Command;

use crate::bench::Folder;

fn page(folder: &Folder, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_switchback"))
        .args(arguments)
        .current_dir(folder.path())
        .env_remove("SWITCHBACK_ESTATE")
        .env("SWITCHBACK_STATE", folder.path().join("state"))
        .env("HOME", "/home/operator")
        .env("CRM_PASSWORD", "not-a-secret")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("switchback runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The shop, with people in it.
fn shop() -> Folder {
    let folder = Folder::shop();
    folder.edit(
        "entrances:\n",
        "contacts:\n  lead: {name: Incident lead on call, role: decides, phone: \"+1 214 555 0100\"}\n  \
         dba: {name: Database administrator, role: carries out, email: dba@shop.test}\nentrances:\n",
    );
    folder
}

const ORDERS: [&[&str]; 5] = [
    &["docs", "failover", "--to", "nuremberg"],
    &["docs", "failover", "--to", "dallas"],
    &["docs", "failover", "--to", "nuremberg", "--mode", "emergency"],
    &["docs", "failback"],
    &["docs", "rejoin"],
];

#[test]
fn every_step_of_the_shipped_runbooks_can_be_done_by_hand() {
    let folder = shop();
    for order in ORDERS {
        let text = page(&folder, order);
        let steps: Vec<&str> = text.split("\n### ").skip(1).collect();
        assert!(steps.len() > 3, "{text}");
        for step in steps {
            let outside = step.contains("has no login; look at it from outside");
            let outside = outside || step.contains(": nothing is to be done");
            assert!(step.contains("```sh\n") || outside, "{order:?}: nothing to type for {step}");
        }
        assert!(!text.contains("not-a-secret"), "a secret is on paper");
    }
    assert!(!folder.path().join("state").exists(), "a page leaves nothing behind");
}

#[test]
fn the_commands_name_what_is_there() {
    let folder = shop();
    let text = page(&folder, ORDERS[0]);
    for there in [
        "sudo -u postgres /usr/lib/postgresql/15/bin/psql -p 5433 -U postgres -d postgres -Atc 'SELECT pg_promote()'",
        "sudo -u postgres touch /var/lib/postgresql/15/main/standby.signal",
        "sudo systemctl mask postgresql@15-main",
        "pg_controldata -D /srv/crm/data",
        "ssh -i /home/operator/.ssh/switchback deploy@10.77.1.10",
        "ssh -p 2222 -i /home/operator/.ssh/switchback deploy@10.77.2.10",
        "power off a-db",
        "http://10.77.0.53:8081/api/v1/servers/localhost/zones/shop.test.",
        "nsupdate -k ",
        "'update add *.shop.internal. 30 CNAME b-db.shop.internal.'",
        "--connect-to www.shop.test:443:10.77.2.21:443",
        "dig @2001:db8::53 -p 5353",
        "| Incident lead on call | decides | +1 214 555 0100 |",
        "switchback failover --to nuremberg",
        "Objective: nobody can write for at most 20.0 s",
    ] {
        assert!(text.contains(there), "`{there}` is not in\n{text}");
    }
}

/// Nobody is asked: the hosts of this estate are documentation addresses, and there is nothing to wait for.
#[test]
fn it_is_made_without_asking_anybody() {
    let began = std::time::Instant::now();
    for order in ORDERS {
        page(&shop(), order);
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn the_other_forms_say_the_same() {
    let folder = shop();
    let html = page(&folder, &["docs", "failover", "--to", "nuremberg", "--html"]);
    assert!(html.contains("<h1>Fail over from dallas to nuremberg</h1>") && html.contains("<main>"), "{html}");
    assert!(!html.contains("http-equiv") && !html.contains("<script") && !html.contains("src="), "{html}");
    let json = page(&folder, &["--format", "json", "docs", "failover", "--to", "nuremberg"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["schema"], "switchback/procedure/1");
    let steps: usize = json["phases"]
        .as_array()
        .expect("phases")
        .iter()
        .map(|phase| phase["steps"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(steps, html.matches("<h3>").count());
    let out = folder.path().join("page.md");
    page(&folder, &["docs", "failover", "--to", "nuremberg", "--out", out.to_str().expect("a path")]);
    let written = std::fs::read_to_string(out).expect("the page");
    assert_eq!(written, page(&folder, ORDERS[0]));
}

#[test]
fn the_procedure_of_the_shop() {
    let folder = shop();
    let text = page(&folder, ORDERS[0]).replace(&folder.path().display().to_string(), "/estate");
    // What a page is made of, by digest, changes with every word of the runbook.
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("Made by switchback")).collect();
    insta::assert_snapshot!(text.join("\n"));
}
