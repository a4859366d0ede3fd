//! What a phase or a step depends on: a flag, who serves, a window.

use super::argument::{Meaning, Scope};
use super::load::Loading;
use super::model::When;
use super::reference;
use super::written::{self, InputKind};
use crate::base::at::At;

impl Loading<'_> {
    /// The flag, or the serving site, that something depends on.
    pub(super) fn when(
        &mut self,
        about: &str,
        when: Option<&At<written::When>>,
        scope: &Scope,
        used: &mut Vec<String>,
    ) -> Option<When> {
        let when = when?;
        let flag = match (&when.flag, &when.serving) {
            (Some(flag), None) => flag,
            (None, Some(site)) => {
                self.site_reference(about, "when: {serving: …}", site, scope, used);
                return Some(When::Serving(site.clone()));
            }
            _ => {
                self.problem(when.extent, about, "`when` takes `flag` or `serving`, one of the two");
                return None;
            }
        };
        let name = reference::whole(flag);
        match name.map(|name| (name, scope.meaning(name))) {
            Some((name, Some(Meaning::Input(InputKind::Flag)))) => {
                used.push(name.to_owned());
                Some(When::Flag(name.to_owned()))
            }
            Some((name, None)) => {
                self.problem(flag.extent, about, &scope.unknown(name));
                None
            }
            _ => {
                self.problem(flag.extent, about, "`when: {flag: …}` takes the $name of a flag");
                None
            }
        }
    }

    /// A site, or the `$name` of one.
    fn site_reference(&mut self, about: &str, key: &str, site: &At<String>, scope: &Scope, used: &mut Vec<String>) {
        let Some(name) = reference::whole(site) else { return };
        match scope.meaning(name) {
            None => self.problem(site.extent, about, &scope.unknown(name)),
            Some(Meaning::Input(InputKind::Site) | Meaning::Item { site: true }) => used.push(name.to_owned()),
            Some(_) => self.problem(site.extent, about, &format!("`{key}` takes a site, and ${name} is none")),
        }
    }

    /// A window of the estate, or the `$name` of an input that is one.
    pub(super) fn window(
        &mut self,
        about: &str,
        window: Option<&At<String>>,
        scope: &Scope,
        used: &mut Vec<String>,
    ) -> Option<At<String>> {
        let window = window?;
        match reference::whole(window).map(|name| (name, scope.meaning(name))) {
            None => {}
            Some((name, None)) => self.problem(window.extent, about, &scope.unknown(name)),
            Some((name, Some(Meaning::Input(InputKind::Window)))) => used.push(name.to_owned()),
            Some((name, Some(_))) => {
                self.problem(window.extent, about, &format!("`window` takes a window, and ${name} is none"));
            }
        }
        Some(window.clone())
    }
}
