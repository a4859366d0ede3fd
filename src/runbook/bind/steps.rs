//! The steps of one phase: each loop expanded over the items that it concerns.

use std::collections::BTreeMap;

use super::Binding;
use super::items::Item;
use crate::base::closest::did_you_mean;
use crate::base::name::SiteName;
use crate::base::quantity::Span;
use crate::base::tree::{Node, Value};
use crate::estate::model::Login;
use crate::runbook::bound::{BoundAction, BoundGroup, BoundStep};
use crate::runbook::model::{Loop, Phase, Serving, Step};
use crate::runbook::signature::{ArgumentKind, Noun};
use crate::runbook::{argument, reference};

/// A phase's steps before they are laid out in groups.
pub(super) struct Expanded {
    pub(super) steps: Vec<Part>,
    /// Loops that had no item.
    pub(super) empty: Vec<(String, Noun)>,
}

/// One step for one item.
pub(super) struct Part {
    /// Which step of the phase.
    index: usize,
    pub(super) priority: u32,
    item: Option<Item>,
    bound: BoundStep,
}

impl Binding<'_> {
    /// Everything that a phase does, step by step and within a step item by item.
    pub(super) fn expand(&mut self, phase: &Phase) -> Expanded {
        let mut expanded = Expanded { steps: Vec::new(), empty: Vec::new() };
        for (index, step) in phase.steps.iter().enumerate() {
            let about = format!("{}/{}/{}", self.runbook.name, phase.id.value, step.id.value);
            if !step.in_mode(self.mode) || !self.is_on(&about, step.when.as_ref(), &Serving::default()) {
                continue;
            }
            self.judge_sites(&about, step);
            let Some(each) = step.each.as_ref().or(phase.each.as_ref()) else {
                let bound = self.bound_step(phase, step, None);
                expanded.steps.push(Part { index, priority: 0, item: None, bound });
                continue;
            };
            let items = self.concerned(&about, step, each);
            if items.is_empty() {
                expanded.empty.push((step.id.value.clone(), each.noun));
            }
            for item in items {
                let bound = self.bound_step(phase, step, Some(&item));
                expanded.steps.push(Part { index, priority: item.priority, item: Some(item), bound });
            }
        }
        expanded
    }

    /// The items of a loop that a step concerns.
    fn concerned(&mut self, about: &str, step: &Step, each: &Loop) -> Vec<Item> {
        let all = self.items.all(each.noun);
        if all.is_empty() {
            return all;
        }
        let chosen: Vec<Item> = all.into_iter().filter(|item| self.is_chosen(item, each)).collect();
        if chosen.is_empty() && !each.may_be_empty {
            let extent = each.filter.extent.unwrap_or(each.extent);
            self.problem(extent, about, "`where` leaves nothing: a mistake, or say `may_be_empty: true`");
        }
        let between: Vec<SiteName> = ["to", "from"].iter().filter_map(|input| self.site(input)).collect();
        let sites: Vec<(&str, SiteName)> = step
            .signature
            .arguments
            .iter()
            .filter(|argument| argument.kind == ArgumentKind::Site)
            .filter_map(|argument| Some((argument.name, self.site_argument(step.argument(argument.name)?)?)))
            .collect();
        chosen
            .into_iter()
            .filter(|item| self.items.takes_part(item, &between))
            .filter(|item| sites.iter().all(|(argument, site)| self.items.is_at(item, argument, site)))
            .collect()
    }

    fn site_argument(&self, node: &Node) -> Option<SiteName> {
        let value = argument::value(node, ArgumentKind::Site, &self.values);
        SiteName::new(value.as_str()?).ok()
    }

    fn is_chosen(&self, item: &Item, each: &Loop) -> bool {
        let filter = &each.filter;
        let value = |text: &str| match reference::whole(text) {
            Some(name) => self.values.get(name).cloned().unwrap_or_default(),
            None => text.to_owned(),
        };
        let at_site = filter.site.as_ref().is_none_or(|site| match (&item.site, SiteName::new(value(site))) {
            (Some(own), Ok(site)) => *own == site,
            (None, Ok(site)) => item.services.first().is_some_and(|name| self.items.has_member(name, &site)),
            (_, Err(_)) => false,
        });
        let of_kind = filter.kind.as_ref().is_none_or(|kind| item.kind == Some(value(kind).as_str()));
        let by_login = filter.login.as_ref().is_none_or(|login| {
            let word = match item.login {
                Some(Login::Ssh) => "ssh",
                Some(Login::None) => "none",
                None => "",
            };
            word == value(login)
        });
        at_site && of_kind && by_login
    }

    fn bound_step(&self, phase: &Phase, step: &Step, item: Option<&Item>) -> BoundStep {
        let mut values = self.values.clone();
        if let Some(item) = item {
            values.insert(item.noun.as_str().to_owned(), item.name.clone());
        }
        let mut arguments = serde_json::Map::new();
        for known in step.signature.arguments {
            let Some(node) = step.argument(known.name) else { continue };
            let value = argument::value(node, known.kind, &values);
            arguments.insert(known.name.to_owned(), value);
        }
        let text = |name: &str| arguments.get(name).and_then(|value| value.as_str());
        let site = text("at").and_then(|site| SiteName::new(site).ok());
        let item_name = item.map(|item| format!("/{}", item.name)).unwrap_or_default();
        BoundStep {
            // The wave is added where the step is laid out.
            id: format!("/{}{item_name}", step.id.value),
            title: step.title.as_ref().map(|title| reference::fill(title, &values)).unwrap_or_default(),
            site: site.or_else(|| item.and_then(|item| item.site.clone())),
            services: item.map(|item| item.services.clone()).unwrap_or_default(),
            within: within(&step.within, &values),
            on_failure: step.on_failure,
            place: self.runbook.sources.at(step.id.extent).file_and_line(),
            action: BoundAction {
                name: step.signature.name.to_owned(),
                item: item.map(|item| (item.noun, item.name.clone())),
                arguments,
            },
        }
        .of(phase)
    }

    /// A site written out in a runbook must be one of this estate.
    fn judge_sites(&mut self, about: &str, step: &Step) {
        for known in step.signature.arguments.iter().filter(|known| known.kind == ArgumentKind::Site) {
            let Some(node) = step.argument(known.name) else { continue };
            let Value::Text { text, .. } = &node.value else { continue };
            if reference::whole(text).is_some() {
                continue;
            }
            let sentence = match self.estate.sites.get(text.as_str()) {
                None => {
                    let slip = did_you_mean(text, self.estate.sites.keys().map(SiteName::as_str));
                    format!("`{}`: no site `{text}`{slip}", known.name)
                }
                Some(site) if site.witness => format!("`{}`: `{text}` is a witness, it cannot serve", known.name),
                Some(_) => continue,
            };
            self.problem(node.extent, about, &sentence);
        }
    }
}

impl Expanded {
    /// The steps of one wave (or of all, where there are none) in the groups that are done at once.
    pub(super) fn groups(&self, phase: &Phase, wave: Option<u32>) -> Vec<BoundGroup> {
        let mut parts: Vec<&Part> =
            self.steps.iter().filter(|part| wave.is_none_or(|wave| part.priority == wave)).collect();
        let name = |part: &Part| part.item.as_ref().map(|item| item.name.clone());
        if phase.each.is_some() && !phase.parallel {
            // All steps for one item, then all for the next: items in the order in which they came first.
            let mut order: Vec<Option<String>> = Vec::new();
            for part in &parts {
                if !order.contains(&name(part)) {
                    order.push(name(part));
                }
            }
            parts.sort_by_key(|part| order.iter().position(|known| *known == name(part)));
        }
        let step = |part: &&Part| {
            let mut bound = part.bound.clone();
            if let Some(wave) = wave {
                bound.id = bound.id.replacen('/', &format!(".{wave}/"), 1);
            }
            bound
        };
        parts
            .chunk_by(|a, b| phase.parallel && a.index == b.index)
            .map(|group| BoundGroup { steps: group.iter().map(step).collect() })
            .collect()
    }
}

impl BoundStep {
    fn of(mut self, phase: &Phase) -> Self {
        self.id.insert_str(0, &phase.id.value);
        self
    }
}

/// Judged when the runbook was loaded, so that a value is always found.
fn within(written: &str, values: &BTreeMap<String, String>) -> Span {
    let text = reference::whole(written).and_then(|name| values.get(name)).map_or(written, String::as_str);
    text.parse().unwrap_or(Span::from_secs(60))
}
