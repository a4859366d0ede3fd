//! The loop against name servers and databases that do as they like.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;

use super::port::{Place, Taken, Untaken};
use super::*;
use crate::actions::dns::servers_for_tests::{Running, a, bind, estate};
use crate::base::name::{EntranceName, ServiceName};
use crate::base::quantity::Span;
use crate::engine::action::{Leave, Lost};
use crate::engine::event::Question;
use crate::estate::model::{ProviderKind, Rfc2136, TsigKey};

const NAME: &str = "db.shop.internal";
/// Nothing that the run calls may take longer.
const AT_ONCE: Duration = Duration::from_millis(50);

/// How a server behaves.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Takes,
    HangsWhenAsked,
    HangsWhenCalled,
}

struct Fake {
    manner: Manner,
    writes: Arc<AtomicU64>,
}

impl Writer for Fake {
    fn ready<'a>(&'a mut self, _place: &'a Place) -> BoxFuture<'a, Result<(), String>> {
        match self.manner {
            Manner::HangsWhenCalled => Box::pin(std::future::pending()),
            Manner::Takes | Manner::HangsWhenAsked => Box::pin(async { Ok(()) }),
        }
    }
    fn write(&mut self) -> BoxFuture<'_, Result<Taken, Untaken>> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        match self.manner {
            Manner::Takes => Box::pin(async { Ok(Taken { at: Instant::now(), term: 1 }) }),
            Manner::HangsWhenAsked | Manner::HangsWhenCalled => Box::pin(std::future::pending()),
        }
    }
}

fn canary(servers: &[String], manner: Manner) -> (Canary, Arc<AtomicU64>) {
    let provider = Rfc2136 {
        zones: vec!["shop.internal".to_owned()],
        update_at: servers.to_vec(),
        key: TsigKey::File("unused".into()),
        servers: servers.to_vec(),
        resolvers: Vec::new(),
    };
    let estate = estate(NAME, ProviderKind::Rfc2136(provider), a(1), a(2), Span::from_secs(2));
    let entrance = EntranceName::new(NAME).expect("a name");
    let about = About {
        entrance: NAME.to_owned(),
        wrote_to: "`orders`".to_owned(),
        services: vec![ServiceName::new("orders").expect("a name")],
        every: Duration::from_millis(10),
    };
    let writes = Arc::new(AtomicU64::new(0));
    let writer = Fake { manner, writes: Arc::clone(&writes) };
    (Canary::new(about, Name::new(&estate, &entrance).expect("a name"), Box::new(writer), 500), writes)
}

fn name_server() -> Running {
    bind("db 2 IN A 192.0.2.1")
}

fn event(what: What) -> Event {
    Event { seq: 1, at: jiff::Timestamp::UNIX_EPOCH, elapsed_ms: 0, what }
}

fn intended() -> Event {
    event(What::Intended { step: 0, attempt: 1 })
}

fn asked(kind: QuestionKind) -> Event {
    let (id, text) = ("fence".to_owned(), "?".to_owned());
    event(What::Asked { question: Question { id, text, kind, evidence: Vec::new(), details: Vec::new() } })
}

fn answered(answer: Answer) -> Event {
    event(What::Answered { question: "fence".to_owned(), answer, by: "me".to_owned() })
}

/// Whatever the run asks of it is done at once.
fn at_once<T>(what: &str, ask: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let answer = ask();
    assert!(began.elapsed() < AT_ONCE, "{what} took {:?}", began.elapsed());
    answer
}

fn measured_after(mut canary: Canary, wait: Duration) -> Measured {
    at_once("beginning", || canary.begin(Touch::for_test()));
    at_once("hearing", || canary.hear(&intended()));
    std::thread::sleep(wait);
    let measured = at_once("the end", || canary.end()).expect("it tried");
    assert_eq!(at_once("the end, again", || canary.end()), None, "it is told once");
    measured
}

#[test]
fn it_writes_from_the_first_act_on_and_not_while_a_person_may_say_no() {
    let server = name_server();
    let (mut canary, writes) = canary(&[server.address.to_string()], Manner::Takes);
    let count = || writes.load(Ordering::SeqCst);
    let after = |wait: u64| {
        std::thread::sleep(Duration::from_millis(wait));
        count()
    };
    canary.begin(Touch::for_test());
    assert_eq!(after(200), 0, "nothing was begun yet");
    canary.hear(&intended());
    assert!(after(400) > 5, "it does not write");
    for rest in [asked(QuestionKind::Confirm), event(What::Parked { wait: crate::engine::park::Wait::Window(0) })] {
        canary.hear(&rest);
        let resting = after(50);
        assert_eq!(after(300), resting, "it writes while a person thinks, or without the lock");
        canary.hear(&answered(Answer::Yes));
        assert!(after(300) > resting, "it does not go on");
    }
    canary.hear(&answered(Answer::No));
    let resting = after(50);
    assert_eq!(after(200), resting, "it writes after a no");
    canary.hear(&asked(QuestionKind::Failure { may_pass: false, may_back_out: true }));
    canary.hear(&intended());
    // A step that failed is asked about inside the outage.
    canary.hear(&asked(QuestionKind::Failure { may_pass: false, may_back_out: true }));
    assert!(after(300) > resting, "an outage is not measured while somebody is asked what to do");
    let measured = canary.end().expect("measured");
    assert_eq!((measured.failed, measured.unknown, measured.turns.len()), (0, 0, 1), "{measured:?}");
    assert_eq!(measured.turns[0].at, "dallas");
    assert!(measured.from_ms >= 500, "times are the run's: {measured:?}");
    assert!(measured.unmeasured.len() >= 2, "{measured:?}");
    let over = after(50);
    canary.hear(&intended());
    assert_eq!(after(200), over, "it goes on after its end");
}

#[test]
fn whatever_hangs_holds_nothing_up() {
    let server = name_server();
    let server = server.address.to_string();
    // It takes the question and never says a word.
    let mute = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let deaf = mute.local_addr().expect("an address").to_string();
    let (mute_name, writes) = canary(&[deaf], Manner::Takes);
    let measured = measured_after(mute_name, Duration::from_millis(1_300));
    assert_eq!((measured.taken, writes.load(Ordering::SeqCst)), (0, 0), "{measured:?}");
    assert!(measured.says.as_ref().is_some_and(|says| says.contains("did not answer within 500 ms")), "{measured:?}");
    assert!(!measured.gap.expect("a gap").whole);
    for (manner, sent) in [(Manner::HangsWhenCalled, false), (Manner::HangsWhenAsked, true)] {
        let (hanging, writes) = canary(std::slice::from_ref(&server), manner);
        let measured = measured_after(hanging, Duration::from_millis(3_500));
        assert_eq!(measured.taken, 0, "{measured:?}");
        let (failed, unknown) = (measured.failed, measured.unknown);
        assert!(if sent { unknown >= 1 && failed == 0 } else { failed >= 1 && unknown == 0 }, "{measured:?}");
        assert_eq!(writes.load(Ordering::SeqCst) > 0, sent);
        assert!(measured.says.as_ref().is_some_and(|says| says.contains("no answer within 1000 ms")), "{measured:?}");
    }
}

#[test]
fn of_two_name_servers_of_which_one_is_silent_the_other_is_asked() {
    let server = name_server();
    let mute = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let servers = [mute.local_addr().expect("an address").to_string(), server.address.to_string()];
    let measured = measured_after(canary(&servers, Manner::Takes).0, Duration::from_millis(1_500));
    assert!(measured.taken >= 1 && measured.failed == 0, "{measured:?}");
}

/// A lock that was lost.
struct Gone;

impl Leave for Gone {
    fn ended(&self) -> BoxFuture<'_, Option<Lost>> {
        Box::pin(async { Some(Lost::Taken("it is another's".to_owned())) })
    }
}

#[test]
fn without_the_lock_it_writes_nothing() {
    let server = name_server();
    let (mut canary, writes) = canary(&[server.address.to_string()], Manner::Takes);
    canary.begin(Touch::for_test_while(Arc::new(Gone)));
    canary.hear(&intended());
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(writes.load(Ordering::SeqCst), 0);
    let measured = canary.end().expect("it tried");
    assert_eq!((measured.taken, measured.failed), (0, 1), "{measured:?}");
    assert!(measured.says.is_some_and(|says| says.contains("the lock is no longer ours")));
}
