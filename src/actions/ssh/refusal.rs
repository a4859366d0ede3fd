//! Why there is no session, in the engine's terms and in a sentence that says what to do.
//!
//! A host key that is not the expected one is no network trouble: another machine may be answering, so it is told
//! as that, and trying again is of no use.

use crate::engine::action::{ActionError, Fault};
use crate::estate::model::Host;

/// A login that was turned down, or a host that is not the one meant, will be so again; all else may be the
/// network's doing. Nothing was changed either way.
pub(super) fn refusal(host: &Host, error: &openssh::Error) -> ActionError {
    let said = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    if let Some(sentence) = host_key(host, &said) {
        return ActionError::refused(sentence);
    }
    let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
    let last: String = last.trim_end_matches('.').chars().take(300).collect();
    let fault = match error {
        openssh::Error::Connect(io) if io.kind() == std::io::ErrorKind::PermissionDenied => Fault::Refused,
        openssh::Error::Master(_) => Fault::Refused,
        _ => Fault::Unreachable,
    };
    ActionError::new(fault, format!("{} ({}) cannot be reached over ssh: {last}", host.name, host.address))
}

/// What is wrong with the host's key, where ssh's own words say that something is.
fn host_key(host: &Host, said: &str) -> Option<String> {
    if !said.lines().any(|line| line.trim() == "Host key verification failed.") {
        return None;
    }
    let (name, address) = (&host.name, &host.address);
    let file = host.known_hosts.as_ref().map_or_else(|| "~/.ssh/known_hosts".to_owned(), |f| f.display().to_string());
    // "Offending ED25519 key in FILE:LINE"
    let offending = said.lines().find_map(|line| line.trim().strip_prefix("Offending ")?.split_once(" key in "));
    if let Some((file, line)) = offending.and_then(|(_, place)| place.rsplit_once(':')) {
        let shows = said.lines().map(str::trim).find(|line| line.starts_with("SHA256:"));
        let shows = shows.map_or_else(String::new, |key| format!(", and shows {}", key.trim_end_matches('.')));
        return Some(format!(
            "{name} ({address}) has another host key than line {line} of `{file}` says{shows}: it may be another machine, and \
             nothing was sent to it; compare the key with the one on {name} itself, and only when it is that put it in the \
             place of line {line}"
        ));
    }
    // "No ED25519 host key is known for NAME and you have requested strict checking."
    let unknown = said.lines().find_map(|line| line.split_once("host key is known for "));
    if let Some((_, place)) = unknown {
        let place = place.split(" and you have ").next().unwrap_or(address);
        return Some(format!(
            "{name} ({address}): no host key of it is known, and nothing was sent to it; add the key of `{place}` to \
             `{file}`, taken from {name} itself and not from the network"
        ));
    }
    Some(format!(
        "{name} ({address}): its host key was not accepted, and nothing was sent to it; compare it with what `{file}` says"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::{HostName, SiteName};
    use crate::estate::model::Login;

    fn said(text: &str) -> ActionError {
        let host = Host {
            name: HostName::new("a-db").expect("a name"),
            site: SiteName::new("dallas").expect("a name"),
            address: "10.0.0.1".to_owned(),
            port: None,
            user: None,
            key: None,
            known_hosts: None,
            jump: None,
            sudo: false,
            login: Login::Ssh,
            cut_off: None,
        };
        let error = std::io::Error::new(std::io::ErrorKind::ConnectionAborted, text.to_owned());
        refusal(&host, &openssh::Error::Connect(error))
    }

    #[test]
    fn what_ssh_says_of_a_key_becomes_a_sentence_and_the_rest_is_the_networks() {
        let revoked = said("Host key for a was revoked.\r\nHost key verification failed.\r\n");
        assert_eq!(revoked.fault, Fault::Refused);
        assert!(revoked.message.contains("was not accepted"), "{revoked}");
        let closed = said("connect to host 10.0.0.1 port 22: Connection refused\r\n");
        assert_eq!(closed.fault, Fault::Unreachable);
        assert!(
            closed
                .message
                .ends_with("cannot be reached over ssh: connect to host 10.0.0.1 port 22: Connection refused")
        );
        // A name that says so is not yet ssh that says so.
        let sly = said("Could not resolve hostname Host key verification failed.: x\r\n");
        assert_eq!(sly.fault, Fault::Unreachable, "{sly}");
    }
}
