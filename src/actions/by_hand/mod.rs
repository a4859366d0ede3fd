//! How to do an action when Switchback itself is gone: commands for a person with a shell, with the real hosts,
//! ports, paths and units of the estate.
//!
//! It is the same order of the same acts, without the proofs that Switchback makes in between; each command
//! therefore comes with what must be seen before the next one. Nothing is asked of any server to write this down.

mod entrance;
mod mysql;
mod postgres;
pub mod shell;

use crate::base::name::{EntranceName, HostName, ServiceName, SiteName};
use crate::base::secret::SecretRef;
use crate::estate::Estate;
use crate::estate::model::{Control, ControlCommands, CutOff, Host, Kind, Login, WebMember};
use crate::runbook::bound::BoundAction;
use crate::runbook::signature::Noun;
use shell::words;

/// One thing to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Hand {
    /// The host to be logged in to; none for any machine that reaches the others.
    pub host: Option<HostName>,
    /// For a shell; empty where there is nothing to type.
    pub command: String,
    /// What it does, and what must be seen.
    pub expect: String,
    /// When it is to be done at all; empty for always.
    pub only: String,
    /// Variables of the command that are secrets, each with where it lies.
    pub secrets: Vec<(&'static str, String)>,
}

/// What to do, and what takes it back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByHand {
    pub steps: Vec<Hand>,
    /// Empty where nothing was changed, or where there is no way back.
    pub back: Vec<Hand>,
}

impl Hand {
    /// On a host.
    fn on(host: &HostName, command: impl Into<String>, expect: impl Into<String>) -> Self {
        Self { host: Some(host.clone()), command: command.into(), expect: expect.into(), ..Self::default() }
    }

    /// On any machine.
    fn anywhere(command: impl Into<String>, expect: impl Into<String>) -> Self {
        Self { command: command.into(), expect: expect.into(), ..Self::default() }
    }

    fn only(mut self, when: impl Into<String>) -> Self {
        self.only = when.into();
        self
    }

    fn secret(mut self, variable: &'static str, lies: &SecretRef) -> Self {
        self.secrets.push((variable, lies.to_string()));
        self
    }
}

impl From<Vec<Hand>> for ByHand {
    fn from(steps: Vec<Hand>) -> Self {
        Self { steps, back: Vec::new() }
    }
}

/// The commands for one bound action; `from` is the site that served. Nothing where there is nothing to type on this estate.
pub fn by_hand(action: &BoundAction, from: Option<&SiteName>, estate: &Estate) -> ByHand {
    let site = ["at", "to", "site"].iter().find_map(|name| text(action, name));
    let site = site.and_then(|site| SiteName::new(site).ok());
    let found = match &action.item {
        Some((Noun::Database, name)) => database(action, name, site.as_ref(), from, estate),
        Some((Noun::Entrance, name)) => {
            let entrance = EntranceName::new(name.as_str()).ok().and_then(|name| estate.entrances.get(&name));
            entrance.and_then(|found| entrance::by_hand(action, found, site.as_ref(), from, estate))
        }
        Some((Noun::Web, name)) => web(action, name, site.as_ref(), estate),
        Some((Noun::Host, name)) => host(action, name, estate),
        Some((Noun::Site, _)) => None,
        None => human(action),
    };
    found.unwrap_or_default()
}

fn text<'a>(action: &'a BoundAction, name: &str) -> Option<&'a str> {
    action.arguments.get(name)?.as_str()
}

fn database(
    action: &BoundAction,
    name: &str,
    site: Option<&SiteName>,
    from: Option<&SiteName>,
    estate: &Estate,
) -> Option<ByHand> {
    let kind = &estate.services.get(&ServiceName::new(name).ok()?)?.kind;
    // An action without a site (`tidy`) is done wherever one has served.
    let sites = kind.database_sites()?;
    let site = site.or(from).or(sites.first().copied())?;
    // Where it acts at the site that served, the other one is who leads next.
    let other = sites.iter().copied().find(|other| {
        *other != site && (from.is_none_or(|from| from == site || !sites.contains(&from)) || Some(*other) == from)
    })?;
    let word = action.name.strip_prefix("database.")?;
    let members = kind.database_members()?;
    let hosts = |site: &SiteName| -> Vec<&HostName> {
        members.iter().filter(|(at, _)| *at == site).map(|(_, host)| *host).collect()
    };
    let (own, others) = (hosts(site), hosts(other));
    let (first, leader) = (*own.first()?, *others.first()?);
    let one = |word: &str, host: &HostName, leader: &HostName| match kind {
        Kind::Postgres(found) => {
            let member = |host: &HostName| found.members.iter().find(|member| member.host == *host);
            Some(postgres::by_hand(word, text(action, "by"), member(host)?, member(leader)?, estate))
        }
        Kind::Mysql(found) => {
            let member = |host: &HostName| found.members.iter().find(|member| member.host == *host);
            Some(mysql::by_hand(word, member(host)?, member(leader)?, estate))
        }
        Kind::Web(_) => None,
    };
    let beside_own = own.iter().skip(1).copied();
    if word == "siblings_follow" {
        let steps = beside_own.filter_map(|host| one("follow", host, first)).flat_map(|hand| hand.steps);
        let mut steps: Vec<Hand> = steps.collect();
        if steps.is_empty() {
            steps.push(Hand::anywhere("", format!("`{name}` has one member at {site}: nothing is to be done")));
        }
        return Some(steps.into());
    }
    let mut by_hand = one(word, first, leader)?;
    // What is to be done of all members is written out for each; a fence of a sibling is to see that it is one.
    let (word, more): (_, Vec<&HostName>) = match word {
        "follow" | "keep_aside" | "account" | "marker_seen" | "ready" => {
            (word, beside_own.chain(others.iter().skip(1).copied()).collect())
        }
        "fence" => ("ready", beside_own.collect()),
        _ => (word, Vec::new()),
    };
    by_hand.steps.extend(more.into_iter().filter_map(|host| one(word, host, leader)).flat_map(|hand| hand.steps));
    Some(by_hand)
}

fn web(action: &BoundAction, name: &str, site: Option<&SiteName>, estate: &Estate) -> Option<ByHand> {
    let Kind::Web(web) = &estate.services.get(&ServiceName::new(name).ok()?)?.kind else { return None };
    let (scheme, rest) = web.url.split_once("://")?;
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let (server, port) = authority.split_once(':').unwrap_or((authority, if scheme == "https" { "443" } else { "80" }));
    let body = web.expect.body.as_ref().map_or_else(String::new, |body| format!(" and a body that holds `{body}`"));
    let slow = web.expect.p95_max.map_or_else(String::new, |most| format!(", each time within {most}"));
    let good = format!("status {}{body}{slow}; some twenty times", web.expect.status);
    let asked = ["curl", "-sS", "-i", "-w", "\\n%{time_total} s\\n"];
    if text(action, "through") == Some("entrances") {
        let command = words(asked.into_iter().chain([web.url.as_str()]));
        return Some(vec![Hand::anywhere(command, format!("as users come in: {good}"))].into());
    }
    let one = |member: &WebMember| {
        let address = member.address.clone().or_else(|| Some(estate.hosts.get(&member.host)?.address.clone()))?;
        let to = if address.contains(':') { address } else { format!("{address}:{port}") };
        let route = format!("{server}:{port}:{to}");
        let command = words(asked.into_iter().chain(["--connect-to", &route, &web.url]));
        Some(Hand::anywhere(command, format!("{} answers with {good}", member.host)))
    };
    let members = web.members.iter().filter(|member| site.is_none_or(|site| member.site == *site));
    Some(members.filter_map(one).collect::<Vec<_>>().into())
}

fn host(action: &BoundAction, name: &str, estate: &Estate) -> Option<ByHand> {
    let host = estate.hosts.get(&HostName::new(name).ok()?)?;
    let argv = |value: Option<&serde_json::Value>| -> Option<String> {
        let list: Vec<&str> = value?.as_array()?.iter().filter_map(|word| word.as_str()).collect();
        Some(words(list))
    };
    if host.login == Login::None {
        return Some(vec![Hand::anywhere("", format!("{name} has no login; look at it from outside"))].into());
    }
    if action.name == "host.soak" {
        let (how_long, every) = (text(action, "for").unwrap_or("a while"), text(action, "every").unwrap_or("minute"));
        let expect = format!("again every {every}, for {how_long}: it answers each time, and nothing runs full");
        return Some(vec![Hand::on(&host.name, "uptime; free -m; df -h", expect)].into());
    }
    let mut steps = vec![Hand::on(&host.name, argv(action.arguments.get("run"))?, "it ends without an error")];
    let look = action.arguments.get("look");
    if let Some(command) = argv(look.and_then(|look| look.get("run"))) {
        let prints = look.and_then(|look| look.get("prints")).and_then(|prints| prints.as_str());
        let expect = prints.map_or("it ends without an error".to_owned(), |text| format!("it prints `{text}`"));
        steps.push(Hand::on(&host.name, command, expect));
    }
    let back = argv(action.arguments.get("undo")).map(|undo| Hand::on(&host.name, undo, "it is taken back"));
    Some(ByHand { steps, back: back.into_iter().collect() })
}

fn human(action: &BoundAction) -> Option<ByHand> {
    let question = text(action, "question")?;
    let who = text(action, "who").unwrap_or("whoever decides");
    Some(vec![Hand::anywhere("", format!("ask {who}: {question} Go on only when the answer is yes"))].into())
}

/// How one logs in to a host.
pub fn login(host: &Host) -> String {
    if host.login == Login::None {
        return String::new();
    }
    let mut argv = vec!["ssh".to_owned()];
    let mut option = |name: &str, value: Option<String>| {
        argv.extend(value.map(|value| [name.to_owned(), value]).into_iter().flatten());
    };
    option("-p", host.port.map(|port| port.to_string()));
    option("-i", host.key.as_ref().map(|key| key.display().to_string()));
    option("-o", host.known_hosts.as_ref().map(|file| format!("UserKnownHostsFile={}", file.display())));
    option("-J", host.jump.clone());
    let user = host.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
    argv.push(format!("{user}{}", host.address));
    words(argv.iter().map(String::as_str))
}

/// Stops a server and keeps it from starting. `stop` is for one that no supervisor starts.
fn stopped(host: &HostName, control: &Control, stop: Hand) -> Vec<Hand> {
    let gone = "the server is gone, and nothing starts it";
    match control {
        Control::Systemd { unit } => vec![
            Hand::on(host, words(["sudo", "systemctl", "stop", unit]), "the server is gone"),
            Hand::on(host, words(["sudo", "systemctl", "mask", unit]), gone),
        ],
        Control::PgCtl => vec![stop],
        Control::Commands(own) => {
            let disable =
                own.disable.iter().map(|argv| Hand::on(host, argv_words(argv), "nothing starts it by itself"));
            disable.chain([Hand::on(host, argv_words(&own.stop), gone)]).collect()
        }
    }
}

/// Starts a server, and lets it start by itself again.
fn started(host: &HostName, control: &Control, start: Hand) -> Vec<Hand> {
    let (again, up) = ("it may start by itself again", "the server runs");
    match control {
        Control::Systemd { unit } => vec![
            Hand::on(host, words(["sudo", "systemctl", "unmask", unit]), again),
            Hand::on(host, words(["sudo", "systemctl", "start", unit]), up),
        ],
        Control::PgCtl => vec![start],
        Control::Commands(own) => {
            let ControlCommands { start, enable, .. } = own.as_ref();
            let enable = enable.iter().map(|argv| Hand::on(host, argv_words(argv), again));
            enable.chain([Hand::on(host, argv_words(start), up)]).collect()
        }
    }
}

/// What proves a host off that cannot be reached.
fn cut_off(host: &HostName, cut_off: Option<&CutOff>) -> Vec<Hand> {
    let only = format!("only where {host} cannot be reached");
    let Some(CutOff { act, look, off_prints }) = cut_off else {
        let expect = format!(
            "the estate names no `cut_off` for {host}: somebody has to switch it off and see that it is. \
             A refused connection proves nothing"
        );
        return vec![Hand::anywhere("", expect).only(only)];
    };
    vec![
        Hand::anywhere(argv_words(act), format!("{host} is cut off")).only(only.clone()),
        Hand::anywhere(argv_words(look), format!("it prints `{off_prints}`: the proof")).only(only),
    ]
}

fn argv_words(argv: &[String]) -> String {
    words(argv.iter().map(String::as_str))
}

#[cfg(test)]
mod tests;
