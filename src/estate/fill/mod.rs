//! From what was written to the model: defaults filled in, the nearer one whole.

mod canary;
mod control;
mod database;
mod entrance;
mod host;
mod mysql;
mod notify;
mod people;
mod web;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::model::{Kind, Objectives, Records, Service, Site};
use super::written::{self, WrittenSecret};
use crate::base::at::At;
use crate::base::name::{ServiceName, SiteName};
use crate::base::place::{Extent, Source};
use crate::base::problem::{Problem, Problems};
use crate::base::secret::SecretRef;

pub(super) use canary::canary;
pub(super) use entrance::{entrances, providers};
pub(super) use host::hosts;
pub(super) use notify::receivers;
pub(super) use people::{contacts, windows};

/// What filling in needs to know, and what it finds wrong on the way.
pub(super) struct Filling<'a> {
    source: &'a Arc<Source>,
    folder: &'a Path,
    home: Option<PathBuf>,
    pub(super) problems: Problems,
}

impl<'a> Filling<'a> {
    pub(super) fn new(source: &'a Arc<Source>, folder: &'a Path, home: Option<PathBuf>) -> Self {
        Self { source, folder, home, problems: Problems::none() }
    }

    pub(super) fn problem(&mut self, extent: Extent, sentence: impl Into<String>) {
        self.problems.push(Problem::at(self.source, extent, sentence));
    }

    pub(super) fn problem_with_hint(&mut self, extent: Extent, sentence: impl Into<String>, hint: &str) {
        self.problems.push(Problem::at(self.source, extent, sentence).hint(hint));
    }

    /// A path on this machine: `~/` is the user's home, and a relative one starts at the estate's folder.
    fn local(&mut self, path: &At<&str>, about: &str) -> PathBuf {
        if path.is_empty() {
            self.problem(path.extent, format!("{about}: a path is expected"));
        }
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            (Some(_), None) => {
                self.problem(path.extent, format!("{about}: `~` leads nowhere: this user has no home directory"));
                PathBuf::from(path.value)
            }
            // Joining an absolute path gives that path.
            (None, _) => self.folder.join(path.value),
        }
    }

    /// A path on another machine, where neither a home nor a folder of ours means anything.
    fn remote(&mut self, path: &At<String>, about: &str) -> PathBuf {
        if !path.starts_with('/') || path.contains(['\n', '\0']) {
            self.problem(path.extent, format!("{about}: a path on the host must begin with `/`"));
        }
        PathBuf::from(&path.value)
    }

    /// A text that becomes a word of a command line or an address there.
    fn word(&mut self, word: &At<String>, about: &str) -> String {
        let bad =
            word.is_empty() || word.starts_with('-') || word.contains(|c: char| c.is_whitespace() || c.is_control());
        if bad {
            self.problem(
                word.extent,
                format!("{about}: a word is expected, without spaces and not beginning with `-`"),
            );
        }
        word.value.clone()
    }

    /// A word for a program that reads more into it than it says: of a host behind another, ssh gives address and
    /// user to a shell, and systemctl takes `*` for every unit.
    fn bare_word(&mut self, word: &At<String>, about: &str) -> String {
        const SHELLS: &[char] =
            &['\'', '"', '`', '$', ';', '&', '<', '>', '|', '(', ')', '{', '}', '*', '?', '!', '#', '^'];
        if word.contains(SHELLS) {
            self.problem(word.extent, format!("{about}: a word is expected that a shell would read as it is"));
        }
        self.word(word, about)
    }

    fn argv(&mut self, argv: &At<Vec<String>>, about: &str) -> Vec<String> {
        if argv.first().is_none_or(String::is_empty) || argv.iter().any(|word| word.contains('\0')) {
            self.problem(
                argv.extent,
                format!("{about}: a command and its arguments are expected: [PROGRAM, ARGUMENT, …]"),
            );
        }
        argv.value.clone()
    }

    /// A secret's reference with its path filled in; the file that it names is looked at.
    fn secret(&mut self, secret: &At<WrittenSecret>, about: &str) -> SecretRef {
        let filled = match &secret.value.0 {
            SecretRef::File(path) => SecretRef::File(self.local(&secret.with(&*path.to_string_lossy()), about)),
            SecretRef::Pgpass(path) => SecretRef::Pgpass(self.local(&secret.with(&*path.to_string_lossy()), about)),
            SecretRef::Env(variable) => {
                if variable.is_empty() || variable.contains(['=', '\0']) {
                    self.problem(secret.extent, format!("{about}: the name of a variable is expected"));
                }
                SecretRef::Env(variable.clone())
            }
            SecretRef::Command(argv) => {
                let mut argv = self.argv(&secret.with(argv.clone()), about);
                if let Some(program) = argv.first_mut().filter(|program| program.starts_with(['.', '~'])) {
                    *program = self.local(&secret.with(program.as_str()), about).to_string_lossy().into_owned();
                }
                SecretRef::Command(argv)
            }
        };
        if let Err(bad) = filled.look() {
            self.problem(secret.extent, format!("{about}: {bad}"));
        }
        filled
    }
}

pub(super) fn objectives(written: &written::Objectives) -> Objectives {
    Objectives { rto: written.rto, rpo: written.rpo, outage_max: written.outage_max }
}

pub(super) fn sites(written: &written::Estate, filling: &mut Filling<'_>) -> IndexMap<SiteName, Site> {
    let site = |filling: &mut Filling<'_>, name: &At<SiteName>, site: &written::Site| Site {
        name: name.value.clone(),
        preferred: site.preferred.value,
        witness: site.witness,
        entry: records(&name.with(format!("sites.{}.entry", name.value)), &site.entry, filling),
    };
    written.sites.iter().map(|(name, one)| (name.value.clone(), site(filling, name, one))).collect()
}

/// Records as the model has them; `about` is the path of them, with its place.
fn records(about: &At<String>, written: &written::Records, filling: &mut Filling<'_>) -> Records {
    if let Some(cname) = &written.cname
        && !(written.a.is_empty() && written.aaaa.is_empty())
    {
        filling.problem(cname.extent, format!("{}: a CNAME excludes A and AAAA", about.value));
    }
    Records {
        a: written.a.clone(),
        aaaa: written.aaaa.clone(),
        cname: written.cname.as_ref().map(|cname| cname.as_str().to_owned()),
    }
}

/// The services that are of exactly one kind and could be filled in.
pub(super) fn services(written: &written::Estate, filling: &mut Filling<'_>) -> IndexMap<ServiceName, Service> {
    let mut services = IndexMap::new();
    for (name, service) in written.services.iter() {
        let kind = match (&service.postgres, &service.mysql, &service.web) {
            (Some(postgres), None, None) => database::postgres(name, postgres, written, filling).map(Kind::Postgres),
            (None, Some(mysql), None) => mysql::mysql(name, mysql, written, filling).map(Kind::Mysql),
            (None, None, Some(web)) => web::web(name, web, written, filling).map(Kind::Web),
            _ => {
                let sentence = format!("services.{}: exactly one kind is expected: postgres, mysql or web", name.value);
                filling.problem(name.extent, sentence);
                None
            }
        };
        let Some(kind) = kind else { continue };
        let filled = Service {
            name: name.value.clone(),
            priority: service.priority.value,
            needs: service.needs.iter().map(|need| need.value.clone()).collect(),
            objectives: over(&service.objectives, &written.objectives),
            note: service.note.clone(),
            kind,
        };
        services.insert(name.value.clone(), filled);
    }
    services
}

/// Each objective is a thing of its own, so the nearer one wins one by one.
fn over(nearer: &written::Objectives, farther: &written::Objectives) -> Objectives {
    Objectives {
        rto: nearer.rto.or(farther.rto),
        rpo: nearer.rpo.or(farther.rpo),
        outage_max: nearer.outage_max.or(farther.outage_max),
    }
}
