//! The text of a first estate: what was answered and what was found, written so that a person goes on from it.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::actions::by_hand::shell;
use crate::actions::database::postgres::discovery::Discovered;
use crate::base::name::HostName;

/// What was answered.
#[derive(Debug, Clone)]
pub struct Draft {
    pub name: String,
    pub service: String,
    pub members: Vec<Member>,
    pub password: Password,
    pub role: String,
    pub login: Login,
    /// The certificate authority of the servers.
    pub ca: Option<PathBuf>,
    /// Its databases; those that are found where none is said.
    pub databases: Vec<String>,
}

/// Where the role's password comes from.
#[derive(Debug, Clone)]
pub enum Password {
    Env(String),
    File(PathBuf),
}

/// How hosts are logged in to, where ssh_config does not say it.
#[derive(Debug, Clone)]
pub struct Login {
    pub key: Option<PathBuf>,
    pub known_hosts: Option<PathBuf>,
}

/// A site and the machine of its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The host's name in the estate.
    pub host: String,
    pub site: String,
    pub user: Option<String>,
    pub address: String,
    pub port: Option<u16>,
}

impl Member {
    /// `SITE=[USER@]ADDRESS[:PORT]`
    pub fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not SITE=[USER@]ADDRESS[:PORT], as in dallas=deploy@192.0.2.10");
        let (site, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        // More than one colon is an address of version 6, which stands in brackets where a port follows.
        let (address, port) = match rest.rsplit_once(':') {
            Some((address, port)) if !address.contains(':') || address.ends_with(']') => {
                (address, Some(port.parse().map_err(|_| wrong())?))
            }
            _ => (rest, None),
        };
        let address = address.trim_start_matches('[').trim_end_matches(']').to_owned();
        if site.is_empty() || address.is_empty() || user.as_ref().is_some_and(String::is_empty) {
            return Err(wrong());
        }
        Ok(Self { host: format!("{site}-db"), site: site.to_owned(), user, address, port })
    }

    /// As one says it to ssh.
    pub fn destination(&self) -> String {
        let user = self.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
        let port = self.port.map_or_else(String::new, |port| format!("-p {port} "));
        format!("{port}{user}{}", self.address)
    }
}

impl Draft {
    /// The command that would have asked nothing.
    pub fn command(&self, more: &[(&str, String)]) -> String {
        let mut said: Vec<(&str, String)> = Vec::new();
        for Member { site, user, address, port, .. } in &self.members {
            let user = user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
            let address = if address.contains(':') { format!("[{address}]") } else { address.clone() };
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            said.push(("--member", format!("{site}={user}{address}{port}")));
        }
        said.push(("--name", self.name.clone()));
        said.push(("--service", self.service.clone()));
        said.push(match &self.password {
            Password::Env(variable) => ("--password-env", variable.clone()),
            Password::File(file) => ("--password-file", file.display().to_string()),
        });
        said.extend(self.databases.iter().map(|name| ("--database", name.clone())));
        let files = [("--ca", &self.ca), ("--key", &self.login.key), ("--known-hosts", &self.login.known_hosts)];
        said.extend(files.into_iter().filter_map(|(flag, file)| Some((flag, file.as_ref()?.display().to_string()))));
        said.extend(more.iter().cloned());
        let words = said.iter().flat_map(|(flag, value)| [*flag, value.as_str()]);
        format!("switchback init {}", shell::words(words))
    }

    /// Calls hosts what the servers are called: a standby is known to its primary by that name. Where they have
    /// no names, or one, they keep those of their sites.
    pub fn call(&mut self, servers: &[Discovered]) {
        let names: Vec<&str> = servers.iter().filter_map(Discovered::called).collect();
        let mut apart: Vec<&str> = names.iter().copied().filter(|name| HostName::new(*name).is_ok()).collect();
        apart.sort_unstable();
        apart.dedup();
        if apart.len() == self.members.len() {
            for (member, name) in self.members.iter_mut().zip(names) {
                name.clone_into(&mut member.host);
            }
        } else if let Some((member, name)) = self
            .members
            .iter_mut()
            .zip(servers)
            .find_map(|(member, server)| Some((member, server.called().filter(|_| server.recovery)?)))
            && HostName::new(name).is_ok()
        {
            name.clone_into(&mut member.host);
        }
    }

    /// An estate of the hosts alone, to log in by.
    pub fn hosts_alone(&self) -> String {
        format!("{}{}", self.top(None), self.hosts(false))
    }

    /// The whole. `servers` are those of the members, in their order.
    pub fn estate(&self, servers: &[Discovered]) -> String {
        let sudo = servers.iter().any(|server| server.user != server.login);
        let primary = self.members.iter().zip(servers).find(|(_, server)| !server.recovery).map(|(member, _)| member);
        let mut text = String::from(
            "# What exists. The reference is docs/estate.md; `switchback check` finds what is wrong here.\n",
        );
        text.push_str(&self.top(primary));
        text.push_str(&self.hosts(sudo));
        text.push_str(&self.service(servers));
        text.push_str(
            "\n# How users get in moves, too, when it stands here:\n\
             # entrances:\n#   db.shop.example: {needs: [SERVICE], dns: {provider: main, ttl: 30s}}\n\
             # providers:\n#   main:\n#     powerdns: {url: \"http://192.0.2.53:8081\", zones: [shop.example], \
             key: {env: PDNS_KEY}, servers: [192.0.2.53]}\n"
                .replace("SERVICE", &self.service)
                .as_str(),
        );
        text
    }

    fn top(&self, preferred: Option<&Member>) -> String {
        let mut text = format!("format: 1\nestate: {}\n", scalar(&self.name));
        text.push_str("objectives: {rto: 60s, rpo: 0s, outage_max: 20s}   # a planned run goes back when nobody can write for longer\n\nsites:\n");
        for member in &self.members {
            let preferred = if preferred == Some(member) { "preferred: true" } else { "" };
            let _ = writeln!(text, "  {}: {{{preferred}}}", scalar(&member.site));
        }
        text
    }

    fn hosts(&self, sudo: bool) -> String {
        let mut text = String::new();
        let mut defaults = Vec::new();
        if sudo {
            defaults.push("sudo: true".to_owned());
        }
        for (name, path) in [("key", &self.login.key), ("known_hosts", &self.login.known_hosts)] {
            defaults.extend(path.as_ref().map(|path| format!("{name}: {}", scalar(&path.display().to_string()))));
        }
        if !defaults.is_empty() {
            let _ = writeln!(text, "\ndefaults:\n  host: {{{}}}", defaults.join(", "));
        }
        text.push_str("\nhosts:\n");
        for member in &self.members {
            let mut words =
                vec![format!("site: {}", scalar(&member.site)), format!("address: {}", scalar(&member.address))];
            words.extend(member.user.as_ref().map(|user| format!("user: {}", scalar(user))));
            words.extend(member.port.map(|port| format!("port: {port}")));
            let _ = writeln!(text, "  {}: {{{}}}", scalar(&member.host), words.join(", "));
        }
        text
    }

    fn service(&self, servers: &[Discovered]) -> String {
        let mut text = format!("\nservices:\n  {}:\n    priority: 1\n    postgres:\n", scalar(&self.service));
        let found = servers.iter().map(|server| &server.databases).find(|databases| !databases.is_empty());
        let databases = if self.databases.is_empty() { found } else { Some(&self.databases) };
        let databases = databases
            .map_or_else(|| vec!["postgres".to_owned()], |names| names.iter().map(|name| scalar(name)).collect());
        let _ = writeln!(
            text,
            "      databases: [{}]   # Switchback keeps its small schema in the first",
            databases.join(", ")
        );
        let password = match &self.password {
            Password::Env(variable) => format!("{{env: {}}}", scalar(variable)),
            Password::File(path) => format!("{{file: {}}}", scalar(&path.display().to_string())),
        };
        let _ = writeln!(text, "      user: {}\n      password: {password}", scalar(&self.role));
        let _ = match (&self.ca, servers.iter().all(|server| server.ssl)) {
            (Some(ca), _) => writeln!(text, "      tls: {{ca: {}}}", scalar(&ca.display().to_string())),
            (None, true) => writeln!(
                text,
                "      tls: system   # the servers' certificates are verified; a private authority: {{ca: FILE}}"
            ),
            (None, false) => writeln!(text, "      tls: off   # the servers do not offer it"),
        };
        text.push_str("      members:\n");
        for (member, server) in self.members.iter().zip(servers) {
            text.push_str(&self.member(member, server, servers));
        }
        text
    }

    fn member(&self, member: &Member, server: &Discovered, all: &[Discovered]) -> String {
        let mut text = format!("        {}:\n          port: {}\n", scalar(&member.host), server.port);
        match server.debian() {
            Some(cluster) => {
                let _ = writeln!(text, "          layout: {{debian: {}}}", scalar(cluster));
            }
            None => {
                let _ = writeln!(
                    text,
                    "          data_dir: {}\n          bin_dir: {}",
                    scalar(&server.data_dir),
                    scalar(&server.bin_dir)
                );
                let config = server.config_file.as_deref().and_then(|file| Some(file.rsplit_once('/')?.0));
                if let Some(folder) = config.filter(|folder| *folder != server.data_dir) {
                    let _ = writeln!(text, "          config_dir: {}", scalar(folder));
                }
                text.push_str("          control: pg_ctl   # or {systemd: UNIT}, or commands of your own\n");
                if server.user != server.login {
                    let _ = writeln!(text, "          run_as: {}", scalar(&server.user));
                }
            }
        }
        // A server that never followed is told by one that does.
        let word = |key: &str| {
            let own = server.conninfo(key);
            own.or_else(|| all.iter().find_map(|other| other.conninfo(key))).filter(|word| !word.is_empty())
        };
        let mut words = vec![format!("user: {}", scalar(word("user").unwrap_or("replicator")))];
        words.push(format!("passfile: {}", scalar(word("passfile").unwrap_or("/var/lib/postgresql/.pgpass"))));
        words.extend(word("sslrootcert").map(|file| format!("sslrootcert: {}", scalar(file))));
        words.extend(word("sslmode").filter(|_| self.ca.is_none()).map(|mode| format!("sslmode: {}", scalar(mode))));
        let own = server.conninfo("passfile").is_some();
        let borrowed = if own { "" } else { "   # as at the standby; is it there too?" };
        let _ = writeln!(text, "          replication: {{{}}}{borrowed}", words.join(", "));
        text
    }
}

/// A text as YAML takes it for nothing else: plain where it can be nothing but a text, quoted elsewhere.
fn scalar(text: &str) -> String {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'))
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'/')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_as_one_says_them_to_ssh() {
        let read =
            |text: &str| Member::read(text).map(|member| (member.site, member.user, member.address, member.port));
        let text = |text: &str| text.to_owned();
        assert_eq!(read("dallas=192.0.2.1"), Ok((text("dallas"), None, text("192.0.2.1"), None)));
        assert_eq!(read("d=me@db:2222"), Ok((text("d"), Some(text("me")), text("db"), Some(2222))));
        assert_eq!(read("d=2001:db8::1"), Ok((text("d"), None, text("2001:db8::1"), None)));
        assert_eq!(read("d=[2001:db8::1]:22"), Ok((text("d"), None, text("2001:db8::1"), Some(22))));
        for wrong in ["dallas", "=x", "d=", "d=@x", "d=x:ssh"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_that_asks_nothing_says_all_that_was_answered() {
        let member = |text: &str| Member::read(text).expect("a member");
        let draft = Draft {
            name: "shop".to_owned(),
            service: "orders".to_owned(),
            members: vec![member("dallas=me@192.0.2.1:2222"), member("nuremberg=2001:db8::1")],
            password: Password::File(PathBuf::from("my secret")),
            role: "dr".to_owned(),
            login: Login { key: Some(PathBuf::from("k")), known_hosts: None },
            ca: None,
            databases: vec!["a".to_owned(), "b".to_owned()],
        };
        let more = [("--role", "dr".to_owned()), ("--data-dir", "dallas=/srv/it's".to_owned())];
        let said = draft.command(&more);
        let expected = "switchback init --member dallas=me@192.0.2.1:2222 --member 'nuremberg=[2001:db8::1]' --name shop \
                        --service orders --password-file 'my secret' --database a --database b --key k --role dr \
                        --data-dir \"dallas=/srv/it's\"";
        assert_eq!(said, expected);
        assert!(draft.members[1] == Member::read("nuremberg=[2001:db8::1]").expect("as it is said again"));
    }

    #[test]
    fn what_is_written_is_read_back_as_it_was_meant() {
        for text in ["plain", "on", "15", "a: b", "{x}", "it's", "# no", "192.0.2.1", "C\\x"] {
            let yaml = format!("k: {}", scalar(text));
            let back: std::collections::BTreeMap<String, String> = serde_yaml::from_str(&yaml).expect("YAML");
            assert_eq!(back["k"], text, "{yaml}");
        }
    }
}
