//! `init`: a first `switchback.yaml`, from a few answers and a look at the servers. It reads, over SSH and over
//! the servers' own sockets; it changes nothing on them, and never overwrites a file.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::draft::{self, Draft, Member};
use crate::actions::catalogue::CATALOGUE;
use crate::actions::database::postgres::discovery::{self, Discovered};
use crate::actions::ssh::Hosts;
use crate::base::name::{HostName, ServiceName, SiteName};
use crate::base::place::Source;
use crate::cli::args::{Common, ESTATE, InitArgs, ROLE};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::{problems, prompt, session};
use crate::estate::{self, Estate};
use crate::runbook::{self, SHIPPED};

/// Asks what was not said, looks, writes.
pub async fn run(common: &Common, said: &InitArgs) -> Result<Exit, Failure> {
    let path = &common.estate;
    if path.exists() {
        return Err(already(path));
    }
    let asker = Asker { may_ask: prompt::can_ask(common.no_input) };
    let mut draft = answers(&asker, path, said)?;
    let answered = draft.clone();
    let written = found(common, path, &mut draft, said).await;
    // Whoever answered need not answer again when the servers could not be looked at.
    let again = || format!("with the same answers: {}", answered.command(&more(path, said)));
    let servers = written.map_err(|failure| failure.hint(again()))?;
    tell(path, &draft, &servers);
    Ok(Exit::Done)
}

/// What was said beside the answers, as flags.
fn more(path: &Path, said: &InitArgs) -> Vec<(&'static str, String)> {
    let mut more: Vec<(&'static str, String)> = Vec::new();
    if said.role != ROLE {
        more.push(("--role", said.role.clone()));
    }
    more.extend(said.data_dir.iter().map(|text| ("--data-dir", text.clone())));
    if path != Path::new(ESTATE) {
        more.push(("--estate", path.display().to_string()));
    }
    more
}

/// Looks, and writes what was found.
async fn found(common: &Common, path: &Path, draft: &mut Draft, said: &InitArgs) -> Result<Vec<Discovered>, Failure> {
    let hosts = reachable(common, path, draft)?;
    let servers = look(&hosts, draft, said).await?;
    draft.call(&servers);
    let text = draft.estate(&servers);
    check(common, path, &text)?;
    write(path, &text)?;
    Ok(servers)
}

fn already(path: &Path) -> Failure {
    Failure::new(Exit::Usage, format!("{} is there already; nothing was written over it", path.display()))
        .hint("another place: `--estate FILE`")
        .hint("what is wrong with the one that is there: switchback check")
}

/// Asks a person where that is possible, and else names the flag.
struct Asker {
    may_ask: bool,
}

impl Asker {
    fn text(
        &self,
        said: Option<&String>,
        question: &str,
        default: Option<&str>,
        flag: &str,
        judge: &dyn Fn(&str) -> Result<(), String>,
    ) -> Result<String, Failure> {
        if let Some(said) = said {
            return Ok(said.clone());
        }
        let default = default.filter(|default| judge(default).is_ok());
        if self.may_ask {
            let answer = prompt::text(question, default, judge);
            return answer.ok_or_else(|| Failure::new(Exit::Declined, "no answer; nothing was written"));
        }
        let missing = || Failure::new(Exit::Usage, format!("{question}?")).hint(format!("say it with `{flag}`"));
        default.map(str::to_owned).ok_or_else(missing)
    }

    /// A site and its server, in two questions; `others` are the sites that are named already.
    fn member(&self, which: &str, others: &[Member]) -> Result<Member, Failure> {
        const FLAG: &str = "--member SITE=[USER@]ADDRESS[:PORT]";
        let is_new = |name: &str| {
            if others.iter().any(|other| other.site == name) {
                return Err(format!("`{name}` is the other site"));
            }
            SiteName::new(name).map(drop).map_err(|error| error.to_string())
        };
        let site = self.text(None, &format!("The {which} site's name, as in dallas"), None, FLAG, &is_new)?;
        let read = |server: &str| Member::read(&format!("{site}={server}"));
        let question = "Its database server, as [USER@]ADDRESS[:PORT]";
        let judge = |server: &str| match read(server) {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("`{server}` is not [USER@]ADDRESS[:PORT], as in deploy@192.0.2.10")),
        };
        let server = self.text(None, question, None, FLAG, &judge)?;
        read(&server).map_err(|why| Failure::new(Exit::Usage, why))
    }
}

fn is_name(text: &str) -> Result<(), String> {
    ServiceName::new(text).map(drop).map_err(|error| error.to_string())
}

fn is_variable(text: &str) -> Result<(), String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && text.chars().all(fine) { Ok(()) } else { Err(format!("`{text}` is not the name of a variable")) }
}

fn answers(asker: &Asker, path: &Path, said: &InitArgs) -> Result<Draft, Failure> {
    let members = said.member.iter().map(|text| Member::read(text)).collect::<Result<Vec<_>, _>>();
    let mut members = members.map_err(|why| Failure::new(Exit::Usage, why))?;
    if asker.may_ask && members.len() < 2 {
        prompt::tell("Two sites, and a server of the same database at each: looked at, not changed.");
    }
    for which in ["first", "second"].into_iter().skip(members.len()) {
        members.push(asker.member(which, &members)?);
    }
    let folder = std::path::absolute(path).ok().and_then(|path| Some(path.parent()?.file_name()?.to_str()?.to_owned()));
    let name = asker.text(said.name.as_ref(), "The estate's name", folder.as_deref(), "--name NAME", &is_name)?;
    let question = "What the database is called as a service";
    let service = asker.text(said.service.as_ref(), question, Some("database"), "--service NAME", &is_name)?;
    let variable = format!("SWITCHBACK_{}", service.to_uppercase().replace(['-', '.'], "_"));
    let password = match (&said.password_file, &said.password_env) {
        (Some(file), _) => draft::Password::File(file.clone()),
        (None, said) => draft::Password::Env(asker.text(
            said.as_ref(),
            "The environment variable with its role's password",
            Some(&variable),
            "--password-env VARIABLE",
            &is_variable,
        )?),
    };
    let role = said.role.clone();
    let login = draft::Login { key: said.key.clone(), known_hosts: said.known_hosts.clone() };
    Ok(Draft { name, service, members, password, role, login, ca: said.ca.clone(), databases: said.database.clone() })
}

/// The hosts, by an estate that holds nothing else yet.
fn reachable(common: &Common, path: &Path, draft: &Draft) -> Result<Arc<Hosts>, Failure> {
    let estate = parse(path, &draft.hosts_alone()).map_err(|found| {
        problems::print(&found, common.format, crate::cli::paint(common, true));
        Failure::new(Exit::Usage, "the answers do not make an estate; nothing was written")
    })?;
    Ok(Hosts::new(&estate))
}

fn parse(path: &Path, text: &str) -> Result<Estate, crate::base::problem::Problems> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder: PathBuf = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    estate::parse(&Source::new(path.display().to_string(), text), &folder, std::env::home_dir().as_deref())
}

/// The one server of each member.
async fn look(hosts: &Hosts, draft: &Draft, said: &InitArgs) -> Result<Vec<Discovered>, Failure> {
    let looks = draft.members.iter().map(|member| async move {
        let unseen = |why: String| Failure::new(Exit::Refused, format!("{}: {why}", member.host));
        let name = HostName::new(member.host.as_str()).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let host = hosts.get(&name).map_err(|error| unseen(error.message))?;
        let found = discovery::discover(&host, &draft.role).await.map_err(|error| {
            unseen(error.message)
                .hint(format!("it must work by hand, without a question: ssh {}", member.destination()))
        })?;
        let wanted =
            said.data_dir.iter().filter_map(|text| text.split_once('=')).find(|(site, _)| *site == member.site);
        let fits = |server: &&Discovered| match wanted {
            Some((_, data_dir)) => server.data_dir == data_dir,
            None => server.listens_at(&member.address),
        };
        let fitting: Vec<&Discovered> = found.iter().filter(fits).collect();
        match (fitting.as_slice(), found.as_slice()) {
            ([one], _) => Ok((*one).clone()),
            ([], [one]) if wanted.is_none() => Ok(one.clone()),
            _ => Err(ambiguous(member, &found)),
        }
    });
    let found: Vec<Result<Discovered, Failure>> = futures::future::join_all(looks).await;
    let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
    if found.iter().all(|server| server.recovery) {
        return Err(Failure::new(
            Exit::Refused,
            "both servers were started as standbys; an estate wants one that takes writes",
        ));
    }
    Ok(found)
}

fn ambiguous(member: &Member, found: &[Discovered]) -> Failure {
    let sentence = match found.len() {
        0 => format!("{}: no running PostgreSQL server is to be seen", member.host),
        count => format!("{}: {count} PostgreSQL servers run here, and which one is meant is not clear", member.host),
    };
    let failure = Failure::new(Exit::Refused, sentence);
    let failure = found.iter().fold(failure, |failure, server| {
        failure.detail(format!("{} on port {}, as {}", server.data_dir, server.port, server.user))
    });
    if found.is_empty() {
        failure.hint("start it; `init` learns from what runs")
    } else {
        failure.hint(format!("say which one: `--data-dir {}=DIR`", member.site))
    }
}

/// What will be written is what `check` takes.
fn check(common: &Common, path: &Path, text: &str) -> Result<(), Failure> {
    let checked = parse(path, text).and_then(|estate| {
        let mut problems = crate::base::problem::Problems::none();
        for (name, _) in SHIPPED {
            if let Some(Ok(runbook)) = runbook::shipped(name, CATALOGUE) {
                problems.extend(runbook::check_on(&runbook, &estate));
            }
        }
        problems.or(())
    });
    checked.map_err(|found| {
        problems::print(&found, common.format, crate::cli::paint(common, true));
        Failure::new(Exit::Invalid, "what was found does not make a sound estate; nothing was written")
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => already(path),
        _ => Failure::new(Exit::Usage, format!("{} cannot be written: {error}", path.display())),
    };
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// What was found, and what comes next.
fn tell(path: &Path, draft: &Draft, servers: &[Discovered]) {
    let mut text = format!("{} is written. What was found:\n", path.display());
    for (member, server) in draft.members.iter().zip(servers) {
        let role = if server.recovery { "a standby" } else { "takes writes" };
        let _ =
            writeln!(text, "  {} at {}: {role}, {} on port {}", member.host, member.site, server.data_dir, server.port);
    }
    text.push_str("What comes next:\n");
    if let Some((member, _)) = draft.members.iter().zip(servers).find(|(_, server)| !server.recovery && !server.role) {
        let _ = writeln!(text, "  make the role at {}: CREATE ROLE {} LOGIN PASSWORD '…'", member.host, draft.role);
    }
    if let draft::Password::Env(variable) = &draft.password
        && std::env::var_os(variable).is_none()
    {
        let _ = writeln!(text, "  its password into the environment: read -rs {variable} && export {variable}");
    }
    let unnamed = |(member, server): &(&Member, &Discovered)| {
        server.recovery && server.conninfo("application_name").or(server.called()) != Some(member.host.as_str())
    };
    if let Some((member, _)) = draft.members.iter().zip(servers).find(unnamed) {
        let _ = writeln!(
            text,
            "  make {0} known to its primary: application_name={0} in its primary_conninfo, and reload it",
            member.host
        );
    }
    let target = draft.members.iter().zip(servers).find(|(_, server)| server.recovery).map(|(member, _)| &member.site);
    let target = target.map_or_else(String::new, |site| format!(" --to {site}"));
    for line in ["switchback check", "switchback prepare --apply", "switchback status"] {
        let _ = writeln!(text, "  {line}");
    }
    let _ = write!(text, "  switchback plan failover{target}");
    session::say(&text);
}
