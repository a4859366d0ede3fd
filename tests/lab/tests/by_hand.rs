//! The written procedure, done by hand: every command of the page is typed as it stands there, on the hosts that it
//! names, while a client writes. Switchback is asked for the page, and for nothing else.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::Lab;

/// One command of the page.
struct Typed<'a> {
    step: &'a str,
    hand: &'a Value,
    hosts: &'a [Value],
}

impl Typed<'_> {
    /// Types it, and gives what it printed; with a secret where the page says that one belongs.
    fn run(&self) -> (bool, String) {
        let text = |name: &str| self.hand[name].as_str().expect("a text");
        let mut command = Command::new("sh");
        if text("host").is_empty() {
            command.args(["-c", text("command")]);
        } else {
            let host = self.hosts.iter().find(|host| host["name"] == text("host")).expect("a host of the page");
            let login = host["login"].as_str().expect("how one logs in");
            // A person logs in and types; here the shell of the far side is given the line.
            command.args(["-c", &format!("{login} -o BatchMode=yes -- \"$TYPED\"")]).env("TYPED", text("command"));
        }
        for secret in self.hand["secrets"].as_array().expect("secrets") {
            let (variable, lies) = (secret[0].as_str().expect("a name"), secret[1].as_str().expect("a place"));
            let path = lies.split('`').nth(1).expect("a file");
            command.env(variable, std::fs::read_to_string(path).expect("the secret").trim());
        }
        let output = command.stdin(Stdio::null()).output().expect("a shell");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), said)
    }

    /// Types it until it prints this.
    fn until(&self, good: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let (fine, said) = self.run();
            if fine && good(said.trim()) {
                return said;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{}: {}: {said}", self.step, self.hand["command"]);
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Whether what was printed is what the page says that it must be; a person would judge the rest.
fn is_good(expect: &str, said: &str) -> bool {
    let first = expect.split('`').nth(1).unwrap_or_default();
    match first {
        "streaming" => said.starts_with(first),
        "t" | "f" | "0" | "1" if expect.starts_with('`') => said.lines().last() == Some(first),
        "t|f" => said == "t|f",
        _ if expect.contains("Seconds_Behind_Master: 0") => {
            ["Slave_IO_Running: Yes", "Slave_SQL_Running: Yes", "Seconds_Behind_Master: 0"]
                .iter()
                .all(|word| said.contains(word))
        }
        _ => !said.contains("ERROR") && !said.contains("error:"),
    }
}

#[test]
fn a_fail_over_is_done_by_hand() {
    let mut lab = Lab::fresh_with("both.yaml");
    let page: Value =
        serde_json::from_str(&lab.ok(&["--format", "json", "docs", "failover", "--to", "nuremberg"]).stdout)
            .expect("JSON");
    let hosts = page["hosts"].as_array().expect("hosts");
    lab.client_writes_to("both");
    for phase in page["phases"].as_array().expect("phases") {
        for step in phase["steps"].as_array().expect("steps") {
            let id = step["id"].as_str().expect("an id");
            for hand in step["hands"].as_array().expect("hands") {
                let conditional = hand["only"] != "" || hand["command"] == "";
                // The lab's names are known to the lab's name servers alone.
                if conditional || id.starts_with("verify/from-outside") {
                    continue;
                }
                let typed = Typed { step: id, hand, hosts };
                let expect = hand["expect"].as_str().expect("what must be seen");
                // `SELECT @@…` has a heading, which a person reads over.
                let said = typed.until(|said| is_good(expect, said));
                if expect.contains("shut down") && said.contains("Database cluster state") {
                    assert!(said.lines().any(|line| line.ends_with(" shut down")), "{said}");
                }
            }
        }
    }
    let (postgres, mariadb) = lab.client_of_both_stops();
    postgres.is_whole("PostgreSQL, by hand");
    mariadb.is_whole("MariaDB, by hand");
    lab.is_at_rest("b-db", "a-db");
    lab.mariadb_is_at_rest("b-db", "a-db");
    // What was left by hand is something that Switchback can go on with.
    let status = lab.ok(&["status"]).stdout;
    assert!(status.contains("nuremberg"), "{status}");
    lab.ok(&["failback", "--input", "soak=1s", "--yes"]);
    lab.is_at_rest("a-db", "b-db");
    lab.mariadb_is_at_rest("a-db", "b-db");
}

#[test]
fn a_fence_is_taken_back_by_hand() {
    let mut lab = Lab::fresh_with("both.yaml");
    let page: Value =
        serde_json::from_str(&lab.ok(&["--format", "json", "docs", "failover", "--to", "nuremberg"]).stdout)
            .expect("JSON");
    let hosts = page["hosts"].as_array().expect("hosts");
    lab.client_writes_to("both");
    let all: Vec<&Value> = page["phases"]
        .as_array()
        .expect("phases")
        .iter()
        .flat_map(|phase| phase["steps"].as_array().expect("steps"))
        .collect();
    let until_promoted = all.iter().take_while(|step| !step["id"].as_str().is_some_and(|id| id.contains("/promote/")));
    let done: Vec<&&Value> =
        until_promoted.filter(|step| step["back"].as_array().is_some_and(|back| !back.is_empty())).collect();
    assert!(done.len() >= 2, "fence and detach of the first wave");
    for (steps, what) in [(done.clone(), "hands"), (done.into_iter().rev().collect(), "back")] {
        for step in steps {
            for hand in
                step[what].as_array().expect("hands").iter().filter(|hand| hand["only"] == "" && hand["command"] != "")
            {
                let typed = Typed { step: step["id"].as_str().expect("an id"), hand, hosts };
                typed.until(|said| is_good(hand["expect"].as_str().expect("what must be seen"), said));
            }
        }
    }
    // The standby tries again every few seconds, and users write again where they did.
    let began = Instant::now();
    while lab.sql("a-db", "select count(*) from pg_stat_replication where state = 'streaming'") != "1" {
        assert!(began.elapsed() < Duration::from_secs(60), "b-db does not follow again");
        std::thread::sleep(Duration::from_millis(200));
    }
    let (postgres, mariadb) = lab.client_of_both_stops();
    postgres.is_whole("PostgreSQL, there and back by hand");
    mariadb.is_whole("MariaDB, untouched");
    assert_eq!(lab.is_primary("a-db"), Some(true));
    lab.ok(&["plan", "failover", "--to", "nuremberg"]);
}
