//! Hosts: what `defaults.host` says stands for what a host does not say itself.

use indexmap::IndexMap;

use super::Filling;
use crate::base::at::At;
use crate::base::name::HostName;
use crate::estate::model::{CutOff, Host, Login};
use crate::estate::written;

pub(in crate::estate) fn hosts(written: &written::Estate, filling: &mut Filling<'_>) -> IndexMap<HostName, Host> {
    let defaults = &written.defaults.host;
    written.hosts.iter().map(|(name, one)| (name.value.clone(), host(name, one, defaults, filling))).collect()
}

fn host(
    name: &At<HostName>,
    written: &written::Host,
    defaults: &written::HostDefaults,
    filling: &mut Filling<'_>,
) -> Host {
    // A default that will not do is told once, at its own place: problems at one place merge.
    let word = |own: &Option<At<String>>, default: &Option<At<String>>, key: &str, filling: &mut Filling<'_>| {
        nearer(own.as_ref(), default.as_ref(), name, key).map(|(word, about)| filling.bare_word(word, &about))
    };
    let path = |own: &Option<At<String>>, default: &Option<At<String>>, key: &str, filling: &mut Filling<'_>| {
        nearer(own.as_ref(), default.as_ref(), name, key)
            .map(|(path, about)| filling.local(&path.with(path.value.as_str()), &about))
    };
    let port = nearer(written.port.as_ref(), defaults.port.as_ref(), name, "port");
    if let Some((port, about)) = &port
        && port.value == 0
    {
        filling.problem(port.extent, format!("{about}: 0 is not a port"));
    }
    Host {
        name: name.value.clone(),
        site: written.site.value.clone(),
        address: word(&written.address, &None, "address", filling).unwrap_or_else(|| name.as_str().to_owned()),
        port: port.map(|(port, _)| port.value),
        user: word(&written.user, &defaults.user, "user", filling),
        key: path(&written.key, &defaults.key, "key", filling),
        known_hosts: path(&written.known_hosts, &defaults.known_hosts, "known_hosts", filling),
        jump: word(&written.jump, &defaults.jump, "jump", filling),
        sudo: written.sudo.or(defaults.sudo).unwrap_or(false),
        login: match written.login {
            written::Login::Ssh => Login::Ssh,
            written::Login::None => Login::None,
        },
        cut_off: written.cut_off.as_ref().map(|cut_off| self::cut_off(name, &cut_off.command, filling)),
    }
}

fn cut_off(name: &At<HostName>, written: &written::CutOffCommand, filling: &mut Filling<'_>) -> CutOff {
    let about = format!("hosts.{}.cut_off.command", name.value);
    if written.off_prints.trim().is_empty() {
        // Every output holds the empty text: the host would always be taken for off.
        filling.problem(
            written.off_prints.extent,
            format!("{about}.off_prints: a text is expected that only a host that is off gives"),
        );
    }
    CutOff {
        act: filling.argv(&written.act, &format!("{about}.act")),
        look: filling.argv(&written.look, &format!("{about}.look")),
        off_prints: written.off_prints.value.clone(),
    }
}

/// What the host says, or else the default, with the path of whichever it is.
fn nearer<'a, T>(
    own: Option<&'a At<T>>,
    default: Option<&'a At<T>>,
    name: &At<HostName>,
    key: &str,
) -> Option<(&'a At<T>, String)> {
    let own = own.map(|value| (value, format!("hosts.{}.{key}", name.value)));
    own.or_else(|| default.map(|value| (value, format!("defaults.host.{key}"))))
}
