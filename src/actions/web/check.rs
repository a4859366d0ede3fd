//! `web.check`: ask the web service and judge its answers.

use futures::future::{BoxFuture, join_all};
use serde_json::{Value, json};

use super::figures::{Figures, millis, spoken};
use super::probe::{Bad, Probe, Probed};
use super::whom::{Found, Place, Whom};
use crate::actions::context::Memory;
use crate::base::name::{ServiceName, SiteName};
use crate::base::quantity::Span;
use crate::engine::action::{Action, ActionError, Applied, Effect, Evidence, Observed, Touch};

const NAME: &str = "web.check";

/// Asks a web service and judges its answers.
#[derive(Debug)]
pub struct Check {
    pub service: ServiceName,
    pub at: SiteName,
    pub whom: Whom,
    pub probe: Probe,
    pub p95_max: Option<Span>,
    pub memory: Memory,
}

impl Check {
    async fn look(&self) -> Result<Observed, ActionError> {
        let places = match self.whom.find().await? {
            Found::Places(places) => places,
            Found::NotYet(sentence) => return Ok(Observed::Pending(self.mark(Evidence::new(sentence)))),
        };
        let asked = join_all(places.iter().map(|place| self.probe.ask(place.address))).await;
        let probed: Vec<(Place, Probed)> =
            places.into_iter().zip(asked.into_iter().collect::<Result<Vec<_>, _>>()?).collect();
        self.judge(&probed)
    }

    /// Good answers from everywhere are *satisfied*. Anything else is an error that may pass: a server that was
    /// just started answers badly for a while, and a plan must say that it does not answer well now.
    fn judge(&self, probed: &[(Place, Probed)]) -> Result<Observed, ActionError> {
        let (beyond_us, asked): (Vec<_>, Vec<_>) =
            probed.iter().partition(|(place, probed)| has_no_route(place, probed));
        // An address that this machine has no way to counts only as long as another one was really asked.
        let (asked, passed_over) = if asked.is_empty() { (beyond_us, Vec::new()) } else { (asked, beyond_us) };
        let mut misses: Vec<String> = asked.iter().filter_map(|(place, probed)| told_bad(place, probed)).collect();
        let all: Vec<_> = asked.iter().flat_map(|(_, probed)| probed.times.iter().copied()).collect();
        let figures = Figures::new(all);
        if let (Some(most), Some(figures)) = (self.p95_max, &figures)
            && figures.percentile(95) > most.duration()
        {
            let p95 = spoken(millis(figures.percentile(95)));
            misses.push(format!("95 of 100 answers come within {p95}, and {most} is what the estate allows"));
        }
        let mut evidence = self.mark(Evidence::new(""));
        evidence = evidence.with("asked", probed.iter().map(told).collect::<Vec<_>>());
        let Some(figures) = figures.filter(|_| misses.is_empty()) else {
            let why = if misses.is_empty() { "nothing was asked".to_owned() } else { misses.join("; ") };
            let mut error =
                ActionError::transient(format!("`{}` does not answer well at {}: {why}", self.service, self.at));
            error.evidence = evidence;
            return Err(error);
        };
        let (p50_ms, p95_ms) = (millis(figures.percentile(50)), millis(figures.percentile(95)));
        evidence = evidence.with("answers", figures.answers()).with("p50_ms", p50_ms).with("p95_ms", p95_ms);
        let mut summary = format!(
            "`{}` answers at {}: {} good answers, p95 {}",
            self.service,
            self.at,
            figures.answers(),
            spoken(p95_ms)
        );
        if let Some(before_ms) = self.before_ms() {
            evidence = evidence.with("p95_before_ms", before_ms);
            summary = format!("{summary}, {} before", spoken(before_ms));
        }
        for (place, _) in passed_over {
            summary = format!("{summary}; {} was not asked, this machine has no way there", place.address);
        }
        evidence.summary = summary;
        Ok(Observed::Satisfied(evidence))
    }

    fn mark(&self, evidence: Evidence) -> Evidence {
        evidence
            .with("action", NAME)
            .with("service", self.service.as_str())
            .with("site", self.at.as_str())
            .with("through", self.whom.through())
    }

    /// The figure of an earlier check of the service in this run; one that asked in the same way, if there is one.
    fn before_ms(&self) -> Option<f64> {
        let earlier = |through: Option<&str>| {
            self.memory.find(|_, evidence| {
                let is_it = evidence.text("action") == Some(NAME)
                    && evidence.text("service") == Some(self.service.as_str())
                    && through.is_none_or(|through| evidence.text("through") == Some(through));
                is_it.then(|| evidence.values.get("p95_ms")?.as_f64())?
            })
        };
        earlier(Some(self.whom.through())).or_else(|| earlier(None))
    }
}

/// Whether this machine has no way to an address of IPv6: most have none, and their users have.
fn has_no_route(place: &Place, probed: &Probed) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable};
    let no_route =
        |bad: &Bad| matches!(bad, Bad::NoConnection(AddrNotAvailable | HostUnreachable | NetworkUnreachable));
    place.address.is_ipv6() && probed.times.is_empty() && probed.bad.iter().all(no_route)
}

fn told_bad(place: &Place, probed: &Probed) -> Option<String> {
    let first = probed.bad.first()?;
    let (bad, all) = (probed.bad.len(), probed.bad.len() + probed.times.len());
    let count = if all > 1 { format!("{bad} of {all} answers: ") } else { String::new() };
    Some(format!("{} ({}): {count}{first}", place.label, place.address))
}

fn told((place, probed): &(Place, Probed)) -> Value {
    let figures = Figures::new(probed.times.clone());
    json!({
        "what": place.label,
        "address": place.address.to_string(),
        "good": probed.times.len(),
        "bad": probed.bad.len(),
        "p50_ms": figures.as_ref().map(|figures| millis(figures.percentile(50))),
        "p95_ms": figures.as_ref().map(|figures| millis(figures.percentile(95))),
    })
}

impl Action for Check {
    fn summary(&self) -> String {
        match self.whom {
            Whom::Members { .. } => format!("ask `{}` at {} and judge its answers", self.service, self.at),
            _ => {
                format!("ask `{}` by its public name, which leads to {}, and judge its answers", self.service, self.at)
            }
        }
    }
    fn effect(&self) -> Effect {
        Effect::Look
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed, ActionError>> {
        Box::pin(self.look())
    }
    fn apply<'a>(&'a self, _touch: &'a Touch) -> BoxFuture<'a, Result<Applied, ActionError>> {
        Box::pin(async { Err(ActionError::refused("`web.check` only looks")) })
    }
}
