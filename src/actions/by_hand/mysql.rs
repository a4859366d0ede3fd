//! MariaDB and MySQL by hand, in the same order as Switchback does it: as Switchback's own account, from any machine
//! that reaches the server; an administrator on the host can say the same statements.

use super::shell::{with_variables, word, words};
use super::{ByHand, Hand, cut_off, started};
use crate::estate::Estate;
use crate::estate::model::{Flavour, Host, MysqlMember, Tls};

/// One server, and how one types at it.
struct Server<'a> {
    member: &'a MysqlMember,
    host: Option<&'a Host>,
    maria: bool,
}

impl<'a> Server<'a> {
    fn of(member: &'a MysqlMember, estate: &'a Estate) -> Self {
        Self { member, host: estate.hosts.get(&member.host), maria: member.flavour == Flavour::MariaDb }
    }

    fn address(&self) -> String {
        self.host.map_or_else(|| self.member.host.to_string(), |host| host.address.clone())
    }

    /// The client with everything but the statement.
    fn client(&self) -> String {
        let mut argv = vec![
            if self.maria { "mariadb" } else { "mysql" }.to_owned(),
            format!("--host={}", self.address()),
            format!("--port={}", self.member.port),
            format!("--user={}", self.member.user),
        ];
        match &self.member.tls {
            Tls::Off => argv.push("--skip-ssl".to_owned()),
            Tls::Verified { ca } => {
                argv.extend(ca.iter().map(|ca| format!("--ssl-ca={}", ca.display())));
                argv.push(
                    if self.maria { "--ssl-verify-server-cert" } else { "--ssl-mode=VERIFY_IDENTITY" }.to_owned(),
                );
            }
        }
        format!("MYSQL_PWD=\"$PASSWORD\" {}", words(argv.iter().map(String::as_str)))
    }

    fn sql(&self, statement: &str, expect: impl Into<String>) -> Hand {
        let command = format!("{} -e {}", self.client(), word(statement));
        Hand::anywhere(command, expect).secret("PASSWORD", &self.member.password)
    }

    /// What it is said of following, in the words of its flavour.
    fn words(&self) -> Words {
        if self.maria {
            Words {
                status: r"SHOW SLAVE STATUS\G",
                good: "`Slave_IO_Running: Yes`, `Slave_SQL_Running: Yes`, `Seconds_Behind_Master: 0`",
                stop_receiving: "STOP SLAVE IO_THREAD",
                forget: "STOP SLAVE; RESET SLAVE ALL",
                start: "START SLAVE",
                read_only: "SET GLOBAL read_only = 1",
                writable: "SET GLOBAL read_only = 0",
                is_read_only: "SELECT @@global.read_only",
                option: "read_only",
                position: "SELECT @@global.gtid_binlog_pos",
                wait: ("SELECT MASTER_GTID_WAIT('", "', 60)"),
            }
        } else {
            Words {
                status: r"SHOW REPLICA STATUS\G",
                good: "`Replica_IO_Running: Yes`, `Replica_SQL_Running: Yes`, `Seconds_Behind_Source: 0`",
                stop_receiving: "STOP REPLICA IO_THREAD",
                forget: "STOP REPLICA; RESET REPLICA ALL",
                start: "START REPLICA",
                read_only: "SET PERSIST super_read_only = ON",
                writable: "RESET PERSIST IF EXISTS super_read_only; RESET PERSIST IF EXISTS read_only; SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF",
                is_read_only: "SELECT @@global.super_read_only",
                option: "super_read_only",
                position: "SELECT @@global.gtid_executed",
                wait: ("SELECT WAIT_FOR_EXECUTED_GTID_SET('", "', 60)"),
            }
        }
    }

    fn as_owner(&self, script: &str) -> String {
        match &self.member.run_as {
            Some(user) => words(["sudo", "-u", user, "sh", "-c", script]),
            None => script.to_owned(),
        }
    }

    /// What any start of it is to be.
    fn starts(&self, lines: &[String], expect: &str) -> Hand {
        let file = self.member.config_dir.join("zz-switchback.cnf").display().to_string();
        let lines = words(["[mysqld]"].into_iter().chain(lines.iter().map(String::as_str)));
        let become_user =
            self.member.run_as.as_ref().map_or_else(String::new, |user| format!("sudo -u {} ", word(user)));
        Hand::on(&self.member.host, format!("printf '%s\\n' {lines} | {become_user}tee {}", word(&file)), expect)
    }

    fn starts_read_only(&self, expect: &str) -> Hand {
        self.starts(&[format!("{} = ON", self.words().option)], expect)
    }

    fn starts_writable(&self, expect: &str) -> Hand {
        self.starts(&[format!("{} = OFF", self.words().option)], expect)
    }
}

/// Statements that the flavours spell differently.
struct Words {
    status: &'static str,
    good: &'static str,
    stop_receiving: &'static str,
    forget: &'static str,
    start: &'static str,
    read_only: &'static str,
    writable: &'static str,
    is_read_only: &'static str,
    option: &'static str,
    position: &'static str,
    wait: (&'static str, &'static str),
}

/// The commands; `member` is where the action acts, `other` the member at the other site.
pub(super) fn by_hand(action: &str, member: &MysqlMember, other: &MysqlMember, estate: &Estate) -> ByHand {
    let (server, peer) = (Server::of(member, estate), Server::of(other, estate));
    let said = server.words();
    match action {
        "fence" => fence(&server),
        "detach" => ByHand {
            steps: vec![
                server.sql(said.stop_receiving, "it receives nothing more"),
                server.sql(said.status, "the receiving thread does not run; the applying one has nothing left"),
            ],
            back: vec![server.sql(said.start, "it follows again")],
        },
        "promote" => vec![
            server.sql(said.forget, "it follows nobody"),
            server.starts_writable("a start of it takes writes"),
            server.sql(said.writable, "it takes writes. From here there is no way back but a fail-back"),
            server.sql(said.is_read_only, "`0`"),
            server.sql(
                "SELECT event_schema, event_name, status FROM information_schema.events WHERE status LIKE '%SIDE_DISABLED'",
                "nothing; what is listed is to be enabled: `ALTER EVENT … ENABLE`",
            ),
        ]
        .into(),
        "follow" => follow(&server, &peer).into(),
        _ => looks(action, &server, &peer).into(),
    }
}

/// Waits until `server` has applied all that `peer` has written: one line, so that no position has to be copied.
fn waited(server: &Server<'_>, peer: &Server<'_>) -> Vec<Hand> {
    let (read, wait) = (peer.words().position, server.words().wait);
    let read = format!("POSITION=$({} -N -e {})", peer.client(), word(read));
    let wait = with_variables(&format!("{}$POSITION{}", wait.0, wait.1));
    let own = server.client().replace("$PASSWORD", "$OWN");
    let expect = "`0`, after 60 s at most: everything up to that position is applied here";
    let hand = Hand::anywhere(format!("{read}; {own} -N -e {wait}"), expect);
    vec![hand.secret("PASSWORD", &peer.member.password).secret("OWN", &server.member.password)]
}

/// What only looks, or changes nothing that matters.
fn looks(action: &str, server: &Server<'_>, peer: &Server<'_>) -> Vec<Hand> {
    let said = server.words();
    let kept = format!("{}.by-hand", server.member.data_dir.display());
    match action {
        "ready" => vec![
            server.sql(said.status, format!("{}, and no `Last_Error`", said.good)),
            server.sql(said.is_read_only, "`1`"),
        ],
        "prepare" => waited(peer, server),
        "arrived" | "marker_seen" => waited(server, peer),
        "caught_up" => vec![server.sql(said.status, said.good)],
        "write_test" => vec![server.sql(
            "REPLACE INTO switchback.marker (host, term, started, run) VALUES ('by-hand', 0, 0, 'by-hand'); DELETE FROM switchback.marker WHERE host = 'by-hand'",
            "no error; a read-only server would refuse",
        )],
        "keep_aside" => {
            let data = server.member.data_dir.display().to_string();
            let script = format!("mkdir -p {0} && cp -a {1}/*bin*.[0-9]* {0}/", word(&kept), word(&data));
            let expect = "its own log is kept, and with it what only this server wrote; where `log_bin` names another place, from there";
            vec![Hand::on(&server.member.host, server.as_owner(&script), expect)]
        }
        "account" => {
            let program = if server.maria { "mariadb-binlog" } else { "mysqlbinlog" };
            let script = format!("{program} --verbose --base64-output=decode-rows {}/*", word(&kept));
            let expect = "the transactions from the one on that the other server does not have, as statements in comments";
            let hand = Hand::on(&server.member.host, server.as_owner(&script), expect);
            vec![hand.only("only where it wrote what the other never got")]
        }
        "tables_equal" => {
            let names: Vec<String> = server.member.databases.iter().map(|name| format!("'{name}'")).collect();
            let list = format!(
                "SELECT CONCAT('CHECKSUM TABLE `', table_schema, '`.`', table_name, '` EXTENDED;') FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema IN ({})",
                names.join(", ")
            );
            let one = |server: &Server<'_>, expect: &str| {
                let client = server.client();
                let command = format!("{client} -N -e {} | {client} -N", word(&list));
                Hand::anywhere(command, expect).secret("PASSWORD", &server.member.password)
            };
            vec![one(peer, "note it, while nobody writes"), one(server, "the same sums")]
        }
        "settle" => vec![server.sql(said.is_read_only, "`0`; and what a start is to be was written down before it took writes")],
        "tidy" => vec![server.sql(said.status, "nothing is left over of a role change: the one that serves knows nobody to follow")],
        _ => Vec::new(),
    }
}

fn fence(server: &Server<'_>) -> ByHand {
    let said = server.words();
    let host = &server.member.host;
    let mut sealed = vec![format!("{} = ON", said.option)];
    if server.maria {
        sealed.push("event_scheduler = OFF".to_owned());
    }
    let own = word(&server.member.user);
    let others = format!(
        "SELECT id, user, host, command FROM information_schema.processlist WHERE user NOT IN ('system user', 'event_scheduler', {}) AND command NOT LIKE 'Binlog Dump%'",
        if own.starts_with('\'') { own } else { format!("'{own}'") }
    );
    let mut steps = vec![
        server.starts(&sealed, "from now on every start of it comes up read-only"),
        server.sql("SET GLOBAL event_scheduler = OFF", "no event writes"),
        server.sql(said.read_only, "it waits for those who are writing, and then takes no more"),
        server.sql(said.is_read_only, "`1`: the proof, as long as no administrator writes"),
        server.sql(
            &others,
            "users who are still there; `KILL` them, administrators above all: `read_only` does not hold them",
        ),
        server.sql(said.position, "twice, some seconds apart: the same, so nobody writes"),
    ];
    steps.extend(cut_off(host, server.host.and_then(|host| host.cut_off.as_ref())));
    let back = vec![
        server.starts_writable("a start of it takes writes again"),
        server.sql(said.writable, "it takes writes again: only while the other is seen to be read-only"),
        server.sql("SET GLOBAL event_scheduler = ON", "events run again, where they did before"),
    ];
    ByHand { steps, back }
}

fn follow(server: &Server<'_>, leader: &Server<'_>) -> Vec<Hand> {
    let said = server.words();
    let replication = &leader.member.replication;
    let address = replication.address.clone().unwrap_or_else(|| leader.address());
    let (change, term, position) = if server.maria {
        ("CHANGE MASTER TO", "MASTER", "MASTER_USE_GTID = slave_pos, MASTER_DEMOTE_TO_SLAVE = 1")
    } else {
        ("CHANGE REPLICATION SOURCE TO", "SOURCE", "SOURCE_AUTO_POSITION = 1")
    };
    let mut options = vec![
        format!("{term}_HOST = '{address}'"),
        format!("{term}_PORT = {}", leader.member.port),
        format!("{term}_USER = '{}'", server.member.replication.user),
        format!("{term}_PASSWORD = '$REPLICATION'"),
        format!("{term}_SSL = {}", u8::from(leader.member.tls != Tls::Off)),
    ];
    if let Some(ca) = &server.member.replication.sslrootcert {
        options.push(format!("{term}_SSL_CA = '{}', {term}_SSL_VERIFY_SERVER_CERT = 1", ca.display()));
    }
    options.push(position.to_owned());
    let statement = with_variables(&format!("{change} {}", options.join(", ")));
    let tell = Hand::anywhere(format!("{} -e {statement}", server.client()), "no error")
        .secret("PASSWORD", &server.member.password)
        .secret("REPLICATION", &server.member.replication.password);
    let only = "only where it does not run";
    let mut hands = vec![server.starts_read_only("every start of it comes up read-only")];
    let nothing = Hand::on(&server.member.host, "", "start it");
    hands.extend(started(&server.member.host, &server.member.control, nothing).into_iter().map(|hand| hand.only(only)));
    hands.extend([
        server.sql(said.read_only, "no error"),
        tell,
        server.sql(said.start, "no error"),
        server.sql(
            said.status,
            format!("{}. Error 1236 means that it wrote what the other never got: then load it anew from a dump of the other", said.good),
        ),
    ]);
    hands
}
