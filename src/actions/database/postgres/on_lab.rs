//! The real thing, on a lab that is up: `SWITCHBACK_LAB_NUMBER=… cargo test --lib postgres::on_lab -- --ignored --test-threads=1`.
//!
//! The whole program is tried by `tests/lab/tests`; here are the verbs one by one, and the ways that a whole run
//! seldom takes.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::actions::context::{Accepted, Memory};
use crate::actions::database::port::Role;

/// Runs the lab's own command; its failure fails the test.
fn lab(arguments: &[&str]) -> String {
    let command = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab");
    let output = Command::new(command).args(arguments).output().expect("the lab's command runs");
    assert!(output.status.success(), "lab {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn site(name: &str) -> SiteName {
    SiteName::new(name).expect("a name")
}

/// The lab as it was made, and prepared.
async fn fresh(mode: Mode) -> Arc<Cluster> {
    lab(&["reset"]);
    let cluster = cluster(mode);
    cluster.prepare(&Touch::for_test(), &site("dallas")).await.expect("prepared");
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
        from: Some(site("dallas")),
        to: Some(site("nuremberg")),
        accepted: Accepted::default(),
        memory: Memory::default(),
    };
    let service = ServiceName::new("orders").expect("a name");
    Cluster::new(&estate, &service, &Hosts::new(&estate), &context).expect("a cluster")
}

async fn proven(cluster: &Cluster, at: &SiteName) -> Evidence {
    match cluster.fence_look(at).await.expect("a look") {
        Fence::Proven(evidence) => evidence,
        other => panic!("{other:?}"),
    }
}

/// Moves the primary, as a planned run does.
async fn switch(cluster: &Cluster, from: &SiteName, to: &SiteName) {
    let touch = Touch::for_test();
    cluster.shorten(&touch, from).await.expect("shortened");
    let began = Instant::now();
    let took = |what: &str, evidence: &Evidence| {
        println!("{:>6} ms {what}: {}", began.elapsed().as_millis(), evidence.summary)
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
    took("promote", &cluster.promote(&touch, Some(from), to).await.expect("promoted"));
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
    let (a, b) = (site("dallas"), site("nuremberg"));
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
