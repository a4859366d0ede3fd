//! PostgreSQL by hand, in the same order as Switchback does it.

use super::shell::{word, words};
use super::{ByHand, Hand, cut_off, started, stopped};
use crate::estate::Estate;
use crate::estate::model::{Host, PostgresMember, ReplicationAuth};

/// Debian's packages put the socket where their programs look for it.
const DEBIAN: &str = "/var/lib/postgresql";

/// One server, and how one types at it.
struct Server<'a> {
    member: &'a PostgresMember,
    host: Option<&'a Host>,
    /// `sudo -u postgres ` where another user is needed.
    become_user: String,
}

impl<'a> Server<'a> {
    fn of(member: &'a PostgresMember, estate: &'a Estate) -> Self {
        let become_user = member.run_as.as_ref().map_or_else(String::new, |user| format!("sudo -u {} ", word(user)));
        Self { member, host: estate.hosts.get(&member.host), become_user }
    }

    /// A command as the server's own user.
    fn run(&self, command: &str, expect: impl Into<String>) -> Hand {
        Hand::on(&self.member.host, format!("{}{command}", self.become_user), expect)
    }

    /// More than one command as the server's own user.
    fn script(&self, script: &str, expect: impl Into<String>) -> Hand {
        let command = if self.become_user.is_empty() { script.to_owned() } else { words(["sh", "-c", script]) };
        self.run(&command, expect)
    }

    /// A statement, as the superuser over the server's own socket.
    fn sql(&self, statement: &str, expect: impl Into<String>) -> Hand {
        let port = self.member.port.to_string();
        let socket = if self.member.data_dir.starts_with(DEBIAN) {
            String::new()
        } else {
            // The fifth line is where the server that runs put its socket.
            format!(" -h \"$({}sed -n 5p {})\"", self.become_user, word(&self.file("postmaster.pid")))
        };
        let psql = word(&self.program("psql"));
        self.run(&format!("{psql}{socket} -p {port} -U postgres -d postgres -Atc {}", word(statement)), expect)
    }

    fn program(&self, name: &str) -> String {
        self.member.bin_dir.join(name).display().to_string()
    }

    fn data(&self) -> String {
        self.member.data_dir.display().to_string()
    }

    fn file(&self, name: &str) -> String {
        self.member.data_dir.join(name).display().to_string()
    }

    /// Lines at the end of the file that `ALTER SYSTEM` writes: the last of a name wins, whether the server runs or not.
    fn told(&self, lines: &[&str], expect: impl Into<String>) -> Hand {
        let file = word(&self.file("postgresql.auto.conf"));
        let lines = words(lines.iter().copied());
        let command = format!("printf '%s\\n' {lines} | {}tee -a {file}", self.become_user);
        Hand::on(&self.member.host, command, expect)
    }

    fn control(&self, expect: impl Into<String>) -> Hand {
        self.run(&words([self.program("pg_controldata").as_str(), "-D", &self.data()]), expect)
    }

    fn pg_ctl(&self, verb: &[&str], expect: &str) -> Hand {
        let (program, data) = (self.program("pg_ctl"), self.data());
        self.run(&words([program.as_str(), "-D", &data, "-w"].into_iter().chain(verb.iter().copied())), expect)
    }

    fn stop(&self) -> Vec<Hand> {
        stopped(&self.member.host, &self.member.control, self.pg_ctl(&["-m", "fast", "stop"], "the server is gone"))
    }

    fn start(&self) -> Vec<Hand> {
        let log = format!("{}.by-hand.log", self.data());
        started(&self.member.host, &self.member.control, self.pg_ctl(&["-l", &log, "start"], "the server runs"))
    }
}

/// The commands; `member` is where the action acts, `other` the member at the other site.
pub(super) fn by_hand(
    action: &str,
    by: Option<&str>,
    member: &PostgresMember,
    other: &PostgresMember,
    estate: &Estate,
) -> ByHand {
    let (server, peer) = (Server::of(member, estate), Server::of(other, estate));
    match action {
        "fence" => fence(&server),
        "detach" => ByHand {
            steps: vec![
                server.sql("ALTER SYSTEM SET primary_conninfo = ''", "`ALTER SYSTEM`"),
                server.sql("SELECT pg_reload_conf()", "`t`"),
                server.sql("SELECT count(*) FROM pg_stat_wal_receiver", "`0`: it follows nobody"),
            ],
            back: vec![
                server.told(&conninfo_lines(&server, &peer).each_ref().map(String::as_str), "whom it follows"),
                server.sql("SELECT pg_reload_conf()", "`t`; it follows again as soon as the other serves"),
            ],
        },
        "promote" => promote(&server, &peer).into(),
        "follow" => follow(&server, &peer, by).into(),
        "keep_aside" | "account" => kept(action, &server).into(),
        _ => looks(action, &server, &peer).into(),
    }
}

/// What only looks, or changes nothing that matters.
fn looks(action: &str, server: &Server<'_>, peer: &Server<'_>) -> Vec<Hand> {
    let marker = "SELECT pg_logical_emit_message(true, 'by-hand', 'test')";
    match action {
        "ready" => vec![
            server.sql("SELECT pg_is_in_recovery(), pg_is_wal_replay_paused()", "`t|f`: a standby that replays"),
            server.sql("SELECT status, sender_host FROM pg_stat_wal_receiver", "`streaming`, from the one that serves"),
        ],
        "prepare" => {
            vec![server.sql("CHECKPOINT", "done twice; the second is quick, and so the shutdown will be")]
        }
        "arrived" => vec![
            peer.control("`shut down`; note `Latest checkpoint location`"),
            server.sql(
                "SELECT pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()",
                "both are at or past that location; if they are not, stop here: writes would be lost",
            ),
        ],
        "write_test" => vec![server.sql(marker, "a position; a standby would refuse")],
        "settle" => {
            let signal = word(&server.file("standby.signal"));
            vec![server.run(&format!("test ! -e {signal}"), "no error: the standby's signal is gone, so any start of it takes writes")]
        }
        "caught_up" => vec![server.sql(
            "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), now() - pg_last_xact_replay_timestamp()",
            "few bytes and few seconds; again until it is so",
        )],
        "marker_seen" => vec![
            peer.sql(marker, "note the position"),
            server.sql("SELECT pg_last_wal_replay_lsn()", "at or past that position within seconds"),
        ],
        "tables_equal" => {
            let count = "SELECT relname, n_live_tup FROM pg_stat_user_tables ORDER BY 1";
            let databases: Vec<&str> = server.member.databases.iter().map(String::as_str).collect();
            let databases = databases.join(", ");
            let expect = format!("note it; in each of {databases} (`-d`), for the statistics are a database's own");
            vec![
                peer.sql(count, expect),
                server.sql(count, "the same tables; for a proof compare what `pg_dump --data-only` says of both while nobody writes"),
            ]
        }
        "tidy" => vec![server.sql(
            r"SELECT slot_name, pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'switchback\_%' AND NOT active",
            "slots that nobody uses any more are gone; only at the member that follows",
        )],
        _ => Vec::new(),
    }
}

fn fence(server: &Server<'_>) -> ByHand {
    let host = &server.member.host;
    let signal = word(&server.file("standby.signal"));
    let line = "primary_conninfo = ''";
    let mut steps = vec![
        server.run(&format!("touch {signal}"), "from now on every start of it comes up read-only"),
        server.told(&[line], "and it follows nobody when it does"),
    ];
    steps.extend(server.stop());
    steps.push(server.control("`Database cluster state: shut down`: the proof. A refused connection proves nothing"));
    steps.extend(cut_off(host, server.host.and_then(|host| host.cut_off.as_ref())));
    let file = word(&server.file("postgresql.auto.conf"));
    let mut back = vec![
        server.run(&format!("sed -i '$d' {file}"), format!("the last line, `{line}`, is gone")),
        server.run(
            &format!("rm {signal}"),
            "it comes up taking writes again: only while the other is seen to be a standby",
        ),
    ];
    back.extend(server.start());
    ByHand { steps, back }
}

fn promote(server: &Server<'_>, peer: &Server<'_>) -> Vec<Hand> {
    let slot = peer.member.slot();
    let make = format!(
        "SELECT pg_create_physical_replication_slot('{slot}', true) WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '{slot}')"
    );
    vec![
        server.sql("SELECT pg_promote()", "`t`. From here there is no way back but a fail-back"),
        server.sql("SELECT pg_is_in_recovery()", "`f`: it takes writes"),
        server.sql(&make, format!("the slot by which {} will follow", peer.member.host)),
    ]
}

/// Whom a server is to follow, as lines of its configuration.
fn conninfo_lines(server: &Server<'_>, leader: &Server<'_>) -> [String; 2] {
    let conninfo = conninfo(server, leader).replace('\'', "''");
    [format!("primary_conninfo = '{conninfo}'"), format!("primary_slot_name = '{}'", server.member.slot())]
}

fn conninfo(server: &Server<'_>, leader: &Server<'_>) -> String {
    let (own, from) = (&server.member.replication, &leader.member.replication);
    let address = from.address.clone().or_else(|| Some(leader.host?.address.clone())).unwrap_or_default();
    let mut conninfo = format!(
        "host={address} port={} user={} application_name={} sslmode={}",
        leader.member.port, own.user, server.member.host, own.sslmode
    );
    if let Some(ca) = &own.sslrootcert {
        conninfo.push_str(&format!(" sslrootcert={}", ca.display()));
    }
    if let ReplicationAuth::Passfile(path) = &own.auth {
        conninfo.push_str(&format!(" passfile={}", path.display()));
    }
    conninfo
}

fn follow(server: &Server<'_>, leader: &Server<'_>, by: Option<&str>) -> Vec<Hand> {
    let conninfo = conninfo(server, leader);
    let data = server.data();
    let aside = format!("{data}.by-hand");
    let mut hands = vec![leader.sql(
        &format!("SELECT pg_create_physical_replication_slot('{0}', true) WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '{0}')", server.member.slot()),
        "the slot that keeps what it will ask for",
    )];
    if by != Some("follow") {
        let diverged = "only where it wrote what the other never got; the server must not run";
        let keep = format!("mkdir -p {0} && cp -a {1}/*.conf {0}/", word(&aside), word(&data));
        let back = format!("cp -a {0}/*.conf {1}/", word(&aside), word(&data));
        let source = format!("--source-server={conninfo} dbname=postgres");
        let target = format!("--target-pgdata={data}");
        let rewind = words([server.program("pg_rewind").as_str(), &target, &source]);
        hands.push(leader.sql("CHECKPOINT", "so that pg_rewind sees the new timeline").only(diverged));
        hands.push(server.script(&keep, "its own configuration is kept, for pg_rewind replaces it").only(diverged));
        hands.push(
            server.run(&rewind, "`Done!`; where it says that no rewind is required, that is fine too").only(diverged),
        );
        hands.push(server.script(&back, "its own configuration is back").only(diverged));
        let hopeless = "only where pg_rewind does not work";
        let copy = words([
            server.program("pg_basebackup").as_str(),
            "-D",
            &data,
            "-d",
            &conninfo,
            "-c",
            "fast",
            "-X",
            "stream",
        ]);
        hands.push(
            server.run(&words(["mv", &data, &format!("{data}.before")]), "the old directory is kept").only(hopeless),
        );
        hands.push(server.run(&copy, "a whole copy").only(hopeless));
        hands.push(server.script(&back, "its own configuration is back").only(hopeless));
    }
    let signal = word(&server.file("standby.signal"));
    hands.push(server.run(&format!("touch {signal}"), "it comes up as a standby"));
    let lines = conninfo_lines(server, leader);
    hands.push(server.told(&lines.each_ref().map(String::as_str), "whom it follows; the last line of a name wins"));
    hands.extend(server.start());
    hands.push(server.sql("SELECT status FROM pg_stat_wal_receiver", "`streaming`"));
    hands
}

fn kept(action: &str, server: &Server<'_>) -> Vec<Hand> {
    let kept = format!("{}.by-hand/pg_wal", server.data());
    if action == "account" {
        let program = server.program("pg_waldump");
        let command = words([program.as_str(), "-p", &kept, "-t", "TIMELINE", "-s", "FORK", "-r", "Transaction"]);
        let expect = "with its old timeline for TIMELINE and the place where the new one began for FORK (the other's \
                      `pg_wal/*.history` says it): the commits that only this server has";
        return vec![server.run(&command, expect).only("only where it wrote what the other never got")];
    }
    let script = format!("mkdir -p {0} && cp -a {1}/. {0}/", word(&kept), word(&server.file("pg_wal")));
    vec![
        server.script(
            &script,
            "the log that a rewind or a copy destroys is kept, and with it what only this server wrote",
        ),
    ]
}
