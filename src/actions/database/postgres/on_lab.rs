//! The real thing, on a lab that is up: `SWITCHBACK_LAB_NUMBER=… cargo test --lib postgres::on_lab -- --ignored --test-threads=1`.
//!
//! The whole program is tried by `tests/lab/tests`; here are the verbs one by one, and the ways that a whole run
//! seldom takes.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::actions::context::{Accepted, Memory};
use crate::actions::database::port::{Role, Settling, Severity};
use crate::base::name::SiteName;

/// Runs the lab's own command; its failure fails the test.
fn lab(arguments: &[&str]) -> String {
    let command = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab");
    let output = Command::new(command).args(arguments).output().expect("the lab's command runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "lab {:.300}: {said}", format!("{arguments:?}"));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn host(name: &str) -> HostName {
    HostName::new(name).expect("a name")
}

/// The lab as it was made, and prepared.
async fn fresh(mode: Mode) -> Arc<Cluster> {
    lab(&["reset"]);
    let cluster = cluster(mode);
    cluster.prepare(&Touch::for_test(), &host("a-db")).await.expect("prepared");
    cluster
}

fn cluster(mode: Mode) -> Arc<Cluster> {
    let env = lab(&["env"]);
    let path = env.lines().find_map(|line| line.strip_prefix("LAB_ESTATE=")).expect("the lab's estate");
    let estate = crate::estate::load(path.as_ref()).expect("an estate");
    let context = RunContext {
        run: format!("test-{}", std::process::id()),
        operator: "test@here".to_owned(),
        mode,
        from: SiteName::new("dallas").ok(),
        to: SiteName::new("nuremberg").ok(),
        accepted: Accepted::default(),
        memory: Memory::default(),
        settled_later: false,
    };
    let service = ServiceName::new("orders").expect("a name");
    Cluster::new(&estate, &service, &Hosts::new(&estate), &context).expect("a cluster")
}

async fn proven(cluster: &Cluster, at: &HostName) -> Evidence {
    match cluster.fence_look(at).await.expect("a look") {
        Fence::Proven(evidence) => evidence,
        other => panic!("{other:?}"),
    }
}

/// Moves the primary, as a planned run does.
async fn switch(cluster: &Cluster, from: &HostName, to: &HostName) {
    let touch = Touch::for_test();
    cluster.shorten(&touch, from).await.expect("shortened");
    let began = Instant::now();
    let took = |what: &str, evidence: &Evidence| {
        println!("{:>6} ms {what}: {}", began.elapsed().as_millis(), evidence.summary);
    };
    match cluster.fence(&touch, from, Mode::Planned).await.expect("fenced") {
        Fence::Proven(evidence) => took("fence", &evidence),
        other => panic!("{other:?}"),
    }
    took("fence look", &proven(cluster, from).await);
    loop {
        match cluster.arrival(from, to).await.expect("a look") {
            Arrival::All(evidence) => break took("arrived", &evidence),
            Arrival::NotYet(evidence) if began.elapsed().as_secs() < 10 => took("not yet", &evidence),
            other => panic!("{other:?}"),
        }
    }
    took("detach", &cluster.detach(&touch, to).await.expect("detached"));
    took("promote", &cluster.promote(&touch, Some(from), to, Settling::AtOnce).await.expect("promoted"));
    took("write test", &cluster.write_row(&touch, to, to, Row::WriteTest).await.expect("written"));
    let way = cluster.way_to_follow(from, to, By::Cheapest).await.expect("a way");
    assert!(matches!(&way, Way::Follow(_)), "{way:?}");
    took("follow", &cluster.follow(&touch, from, to, &way).await.expect("followed"));
    took("marker", &cluster.write_row(&touch, to, from, Row::Marker).await.expect("seen"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn there_and_back() {
    let cluster = fresh(Mode::Planned).await;
    let (a, b) = (host("a-db"), host("b-db"));
    for need in cluster.needs(&a).await.expect("needs") {
        assert_eq!(need.present, Some(true), "{}", need.statement);
    }
    for _ in 0..2 {
        switch(&cluster, &a, &b).await;
        switch(&cluster, &b, &a).await;
    }
    assert_eq!(cluster.standing(&a).await.expect("a look").role, Role::Primary);
    assert!(matches!(cluster.way_to_follow(&b, &a, By::Cheapest).await, Ok(Way::Already(_))));
    let left = cluster.leftovers().await.expect("a look");
    println!("left over: {left:?}");
    cluster.tidy(&Touch::for_test()).await.expect("tidied");
    assert_eq!(cluster.leftovers().await.expect("a look"), Vec::<String>::new());
    println!("{:?}", cluster.receipts(&b).await.expect("receipts"));
}

async fn sentences(cluster: &Cluster, severity: Severity) -> Vec<String> {
    let found = cluster.findings(Some(&host("a-db")), &host("b-db"), cluster.context.mode).await.expect("findings");
    found.into_iter().filter(|finding| finding.severity == severity).map(|finding| finding.sentence).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn what_is_wrong_is_found() {
    lab(&["reset"]);
    let unprepared = cluster(Mode::Planned);
    println!("unprepared: {:?}", sentences(&unprepared, Severity::Blocks).await);
    let cluster = fresh(Mode::Planned).await;
    let began = Instant::now();
    assert_eq!(sentences(&cluster, Severity::Blocks).await, Vec::<String>::new());
    println!("findings took {} ms", began.elapsed().as_millis());
    println!("warnings: {:?}", sentences(&cluster, Severity::Warns).await);
    for (host, wrong, right, word) in [
        (
            "b-db",
            "alter system set synchronous_standby_names = 'x'",
            "alter system reset synchronous_standby_names",
            "synchronous_standby_names",
        ),
        ("b-db", "select pg_wal_replay_pause()", "select pg_wal_replay_resume()", "paused"),
        (
            "b-db",
            "alter system set recovery_min_apply_delay = '1h'",
            "alter system reset recovery_min_apply_delay",
            "late on purpose",
        ),
        (
            "b-db",
            "alter system set default_transaction_read_only = on",
            "alter system reset default_transaction_read_only",
            "read_only",
        ),
        (
            "b-db",
            "select pg_create_physical_replication_slot('full_' || n) from generate_series(1, 10) n",
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name like 'full%'",
            "slot",
        ),
    ] {
        lab(&["psql", host, "-XAtqc", wrong]);
        lab(&["psql", host, "-XAtqc", "select pg_reload_conf()"]);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let blocks = sentences(&cluster, Severity::Blocks).await;
        println!("{blocks:?}");
        assert!(blocks.iter().any(|sentence| sentence.contains(word)), "{word}: {blocks:?}");
        lab(&["psql", host, "-XAtqc", right]);
        lab(&["psql", host, "-XAtqc", "select pg_reload_conf()"]);
    }
    lab(&["psql", "a-db", "-XAtqc", "create unlogged table u ()"]);
    lab(&["psql", "a-db", "-XAtqc", "alter role replicator password 'another'"]);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    println!("{:?} {:?}", sentences(&cluster, Severity::Blocks).await, sentences(&cluster, Severity::Warns).await);
    lab(&["hold-wal"]);
    println!("{:?}", sentences(&cluster, Severity::Blocks).await);
    lab(&["pg-stop", "a-db"]);
    println!("{:?}", sentences(&cluster, Severity::Blocks).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn one_run_an_estate() {
    use crate::actions::database::lock::acquire;
    let (one, two) = (fresh(Mode::Planned).await, cluster(Mode::Planned));
    for estate in ["shop", "another"] {
        let locks = acquire(one.locks(estate), None).await.expect("ours");
        assert_eq!((locks.lost(), locks.not_held.len()), (None, 0));
        let refused = acquire(two.locks(estate), None).await.expect_err("theirs");
        println!("{refused}");
        assert!(refused.holder.contains("switchback/test-"), "{refused}");
        drop(locks);
        drop(acquire(two.locks(estate), None).await.expect("free again"));
    }
}

/// Writes rows as the shop would, and says the highest.
fn sell(host: &str, rows: u32) {
    let insert = format!(
        "insert into orders (id, site) select coalesce((select max(id) from orders), 0) + n, '{host}' from generate_series(1, {rows}) n"
    );
    for _ in 0..3 {
        lab(&["psql", host, "-XAtqc", &insert]);
    }
}

async fn ended(cluster: &Cluster, from: &HostName, to: &HostName) -> Arrival {
    cluster.arrival(from, to).await.expect("a look")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn a_killed_primary_is_quarantined_counted_and_rewound() {
    let cluster = fresh(Mode::Emergency).await;
    let (a, b, touch) = (host("a-db"), host("b-db"), Touch::for_test());
    lab(&["hold-wal"]);
    sell("a-db", 5);
    let behind = ended(&cluster, &a, &b).await;
    assert!(matches!(behind, Arrival::Lost { .. }), "{behind:?}");
    lab(&["kill9", "a-db"]);
    lab(&["release-wal"]);
    println!("{:?}", cluster.standing(&a).await.expect("a look").summary);
    println!("{:?}", cluster.fence_look(&a).await);
    let before = ended(&cluster, &a, &b).await;
    println!("{before:?}");
    let Arrival::Lost { evidence, .. } = &before else { panic!("{before:?}") };
    assert_eq!(evidence.number("lost_transactions"), Some(3));
    let began = Instant::now();
    println!("{:?}", cluster.fence(&touch, &a, Mode::Emergency).await.expect("fenced"));
    println!("fenced after {} ms", began.elapsed().as_millis());
    proven(&cluster, &a).await;
    let after = ended(&cluster, &a, &b).await;
    let Arrival::Lost { evidence, .. } = &after else { panic!("{after:?}") };
    assert_eq!(evidence.number("lost_transactions"), Some(3), "{after:?}");
    println!("{}", cluster.promote(&touch, Some(&a), &b, Settling::AtOnce).await.expect("promoted").summary);
    sell("b-db", 2);
    match cluster.keepsake(&a, &b, "before rejoin").await.expect("a look") {
        Keepsake::ToKeep(evidence) => println!("{}", evidence.summary),
        other => panic!("{other:?}"),
    }
    println!("{}", cluster.keep(&touch, &a, &b, "before rejoin").await.expect("kept").summary);
    assert!(matches!(cluster.keepsake(&a, &b, "before rejoin").await, Ok(Keepsake::Kept(_))));
    let way = cluster.way_to_follow(&a, &b, By::Cheapest).await.expect("a way");
    println!("{way:?}");
    assert!(matches!(way, Way::Rewind(_)));
    assert!(matches!(cluster.way_to_follow(&a, &b, By::Follow).await, Ok(Way::Blocked(_))));
    println!("{}", cluster.follow(&touch, &a, &b, &way).await.expect("followed").summary);
    println!("{}", cluster.write_row(&touch, &b, &a, Row::Marker).await.expect("seen").summary);
    assert_eq!(
        lab(&["psql", "a-db", "-XAtqc", "show cluster_name"]),
        "a-db",
        "the configuration is the other member's"
    );
    switch(&cluster, &b, &a).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn a_member_is_copied_anew_and_its_old_directory_kept() {
    let cluster = fresh(Mode::Planned).await;
    let (a, b, touch) = (host("a-db"), host("b-db"), Touch::for_test());
    let way = cluster.way_to_follow(&b, &a, By::Copy).await.expect("a way");
    assert!(matches!(way, Way::Already(_)));
    switch(&cluster, &a, &b).await;
    lab(&["pg-stop", "a-db"]);
    let way = cluster.way_to_follow(&a, &b, By::Copy).await.expect("a way");
    println!("{way:?}");
    println!("{:?}", cluster.follow(&touch, &a, &b, &way).await.expect("followed"));
    assert_eq!(lab(&["psql", "a-db", "-XAtqc", "show cluster_name"]), "a-db");
    switch(&cluster, &b, &a).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn a_fence_and_a_detachment_are_taken_back() {
    let cluster = fresh(Mode::Planned).await;
    let (a, b, touch) = (host("a-db"), host("b-db"), Touch::for_test());
    for started_meanwhile in [false, true] {
        assert!(matches!(cluster.fence(&touch, &a, Mode::Planned).await, Ok(Fence::Proven(_))));
        if started_meanwhile {
            // A supervisor that knows of no fence: the server comes up read-only, and must not stay so.
            cluster.member(&a).expect("a member").start(&touch).await.expect("started");
            // On a machine that is busy the first session after a start may be turned away; a run looks again, too.
            let began = Instant::now();
            let role = loop {
                match cluster.standing(&a).await {
                    Ok(standing) => break standing.role,
                    Err(error) => assert!(began.elapsed().as_secs() < 10, "{error}"),
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            };
            assert_eq!(role, Role::Standby);
        }
        println!("{}", cluster.detach(&touch, &b).await.expect("detached").summary);
        assert_eq!(cluster.standing(&b).await.expect("a look").follows, None);
        println!("{}", cluster.attach(&touch, &b, &a).await.expect("attached").summary);
        println!("{}", cluster.unfence(&touch, &a).await.expect("unfenced").summary);
        // A second time is as the first.
        cluster.attach(&touch, &b, &a).await.expect("attached");
        println!("{}", cluster.unfence(&touch, &a).await.expect("unfenced").summary);
        let began = Instant::now();
        while !cluster.standing(&b).await.expect("a look").streaming {
            assert!(began.elapsed().as_secs() < 15, "the standby does not come back");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        println!("streams again after {} ms", began.elapsed().as_millis());
        assert_eq!(sentences(&cluster, Severity::Blocks).await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn a_frozen_primary_is_killed_in_an_emergency_only() {
    let cluster = fresh(Mode::Emergency).await;
    let (a, touch) = (host("a-db"), Touch::for_test());
    lab(&["freeze", "a-db"]);
    println!("{:?}", cluster.fence_look(&a).await.expect("a look"));
    let began = Instant::now();
    println!("{:?}", cluster.fence(&touch, &a, Mode::Emergency).await.expect("fenced"));
    println!("fenced after {} ms", began.elapsed().as_millis());
    proven(&cluster, &a).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn a_host_that_is_gone_proves_nothing() {
    let cluster = fresh(Mode::Emergency).await;
    let (a, b) = (host("a-db"), host("b-db"));
    lab(&["crash", "a-db"]);
    assert!(matches!(cluster.fence_look(&a).await, Ok(Fence::Unprovable(_))));
    let unknown = ended(&cluster, &a, &b).await;
    println!("{unknown:?}");
    assert!(matches!(unknown, Arrival::Unknown(_)));
    lab(&["boot", "a-db"]);
    println!("{:?}", cluster.fence_look(&a).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn what_lasts_is_adopted_and_what_died_begun_again() {
    let first = fresh(Mode::Planned).await;
    let (a, b, touch) = (host("a-db"), host("b-db"), Touch::for_test());
    switch(&first, &a, &b).await;
    lab(&["pg-stop", "a-db"]);
    for kill in [false, true] {
        // The one who began it goes away in the middle.
        let began = Arc::clone(&first);
        let (at, leader) = (a.clone(), b.clone());
        let task = tokio::spawn(async move {
            let way = Way::Copy(Evidence::default());
            began.follow(&Touch::for_test(), &at, &leader, &way).await
        });
        let pid = copying();
        task.abort();
        let second = cluster(Mode::Planned);
        let way = second.way_to_follow(&a, &b, By::Copy).await.expect("a way");
        println!("{way:?}");
        assert!(matches!(&way, Way::Copy(evidence) if evidence.summary.contains("still under way")));
        signal(if kill { "KILL" } else { "CONT" }, &pid);
        println!("{}", second.follow(&touch, &a, &b, &way).await.expect("followed").summary);
        let kept = std::fs::read_dir(format!("{}.switchback", first.member(&a).expect("a member").data_dir()))
            .expect("a folder");
        let kept = kept.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("replaced-")).count();
        assert_eq!(kept, if kill { 2 } else { 1 }, "each copy is made once, and each old directory kept");
        second.fence(&touch, &a, Mode::Emergency).await.expect("stopped");
    }
    // A rewind that did not end.
    let marker = format!("{}.switchback/unusable", first.member(&a).expect("a member").data_dir());
    lab(&["ssh", "a-db", &format!("echo 'a rewind began and did not end' > {marker}")]);
    assert!(first.member(&a).expect("a member").start(&touch).await.is_err(), "a half-rewound directory was started");
    let way = first.way_to_follow(&a, &b, By::Cheapest).await.expect("a way");
    assert!(matches!(&way, Way::Copy(_)), "{way:?}");
    println!("{}", first.follow(&touch, &a, &b, &way).await.expect("followed").summary);
    assert_eq!(lab(&["psql", "a-db", "-XAtqc", "show cluster_name"]), "a-db");
}

fn signal(name: &str, pid: &str) {
    assert!(Command::new("kill").args(["-s", name, pid]).status().expect("kill runs").success());
}

/// The process that copies, as soon as there is one, stopped in the middle.
fn copying() -> String {
    let number = std::env::var("SWITCHBACK_LAB_NUMBER").expect("the lab's number");
    let place = format!("lab-{number}/a-db/data.switchback/new");
    loop {
        for entry in std::fs::read_dir("/proc").expect("proc").flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains("/pg_basebackup --pgdata=") && line.contains(&place) && !line.starts_with("sh ") {
                let pid = entry.file_name().to_string_lossy().into_owned();
                signal("STOP", &pid);
                return pid;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab that is up"]
async fn a_promotion_that_was_cut_off_is_finished() {
    let cluster = fresh(Mode::Planned).await;
    let (a, b, touch) = (host("a-db"), host("b-db"), Touch::for_test());
    assert_eq!(cluster.promotion_rest(&a, Settling::AtOnce).await, Ok(None));
    assert!(matches!(cluster.fence(&touch, &a, Mode::Planned).await, Ok(Fence::Proven(_))));
    while !matches!(ended(&cluster, &a, &b).await, Arrival::All(_)) {}
    cluster.detach(&touch, &b).await.expect("detached");
    lab(&["psql", "b-db", "-XAtqc", "select pg_promote()"]);
    let rest = cluster.promotion_rest(&b, Settling::AtOnce).await.expect("a look");
    assert!(rest.is_some());
    println!("{}", cluster.promote(&touch, Some(&a), &b, Settling::AtOnce).await.expect("finished").summary);
    assert_eq!(cluster.promotion_rest(&b, Settling::AtOnce).await, Ok(None));
    assert_eq!(lab(&["psql", "b-db", "-XAtqc", "select slot_name from pg_replication_slots"]), "switchback_a_db");
}

/// Texts that are meant to be read as something else, within a name's 63 bytes.
fn sly() -> Vec<String> {
    use proptest::strategy::{Strategy as _, ValueTree as _};
    let pieces = proptest::sample::select(vec![
        "'", "\"", "\\", "\\'", "\n", "\t", " ", "$(id)", "$$", "$1", ";", "--", "/*", "%", "E'", "U&'", "=", "#", "ü",
        "a", "\u{7f}",
    ]);
    let texts = proptest::collection::vec(pieces, 1..10);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    (0..300).map(|_| texts.new_tree(&mut runner).expect("a text").current().concat()).collect()
}

#[test]
#[ignore = "needs a lab that is up"]
fn names_and_texts_come_back_from_the_server_as_they_were_written() {
    use super::conninfo::{Conninfo, config_quoted, identifier, literal};
    let hex = |text: &str| text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let texts = sly();
    // Whatever the test before has left: no server may be running.
    lab(&["reset"]);
    for conforming in ["on", "off"] {
        let asked: Vec<String> = texts
            .iter()
            .map(|text| {
                let key =
                    format!("(select json_object_keys(row_to_json(t)) from (select 1 as {}) t)", identifier(text));
                let one = |value: &str| format!("encode(convert_to({value}, 'UTF8'), 'hex')");
                format!("select {} || '=' || {}", one(&literal(text)), one(&key))
            })
            .collect();
        let sql = format!("set standard_conforming_strings = {conforming}; {}", asked.join(" union all "));
        let expected: Vec<String> = texts.iter().map(|text| format!("{0}={0}", hex(text))).collect();
        // Without a word about each that holds a backslash.
        let said = lab(&["psql", "a-db", "-XAtqc", &format!("set escape_string_warning = off; {sql}")]);
        assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    }
    // The server's own reader of configuration files, and libpq's of connection strings.
    let folder = tempfile::tempdir().expect("a folder");
    let bin = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL").flatten().next().expect("a version").path();
    for text in &texts {
        let line = format!("primary_conninfo = {}\nport = 7\n", config_quoted(text));
        std::fs::write(folder.path().join("postgresql.conf"), line).expect("written");
        let read = |name: &str| {
            let arguments = ["-C", name, "-D", folder.path().to_str().expect("a path")];
            let output = Command::new(bin.join("bin/postgres")).args(arguments).output().expect("postgres runs");
            assert!(output.status.success(), "{text:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        assert_eq!((read("primary_conninfo"), read("port")), (format!("{text}\n"), "7\n".to_owned()), "{text:?}");
    }
    for text in &texts {
        let info = Conninfo::default().with("host", &format!("/{text}")).with("user", text).with("port", "5");
        let output = Command::new("psql").args(["-Xw", info.as_str()]).output().expect("psql runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(&format!("\"/{text}/.s.PGSQL.5\"")), "{text:?}: {said}");
    }
}
