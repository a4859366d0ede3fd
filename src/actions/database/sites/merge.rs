//! What the members of one site say together. Pure.

use crate::actions::database::port::{Account, Arrival, Fence, Keepsake, Role, Standing, Way};
use crate::actions::database::situation::two_writers;
use crate::base::name::{HostName, ServiceName, SiteName};
use crate::engine::action::{ActionError, Evidence};

/// Something about one member.
pub type Of<'a, T> = (&'a HostName, T);
/// How one member stands.
pub type Seen<'a> = Of<'a, Result<Standing, ActionError>>;

/// Which of a site's members leads: the one that takes writes; where none does, the first. Two of them stop everything.
pub fn leads(service: &ServiceName, seen: &[Seen<'_>]) -> Result<usize, ActionError> {
    Ok(writer(service, seen)?.unwrap_or(0))
}

/// Which of them led before it was fenced: the one that takes writes; where none does, the only one that is told to follow
/// nobody. `None` where that is not exactly one.
pub fn led(service: &ServiceName, seen: &[Seen<'_>]) -> Result<Option<usize>, ActionError> {
    if let Some(writer) = writer(service, seen)? {
        return Ok(Some(writer));
    }
    let alone = |(_, (_, standing)): &(usize, &Seen<'_>)| {
        standing.as_ref().is_ok_and(|standing| standing.follows.is_none() && !standing.streaming)
    };
    let found: Vec<usize> = seen.iter().enumerate().filter(alone).map(|(at, _)| at).collect();
    Ok(if let [one] = found.as_slice() { Some(*one) } else { None })
}

fn writer(service: &ServiceName, seen: &[Seen<'_>]) -> Result<Option<usize>, ActionError> {
    let writes = |(_, (_, standing)): &(usize, &Seen<'_>)| {
        standing.as_ref().is_ok_and(|standing| standing.role == Role::Primary)
    };
    match seen.iter().enumerate().filter(writes).map(|(at, _)| at).collect::<Vec<_>>().as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        [one, other, ..] => Err(ActionError::refused(two_writers(service, seen[*one].0, seen[*other].0))),
    }
}

/// Why a fence cannot be taken back by itself.
pub fn nobody_led(service: &ServiceName, site: &SiteName, seen: &[Seen<'_>]) -> String {
    format!(
        "which member of `{service}` led at {site} cannot be seen ({}); whoever knows it lets it take writes again by hand",
        told(seen)
    )
}

fn told(seen: &[Seen<'_>]) -> String {
    let one = |(host, standing): &Seen<'_>| match standing {
        Ok(standing) => format!("{host}: {}", standing.summary),
        Err(error) => format!("{host}: cannot be seen: {error}"),
    };
    seen.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A site stands as the one that leads there does; the others are named beside it.
pub fn standing(service: &ServiceName, site: &SiteName, seen: &[Seen<'_>]) -> Result<Standing, ActionError> {
    let at = leads(service, seen)?;
    let summary = told(seen);
    let other = seen.iter().enumerate().find(|(other, (_, standing))| *other != at && standing.is_ok());
    match (&seen[at], other) {
        ((_, Ok(standing)), _) => Ok(Standing { summary, ..standing.clone() }),
        ((host, Err(error)), Some((_, (other, _)))) => Err(ActionError::new(
            error.fault,
            format!("{error}; {host} leads at {site} by the estate's order: to let {other} lead there, write it first"),
        )),
        ((_, Err(error)), None) => Err(error.clone()),
    }
}

/// How each site stands by what was seen of its members: as the one there that takes writes, or as the first.
pub fn by_site<'a>(
    members: impl IntoIterator<Item = (&'a SiteName, Option<&'a Standing>)>,
) -> Vec<(SiteName, Option<Standing>)> {
    let mut all: Vec<(SiteName, Option<Standing>)> = Vec::new();
    for (site, standing) in members {
        match all.iter_mut().find(|(known, _)| known == site) {
            None => all.push((site.clone(), standing.cloned())),
            Some((_, seen)) if standing.is_some_and(|standing| standing.role == Role::Primary) => {
                *seen = standing.cloned();
            }
            Some(_) => {}
        }
    }
    all
}

/// A site is fenced when each is. What is open is to be shut, also beside one that nothing can be proven of once a person
/// has vouched for that one; before, nothing is begun.
pub fn fences(looks: Vec<Of<'_, Fence>>, accepted: bool) -> Fence {
    if looks.len() == 1 {
        return looks.into_iter().next().map_or_else(|| Fence::Unprovable(String::new()), |(_, fence)| fence);
    }
    let (mut open, mut unproven, mut unprovable, mut proven) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (host, fence) in looks {
        match fence {
            Fence::Open(evidence) => open.push((host, evidence)),
            Fence::Unproven(evidence) => unproven.push((host, evidence)),
            Fence::Unprovable(why) => unprovable.push(why),
            Fence::Proven(evidence) => proven.push((host, evidence)),
        }
    }
    let to_shut = !open.is_empty() || !unproven.is_empty();
    let begins = accepted && to_shut;
    if !unprovable.is_empty() && !begins {
        return Fence::Unprovable(unprovable.join("; "));
    }
    let is_open = !open.is_empty();
    open.append(&mut unproven);
    let mut evidence = evidences(if to_shut { open } else { proven });
    if !unprovable.is_empty() {
        evidence.summary = format!("{}; NOT PROVEN, accepted by name: {}", evidence.summary, unprovable.join("; "));
    }
    match (to_shut, is_open) {
        (false, _) => Fence::Proven(evidence),
        (true, true) => Fence::Open(evidence),
        (true, false) => Fence::Unproven(evidence),
    }
}

/// The worst of what the old site's members and those beside the target have and it lacks.
pub fn arrivals(old: Vec<Of<'_, Arrival>>, beside: Vec<Of<'_, Arrival>>) -> Arrival {
    let beside = beside.into_iter().filter(|(_, arrival)| !matches!(arrival, Arrival::All(_) | Arrival::Unknown(_)));
    let beside = beside.map(|(host, arrival)| match arrival {
        Arrival::Lost { bytes, mut evidence } if bytes > 0 => {
            let hint = format!("; written first at its site, {host} would lead there");
            evidence.summary.push_str(&hint);
            Arrival::Lost { bytes, evidence }
        }
        other => other,
    });
    let mut all: Vec<Arrival> = old.into_iter().map(|(_, arrival)| arrival).chain(beside).collect();
    let badness = |arrival: &Arrival| match arrival {
        Arrival::All(_) => (0, 0),
        Arrival::Lost { bytes, .. } => (1, *bytes),
        Arrival::Unknown(_) => (2, 0),
        Arrival::NotYet(_) => (3, 0),
        Arrival::StillWriting(_) => (4, 0),
    };
    // Sorted from the worst on; those that are equally bad stay in the estate's order.
    all.sort_by_key(|arrival| std::cmp::Reverse(badness(arrival)));
    let kind = all.first().map_or(0, |worst| badness(worst).0);
    let said: Vec<&str> = all.iter().filter(|arrival| badness(arrival).0 == kind).map(summary_of).collect();
    let summary = said.join("; ");
    let Some(worst) = all.into_iter().next() else { return Arrival::Unknown(Evidence::new("nobody was asked")) };
    let with = |evidence: Evidence| Evidence { summary, ..evidence };
    match worst {
        Arrival::All(evidence) => Arrival::All(with(evidence)),
        Arrival::NotYet(evidence) => Arrival::NotYet(with(evidence)),
        Arrival::Lost { bytes, evidence } => Arrival::Lost { bytes, evidence: with(evidence) },
        Arrival::Unknown(evidence) => Arrival::Unknown(with(evidence)),
        Arrival::StillWriting(evidence) => Arrival::StillWriting(with(evidence)),
    }
}

fn summary_of(arrival: &Arrival) -> &str {
    match arrival {
        Arrival::All(evidence)
        | Arrival::NotYet(evidence)
        | Arrival::Lost { evidence, .. }
        | Arrival::Unknown(evidence)
        | Arrival::StillWriting(evidence) => &evidence.summary,
    }
}

const WAYS: &str = "ways";

/// The way for all of them: the one that takes most, with each one's own in the evidence.
pub fn ways(mut ways: Vec<Of<'_, Way>>) -> Way {
    if ways.len() == 1 {
        return ways.remove(0).1;
    }
    let blocked: Vec<&str> = ways
        .iter()
        .filter_map(|(_, way)| if let Way::Blocked(why) = way { Some(why.as_str()) } else { None })
        .collect();
    if !blocked.is_empty() {
        return Way::Blocked(blocked.join("; "));
    }
    let of_each: serde_json::Map<String, serde_json::Value> = ways
        .iter()
        .map(|(host, way)| (host.to_string(), serde_json::json!({"how": word(way).1, "why": evidence_of(way).summary})))
        .collect();
    let most = ways.iter().map(|(_, way)| word(way).0).max().unwrap_or(0);
    // Who follows already is not worth a word beside those who are yet to be made to.
    let said = ways.into_iter().filter(|(_, way)| most == 0 || word(way).0 > 0);
    let evidence = evidences(said.map(|(host, way)| (host, evidence_of(&way))).collect()).with(WAYS, of_each);
    match most {
        0 => Way::Already(evidence),
        1 => Way::Follow(evidence),
        2 => Way::Rewind(evidence),
        _ => Way::Copy(evidence),
    }
}

/// One member's own way, from what [`ways`] gave.
pub fn way_of(way: &Way, host: &HostName) -> Option<Way> {
    let evidence = evidence_of(way);
    let own = evidence.values.get(WAYS)?.get(host.as_str())?;
    let evidence = Evidence::new(own.get("why")?.as_str()?);
    Some(match own.get("how")?.as_str()? {
        "already" => Way::Already(evidence),
        "follow" => Way::Follow(evidence),
        "rewind" => Way::Rewind(evidence),
        "copy" => Way::Copy(evidence),
        _ => return None,
    })
}

fn word(way: &Way) -> (u8, &'static str) {
    match way {
        Way::Already(_) => (0, "already"),
        Way::Follow(_) => (1, "follow"),
        Way::Rewind(_) => (2, "rewind"),
        Way::Copy(_) => (3, "copy"),
        Way::Blocked(_) => (4, "blocked"),
    }
}

fn evidence_of(way: &Way) -> Evidence {
    match way {
        Way::Already(evidence) | Way::Follow(evidence) | Way::Rewind(evidence) | Way::Copy(evidence) => {
            evidence.clone()
        }
        Way::Blocked(why) => Evidence::new(why.clone()),
    }
}

/// What is to be kept of any of them is to be kept.
pub fn keepsakes(all: Vec<Of<'_, Keepsake>>) -> Keepsake {
    let (mut to_keep, mut kept, mut nothing) = (Vec::new(), Vec::new(), Vec::new());
    for (host, keepsake) in all {
        match keepsake {
            Keepsake::ToKeep(evidence) => to_keep.push((host, evidence)),
            Keepsake::Kept(evidence) => kept.push((host, evidence)),
            Keepsake::Nothing(evidence) => nothing.push((host, evidence)),
        }
    }
    match (to_keep.is_empty(), kept.is_empty()) {
        (false, _) => Keepsake::ToKeep(evidences(to_keep)),
        (true, false) => Keepsake::Kept(evidences(kept)),
        (true, true) => Keepsake::Nothing(evidences(nothing)),
    }
}

/// What is to be saved of any of them is to be saved.
pub fn accounts(all: Vec<Of<'_, Account>>) -> Account {
    let (mut to_take, mut taken, mut needless) = (Vec::new(), Vec::new(), Vec::new());
    for (host, account) in all {
        match account {
            Account::ToTake(evidence) => to_take.push((host, evidence)),
            Account::Taken(evidence) => taken.push((host, evidence)),
            Account::Needless(evidence) => needless.push((host, evidence)),
        }
    }
    match (to_take.is_empty(), taken.is_empty()) {
        (false, _) => Account::ToTake(evidences(to_take)),
        (true, false) => Account::Taken(saved(taken)),
        (true, true) => Account::Needless(evidences(needless)),
    }
}

/// The accounts of several members. A sibling lost no more than what it had received of the same: the longest of them
/// counts, and is not added to the others.
pub fn saved(mut all: Vec<Of<'_, Evidence>>) -> Evidence {
    let lost = |evidence: &Evidence| evidence.number("lost_transactions");
    all.sort_by_key(|(_, evidence)| std::cmp::Reverse(lost(evidence)));
    let not: Vec<serde_json::Value> = all
        .iter()
        .filter_map(|(_, evidence)| evidence.values.get("not_recovered")?.as_array())
        .flatten()
        .cloned()
        .collect();
    if all.iter().any(|(_, evidence)| lost(evidence).is_some()) {
        all.retain(|(_, evidence)| lost(evidence).is_some());
    }
    let values = all.first().map(|(_, evidence)| evidence.values.clone()).unwrap_or_default();
    let evidence = Evidence { values, ..evidences(all) };
    if evidence.values.contains_key("not_recovered") { evidence.with("not_recovered", not) } else { evidence }
}

/// All of them in one sentence, with the values of the one that has the most to say.
pub fn evidences(all: Vec<Of<'_, Evidence>>) -> Evidence {
    let mut values = serde_json::Map::new();
    let mut said: Vec<String> = Vec::new();
    for (_, evidence) in all {
        if evidence.values.len() > values.len() {
            values = evidence.values;
        }
        if !said.contains(&evidence.summary) {
            said.push(evidence.summary);
        }
    }
    Evidence { summary: said.join("; "), values }
}

/// What came of all of them; what failed says what did not.
pub fn done(all: Vec<Of<'_, Result<Evidence, ActionError>>>) -> Result<Evidence, ActionError> {
    let (mut well, mut failed) = (Vec::new(), Vec::new());
    for (host, done) in all {
        match done {
            Ok(evidence) => well.push((host, evidence)),
            Err(error) => failed.push(error),
        }
    }
    let Some(first) = failed.first() else { return Ok(evidences(well)) };
    let fault = first.fault;
    let errors: Vec<&str> = failed.iter().map(|error| error.message.as_str()).collect();
    let mut message = errors.join("; ");
    if !well.is_empty() {
        message = format!("{message}; but {}", evidences(well).summary);
    }
    Err(ActionError::new(fault, message))
}
