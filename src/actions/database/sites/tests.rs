//! Sites of several members, over members that only say what they are told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::*;
use crate::actions::context::{Accepted, Memory};
use crate::actions::database::fence::Fencing;
use crate::actions::database::follow::{Follow, Who};
use crate::actions::database::port::{Hands, Settling};
use crate::actions::database::promote::Promote;
use crate::actions::database::situation::Situation;
use crate::engine::action::{Action, Applied, Observed};

/// One member as the test has it.
#[derive(Debug, Clone)]
struct Told {
    role: Role,
    follows: Option<&'static str>,
    fence: Fence,
    arrival: Arrival,
    way: Way,
    account: Account,
}

#[derive(Debug, Default)]
struct Fake {
    told: Mutex<BTreeMap<String, Told>>,
    calls: Mutex<Vec<String>>,
}

impl Fake {
    fn of(&self, host: &HostName) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)[host.as_str()].clone()
    }
    fn called(&self, call: String) -> Answer<'_, Evidence> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
        Box::pin(async move { Ok(Evidence::new(call)) })
    }
    fn tell(&self, host: &str, change: impl FnOnce(&mut Told)) {
        let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.get_mut(host).expect("a member"));
    }
    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Eyes<HostName> for Fake {
    fn places(&self) -> Vec<HostName> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).keys().map(|name| host(name)).collect()
    }
    fn standing<'a>(&'a self, host: &'a HostName) -> Answer<'a, Standing> {
        let told = self.of(host);
        Box::pin(async move {
            Ok(Standing {
                role: told.role,
                identity: String::new(),
                timeline: 0,
                position: 0,
                position_text: String::new(),
                follows: told.follows.map(str::to_owned),
                streaming: told.follows.is_some(),
                lag_bytes: Some(0),
                lag_ms: Some(0),
                summary: format!("{:?}", told.role),
            })
        })
    }
    fn fence_look<'a>(&'a self, host: &'a HostName) -> Answer<'a, Fence> {
        let told = self.of(host);
        Box::pin(async move { Ok(told.fence) })
    }
    fn arrival<'a>(&'a self, from: &'a HostName, _to: &'a HostName) -> Answer<'a, Arrival> {
        let told = self.of(from);
        Box::pin(async move { Ok(told.arrival) })
    }
    fn findings<'a>(&'a self, _: Option<&'a HostName>, _: &'a HostName, _: Mode) -> Answer<'a, Vec<Finding>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn way_to_follow<'a>(&'a self, host: &'a HostName, _leader: &'a HostName, _by: By) -> Answer<'a, Way> {
        let told = self.of(host);
        Box::pin(async move { Ok(told.way) })
    }
    fn keepsake<'a>(&'a self, _: &'a HostName, _: &'a HostName, _: &'a str) -> Answer<'a, Keepsake> {
        Box::pin(async { Ok(Keepsake::Nothing(Evidence::default())) })
    }
    fn lost_writes<'a>(&'a self, host: &'a HostName, _leader: &'a HostName) -> Answer<'a, Account> {
        let told = self.of(host);
        Box::pin(async move { Ok(told.account) })
    }
    fn tables<'a>(&'a self, _: &'a HostName, _: &'a HostName) -> Answer<'a, Vec<Table>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn compare<'a>(&'a self, _: &'a HostName, _: &'a HostName, _: &'a Table, _: Option<&'a str>) -> Answer<'a, Part> {
        Box::pin(async { Err(ActionError::refused("there is no table")) })
    }
    fn has_row<'a>(&'a self, _: &'a HostName, _: Row) -> Answer<'a, Option<Evidence>> {
        Box::pin(async { Ok(None) })
    }
    fn leftovers(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl Hands<HostName> for Fake {
    fn shorten<'a>(&'a self, _touch: &'a Touch, at: &'a HostName) -> Answer<'a, Evidence> {
        self.called(format!("shorten {at}"))
    }
    fn fence<'a>(&'a self, _: &'a Touch, at: &'a HostName, _: Mode) -> Answer<'a, Fence> {
        self.tell(at.as_str(), |told| told.fence = Fence::Proven(Evidence::new("fenced now")));
        let called = self.called(format!("fence {at}"));
        Box::pin(async move { called.await.map(Fence::Proven) })
    }
    fn unfence<'a>(&'a self, _: &'a Touch, at: &'a HostName) -> Answer<'a, Evidence> {
        self.called(format!("unfence {at}"))
    }
    fn detach<'a>(&'a self, _: &'a Touch, at: &'a HostName) -> Answer<'a, Evidence> {
        self.called(format!("detach {at}"))
    }
    fn attach<'a>(&'a self, _: &'a Touch, at: &'a HostName, leader: &'a HostName) -> Answer<'a, Evidence> {
        self.called(format!("attach {at} {leader}"))
    }
    fn promote<'a>(
        &'a self,
        _: &'a Touch,
        from: Option<&'a HostName>,
        to: &'a HostName,
        _: Settling,
    ) -> Answer<'a, Evidence> {
        self.called(format!("promote {to} after {}", from.map_or("nobody", HostName::as_str)))
    }
    fn write_row<'a>(&'a self, _: &'a Touch, at: &'a HostName, seen: &'a HostName, _: Row) -> Answer<'a, Evidence> {
        self.called(format!("row {at} {seen}"))
    }
    fn follow<'a>(
        &'a self,
        _: &'a Touch,
        at: &'a HostName,
        leader: &'a HostName,
        way: &'a Way,
    ) -> Answer<'a, Evidence> {
        let how = match way {
            Way::Follow(_) => "follow",
            Way::Rewind(_) => "rewind",
            _ => "otherwise",
        };
        self.called(format!("{how} {at} {leader}"))
    }
    fn keep<'a>(&'a self, _: &'a Touch, at: &'a HostName, _: &'a HostName, _: &'a str) -> Answer<'a, Evidence> {
        self.called(format!("keep {at}"))
    }
    fn take_account<'a>(&'a self, _: &'a Touch, at: &'a HostName, _: &'a HostName) -> Answer<'a, Evidence> {
        self.called(format!("account {at}"))
    }
    fn tidy<'a>(&'a self, _touch: &'a Touch) -> Answer<'a, Evidence> {
        self.called("tidy".to_owned())
    }
}

impl Upkeep<HostName> for Fake {
    fn locks(&self, _: &str) -> Vec<Box<dyn MemberLock>> {
        Vec::new()
    }
    fn receipts<'a>(&'a self, _: &'a HostName) -> Answer<'a, Vec<Receipt>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn needs<'a>(&'a self, _: &'a HostName) -> Answer<'a, Vec<Need>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn prepare<'a>(&'a self, _: &'a Touch, _: &'a HostName) -> Answer<'a, Vec<Need>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl Kin for Fake {
    fn sibling_findings<'a>(
        &'a self,
        sibling: &'a HostName,
        from: Option<&'a HostName>,
        _to: &'a HostName,
        _mode: Mode,
    ) -> Answer<'a, Vec<Finding>> {
        let sentence = format!("{sibling} beside {}", from.map_or("nobody", HostName::as_str));
        Box::pin(async move { Ok(vec![Finding { severity: Severity::Blocks, sentence }]) })
    }
}

fn host(name: &str) -> HostName {
    HostName::new(name).expect("a name")
}

fn site(name: &str) -> SiteName {
    SiteName::new(name).expect("a name")
}

fn all_arrived() -> Arrival {
    Arrival::All(Evidence::new("all of it"))
}

fn replica() -> Told {
    Told {
        role: Role::Standby,
        follows: Some("a1"),
        fence: Fence::Proven(Evidence::new("a replica")),
        arrival: all_arrived(),
        way: Way::Follow(Evidence::new("it can follow")),
        account: Account::Needless(Evidence::default()),
    }
}

/// a1 serves; a2 beside it, b1 and b2 at the other site follow it.
fn world(mode: Mode, accepted: &[&str]) -> (Arc<Fake>, Arc<Sites>, RunContext) {
    let writer = Told { role: Role::Primary, follows: None, fence: Fence::Open(Evidence::new("writes")), ..replica() };
    let told = [("a1", writer), ("a2", replica()), ("b1", replica()), ("b2", replica())];
    let fake = Arc::new(Fake {
        told: Mutex::new(told.into_iter().map(|(name, told)| (name.to_owned(), told)).collect()),
        calls: Mutex::default(),
    });
    let unfenced = accepted.iter().map(|name| (site(name), "seen to".to_owned())).collect();
    let context = RunContext {
        run: "run".to_owned(),
        operator: "op".to_owned(),
        mode,
        from: Some(site("a")),
        to: Some(site("b")),
        accepted: Accepted { unfenced, ..Accepted::default() },
        memory: Memory::default(),
        settled_later: false,
    };
    let members = ["a1", "a2", "b1", "b2"].map(|name| (site(&name[..1]), host(name)));
    let service = ServiceName::new("wiki").expect("a name");
    let sites = Sites::new(service, Arc::<Fake>::clone(&fake), members, context.clone());
    (fake, Arc::new(sites), context)
}

fn situation(sites: &Arc<Sites>, context: &RunContext, at: &str) -> Situation {
    let database = Arc::<Sites>::clone(sites);
    Situation { service: sites.service.clone(), at: site(at), database, context: context.clone() }
}

fn fence_all_at_a(fake: &Fake) {
    fake.tell("a1", |told| {
        told.role = Role::Standby;
        told.fence = Fence::Proven(Evidence::new("frozen").with("end", "0-1-7"));
    });
}

async fn blocked(action: &dyn Action) -> String {
    match action.observe().await {
        Ok(Observed::Blocked { reason, .. }) => reason,
        other => panic!("not blocked: {other:?}"),
    }
}

#[tokio::test]
async fn a_promotion_looks_at_every_member_also_beside_the_target() {
    for (member, expected) in [("a1", "not fenced at a"), ("a2", "not fenced at a"), ("b2", "not fenced at b")] {
        let (fake, sites, context) = world(Mode::Planned, &[]);
        fence_all_at_a(&fake);
        let promote = Promote(situation(&sites, &context, "b"));
        assert!(matches!(promote.observe().await, Ok(Observed::Pending(_))));
        fake.tell(member, |told| told.fence = Fence::Open(Evidence::new("takes writes")));
        let reason = blocked(&promote).await;
        assert!(reason.contains(expected), "{member}: {reason}");
    }
    let (fake, sites, context) = world(Mode::Planned, &[]);
    fence_all_at_a(&fake);
    let promote = Promote(situation(&sites, &context, "b"));
    promote.apply(&Touch::for_test()).await.expect("promoted");
    assert_eq!(fake.calls(), ["promote b1 after a1"]);
}

#[tokio::test]
async fn a_site_is_fenced_when_each_of_its_members_is() {
    let (fake, sites, context) = world(Mode::Emergency, &[]);
    let fence = Fencing(situation(&sites, &context, "a"));
    fake.tell("a2", |told| told.fence = Fence::Unprovable("a2 does not answer".to_owned()));
    // Nothing is begun before somebody vouches for the one that is silent.
    assert!(blocked(&fence).await.contains("a2 does not answer"));
    let (fake, sites, context) = world(Mode::Emergency, &["a"]);
    let fence = Fencing(situation(&sites, &context, "a"));
    fake.tell("a2", |told| told.fence = Fence::Unprovable("a2 does not answer".to_owned()));
    let Ok(Observed::Pending(evidence)) = fence.observe().await else { panic!("what can be fenced is to be fenced") };
    assert!(evidence.summary.contains("NOT PROVEN, accepted by name: a2"), "{}", evidence.summary);
    assert!(matches!(fence.apply(&Touch::for_test()).await, Ok(Applied::Proven(_))));
    assert_eq!(fake.calls(), ["fence a1"], "a replica is left alone, and so is what cannot be reached");
    // What can be tried is tried.
    let (fake, sites, context) = world(Mode::Emergency, &[]);
    let fence = Fencing(situation(&sites, &context, "a"));
    fence_all_at_a(&fake);
    fake.tell("a2", |told| told.fence = Fence::Unproven(Evidence::new("it has ended, nobody knows how")));
    assert!(matches!(fence.apply(&Touch::for_test()).await, Ok(Applied::Proven(_))));
    assert_eq!(fake.calls(), ["fence a2"]);
}

#[tokio::test]
async fn a_fence_is_taken_back_of_the_one_that_led_and_of_nobody_else() {
    let (fake, sites, _) = world(Mode::Planned, &[]);
    let (a, touch) = (site("a"), Touch::for_test());
    fence_all_at_a(&fake);
    sites.unfence(&touch, &a).await.expect("open");
    assert_eq!(fake.calls(), ["unfence a1"]);
    // Beside one that may have been promoted, and has ended since, nobody is opened.
    fake.tell("a2", |told| told.role = Role::Down);
    let refused = sites.unfence(&touch, &a).await;
    assert!(refused.is_err_and(|error| error.message.contains("a2 is not seen to have stayed a follower")));
    assert_eq!(fake.calls(), Vec::<String>::new());
    fake.tell("a2", |told| told.role = Role::Standby);
    // The sibling led: it is the one that follows nobody.
    fake.tell("a1", |told| told.follows = Some("a2"));
    fake.tell("a2", |told| told.follows = None);
    sites.unfence(&touch, &a).await.expect("open");
    assert_eq!(fake.calls(), ["unfence a2"]);
    // Which of two that follow nobody led is not guessed; nor is one opened beside a writer that nobody fenced.
    fake.tell("a1", |told| told.follows = None);
    assert!(sites.unfence(&touch, &a).await.is_err_and(|error| error.message.contains("cannot be seen")));
    fake.tell("a1", |told| told.role = Role::Primary);
    fake.tell("a2", |told| told.role = Role::Primary);
    assert!(sites.unfence(&touch, &a).await.is_err_and(|error| error.message.contains("takes writes at a1 and at a2")));
    assert_eq!(fake.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn what_any_member_has_and_the_target_lacks_is_not_passed_over() {
    let lost = |bytes| Arrival::Lost { bytes, evidence: Evidence::new(format!("{bytes} are lost")) };
    let unknown = || Arrival::Unknown(Evidence::new("nobody knows"));
    let (a, b) = (site("a"), site("b"));
    for (member, arrival, expected) in [
        ("a2", lost(3), "3 are lost"),
        ("a2", unknown(), "nobody knows"),
        ("a1", unknown(), "nobody knows"),
        ("b2", lost(4), "b2 would lead there"),
        // More than the old site had nobody beside the target can have.
        ("b2", unknown(), "all of it"),
    ] {
        let (fake, sites, _) = world(Mode::Emergency, &[]);
        fake.tell(member, |told| told.arrival = arrival.clone());
        let seen = sites.arrival(&a, &b).await.expect("seen");
        assert!(format!("{seen:?}").contains(expected), "{member}: {seen:?}");
        assert_eq!(matches!(seen, Arrival::All(_)), expected == "all of it");
    }
}

#[tokio::test]
async fn all_but_the_leader_follow_each_in_its_own_way_and_nothing_unsaved_is_discarded() {
    let (fake, sites, context) = world(Mode::Planned, &[]);
    fence_all_at_a(&fake);
    fake.tell("b1", |told| told.role = Role::Primary);
    fake.tell("a2", |told| told.way = Way::Rewind(Evidence::new("has its own")));
    fake.tell("b2", |told| told.way = Way::Already(Evidence::new("follows")));
    let follow = Follow { situation: situation(&sites, &context, "a"), by: By::Cheapest, who: Who::Site };
    fake.tell("a2", |told| told.account = Account::ToTake(Evidence::new("5 transactions of a2")));
    assert!(blocked(&follow).await.contains("5 transactions of a2"));
    fake.tell("a2", |told| told.account = Account::Taken(Evidence::new("saved")));
    follow.apply(&Touch::for_test()).await.expect("they follow");
    assert_eq!(fake.calls(), ["follow a1 b1", "rewind a2 b1"]);
    // One that cannot be made to follow is not left out in silence.
    fake.tell("b2", |told| told.way = Way::Blocked("b2 needs a copy".to_owned()));
    assert_eq!(blocked(&follow).await, "b2 needs a copy");
}

#[tokio::test]
async fn those_beside_the_one_that_serves_follow_it_while_the_other_site_is_gone() {
    let (fake, sites, context) = world(Mode::Emergency, &[]);
    let siblings = Follow { situation: situation(&sites, &context, "b"), by: By::Cheapest, who: Who::Siblings };
    assert!(blocked(&siblings).await.contains("does not take writes at b yet"));
    fake.tell("b1", |told| told.role = Role::Primary);
    siblings.apply(&Touch::for_test()).await.expect("it follows");
    assert_eq!(fake.calls(), ["follow b2 b1"]);
}

#[tokio::test]
async fn every_other_member_is_looked_at_before_anything_is_stopped() {
    let (fake, sites, _) = world(Mode::Planned, &[]);
    let (a, b) = (site("a"), site("b"));
    let sentences = |findings: Vec<Finding>| findings.into_iter().map(|one| one.sentence).collect::<Vec<_>>();
    let findings = sites.findings(Some(&a), &b, Mode::Planned).await.expect("findings");
    assert_eq!(sentences(findings), ["a2 beside a1", "b2 beside a1"]);
    fake.tell("a1", |told| told.role = Role::Standby);
    fake.tell("a2", |told| told.role = Role::Primary);
    let findings = sentences(sites.findings(Some(&a), &b, Mode::Planned).await.expect("findings"));
    assert_eq!(findings[..2], ["a1 beside a2", "b2 beside a2"]);
    assert!(findings[2].contains("a2 leads at a, and the estate names a1 first"), "{findings:?}");
}
