//! What name servers say of an entrance, side by side.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::actions::dns::{Answer, Asked, NoAnswer, Records, Server, among, ask, same, shown, sorted};
use crate::engine::action::{ActionError, Evidence};
use crate::runbook::bound::Mode;

/// What each server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub answers: Vec<(Server, Result<Answer, NoAnswer>)>,
}

/// What is to be said: these records, with this TTL where it matters.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub records: &'a Records,
    pub ttl_s: Option<u32>,
}

impl Seen {
    /// Asks servers, all at once; it takes no longer than the slowest, which has a limit.
    pub async fn ask(servers: &[Server], name: &str, asked: Asked<'_>) -> Self {
        let put = |server: &Server| {
            let server = server.clone();
            async move { (server.clone(), ask(&server, name, asked).await) }
        };
        Self { answers: join_all(servers.iter().map(put)).await }
    }

    /// Servers that answer, each with its answer.
    pub fn said(&self) -> impl Iterator<Item = (&Server, &Answer)> {
        self.answers.iter().filter_map(|(server, answer)| Some((server, answer.as_ref().ok()?)))
    }

    /// Servers that do not answer, each with the reason.
    pub fn silent(&self) -> impl Iterator<Item = (&Server, NoAnswer)> {
        self.answers.iter().filter_map(|(server, answer)| Some((server, *answer.as_ref().err()?)))
    }

    /// The first answer: what stood there before, where a sentence or an undo needs one.
    pub fn first(&self) -> Option<&Answer> {
        self.said().next().map(|(_, answer)| answer)
    }

    /// Everything that is said, each once.
    pub fn distinct(&self) -> Vec<Records> {
        let mut distinct: Vec<Records> = Vec::new();
        for (_, answer) in self.said() {
            let records = sorted(&answer.records);
            if !distinct.contains(&records) {
                distinct.push(records);
            }
        }
        distinct
    }

    /// The longest TTL that any server gives, in seconds: resolvers may keep an answer for as long.
    pub fn ttl_s(&self) -> Option<u32> {
        self.said().filter_map(|(_, answer)| answer.ttl_s()).max()
    }

    /// Everything that keeps the authoritative servers from saying what is wanted, a sentence each; none
    /// when they all say it.
    ///
    /// In emergency mode a server that gives no answer at all is passed over as long as another one answers:
    /// the lost site's own name server is lost with it. It is told in the evidence ([`Self::evidence`]),
    /// because one that only *we* cannot reach may go on leading users elsewhere.
    pub fn misses(&self, wanted: Wanted<'_>, mode: Mode) -> Vec<String> {
        let mut misses = self.faults(mode);
        for (server, answer) in self.said() {
            if !same(&answer.records, wanted.records) {
                misses.push(format!("{server} says {}", shown(&answer.records)));
            } else if let Some(ttl_s) = wanted.ttl_s
                && answer.ttls_s.iter().any(|own| *own != ttl_s)
            {
                misses.push(format!("{server} says TTL {}", ttls(answer)));
            }
        }
        misses
    }

    /// What is wrong with the servers themselves, whatever they say; see [`Self::misses`] for the mode.
    pub fn faults(&self, mode: Mode) -> Vec<String> {
        let mut faults = Vec::new();
        let any = self.said().next().is_some();
        if mode == Mode::Planned || !any {
            faults.extend(self.silent().map(|(server, why)| format!("{server}: {why}")));
        }
        if self.answers.is_empty() {
            faults.push("the estate names no authoritative server".to_owned());
        }
        let lame = self.said().filter(|(_, answer)| !answer.authoritative);
        faults.extend(lame.map(|(server, _)| format!("{server} answers, but not as a server of the zone")));
        faults
    }

    /// The same for resolvers: they are nobody's own servers, their TTLs count down, and in emergency mode
    /// one that gives no answer serves no users.
    pub fn misses_of_resolvers(&self, wanted: Wanted<'_>, mode: Mode) -> Vec<String> {
        let silent = self.silent().filter(|_| mode == Mode::Planned);
        let silent = silent.map(|(server, why)| format!("resolver {server}: {why}"));
        let other = self.said().filter(|(_, answer)| !same(&answer.records, wanted.records));
        let other = other.map(|(server, answer)| format!("resolver {server} says {}", shown(&answer.records)));
        silent.chain(other).collect()
    }

    /// The servers that say any of these records, and which.
    pub fn saying(&self, records: &Records) -> Vec<String> {
        let common = self.said().map(|(server, answer)| (server, among(records, &answer.records)));
        let any = common.filter(|(_, common)| *common != Records::default());
        any.map(|(server, common)| format!("{server} says {}", shown(&common))).collect()
    }

    /// An error of the first server without an answer, for a look that needs every one.
    pub fn need_all(&self) -> Result<(), ActionError> {
        match self.silent().next() {
            Some((server, why)) => Err(ActionError::new(why.fault(), format!("name server {server}: {why}"))),
            None => Ok(()),
        }
    }

    /// Evidence: the sentence, each server's answer, and who gave none.
    pub fn evidence(&self, summary: impl Into<String>) -> Evidence {
        let silent: Vec<String> = self.silent().map(|(server, why)| format!("{server} ({why})")).collect();
        let mut summary = summary.into();
        if !silent.is_empty() {
            summary = format!("{summary}; no answer from {}", silent.join(", "));
        }
        let mut evidence = Evidence::new(summary).with("servers", self.answers.iter().map(told).collect::<Vec<_>>());
        if let Some(answer) = self.first() {
            evidence = evidence.with("records", to_json(&answer.records));
        }
        if let Some(ttl_s) = self.ttl_s() {
            evidence = evidence.with("ttl_s", ttl_s);
        }
        evidence
    }
}

fn told((server, answer): &(Server, Result<Answer, NoAnswer>)) -> Value {
    match answer {
        Ok(answer) => json!({
            "server": server.to_string(),
            "says": shown(&answer.records),
            "ttl_s": answer.ttl_s(),
            "serial": answer.serial,
            "authoritative": answer.authoritative,
        }),
        Err(why) => json!({"server": server.to_string(), "fault": why.to_string()}),
    }
}

/// The TTLs of an answer as people read them: one, or all that differ.
pub fn ttls(answer: &Answer) -> String {
    let all: Vec<String> = answer.ttls_s.iter().map(|ttl_s| format!("{ttl_s} s")).collect();
    all.join(" and ")
}

/// Records as evidence holds them, in the words of the estate: `{"A": […], "AAAA": […], "CNAME": …}`.
pub fn to_json(records: &Records) -> Value {
    let mut map = serde_json::Map::new();
    if !records.a.is_empty() {
        map.insert("A".to_owned(), json!(records.a));
    }
    if !records.aaaa.is_empty() {
        map.insert("AAAA".to_owned(), json!(records.aaaa));
    }
    if let Some(target) = &records.cname {
        map.insert("CNAME".to_owned(), json!(target));
    }
    Value::Object(map)
}

/// Reads records back from evidence; `None` when they are not as [`to_json`] writes them.
pub fn from_json(value: &Value) -> Option<Records> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields, default, rename_all = "UPPERCASE")]
    #[derive(Default)]
    struct Written {
        a: Vec<std::net::Ipv4Addr>,
        aaaa: Vec<std::net::Ipv6Addr>,
        cname: Option<String>,
    }
    let Written { a, aaaa, cname } = serde_json::from_value(value.clone()).ok()?;
    Some(Records { a, aaaa, cname })
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    fn a(last: u8) -> Records {
        Records { a: vec![[192, 0, 2, last].into()], ..Records::default() }
    }

    fn says(records: Records, ttl_s: u32) -> Answer {
        Answer { records, ttls_s: [ttl_s].into(), authoritative: true, serial: Some(7) }
    }

    fn seen(answers: Vec<Result<Answer, NoAnswer>>) -> Seen {
        let name = |index: usize| Server::new(&format!("ns{index}"));
        Seen { answers: answers.into_iter().enumerate().map(|(index, answer)| (name(index), answer)).collect() }
    }

    #[test]
    fn every_server_counts() {
        let wanted = a(1);
        let wanted = Wanted { records: &wanted, ttl_s: Some(30) };
        let lost = || Err(NoAnswer::Closed(ErrorKind::ConnectionRefused));
        let says = |records, ttl_s| Ok(says(records, ttl_s));
        let lame = Ok(Answer { authoritative: false, ..self::says(a(1), 30) });
        for (answers, planned, emergency) in [
            (vec![says(a(1), 30), says(a(1), 30)], 0, 0),
            (vec![says(a(1), 30), says(a(2), 30)], 1, 1),
            (vec![says(a(1), 30), says(a(1), 60)], 1, 1),
            (vec![says(a(1), 30), lost()], 1, 0),
            (vec![lost(), lost()], 2, 2),
            (vec![lame], 1, 1),
            (vec![], 1, 1),
        ] {
            let seen = seen(answers);
            assert_eq!(seen.misses(wanted, Mode::Planned).len(), planned, "{seen:?}");
            assert_eq!(seen.misses(wanted, Mode::Emergency).len(), emergency, "{seen:?}");
        }
    }

    #[test]
    fn a_server_without_an_answer_is_always_told() {
        let evidence = seen(vec![Ok(says(a(1), 30)), Err(NoAnswer::Silent)]).evidence("alike");
        assert_eq!(evidence.summary, "alike; no answer from ns1 (it did not answer within 2 s)");
    }

    #[test]
    fn records_are_read_back_from_evidence() {
        let records = Records { aaaa: vec!["2001:db8::1".parse().expect("aaaa")], cname: None, ..a(1) };
        for records in [records, Records { cname: Some("b.test".to_owned()), ..Records::default() }, Records::default()]
        {
            assert_eq!(from_json(&to_json(&records)), Some(records));
        }
        assert_eq!(from_json(&json!({"A": ["x"]})), None);
    }
}
