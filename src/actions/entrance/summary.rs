//! Where each entrance leads, as `status` tells it: a look, whatever kind of entrance it is.

use futures::future::join_all;

use super::look::Seen;
use super::target::Target;
use crate::actions::dns::{NoAnswer, same, shown};
use crate::base::name::{EntranceName, SiteName};
use crate::estate::model::Estate;

/// Where one entrance leads.
#[derive(Debug, Clone, serde::Serialize)]
pub struct EntranceSummary {
    pub name: EntranceName,
    /// The sites that it leads to: one, when all is well; none, when it leads nowhere that the estate knows.
    pub sites: Vec<SiteName>,
    /// Whether every server answers, is one of the zone's own, and says the same.
    pub agreed: bool,
    /// A lower-case sentence without a full stop.
    pub sentence: String,
    pub servers: Vec<ServerSummary>,
}

/// What one server says.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ServerSummary {
    pub server: String,
    /// `A 10.0.0.1`; why there is no answer, where there is none.
    pub says: String,
    pub answers: bool,
    pub authoritative: bool,
    /// The longest that its answer may be kept, in seconds.
    pub ttl_s: Option<u32>,
    pub serial: Option<u32>,
}

/// Looks at every entrance of the estate, all at once.
pub async fn summaries(estate: &Estate) -> Vec<EntranceSummary> {
    join_all(estate.entrances.keys().map(|name| summary(estate, name))).await
}

async fn summary(estate: &Estate, name: &EntranceName) -> EntranceSummary {
    match Target::new(estate, name) {
        Ok(target) => told(&target, &target.look().await),
        Err(sentence) => {
            EntranceSummary { name: name.clone(), sites: Vec::new(), agreed: false, sentence, servers: Vec::new() }
        }
    }
}

fn told(target: &Target, seen: &Seen) -> EntranceSummary {
    let name = &target.name;
    let distinct = seen.distinct();
    let leads_to = |site: &&SiteName| {
        let own = target.records.get(*site);
        distinct.iter().any(|records| own.is_some_and(|own| same(own, records)))
    };
    let sites: Vec<SiteName> = target.records.keys().filter(leads_to).cloned().collect();
    let silent: Vec<String> = seen.silent().map(|(server, why)| format!("{server}: {why}")).collect();
    let all_own = seen.said().all(|(_, answer)| answer.authoritative);
    let mut sentence = match (distinct.as_slice(), sites.as_slice()) {
        ([], _) => format!("where `{name}` leads is not known"),
        ([_], [site]) => format!("`{name}` leads to {site}"),
        ([records], _) => format!("`{name}` leads to no one site of the estate: {}", shown(records)),
        (several, _) => {
            let all: Vec<String> = several.iter().map(shown).collect();
            format!("the servers of `{name}` disagree: {}", all.join(" / "))
        }
    };
    if !all_own {
        sentence.push_str("; not every server is one of the zone's own");
    }
    if !silent.is_empty() {
        sentence.push_str("; no answer from ");
        sentence.push_str(&silent.join(", "));
    }
    EntranceSummary {
        name: name.clone(),
        agreed: distinct.len() == 1 && silent.is_empty() && all_own,
        sites,
        sentence,
        servers: seen.answers.iter().map(|(server, answer)| server_told(server.to_string(), answer)).collect(),
    }
}

fn server_told(server: String, answer: &Result<crate::actions::dns::Answer, NoAnswer>) -> ServerSummary {
    match answer {
        Ok(answer) => ServerSummary {
            server,
            says: shown(&answer.records),
            answers: true,
            authoritative: answer.authoritative,
            ttl_s: answer.ttl_s(),
            serial: answer.serial,
        },
        Err(why) => ServerSummary {
            server,
            says: why.to_string(),
            answers: false,
            authoritative: false,
            ttl_s: None,
            serial: None,
        },
    }
}
