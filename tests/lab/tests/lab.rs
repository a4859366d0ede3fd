//! The lab as tests see it: the real program, the real servers, a client that counts.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The lab, put back to its initial state, with a state directory of the test's own.
pub struct Lab {
    pub state: tempfile::TempDir,
    pub estate: PathBuf,
    /// What the running client writes to: `postgres`, `mariadb` or `both`.
    client: Option<&'static str>,
}

/// What one call of the program said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// What the client saw.
#[derive(Debug)]
pub struct Seen {
    pub acknowledged: u64,
    pub missing: Vec<Value>,
    pub both: Vec<Value>,
    pub longest_gap_ms: f64,
}

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the lab's own command; its failure fails the test.
pub fn lab(arguments: &[&str]) -> String {
    let output = Command::new(top().join("tests/lab/lab")).args(arguments).output().expect("the lab's command runs");
    assert!(output.status.success(), "lab {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Lab {
    /// The two sites as they were when they came up, with what `prepare` makes.
    pub fn fresh() -> Self {
        Self::fresh_with("switchback.yaml")
    }

    /// The same, with another of the lab's estates.
    pub fn fresh_with(estate: &str) -> Self {
        let this = Self::of(estate);
        lab(&["reset"]);
        this.ok(&["prepare", "--apply"]);
        this
    }

    /// The two sites in whatever state the test before left them; for who only asks the program about itself.
    pub fn up() -> Self {
        Self::of("switchback.yaml")
    }

    fn of(estate: &str) -> Self {
        assert!(
            std::env::var_os("SWITCHBACK_LAB_UP").is_some(),
            "these tests need the two sites of the lab: run them with tests/lab/run-tests"
        );
        let state = tempfile::tempdir().expect("a folder");
        let folder = std::env::var("LAB_DIR").expect("run by tests/lab/run-tests");
        Self { estate: PathBuf::from(folder).join(estate), state, client: None }
    }

    /// A standby asks every five seconds for a primary that came back; a planned run refuses until it has been heard.
    pub fn receives_again_from(&self, primary: &str) {
        let began = std::time::Instant::now();
        while self.sql(primary, "select count(*) from pg_stat_replication where state = 'streaming'") != "1" {
            assert!(began.elapsed().as_secs() < 20, "nobody receives from {primary}");
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchback"));
        command
            .args(arguments)
            .env("SWITCHBACK_ESTATE", &self.estate)
            .env("SWITCHBACK_STATE", self.state.path().join("state"));
        command.env("NO_COLOR", "1").stdin(std::process::Stdio::null());
        command
    }

    /// Runs the program.
    pub fn run(&self, arguments: &[&str]) -> Said {
        let began = Instant::now();
        let output: Output = self.command(arguments).output().expect("switchback runs");
        let said = Said {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        eprintln!("$ switchback {} → {} ({:.1?})", arguments.join(" "), said.code, began.elapsed());
        said
    }

    /// Runs the program and expects it to succeed.
    pub fn ok(&self, arguments: &[&str]) -> Said {
        self.exits(arguments, 0)
    }

    /// Runs the program and expects this exit code.
    pub fn exits(&self, arguments: &[&str], code: i32) -> Said {
        let said = self.run(arguments);
        assert_eq!(
            said.code, code,
            "switchback {arguments:?}\n--- stdout\n{}\n--- stderr\n{}",
            said.stdout, said.stderr
        );
        said
    }

    pub fn client_starts(&mut self) {
        self.client_writes_to("postgres");
    }

    /// Starts a client that writes to `postgres`, to `mariadb`, or to `both`, with a ledger for each.
    pub fn client_writes_to(&mut self, database: &'static str) {
        lab(&["client", "start", "--database", database]);
        self.client = Some(database);
        // It has written before anything happens.
        std::thread::sleep(Duration::from_millis(300));
    }

    /// Stops the client and says what it saw.
    pub fn client_stops(&mut self) -> Seen {
        Seen::of(&self.report_of_the_client())
    }

    /// Stops the client that writes to both: what it saw of PostgreSQL, and of MariaDB.
    pub fn client_of_both_stops(&mut self) -> (Seen, Seen) {
        let report = self.report_of_the_client();
        (Seen::of(&report["postgres"]), Seen::of(&report["mariadb"]))
    }

    fn report_of_the_client(&mut self) -> Value {
        lab(&["client", "stop"]);
        self.client = None;
        serde_json::from_str(&lab(&["client", "report", "--json"])).expect("the report is JSON")
    }

    /// One value from a database, as its superuser.
    pub fn sql(&self, host: &str, query: &str) -> String {
        lab(&["psql", host, "-AtXqc", query]).trim().to_owned()
    }

    /// Whether the host's server is a primary; `None` when it does not answer.
    pub fn is_primary(&self, host: &str) -> Option<bool> {
        let output = Command::new(top().join("tests/lab/lab"))
            .args(["psql", host, "-AtXqc", "select pg_is_in_recovery()"])
            .output()
            .expect("the lab's command runs");
        match String::from_utf8_lossy(&output.stdout).trim() {
            "t" => Some(false),
            "f" => Some(true),
            _ => None,
        }
    }

    /// One value from MariaDB, as its superuser.
    pub fn mariadb(&self, host: &str, query: &str) -> String {
        lab(&["mariadb", host, "--batch", "--skip-column-names", "--execute", query]).trim().to_owned()
    }

    /// What a server of MariaDB is, in one word; `None` when it does not answer.
    pub fn mariadb_role(&self, host: &str) -> Option<&'static str> {
        // Beside a sum the server gives the variable as it was at its start.
        let threads = "select @@global.read_only, \
            (select count(*) from information_schema.processlist where command = 'Slave_IO'), \
            (select count(*) from information_schema.processlist where command = 'Slave_SQL')";
        let output = Command::new(top().join("tests/lab/lab"))
            .args(["mariadb", host, "--batch", "--skip-column-names", "--execute", threads])
            .output()
            .expect("the lab's command runs");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        // A replica that applies in parallel has more threads than one.
        let counts: Vec<u32> = text.split('\t').map(|count| count.parse().unwrap_or(0)).collect();
        match counts.as_slice() {
            [0, 0, 0] => Some("primary"),
            [1, io, sql] if *io > 0 && *sql > 0 => Some("replica"),
            [1, 0, 0] => Some("read-only"),
            _ if text.is_empty() => None,
            _ => Some("something else"),
        }
    }

    /// Sees that the one MariaDB serves, and that the other follows it by GTID and has what it has.
    pub fn mariadb_is_at_rest(&self, primary: &str, replica: &str) {
        let roles = (self.mariadb_role(primary), self.mariadb_role(replica));
        assert_eq!(roles, (Some("primary"), Some("replica")), "{primary} is to lead and {replica} to follow");
        let status = lab(&["mariadb", replica, "--execute", "show slave status\\G"]);
        let line = |name: &str| {
            let found = status.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
            found.unwrap_or_else(|| panic!("{name} in {status}")).to_owned()
        };
        assert!(matches!(line("Using_Gtid").as_str(), "Slave_Pos" | "Current_Pos"), "{status}");
        let position = self.mariadb(primary, "select @@gtid_binlog_pos");
        let waited = self.mariadb(replica, &format!("select master_gtid_wait('{position}', 20)"));
        assert_eq!(waited, "0", "{replica} does not come to {position}: {status}");
    }

    /// Sees that `primary` serves, that `standby` streams from it, and that both names lead there.
    pub fn is_at_rest(&self, primary: &str, standby: &str) {
        assert_eq!(self.is_primary(primary), Some(true), "{primary} is to be the primary");
        assert_eq!(self.is_primary(standby), Some(false), "{standby} is to be a standby");
        let streaming = self.sql(primary, "select count(*) from pg_stat_replication where state = 'streaming'");
        assert_eq!(streaming, "1", "{standby} is to stream from {primary}");
        // A slot that nobody uses would keep its log until the disk is full.
        let idle = "select count(*) from pg_replication_slots where not active and slot_name like 'switchback%'";
        assert_eq!(self.sql(standby, idle), "0", "{standby} keeps slots for nobody");
    }
}

impl Seen {
    fn of(report: &Value) -> Self {
        let list = |name: &str| report[name].as_array().cloned().unwrap_or_else(|| panic!("{name} in {report}"));
        Self {
            acknowledged: report["acknowledged"].as_u64().expect("a count"),
            missing: list("missing"),
            both: list("both"),
            longest_gap_ms: report["longest_gap_ms"].as_f64().expect("a gap"),
        }
    }

    /// Nothing that was acknowledged is missing, and nothing was taken at two sites.
    pub fn is_whole(&self, what: &str) {
        assert!(self.acknowledged > 20, "{what}: the client wrote only {} rows", self.acknowledged);
        assert_eq!(self.missing, Vec::<Value>::new(), "{what}: acknowledged writes are missing");
        assert_eq!(self.both, Vec::<Value>::new(), "{what}: both sites took writes");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.client.is_some() {
            let _ = Command::new(top().join("tests/lab/lab")).args(["client", "stop"]).output();
        }
    }
}
